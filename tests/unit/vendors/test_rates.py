"""The table of rates: exact fractions, a margin, an age."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from vendors.rates import USD, CurrencyUnknown, Rate, Rates, RatesMistake, RatesTooOld

DATE = datetime.date(2026, 1, 1)
DAY = 20454
DAY_US = 86_400_000_000


def table(path: Path, **changes: Any) -> Path:
    whole = {"date": "2026-01-01", "units_per_usd": {"eur": "0.8", "jpy": "150"}, **changes}
    path = path / "rates.json"
    path.write_text(json.dumps(whole))
    return path


def test_the_margin_is_on_top_and_the_last_micro_rounds_up(tmp_path: Path) -> None:
    rates = Rates.load(table(tmp_path), "2.5", 30).on(DAY)
    assert rates.rate("eur", 2).to_micros(100) == 1_281_250
    assert rates.rate("jpy", 0).to_micros(1) == 6834
    assert rates.rate("jpy", 0) is rates.rate("jpy", 0)


def test_usd_is_exact_and_never_stale(tmp_path: Path) -> None:
    rates = Rates.load(table(tmp_path), "2", 0).on(DAY + 999)
    assert rates.rate("usd", 2) is USD
    assert rates.fixed("usd", 2) is USD
    assert USD.to_micros(1200) == 12_000_000


def test_a_table_grows_too_old(tmp_path: Path) -> None:
    fresh = Rates.load(table(tmp_path), "2", 30).at((DAY + 31) * DAY_US - 1)
    assert (fresh.age_days, fresh.stale) == (30, False)
    old = fresh.at((DAY + 31) * DAY_US)
    assert (old.age_days, old.stale) == (31, True)
    with pytest.raises(RatesTooOld, match="2026-01-01"):
        old.rate("eur", 2)
    assert old.fixed("eur", 2) == fresh.rate("eur", 2)


def test_a_table_that_was_never_told_the_day_counts_as_stale(tmp_path: Path) -> None:
    rates = Rates.load(table(tmp_path), "2", 30)
    assert (rates.age_days, rates.stale) == (None, True)


def test_the_same_day_is_the_same_table(tmp_path: Path) -> None:
    rates = Rates.load(table(tmp_path), "2", 30)
    today = rates.at(DAY * DAY_US)
    assert rates.at(DAY * DAY_US + 5) is today
    assert today.on(DAY) is today
    assert rates.on(DAY + 1) is not today


def test_an_unknown_currency(tmp_path: Path) -> None:
    rates = Rates.load(table(tmp_path), "2", 30).on(DAY)
    with pytest.raises(CurrencyUnknown):
        rates.rate("gbp", 2)
    assert rates.currencies() == {"eur", "jpy", "usd"}


def test_the_table_that_ships_is_whole() -> None:
    rates = Rates.load(None, "2", 30)
    rates = rates.on(rates.date.toordinal() - datetime.date(1970, 1, 1).toordinal())
    assert {"eur", "gbp", "jpy", "kwd", "isk", "ugx"} <= rates.currencies()
    for currency in rates.currencies():
        rate = rates.rate(currency, 2)
        assert Rate.parse(str(rate)) == rate


@pytest.mark.parametrize("units", ["987654321987.987654321987", "0.000000000001", "999999999999"])
@pytest.mark.parametrize("margin", ["0", "99.999", "2.123"])
def test_the_longest_rate_fits_where_a_hold_keeps_it(
    tmp_path: Path, units: str, margin: str
) -> None:
    rates = Rates.load(table(tmp_path, units_per_usd={"eur": units}), margin, 30).on(DAY)
    rate = rates.rate("eur", 3)
    assert len(str(rate)) <= 60
    assert Rate.parse(str(rate)) == rate


@pytest.mark.parametrize("text", ["", "eur 2 1", "eur 2 0/1", "EUR 2 1/1", "eur 2 1/1 ", "e 2 1/1"])
def test_only_what_str_wrote_is_parsed(text: str) -> None:
    with pytest.raises(ValueError, match="not a rate"):
        Rate.parse(text)


@pytest.mark.parametrize("margin", ["", "-1", "100", "2 ", "1e1", "2.1234"])
def test_a_bad_margin(margin: str) -> None:
    with pytest.raises(RatesMistake, match="rates_margin_percent"):
        Rates.load(None, margin, 30)


@pytest.mark.parametrize(
    "changes",
    [
        {"date": "yesterday"},
        {"date": 5},
        {"units_per_usd": {"eur": 0.8}},
        {"units_per_usd": {"eur": "0"}},
        {"units_per_usd": {"eur": "1e3"}},
        {"units_per_usd": {"EUR": "1"}},
        {"units_per_usd": {"euro": "1"}},
        {"units_per_usd": 5},
    ],
)
def test_a_bad_table(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(RatesMistake, match=r"rates\.json"):
        Rates.load(table(tmp_path, **changes), "2", 30)


def test_a_missing_table(tmp_path: Path) -> None:
    with pytest.raises(RatesMistake, match="absent"):
        Rates.load(str(tmp_path / "absent"), "2", 30)
