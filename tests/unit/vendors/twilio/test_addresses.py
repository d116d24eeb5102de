"""Whom it is for."""

from __future__ import annotations

import pytest

from vendors.contract import RuleRefused, Unreadable
from vendors.twilio.addresses import Address, read_address, read_phone, sender_channel


@pytest.mark.parametrize(
    ("to", "address"),
    [
        ("+14155552671", Address("sms", ("US",))),
        ("whatsapp:+4915155550100", Address("whatsapp", ("DE",))),
        ("rcs:+18765550100", Address("rcs", ("JM",))),
        ("messenger:123456", Address("messenger", ("??",))),
        ("channel:acme.support", Address("channel", ("??",))),
    ],
)
def test_read_address(to: str, address: Address) -> None:
    assert read_address("To", {"To": to}) == address


@pytest.mark.parametrize(
    "to",
    [
        *("", " ", "4155552671", "004915155550100", "+", "+1 415 555 2671", "(415) 555-2671"),
        *(" +14155552671", "+14155552671 ", "+14155552671\n", "+14155552671,+14155552672"),
        *("WhatsApp:+14155552671", "whatsapp: +14155552671", " whatsapp:+14155552671"),
        *("whatsapp:14155552671", "whatsapp:", "whatsapp:whatsapp:+14155552671", "rcs:brand"),
        *("＋14155552671", "+١٤١٥", "messenger:", "messenger:a b", "tel:+14155552671"),
    ],
)
def test_what_is_no_address(to: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_address("To", {"To": to})
    assert caught.value.field_name == "To"


@pytest.mark.parametrize(
    "to", ["12345", "911", "client:bob", "sim:DE1", "sip:bob@example.com", "HS" + "0a" * 16]
)
def test_what_has_no_country_has_no_price(to: str) -> None:
    with pytest.raises(RuleRefused) as caught:
        read_address("To", {"To": to})
    assert caught.value.rule == "destination_unpriced"


def test_a_plus_that_became_a_blank_is_explained() -> None:
    with pytest.raises(Unreadable, match="%2B"):
        read_address("To", {"To": " 14155552671"})


def test_a_missing_address() -> None:
    with pytest.raises(Unreadable, match="missing"):
        read_address("To", {})


def test_calls_are_for_phones() -> None:
    assert read_phone("To", {"To": "+441534555010"}) == ("GB", "GG", "IM", "JE")
    with pytest.raises(RuleRefused):
        read_phone("To", {"To": "whatsapp:+14155552671"})


def test_senders() -> None:
    assert sender_channel("From", {}) is None
    assert sender_channel("From", {"From": "ACME"}) == "sms"
    assert sender_channel("From", {"From": "whatsapp:+14155550100"}) == "whatsapp"
    assert sender_channel("From", {"From": "messenger:1"}) == "messenger"
    for text in ("Whatsapp:+14155550100", "whatsapp :+1", " rcs:x"):
        with pytest.raises(Unreadable):
            sender_channel("From", {"From": text})
