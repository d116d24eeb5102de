"""Where a number is, and how prices are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.sandbox.twilio import prices


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+14155550100", "US"),
        ("+14165550100", "CA"),
        ("+18765550100", "JM"),
        ("+18095550100", "DO"),
        ("+8005550100", "??"),
        ("+447700900123", "GB"),
        ("+441481960194", "GG"),
        ("+77015550100", "KZ"),
        ("+4915112345678", "DE"),
        ("+8815550100", "??"),
        ("+", "??"),
    ],
)
def test_the_longest_prefix_decides(number: str, country: str) -> None:
    assert prices.destination(number)[0] == country


def test_no_destination_is_free_or_dearer_than_the_unknown() -> None:
    assert all(0 < micros <= prices.UNKNOWN_MICROS for _, micros in prices.SMS.values())


def test_carriers_charge_in_two_countries() -> None:
    assert prices.carrier_fee("+14155550100", mms=False) in prices.CARRIER_FEES["US"]
    assert prices.carrier_fee("+14165550100", mms=True) == prices.MMS_CARRIER_FEE_MICROS
    assert prices.carrier_fee("+4915112345678", mms=False) == 0


def test_what_else_has_a_price() -> None:
    assert prices.voice("client:anna") == prices.voice("+14155550100") == 14_000
    assert prices.voice("+8815550100") == prices.VOICE_ELSEWHERE_PER_MINUTE
    assert prices.number_rent("+18885550100", "tollfree") == 2_150_000
    assert prices.number_rent("+33655501234", "mobile") == prices.NUMBER_ELSEWHERE_PER_MONTH


def test_prices_are_written_with_five_decimals() -> None:
    assert prices.dollars(8_300) == "0.00830"
    assert prices.dollars(-8_301) == "-0.00831"
    assert prices.dollars(-135_000_000) == "-135.00000"


@pytest.mark.parametrize("text", ["", "-", "1.", ".5", "1e3", "0.0000001", "1,5", "٣"])
def test_what_is_no_price(text: str) -> None:
    with pytest.raises(ValueError, match="not a price"):
        prices.micros_of(text)


@given(st.integers(0, 10**9).map(lambda tens: tens * 10))
def test_a_price_that_was_written_is_read_again(micros: int) -> None:
    assert prices.micros_of(prices.dollars(-micros)) == micros
