"""Resend's calls through a real gateway, success and refusal: what is counted, what is never
guessed, and whose calls reach whom.

One recipient is one mail, at 0.0009 USD. What went out is asked of the sandbox, not of us.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import RESEND_SECRET, Gateway
from tests.integration.test_mail_passes import parts
from tests.integration.test_mail_passes import send as send_in_pieces
from tests.integration.test_streams import GROWS_MAX, MIB, Memory
from tests.mails import (
    ACME_SECRET,
    ENV,
    MAIL,
    NOWHERE,
    arrived,
    draft_for,
    mail,
    mail_key,
    people,
    segment_of,
    send,
    send_raw,
    settings,
    stands,
    usd,
    went_out,
)

CROWD: Final = 64


@pytest.fixture(scope="module")
def resend_process() -> Iterator[Sandbox]:
    with Sandbox.start("resend", "--secret", RESEND_SECRET, "--secret", ACME_SECRET) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def house(resend_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("resend")
    more = settings(resend_process.base_url)
    with Gateway.start(directory, NOWHERE, more=more, env=ENV) as running:
        yield running


# -- every recipient counts ------------------------------------------------------------------------

RECIPIENTS: Final[list[tuple[dict[str, Any], int]]] = [
    ({"to": "a@example.com"}, 1),
    ({"to": "Ann <a@example.com>"}, 1),
    ({"to": '"Doe, Jane" <jane@example.com>'}, 1),
    ({"to": ["Żółw <a@example.com>"], "cc": "b@example.com"}, 2),
    ({"to": people(2), "cc": people(3, "c"), "bcc": ["Boss <b@example.com>"]}, 6),
    ({"to": ["a@example.com", "a@example.com"]}, 2),
    ({"cc": None, "bcc": []}, 1),
    ({"to": people(50), "cc": people(50, "c"), "bcc": people(50, "b")}, 150),
    ({"reply_to": people(9)}, 1),
    ({"to": "delivered@resend.dev"}, 1),
]


@pytest.mark.parametrize(("said", "count"), RECIPIENTS)
def test_each_address_in_to_cc_and_bcc_is_a_mail(
    house: Gateway, resend: Sandbox, said: dict[str, Any], count: int
) -> None:
    key = mail_key(house)
    answer = send(house, key, mail(**said))
    assert answer.status == 200, answer
    assert (answer.headers["keybrake-cost-usd"], went_out(resend)) == (usd(count), count)
    assert stands(house, key) == {"settled": usd(count), "calls": count}
    seen = arrived(resend)[0]["body"]  # as long as the sandbox keeps one
    assert seen, "it has a body"
    assert json.dumps(mail(**said)).startswith(seen), "sent as it came"


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"to": "a@example.com, b@example.com"}, "to[0]"),
        ({"to": "a@example.com;b@example.com"}, "to[0]"),
        ({"to": ["a@example.com", "b@example.com,c@example.com"]}, "to[1]"),
        ({"cc": "A <a@example.com>, B <b@example.com>"}, "cc[0]"),
        ({"bcc": "a@example.com\nbcc: b@example.com"}, "bcc[0]"),
        ({"bcc": "Doe, J <a@example.com>"}, "bcc[0]"),
        ({"to": "a@b@example.com"}, "to[0]"),
        ({"to": "a\uff20b.example, c@example.com"}, "to[0]"),
        ({"to": ""}, "to[0]"),
        ({"to": [None]}, "to[0]"),
        ({"to": [["a@example.com"]]}, "to"),
        ({"to": {"0": "a@example.com"}}, "to"),
        ({"to": {"email": "a@example.com"}}, "to"),
        ({"cc": {}}, "cc"),
        ({"to": 7}, "to[0]"),
        ({"to": []}, "to"),
        ({"to": None}, "to"),
        ({"To": "b@example.com"}, "To"),
        ({"BCC": ["b@example.com"]}, "BCC"),
        ({" cc": "b@example.com"}, " cc"),
        ({"c\u200bc": "b@example.com"}, "c\\u200bc"),
        ({"replyTo": "b@example.com"}, "replyTo"),
        ({"scheduledAt": "in 1 hour"}, "scheduledAt"),
    ],
)
def test_a_list_of_recipients_that_cannot_be_read_is_refused_by_its_name(
    house: Gateway, resend: Sandbox, said: dict[str, Any], field: str
) -> None:
    key = mail_key(house)
    answer = send(house, key, mail(**said))
    assert (answer.status, answer.error, answer.json()["field"]) == (
        422, "amount_unreadable", field,
    )  # fmt: skip
    assert (stands(house, key), arrived(resend)) == ({}, [])
    batched = send(house, key, [MAIL, mail(**said)], path="/emails/batch")
    assert (batched.error, batched.json()["field"]) == ("amount_unreadable", f"[1].{field}")
    assert (stands(house, key), arrived(resend)) == ({}, [])


def test_a_batch_counts_all_recipients_of_all_its_mails(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house)
    batch = [MAIL, mail(to=people(3), bcc="x@example.com"), mail(cc=people(2, "c"))]
    answer = send(house, key, batch, path="/emails/batch")
    assert (answer.status, len(answer.json()["data"])) == (200, 3)
    assert (answer.headers["keybrake-cost-usd"], went_out(resend)) == ("0.0072", 8)
    assert stands(house, key) == {"settled": "0.0072", "calls": 8}
    full = send(house, key, [mail(to=people(3))] * 100, path="/emails/batch")
    assert (full.headers["keybrake-cost-usd"], went_out(resend)) == ("0.27", 308)


@pytest.mark.parametrize("batch", [[], [MAIL] * 101, {"emails": [MAIL]}, MAIL, "mails", [[MAIL]]])
def test_what_is_no_batch_is_refused(house: Gateway, resend: Sandbox, batch: Any) -> None:
    key = mail_key(house)
    answer = send(house, key, batch, path="/emails/batch")
    assert (answer.status, answer.error) == (422, "amount_unreadable")
    assert answer.json()["field"].endswith("body")
    assert (stands(house, key), arrived(resend)) == ({}, [])


def test_a_strict_batch_is_all_or_none_and_a_permissive_one_pays_for_what_went_out(
    house: Gateway, resend: Sandbox
) -> None:
    key = mail_key(house)
    empty = mail(to=people(5), text=None)  # Resend wants a text
    batch = [mail(to=people(2)), empty, mail(cc="c@example.com")]
    strict = send(house, key, batch, path="/emails/batch")
    assert (strict.status, strict.json()["name"]) == (422, "validation_error")
    assert (stands(house, key), went_out(resend)) == ({}, 0)
    permissive = send(house, key, batch, path="/emails/batch", x_batch_validation="permissive")
    assert [error["index"] for error in permissive.json()["errors"]] == [1]
    assert (permissive.headers["keybrake-cost-usd"], went_out(resend)) == ("0.0036", 4)
    assert stands(house, key) == {"settled": "0.0036", "calls": 4}


# -- caps ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cap", "fits"), [("0.0027", 3), ("0.0026", 2), ("0.0009", 1)])
def test_a_cap_is_kept_to_the_ten_thousandth_of_a_dollar(
    house: Gateway, resend: Sandbox, cap: str, fits: int
) -> None:
    key = mail_key(house, daily_usd_cap=cap)
    assert send(house, key, mail(to=people(fits + 1))).error == "daily_cap_exceeded"
    for n in range(fits):
        answer = send(house, key)
        assert (answer.status, answer.headers["keybrake-spent-usd"]) == (200, usd(n + 1))
    refused = send(house, key)
    assert (refused.status, refused.error) == (429, "daily_cap_exceeded")
    told = refused.json()
    assert (told["cap_usd"], told["spent_usd"], told["blocked_by"]) == (cap, usd(fits), "key_daily")
    assert "retry-after" not in refused.headers
    assert went_out(resend) == fits


def test_a_daily_call_cap_counts_recipients(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house, daily_call_cap=10)
    assert send(house, key, mail(to=people(11))).error == "call_count_exceeded"
    assert send(house, key, mail(to=people(7))).status == 200
    batch = [MAIL, mail(to=people(3))]
    refused = send(house, key, batch, path="/emails/batch")
    assert (refused.status, refused.error) == (429, "call_count_exceeded")
    told = refused.json()
    assert (told["cap_calls"], told["calls"], told["blocked_by"]) == (10, 7, "key_calls")
    assert send(house, key, batch[1:], path="/emails/batch").status == 200
    assert send(house, key).error == "call_count_exceeded"
    assert (went_out(resend), house.record(key)["calls_today"]) == (10, 10)
    assert house.call(key, "GET", "/emails").status == 200, "reading goes on"


@pytest.mark.parametrize("cap", [{"daily_call_cap": 34}, {"daily_usd_cap": "0.0306"}])
def test_a_crowd_at_a_cap_gets_exactly_what_fits(
    house: Gateway, resend: Sandbox, cap: dict[str, Any]
) -> None:
    key = mail_key(house, **cap)
    pair = mail(cc="c@example.com")
    with ThreadPoolExecutor(CROWD) as callers:
        answers = list(callers.map(lambda _: send(house, key, pair), range(CROWD)))
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [200] * 17 + [429] * (CROWD - 17)
    assert (went_out(resend), stands(house, key)) == (34, {"settled": "0.0306", "calls": 34})


# -- bytes that two parsers could read in two ways -------------------------------------------------

GOOD: Final = json.dumps(MAIL).encode()
DEEP: Final = b'{"x":' * 21 + b"1" + b"}" * 21


def with_more(text: str) -> bytes:
    return GOOD[:-1] + b"," + text.encode() + b"}"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (with_more('"to": ["b@example.com"]'), "to"),
        (with_more('"t\\u006f": ["b@example.com"]'), "to"),
        (with_more('"tags": [{"name": "a", "name": "b"}]'), "name"),
        (with_more('"\\ud800": 1'), None),
        (with_more('"x": NaN'), "body"),
        (with_more('"x": Infinity'), "body"),
        (with_more('"x": 01'), "body"),
        (with_more(f'"x": {DEEP.decode()}'), "body"),
        (with_more(f'"x": {"[" * 200_000}'), "body"),
        (with_more("'x': 1"), "body"),
        (with_more('"cc[0]": "b@example.com"'), "cc[0]"),
        (GOOD + b" {}", "body"),
        (GOOD[:-1], "body"),
        (GOOD[:-1] + b",}", "body"),
        (GOOD.replace(b"there", b"th\xffre"), "body"),
        (json.dumps(MAIL).encode("utf-16"), "body"),
        (json.dumps(MAIL).encode("utf-16-le"), "body"),
        (b"null", "body"),
        (b"[]", "body"),
        (b"", "body"),
        (b"to=a%40example.com", "body"),
    ],
)
def test_a_body_that_could_be_read_in_two_ways_is_refused(
    house: Gateway, resend: Sandbox, body: bytes, field: str | None
) -> None:
    key = mail_key(house)
    answer = send_raw(house, key, body)
    assert (answer.status, answer.error) == (422, "amount_unreadable"), answer
    assert field in (None, answer.json()["field"])
    assert (stands(house, key), arrived(resend)) == ({}, [])


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (GOOD, ""),
        (GOOD, "text/plain"),
        (GOOD, "application/json; charset=utf-16"),
        (GOOD, "application/json, text/plain"),
        (GOOD, "application/x-www-form-urlencoded"),
        (GOOD, "application/vnd.api+json"),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
        (b"\xef\xbb\xbf" + GOOD, "application/json"),
    ],
)
def test_a_body_that_is_not_plain_json_is_refused(
    house: Gateway, resend: Sandbox, body: bytes, content_type: str
) -> None:
    key = mail_key(house)
    answer = send_raw(house, key, body, content_type)
    assert (answer.status, answer.error) == (415, "media_type_unsupported")
    assert (stands(house, key), arrived(resend)) == ({}, [])


@pytest.mark.parametrize(
    "path",
    [
        "/emails/", "//emails", "/emails//batch", "/emails%2fbatch", "/emails%2Fbatch", "/./emails",
        "/emails/batch/", "/contacts/../emails", "/emails/%2e%2e/emails", "/emails;x=1",
        "/emails%00", "/Emails", "/EMAILS/batch", "/emails/batch/x", "/emails.json", "/e%6dails",
    ],
)  # fmt: skip
def test_a_bent_path_reaches_nobody(house: Gateway, resend: Sandbox, path: str) -> None:
    key = mail_key(house, allowed_endpoints=["POST /emails", "POST /emails/batch"])
    answer = send(house, key, path=path)
    assert (answer.status, answer.error) == (403, "endpoint_not_allowed")
    assert (stands(house, key), arrived(resend)) == ({}, [])


def test_a_query_is_no_place_for_a_mail(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house)
    answer = send(house, key, path="/emails?to=b%40example.com")
    assert (answer.status, answer.error, answer.json()["field"]) == (
        422, "amount_unreadable", "query",
    )  # fmt: skip
    assert arrived(resend) == []


def test_a_compressed_mail_is_refused(house: Gateway, resend: Sandbox) -> None:
    answer = send(house, mail_key(house), content_encoding="gzip")
    assert (answer.status, answer.error) == (415, "media_type_unsupported")
    assert arrived(resend) == []


def test_one_endpoint_is_not_its_neighbour(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house, allowed_endpoints=["POST /emails"])
    assert send(house, key, [MAIL], path="/emails/batch").error == "endpoint_not_allowed"
    assert house.call(key, "GET", "/emails").error == "endpoint_not_allowed"
    assert house.call(key, "PUT", "/emails", json_body=MAIL).error == "endpoint_not_allowed"
    assert send(house, key).status == 200


# -- asking before ---------------------------------------------------------------------------------


def quote(house: Gateway, key: Any, method: str, path: str, **call: Any) -> Any:
    answer = house.admin(
        "POST", "/vault/quote", {"method": method, "path": path, **call}, bearer=key.secret
    )
    assert answer.status == 200, answer
    return answer.json()


def failed(told: Any) -> list[str]:
    return [row["rule"] for row in told["rules"] if not row["pass"]]


def test_a_quote_for_a_mail_and_for_a_batch(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house, daily_usd_cap="0.01", daily_call_cap=9, params={"to": {"prefix": "p"}})
    told = quote(house, key, "POST", "/emails", body=mail(to=people(4)))
    assert (told["allowed"], told["quote_usd"], told["units"]) == (True, "0.0036", 4)
    assert (told["remaining_usd"], told["operation"]) == ("0.0064", "emails/send")
    assert "0.0009" in told["how"]
    batch = [mail(to=people(3)), mail(to=people(3)), mail(to=people(4))]
    told = quote(house, key, "POST", "/emails/batch", body=batch)
    assert (told["allowed"], told["quote_usd"], told["units"]) == (False, "0.009", 10)
    assert (told["code"], failed(told)) == ("call_count_exceeded", ["key_calls"])
    batch[2] = mail(to=[*people(1), "x@example.com"])
    told = quote(house, key, "POST", "/emails/batch", body=batch)
    assert (told["code"], failed(told)) == ("policy_refused", ["params:to"])
    told = quote(house, key, "POST", "/emails", body=mail(to="a@example.com,b@example.com"))
    assert (told["code"], told["quote_usd"]) == ("amount_unreadable", None)
    assert resend.stats()["requests"] == 0, "nothing was sent"
    assert stands(house, key) == {}


def test_a_quote_for_a_broadcast_counts_its_audience(house: Gateway, resend: Sandbox) -> None:
    broadcast = draft_for(resend, segment_of(resend, 4))
    told = quote(house, mail_key(house), "POST", f"/broadcasts/{broadcast}/send", body={})
    assert (told["allowed"], told["quote_usd"], told["units"]) == (True, "0.0036", 4)
    assert len(told["lookups"]) == 2
    told = quote(house, mail_key(house), "POST", "/events/send", body={"event": "x"})
    assert (told["code"], failed(told)) == ("endpoint_unpriced", ["price"])
    assert went_out(resend) == 0


# -- large mails -----------------------------------------------------------------------------------


def test_forty_megabytes_pass_to_resend_itself(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house)
    more: Any = {"text": "t", "cc": ["c@example.com"], "bcc": "d@example.com"}
    assert send_in_pieces(house, key, parts(2 * MIB, text="t")).status == 200
    memory = Memory(house.pid)
    answer = send_in_pieces(house, key, parts(40 * MIB, **more), memory=memory, idempotency_key="l")
    assert (answer.status, answer.headers["keybrake-cost-usd"]) == (200, "0.0027")
    assert memory.grew() < GROWS_MAX
    again = send_in_pieces(house, key, parts(40 * MIB, **more), idempotency_key="l")
    assert (again.body, again.headers["keybrake-cost-usd"]) == (answer.body, "0.00")
    assert stands(house, key) == {"settled": "0.0036", "calls": 4}
    assert went_out(resend) == 4
