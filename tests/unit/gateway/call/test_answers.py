"""Header lists by allowlist, both ways, and the cost in the head."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gateway.call.answers import add_cost, outgoing, relayed
from gateway.http.message import Headers
from ledger import BudgetTerms
from tests.ledgers import NOON_US, open_in
from vendors import VENDORS
from vendors.stripe import STRIPE, Stripe

REAL = b"Bearer sk_test_real"
BARE = [(b"authorization", REAL), (b"user-agent", b"keybrake")]


def test_only_what_the_vendor_names_goes_out() -> None:
    caller = {
        b"authorization": b"Bearer vault_key_x",
        b"content-type": b"application/json",
        b"cookie": b"a=b",
        b"stripe-version": b"2026-10-28",
        b"x-http-method-override": b"DELETE",
    }
    sent = outgoing(caller, VENDORS["stripe"], REAL, b"application/x-www-form-urlencoded", {}, "kb")
    assert sent == [
        (b"authorization", REAL),
        (b"user-agent", b"keybrake"),  # nobody goes there without one
        (b"stripe-version", b"2026-10-28"),
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"idempotency-key", b"kb"),
    ]


def test_a_body_that_streams_keeps_its_type() -> None:
    caller = {b"content-type": b"multipart/form-data; boundary=x"}
    assert outgoing(caller, STRIPE, REAL, None, {}, None)[2:] == list(caller.items())
    assert outgoing({}, STRIPE, REAL, b"", {}, None) == BARE


def test_account_headers_are_those_that_were_allowed() -> None:
    caller = {b"stripe-account": b"acct_1"}
    allowed = {b"stripe-account": b"acct_1"}
    sent = outgoing(caller, STRIPE, REAL, None, allowed, None)
    assert (b"stripe-account", b"acct_1") in sent


def test_a_vendor_without_idempotency_keys_gets_none() -> None:
    vendor: Stripe = replace(STRIPE, idempotency_header=None)
    assert outgoing({}, vendor, REAL, None, {}, "kb") == BARE


def test_what_comes_back_is_relayed_by_name_and_the_callers_key_as_it_was_sent() -> None:
    answer: Headers = [
        (b"request-id", b"req_1"),
        (b"set-cookie", b"a=b"),
        (b"idempotency-key", b"kb-1"),
        (b"idempotency-key", b"kb-2"),
    ]
    assert relayed(answer, STRIPE, "call_1", "mine") == [
        (b"keybrake-call-id", b"call_1"),
        (b"request-id", b"req_1"),
        (b"idempotency-key", b"mine"),
    ]
    assert (b"idempotency-key", b"kb-1") not in relayed(answer, STRIPE, "call_1", None)


async def test_the_cost_stands_in_the_head(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path)
    account = await ledger.open_account(BudgetTerms(daily_micros=5_000_000))
    headers: Headers = []
    add_cost(headers, 900, ledger.today(account, NOON_US), estimated=True)
    assert headers == [
        (b"keybrake-cost-usd", b"0.0009"),
        (b"keybrake-spent-usd", b"0.00"),
        (b"keybrake-remaining-usd", b"5.00"),
        (b"keybrake-cost-estimated", b"true"),
    ]
    bare = await ledger.open_account(BudgetTerms())
    headers.clear()
    add_cost(headers, 0, ledger.today(bare, NOON_US), estimated=False)
    assert headers[-1] == (b"keybrake-remaining-usd", b"0.00")
    await ledger.close()
