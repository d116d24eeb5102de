from __future__ import annotations

from typing import Any

import pytest

from gateway.vault.usd import USD_MAX, Figure, read_usd, usd_or_none


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        (0, 0),
        (500, 500_000_000),
        ("500", 500_000_000),
        ("500.00", 500_000_000),
        ("0.0009", 900),
        (Figure("0.1"), 100_000),
        (Figure("1.50000000"), 1_500_000),
        (Figure("500.0"), 500_000_000),
        (Figure("1e3"), 1_000_000_000),
        (Figure("1e-05"), 10),
        (Figure("1.25E+2"), 125_000_000),
        (Figure("1.5e-5"), 15),
        (Figure("1e-06"), 1),
        (USD_MAX, USD_MAX * 1_000_000),
    ],
)
def test_a_number_or_a_string_becomes_micros(value: Any, micros: int) -> None:
    assert read_usd(value) == micros


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        [],
        -1,
        USD_MAX + 1,
        10**4000,
        "",
        "-1",
        "+1",
        "1e3",
        " 1",
        "1.0000001",
        "0x1",
        "1_0",
        "٣",
        "NaN",
        f"{USD_MAX}.000001",
        Figure("1e99"),
        Figure("1e-07"),
        Figure("-1.5"),
        Figure("0.0000001"),
        Figure("1.23e1000"),
        1.5,
    ],
)
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="must"):
        read_usd(value)


def test_no_cap_is_shown_as_none() -> None:
    assert usd_or_none(None) is None
    assert usd_or_none(900) == "0.0009"
