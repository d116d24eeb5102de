"""The door of the Resend package: keys, headers, prices, and the way to every other file."""

from __future__ import annotations

import datetime
import json

import pytest

from vendors.contract import (
    Answer,
    Credential,
    Doubt,
    End,
    Lookup,
    MediaTypeRefused,
    PriceTableMistake,
    Quote,
    Sent,
    Unreadable,
    Vendor,
)
from vendors.rates import Rates
from vendors.resend import RESEND

NO_RATES = Rates({}, datetime.date(2026, 1, 1), 30)
EMAIL = "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"
JSON = "application/json"


def test_it_keeps_the_contract() -> None:
    vendor: Vendor = RESEND
    assert (vendor.name, vendor.base_url) == ("resend", "https://api.resend.com")
    assert vendor.idempotency_header == b"idempotency-key"
    assert vendor.key_terms == frozenset()
    assert "emails" in vendor.bare_roots
    assert vendor.mistakes(vendor.sandbox_credential) == {}


def test_a_good_key() -> None:
    key = Credential("re_123_Abc")
    assert RESEND.mistakes(key) == {}
    assert RESEND.livemode(key) is None
    assert RESEND.authorization(key) == b"Bearer re_123_Abc"


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("whsec_1", "webhook"),
        ("vault_key_1", "vault key"),
        ("kb_admin_1", "admin"),
        ("sk_live_1234", "begins re_"),
        ("", "begins re_"),
        ("re_", "begins re_"),
        (" re_1", "begins re_"),
        ("re_1\n", "begins re_"),
        ("re_é", "begins re_"),
    ],
)
def test_bad_keys(secret: str, said: str) -> None:
    mistake = RESEND.mistakes(Credential(secret))["secret"]
    assert said in mistake
    assert "1234" not in mistake


def test_no_header_that_the_gateway_must_write_itself_passes() -> None:
    written = {b"authorization", b"host", b"idempotency-key", b"cookie", b"accept-encoding"}
    assert not RESEND.request_headers & written
    assert {b"user-agent", b"x-batch-validation"} <= RESEND.request_headers
    assert not RESEND.answer_headers & {b"set-cookie", b"location", b"www-authenticate"}
    assert {b"content-type", b"ratelimit-reset", b"retry-after"} <= RESEND.answer_headers


@pytest.mark.parametrize(
    ("agent", "sdk"),
    [
        (b"resend-python:2.52.0", True),
        (b"resend-node:6.38.0", True),
        (b"curl/8 resend-node:6", False),
        (b"resend", False),
    ],
)
def test_is_sdk(agent: bytes, sdk: bool) -> None:
    assert RESEND.is_sdk({b"user-agent": agent}) is sdk
    assert not RESEND.is_sdk({})


def test_a_table_of_an_operators_own() -> None:
    own = RESEND.with_prices('{"date": "2026-11-01", "recipient_micros": 400}')
    assert (RESEND.prices_date, own.prices_date) == ("2026-10-31", "2026-11-01")
    operation = own.operation("POST", "/emails", "")
    reading = own.read(operation, Sent("POST", "/emails", "", JSON, b'{"to": "a@x.example"}'))
    quote = own.quote(reading, NO_RATES, (), None)
    assert isinstance(quote, Quote)
    assert quote.amount_micros == 400
    stream = own.stream(operation, Sent("POST", "/emails", "", JSON, b""))
    assert stream is not None
    assert stream.bound.amount_micros == 60_000
    with pytest.raises(PriceTableMistake):
        RESEND.with_prices("{}")


def test_what_resend_itself_carries_out_only_once() -> None:
    for path, once in (("/emails", True), ("/emails/batch", True), ("/broadcasts", False)):
        assert RESEND.idempotent(RESEND.operation("POST", path, "")) is once
    assert not RESEND.idempotent(RESEND.operation("POST", f"/emails/{EMAIL}/cancel", ""))


def test_only_a_single_mail_streams() -> None:
    batch = RESEND.operation("POST", "/emails/batch", "")
    assert RESEND.stream(batch, Sent("POST", "/emails/batch", "", JSON, b"")) is None
    send = RESEND.operation("POST", "/emails", "")
    with pytest.raises(MediaTypeRefused):
        RESEND.stream(send, Sent("POST", "/emails", "", "text/plain", b""))
    with pytest.raises(MediaTypeRefused):
        RESEND.stream(send, Sent("POST", "/emails", "", JSON, b"", {b"content-encoding": b"br"}))
    with pytest.raises(Unreadable):
        RESEND.stream(send, Sent("POST", "/emails", "a=1", JSON, b""))


def test_a_call_through_the_door() -> None:
    operation = RESEND.operation("POST", "/emails", "")
    assert RESEND.needs_body(operation, JSON)
    body = b'{"to": ["a@x.example"], "scheduled_at": "tomorrow", "subject": "s"}'
    reading = RESEND.read(operation, Sent("POST", "/emails", "", JSON, body))
    quote = RESEND.quote(reading, NO_RATES, (), None)
    assert isinstance(quote, Quote)
    made = Answer(200, {}, json.dumps({"id": EMAIL}).encode())
    outcome = RESEND.settle(reading, quote, made)
    assert (outcome.end, outcome.object_id, outcome.standing_micros) == (End.STANDING, EMAIL, 900)
    assert RESEND.shown_micros(made, NO_RATES) == 0
    assert RESEND.refusal(429, "daily_cap_exceeded", "no", {})["name"] == "daily_cap_exceeded"
    doubt = Doubt("call_1", operation.name, 0, trace=RESEND.trace(reading))
    assert isinstance(RESEND.search(doubt, ()), Lookup)


def test_a_scheduled_mail_can_be_read_again_and_cancelled() -> None:
    lookup = RESEND.object_lookup(EMAIL)
    assert lookup is not None
    assert lookup.target == f"/emails/{EMAIL}"
    assert RESEND.cancellation(EMAIL) == f"/emails/{EMAIL}/cancel"
    for other in ("pi_1", "", EMAIL.upper(), EMAIL + "\n"):
        assert RESEND.object_lookup(other) is None
        assert RESEND.cancellation(other) is None
    sent = Answer(200, {}, json.dumps({"id": EMAIL, "last_event": "sent"}).encode())
    assert RESEND.reread(EMAIL, None, 900, sent).settled_micros == 900


def test_the_gateways_own_cancel_has_no_body() -> None:
    path = f"/emails/{EMAIL}/cancel"
    reading = RESEND.read(RESEND.operation("POST", path, ""), Sent("POST", path, "", "", b""))
    assert (reading.body, reading.content_type, reading.fields) == (b"", "", {})
