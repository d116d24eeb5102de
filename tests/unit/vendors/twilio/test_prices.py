"""The table of prices: what ships, and what an operator may write."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Final

import pytest

from vendors.contract import PriceTableMistake, RuleRefused
from vendors.twilio.prices import SHIPPED, Country, read_prices

FACTS = Path(__file__).parents[5] / "shared" / "vendors" / "data" / "twilio_prices.json"

TABLE: Final[dict[str, Any]] = {
    "date": "2026-01-02",
    "unknown": {"policy": "price", "sms": "0.79", "mms": "0.8", "voice": "1", "number": "150.00"},
    "messages": {
        "failed": "0.001",
        "engagement": "0.015",
        "pumping_protection": "0.025",
        "content_segments": 24,
        "services_use_rcs": True,
    },
    "channels": {"whatsapp": {"fee": "0.005", "passed_on": "0"}},
    "calls": {"recording": "0", "conference": "0", "speech": "0", "machine_detection": "0"},
    "verify": {"success": "0.05", "email": "0", "sna": "0"},
    "lookup": {"unknown": "0.10", "packages": {"caller_name": "0.01", "validation": "0"}},
    "registrations": {"brand": "46", "vetting": "46", "campaign": "25"},
    "countries": {
        "US": {"sms": "0.0083", "sms_carrier": "0.005", "voice": 0.014, "number_local": "1.15"},
        "GB": {"sms": "0.056"},
        "JE": {"sms": "0.06"},
    },
}


def changed(where: str, value: Any) -> str:
    """The table with one member in place of what is there; None takes it out."""
    table = copy.deepcopy(TABLE)
    *path, last = where.split("/")
    inner = table
    for name in path:
        inner = inner[name]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return json.dumps(table)


def test_what_ships() -> None:
    assert SHIPPED.date == "2026-05-25"
    assert len(SHIPPED.countries) == 220
    assert SHIPPED.countries["US"].sms == 8_300
    assert SHIPPED.sms(("US",)) == 13_300
    assert SHIPPED.sms(("CA",)) == 17_000
    assert SHIPPED.sms(("??",)) == 790_000
    assert SHIPPED.mms(("US",)) == 35_000
    assert SHIPPED.voice(("US",)) == 14_000
    assert SHIPPED.voice(("DE",)) == 1_000_000
    assert SHIPPED.number(("US",), lambda row: row.number_local) == 1_150_000
    assert SHIPPED.number(("DE",), lambda row: row.number_local) == 150_000_000


def test_what_ships_is_what_was_collected() -> None:
    """Against the collected facts where they lie beside the checkout, else against a few."""
    known = {"DE": 112_000, "SL": 784_900, "JM": 315_100, "TT": 299_200, "DO": 130_800}
    if FACTS.exists():
        listed = json.loads(FACTS.read_text("utf-8"))["sms_segment"]
        known = {c: row["usd_micros"] for c, row in listed.items() if row["country"] != "Unknown"}
        assert set(known) == set(SHIPPED.countries)
    assert {code: SHIPPED.countries[code].sms for code in known} == known


def test_an_operators_table() -> None:
    prices = read_prices(json.dumps(TABLE))
    assert prices.date == "2026-01-02"
    assert prices.countries["US"] == Country(8_300, 5_000, voice=14_000, number_local=1_150_000)
    assert prices.messages.services_use_rcs
    assert prices.channels["whatsapp"].whole == 5_000
    assert prices.lookup_packages == {"caller_name": 10_000, "validation": 0}
    assert prices.sms(("GB", "JE", "IM")) == 60_000
    assert prices.sms(("FR",)) == 790_000
    assert prices.carrier(("US",), media=False) == 5_000
    assert prices.carrier(("US", "GB"), media=True) is None  # it charges for texts
    assert prices.dearest_carrier(media=True) == 0
    assert prices.carrier(("??",), media=False) is None
    assert prices.dearest_carrier(media=False) == 5_000


def test_a_channel_costs_both_parts() -> None:
    assert SHIPPED.channels["whatsapp"].whole == 155_000


def test_unknown_places_can_be_refused() -> None:
    prices = read_prices(changed("unknown/policy", "refuse"))
    assert prices.sms(("US",)) == 13_300
    for price in (prices.sms, prices.mms, prices.voice):
        with pytest.raises(RuleRefused) as caught:
            price(("FR", "??"))
        assert caught.value.rule == "destination_unpriced"


MISTAKES: Final = [
    ("date", None, "the table: date is missing"),
    ("date", 20260102, "date: must be a day"),
    ("date", "2026-02-30", "date: must be a day"),
    ("date", "2026-1-2", "date: must be a day"),
    ("dates", "2026-01-02", "the table: 'dates' is no member of it"),
    ("unknown", [], "unknown: must be an object"),
    ("unknown/policy", "allow", "unknown.policy: must be price or refuse"),
    ("unknown/sms", None, "unknown: sms is missing"),
    ("unknown/sms", "0", "unknown.sms: must be above zero"),
    ("unknown/sms", "0.05", "unknown.sms: must be at least as dear as the dearest country; GB"),
    ("unknown/voice", "0.01", "unknown.voice: must be at least as dear"),
    ("unknown/number", "1", "unknown.number: must be at least as dear"),
    ("unknown/sms", "-0.79", "unknown.sms: write USD as digits"),
    ("unknown/sms", "1e3", "unknown.sms: write USD as digits"),
    ("unknown/sms", "0.0000001", "unknown.sms: write USD as digits"),
    ("unknown/sms", "1000001", "unknown.sms: more than 1000000 USD"),
    ("unknown/sms", True, "unknown.sms: must be USD"),
    ("unknown/sms", ["1"], "unknown.sms: must be USD"),
    ("messages/failed", "x", "messages.failed: write USD"),
    ("messages/content_segments", 0, "messages.content_segments: must be a number from 1 to 99"),
    ("messages/content_segments", True, "messages.content_segments: must be a number"),
    ("messages/services_use_rcs", "yes", "messages.services_use_rcs: must be true or false"),
    ("channels/telegram", {}, "channels: 'telegram' is no member of it"),
    ("channels/whatsapp/fee", "0", "channels.whatsapp.fee: must be above zero"),
    ("channels/whatsapp", "0.1", "channels.whatsapp: must be an object"),
    ("calls/speech", None, "calls: speech is missing"),
    ("verify/success", "0", "verify.success: must be above zero"),
    ("lookup/unknown", "0", "lookup.unknown: must be above zero"),
    ("lookup/packages", [], "lookup.packages: must be an object"),
    ("lookup/packages/Caller Name", "1", "lookup.packages: 'Caller Name' is no name"),
    ("lookup/packages/caller_name", "?", "lookup.packages.caller_name: write USD"),
    ("registrations/brand", "0", "registrations.brand: must be above zero"),
    ("countries", [], "countries: must be an object"),
    ("countries/us", {"sms": "1"}, "countries: 'us' is no ISO code"),
    ("countries/FR", {"sms": "0"}, "countries.FR.sms: must be above zero"),
    ("countries/FR", {"text": "0.1"}, "countries.FR: 'text' is no member of it"),
    ("countries/FR", "0.1", "countries.FR: must be an object"),
]


@pytest.mark.parametrize(("where", "value", "says"), MISTAKES)
def test_a_mistake_says_where(where: str, value: Any, says: str) -> None:
    with pytest.raises(PriceTableMistake) as caught:
        read_prices(changed(where, value))
    assert str(caught.value).startswith(says)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "body: not valid JSON"),
        ("[]", "the table: must be an object"),
        ("5", "the table: must be an object"),
        ('{"date": "2026-01-02", "date": "2026-01-02"}', "date: comes more than once"),
        ("\ufeff{}", "the body begins with a byte order mark"),
        ("\ud800", "body: not valid UTF-8"),
    ],
)
def test_what_is_no_table(text: str, says: str) -> None:
    with pytest.raises(PriceTableMistake) as caught:
        read_prices(text)
    assert str(caught.value) == says
