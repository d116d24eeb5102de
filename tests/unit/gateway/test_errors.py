"""Every refusal has a code, a status and a sentence; the table of codes is the one that is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway import errors
from gateway.errors import (
    AdminRefusal,
    BodyTooLarge,
    DailyCapExceeded,
    Refusal,
    RequestMalformed,
    SpendRefusal,
)

STATUS = {
    401: "key_missing key_unknown key_revoked key_expired",
    403: "endpoint_not_allowed vendor_mismatch policy_refused endpoint_unpriced",
    400: "request_malformed",
    404: "route_unknown",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "body_too_large",
    415: "media_type_unsupported",
    422: "amount_unreadable",
    431: "head_too_large",
    409: "idempotency_conflict idempotency_in_progress",
    429: "daily_cap_exceeded total_cap_exceeded call_count_exceeded issuer_cap_exceeded "
    "rate_limited",
    500: "internal",
    502: "vendor_unreachable vendor_redirected vendor_broke_off",
    503: "ledger_unavailable draining",
    504: "vendor_timeout",
}


def kinds(of: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    for kind in of.__subclasses__():
        yield kind
        yield from kinds(kind)


CALLERS = [
    kind
    for kind in kinds()
    if not issubclass(kind, AdminRefusal) and kind is not SpendRefusal
    and kind.__module__ == errors.__name__
]  # fmt: skip


def test_the_codes_are_those_of_the_table_each_once() -> None:
    table = {code: status for status, codes in STATUS.items() for code in codes.split()}
    assert {kind.code: kind.status for kind in CALLERS} == table
    assert len(CALLERS) == len(table)


@pytest.mark.parametrize("kind", list(kinds()))
def test_every_refusal_has_a_sentence(kind: type[Refusal]) -> None:
    refusal = kind()
    assert refusal.text == str(refusal) == kind.message
    assert refusal.text.endswith(".") or "'" in refusal.text or "…" in refusal.text
    assert (refusal.facts, refusal.status) == ({}, kind.status)


def test_a_refusal_may_say_it_better_and_carry_facts() -> None:
    refusal = BodyTooLarge("Too long by far.", limit=3)
    assert (refusal.text, refusal.facts) == ("Too long by far.", {"limit": 3})


def test_one_code_has_several_statuses() -> None:
    assert RequestMalformed(status=505, field="x").status == 505
    assert RequestMalformed.status == 400


def test_a_cap_is_never_asked_again() -> None:
    assert DailyCapExceeded().retry is False
