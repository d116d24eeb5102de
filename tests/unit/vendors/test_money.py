"""USD as text and as micros."""

from __future__ import annotations

import pytest

from vendors.money import ceil_div, parse_usd, show_minor, show_usd


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("0", 0),
        ("500", 500_000_000),
        ("500.00", 500_000_000),
        ("0.0009", 900),
        ("0.000001", 1),
        ("999999999999.999999", 999_999_999_999_999_999),
    ],
)
def test_parse_usd(text: str, micros: int) -> None:
    assert parse_usd(text) == micros


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", " 1", "1 ", "01", "1.", ".5", "1e3", "1_0", "0.0000001", "\uff15", "9" * 13],
)
def test_parse_usd_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="write USD as digits"):
        parse_usd(text)


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "0.00"), (500_000_000, "500.00"), (900, "0.0009"), (1, "0.000001"), (-1_500_000, "-1.50")],
)
def test_show_usd(micros: int, text: str) -> None:
    assert show_usd(micros) == text


@pytest.mark.parametrize(
    ("minor", "exponent", "text"),
    [(1200, 2, "12.00"), (5, 2, "0.05"), (900, 0, "900"), (5120, 3, "5.120")],
)
def test_show_minor(minor: int, exponent: int, text: str) -> None:
    assert show_minor(minor, exponent) == text


def test_ceil_div_rounds_up() -> None:
    assert [ceil_div(n, 3) for n in (0, 1, 3, 4)] == [0, 1, 1, 2]
