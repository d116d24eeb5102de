"""The door: how Twilio's key is worn, and what passes."""

from __future__ import annotations

import base64

import pytest

from tests.unit.vendors.twilio.asking import (
    ACCOUNT,
    CA,
    MESSAGES,
    OTHER,
    RATES,
    SM,
    US,
    answer,
    message,
    read,
    shown,
)
from tests.unit.vendors.twilio.test_prices import changed
from vendors.contract import Credential, Doubt, End, Links, Lookup, PriceTableMistake, Vendor
from vendors.twilio import TWILIO, Twilio


def test_it_is_a_vendor() -> None:
    vendor: Vendor = TWILIO
    assert (vendor.name, vendor.base_url) == ("twilio", "https://api.twilio.com")
    assert vendor.products["verify"] == "https://verify.twilio.com"
    assert "api" not in vendor.products
    assert len(vendor.products) == 39
    assert vendor.bare_roots == {"2010-04-01"}
    assert vendor.idempotency_header is None
    assert vendor.account_headers == ()
    assert not vendor.idempotent(vendor.operation("POST", MESSAGES, ""))
    assert vendor.key_terms == {"call_time_limit_s", "countries", "vendor_accounts"}
    assert vendor.cancellation(SM) is None
    assert vendor.prices_date == "2026-05-25"
    assert vendor.needs_body(vendor.operation("POST", MESSAGES, ""), "")


@pytest.mark.parametrize(
    ("credential", "worn"),
    [
        (Credential("tok", ACCOUNT), f"{ACCOUNT}:tok"),
        (Credential("tok", ACCOUNT, "SK1"), "SK1:tok"),
    ],
)
def test_basic_auth_either_way(credential: Credential, worn: str) -> None:
    header = TWILIO.authorization(credential)
    assert header == b"Basic " + base64.b64encode(worn.encode())
    assert TWILIO.livemode(credential) is None


def test_the_stand_in_is_of_the_real_form() -> None:
    assert TWILIO.mistakes(TWILIO.sandbox_credential) == {}
    assert TWILIO.mistakes(Credential("x", "y")).keys() == {"secret", "account_sid"}


def test_sdks() -> None:
    assert TWILIO.is_sdk({b"user-agent": b"twilio-python/9.13.0 (Linux x86_64)"})
    assert TWILIO.is_sdk({b"user-agent": b"twilio-node/6.2.0"})
    assert not TWILIO.is_sdk({b"user-agent": b"curl/8 twilio-python"})
    assert not TWILIO.is_sdk({})
    assert TWILIO.refusal(429, "daily_cap_exceeded", "no", {})["code"] == 20429


def test_paths_and_links() -> None:
    alias = TWILIO.alias("vk_1")
    path = f"/2010-04-01/Accounts/{alias}/Messages.json"
    assert TWILIO.own_path(path, "", ACCOUNT, {alias}, {OTHER}) == (MESSAGES, alias)
    links = Links(ACCOUNT, alias, "https://gw1.example.com/twilio")
    assert TWILIO.relink(f'"uri":"{MESSAGES}"'.encode(), links) == f'"uri":"{path}"'.encode()
    assert TWILIO.link_bytes_max == 256


def test_an_operators_prices() -> None:
    vendor = TWILIO.with_prices(changed("countries/US/sms", "0.02"))
    assert isinstance(vendor, Twilio)
    assert vendor.prices_date == "2026-01-02"
    assert message(vendor).amount_micros == 25_000
    assert message().amount_micros == 13_300
    with pytest.raises(PriceTableMistake):
        TWILIO.with_prices("{}")


def test_what_an_unpriced_answer_shows() -> None:
    assert TWILIO.shown_micros(answer(201, shown(price="-1.25")), RATES) == 1_250_000
    assert TWILIO.shown_micros(answer(201, shown(price=None)), RATES) == 0
    assert TWILIO.shown_micros(answer(201, shown(price_unit="JPY")), RATES) == 0
    assert TWILIO.shown_micros(answer(201, b"x"), RATES) == 0


@pytest.mark.parametrize(
    ("object_id", "target"),
    [
        (SM, f"/2010-04-01/Accounts/{{account}}/Messages/{SM}.json"),
        (f"{SM}+15000", f"/2010-04-01/Accounts/{{account}}/Messages/{SM}.json"),
        (f"{CA}+2500", f"/2010-04-01/Accounts/{{account}}/Calls/{CA}.json"),
    ],
)
def test_what_is_read_again(object_id: str, target: str) -> None:
    lookup = TWILIO.object_lookup(object_id)
    assert lookup is not None
    assert lookup.target == target


def test_from_held_to_true() -> None:
    reading = read(MESSAGES, {"To": US, "Body": "hello"})
    quoted = TWILIO.quote(reading, RATES, (), None)
    made = TWILIO.settle(reading, quoted, answer(201, shown(status="queued", price=None)))
    assert (made.end, made.object_id) == (End.PENDING, SM)
    later = TWILIO.reread(SM, None, made.standing_micros, answer(200, shown(price="-0.02")))
    assert (later.end, later.settled_micros) == (End.SETTLED, 25_000)
    assert TWILIO.object_lookup("pi_1") is None


def test_a_doubt_is_looked_into() -> None:
    reading = read(MESSAGES, {"To": US, "Body": "hello"})
    doubt = Doubt("call_1", "CreateMessage", 0, trace=TWILIO.trace(reading))
    assert isinstance(TWILIO.search(doubt, []), Lookup)
