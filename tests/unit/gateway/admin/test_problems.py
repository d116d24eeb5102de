from __future__ import annotations

import orjson

from gateway.admin.problems import problem, respond
from gateway.errors import HeadTooLarge, PolicyRefused, RateLimited


def test_a_refusal_is_a_problem_document_with_our_code() -> None:
    response = problem(PolicyRefused("No.", rule="barred"))
    assert dict(response.headers)[b"content-type"] == b"application/problem+json"
    assert orjson.loads(response.body) == {
        "type": "urn:keybrake:error:policy_refused",
        "title": "Forbidden",
        "status": 403,
        "detail": "No.",
        "error": "policy_refused",
        "rule": "barred",
    }


def test_who_is_too_fast_is_told_when_to_come_back() -> None:
    assert dict(problem(RateLimited(retry_after_s=7)).headers)[b"retry-after"] == b"7"


def test_a_connection_that_cannot_go_on_is_closed() -> None:
    assert problem(HeadTooLarge()).close


def test_json_is_not_kept_by_anyone_on_the_way() -> None:
    response = respond(201, {"a": 1})
    assert (response.status, response.body) == (201, b'{"a":1}')
    assert dict(response.headers)[b"cache-control"] == b"no-store"
