"""Amounts and ids as requests name them; test_vectors has the look-ups."""

from __future__ import annotations

import pytest

from vendors.contract import Unpriced, Unreadable
from vendors.stripe.asked import amount_of, check_currency, check_found, checked_id, shown


def test_amounts() -> None:
    assert amount_of({}, "amount") is None
    assert amount_of({"amount": "999999999999"}, "amount") == 999_999_999_999
    with pytest.raises(Unreadable) as caught:
        amount_of({"amount_to_capture": "\u0661"}, "amount_to_capture")
    assert caught.value.field_name == "amount_to_capture"


@pytest.mark.parametrize("text", ["", "a/b", "a?b", "..", "pi 1", "\u00e9", "a" * 256, "a\n"])
def test_ids_that_would_change_a_look_up(text: str) -> None:
    with pytest.raises(Unreadable):
        checked_id("charge", text)


def test_a_repeated_currency_must_be_the_same() -> None:
    check_currency({}, "usd")
    check_currency({"currency": "USD"}, "usd")
    with pytest.raises(Unreadable):
        check_currency({"currency": "eur"}, "usd")


def test_another_object_is_no_answer() -> None:
    check_found("pi_1", "pi_1")
    with pytest.raises(Unpriced):
        check_found("pi_2", "pi_1")


def test_shown() -> None:
    assert [shown(1200, "usd"), shown(5, "jpy")] == ["12.00 USD", "5 JPY"]
