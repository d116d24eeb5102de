from __future__ import annotations

from gateway.admin.schemas import SCHEMAS
from gateway.admin.views import CALL_COLUMNS, day, moment, spend_record


def test_moments_and_days_are_text() -> None:
    assert moment(1_790_000_000_250_999) == "2026-09-21T14:13:20.250Z"
    assert day(0) == "1970-01-01"
    assert day(20_717) == "2026-09-21"


def test_an_export_has_a_column_for_each_property_of_a_call() -> None:
    assert set(CALL_COLUMNS) == set(SCHEMAS["Call"]["properties"]) - {"object"}


def test_totals_are_shown_in_usd_all_the_way_down() -> None:
    micros = {"cost_micros": 900, "last_at_us": None, "by_code": [{"code": "x", "cost_micros": 0}]}
    assert spend_record(micros) == {
        "cost_usd": "0.0009",
        "last_at": None,
        "by_code": [{"code": "x", "cost_usd": "0.00"}],
    }
