"""Answers of the admin side: JSON as it is, and refusals as RFC 9457 problem documents.

A problem has `type`, `title`, `status` and `detail` as the RFC says, our code as `error`, and the
refusal's facts beside them.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import orjson

from gateway.errors import LedgerUnavailable, Refusal
from gateway.http.message import JSON_TYPE, Headers, Response

_GUARDS: Final[Headers] = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]
PROBLEM_TYPE: Final = (b"content-type", b"application/problem+json")


def respond(status: int, value: Any) -> Response:
    return Response(status, [JSON_TYPE, *_GUARDS], orjson.dumps(value))


def problem(refusal: Refusal, allow: str = "") -> Response:
    """allow: the methods that a 405 names."""
    headers: Headers = [PROBLEM_TYPE, *_GUARDS]
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if allow:
        headers.append((b"allow", allow.encode()))
    if "retry_after_s" in refusal.facts:
        headers.append((b"retry-after", str(refusal.facts["retry_after_s"]).encode()))
    document = {
        "type": f"urn:keybrake:error:{refusal.code}",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "detail": refusal.text,
        "error": refusal.code,
        **refusal.facts,
    }
    return Response(refusal.status, headers, orjson.dumps(document), close=refusal.close)


class CannotRecordNow(LedgerUnavailable):
    message = "The ledger cannot make this durable now. What takes rights away is in force already."


class CannotReadLog(LedgerUnavailable):
    message = "The audit log cannot be read now."
