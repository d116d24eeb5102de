"""Addresses as an American account of Twilio's reads them."""

from __future__ import annotations

import pytest

from bench.sandbox.twilio import people


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+14155550100", "+14155550100"),
        ("(415) 555-0100", "+14155550100"),
        ("1 415 555 0100", "+14155550100"),
        ("+44 20 7183 8750", "+442071838750"),
        ("+1415555010", None),
        ("+141555501000", None),
        ("00442071838750", None),
        ("+0155550100", None),
        ("+٣٣١٢٣٤٥٦٧٨", None),
        ("12345", None),
        ("", None),
    ],
)
def test_e164(text: str, number: str | None) -> None:
    assert people.e164(text) == number


def test_channels_are_prefixes_in_lower_case() -> None:
    assert people.split_channel("whatsapp:+1415") == ("whatsapp", "+1415")
    assert people.split_channel("WhatsApp:+1415") == ("", "WhatsApp:+1415")


def test_endings_decide_what_becomes_of_a_message() -> None:
    assert people.destiny("+4915112330003").error == 30003
    assert people.destiny("+4915112345678") == people.Destiny()
