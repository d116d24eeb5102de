"""What a message can cost at most."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.vendors.twilio.asking import MESSAGES, ROOT, SM, message, quote
from tests.unit.vendors.twilio.test_prices import changed
from vendors.contract import RuleRefused, Unreadable
from vendors.twilio import TWILIO, Twilio

SEGMENT = 13_300
"""To the US, carrier's fee included."""
MMS = 35_000
WHATSAPP = 155_000
RCS = 790_000
ENGAGEMENT = 15_000


def with_table(where: str, value: Any) -> Twilio:
    vendor = TWILIO.with_prices(changed(where, value))
    assert isinstance(vendor, Twilio)
    return vendor


def test_one_segment() -> None:
    found = message()
    assert (found.amount_micros, found.countries, found.units) == (SEGMENT, ("US",), 1)
    assert found.how == "1 GSM-7 segment of SMS to US"


@pytest.mark.parametrize(
    ("parameters", "micros"),
    [
        ({"Body": "a" * 160}, SEGMENT),
        ({"Body": "a" * 161}, 2 * SEGMENT),
        ({"Body": "a" * 160 + "😀"}, 3 * SEGMENT),
        ({"Body": "a" * 1600}, 11 * SEGMENT),
        ({"Body": "€" * 1600}, 22 * SEGMENT),
        ({"Body": "я" * 1600}, 24 * SEGMENT),
        ({"Body": "😀" * 1600}, 49 * SEGMENT),
        ({"Body": None}, SEGMENT),
        ({"Body": "“hi”"}, SEGMENT),
        ({"Body": "…" * 40 + "😀"}, SEGMENT),
        ({"Body": "…" * 40 + "😀", "SmartEncoded": "true"}, 2 * SEGMENT),
        ({"Body": "…" * 40 + "😀", "SmartEncoded": "false"}, SEGMENT),
        ({"Body": "…" * 40 + "😀", "From": None, "MessagingServiceSid": "MG1"}, 2 * SEGMENT),
        ({"MaxPrice": "0.001", "Attempt": "9"}, SEGMENT),
        ({"To": "+14165550100"}, 17_000),
        ({"To": "+18765550100"}, 315_100),
        ({"To": "+4915155550100", "Body": "a" * 161}, 224_000),
        ({"To": "+79165550100"}, 752_200),
        ({"To": "+77015550100"}, 752_200),
        ({"To": "+441534555010"}, 56_000),
        ({"To": "+8816555010"}, 790_000),
        ({"To": "+18005550100"}, 790_000),
        ({"To": "+59995550100"}, 790_000),
        ({"MediaUrl": "https://example.com/a.png"}, MMS),
        ({"MediaUrl": "https://example.com/a.png", "Body": "a" * 460}, 4 * SEGMENT),
        ({"MediaUrl": ["a", "b", "c"]}, MMS),
        ({"MediaUrl": list("abcd"), "Body": "a" * 260}, 5 * SEGMENT),
        ({"MediaUrl": ["x"] * 10}, 7 * SEGMENT),
        ({"SendAsMms": "true"}, MMS),
        ({"SendAsMms": "False"}, SEGMENT),
        ({"SendAsMms": "1"}, MMS),
        ({"ContentSid": "HX1", "Body": None}, 24 * SEGMENT),
        ({"ContentSid": "HX1", "Body": "😀" * 1600}, 49 * SEGMENT),
        ({"ContentSid": "HX1", "To": "+4915155550100"}, 24 * 112_000),
        ({"MediaUrl": "a", "To": "+4915155550100"}, 790_000),
        ({"To": "whatsapp:+14155552671", "From": "whatsapp:+14155550100"}, WHATSAPP),
        ({"To": "whatsapp:+14155552671", "From": None, "MessagingServiceSid": "MG1"}, WHATSAPP),
        ({"To": "whatsapp:+18765550100"}, 315_100),
        ({"To": "whatsapp:+14155552671", "From": "whatsapp:+1", "MediaUrl": "a"}, WHATSAPP),
        (
            {"To": "whatsapp:+18765550100", "From": "whatsapp:+1", "FallbackFrom": "+1415"},
            315_100,
        ),
        ({"From": "whatsapp:+14155550100"}, WHATSAPP),
        ({"To": "messenger:1", "From": "messenger:2"}, WHATSAPP),
        ({"To": "rcs:+14155552671", "From": "rcs:acme"}, RCS),
        ({"To": "rcs:+18765550100", "Body": "a" * 1600}, 11 * 315_100),
        ({"ShortenUrls": "true"}, SEGMENT + ENGAGEMENT),
        ({"ShortenUrls": "false"}, SEGMENT),
        ({"ScheduleType": "fixed", "SendAt": "2026-12-01T00:00:00Z"}, SEGMENT + ENGAGEMENT),
        ({"SendAt": "2026-12-01T00:00:00Z"}, SEGMENT + ENGAGEMENT),
    ],
)
def test_quotes(parameters: dict[str, Any], micros: int) -> None:
    assert message(**parameters).amount_micros == micros


def test_all_the_countries_of_a_code() -> None:
    assert message(To="+441534555010").countries == ("GB", "GG", "IM", "JE")
    assert message(To="messenger:1", From="messenger:2").countries == ("??",)


def test_how_it_was_found() -> None:
    found = message(Body="я" * 71, ShortenUrls="true")
    assert found.how == "2 UCS-2 segments of SMS to US and 0.015 of add-ons"
    assert message(SendAsMms="true").how == "MMS to US"


def test_pumping_protection_where_it_is_on() -> None:
    vendor = with_table("date", "2026-03-04")
    assert message(vendor, To="+33655550100").amount_micros == 790_000 + 25_000
    assert message(vendor).amount_micros == 8_300 + 5_000
    assert message(vendor, To="+8816555010").amount_micros == 790_000 + 25_000


def test_a_service_that_may_use_rcs() -> None:
    vendor = with_table("channels/rcs", {"fee": "0.02", "passed_on": "0.01"})
    assert message(vendor, From=None, MessagingServiceSid="MG1").amount_micros == 30_000
    assert message(vendor).amount_micros == 13_300


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"To": None}, "To"),
        ({"To": "4155552671"}, "To"),
        ({"Body": "a" * 1601}, "Body"),
        ({"From": "WhatsApp:+1"}, "From"),
        ({"MediaUrl": ["x"] * 11}, "MediaUrl"),
    ],
)
def test_unreadable(parameters: dict[str, Any], field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        message(**parameters)
    assert caught.value.field_name == field


@pytest.mark.parametrize("to", ["12345", "client:bob", "channel:acme"])
def test_without_a_price(to: str) -> None:
    with pytest.raises(RuleRefused) as caught:
        message(To=to)
    assert caught.value.rule == "destination_unpriced"


def test_a_channel_that_the_table_leaves_out() -> None:
    with pytest.raises(RuleRefused):
        message(with_table("date", "2026-03-04"), To="rcs:+14155552671")


def test_unknown_places_refused_by_the_table() -> None:
    vendor = with_table("unknown/policy", "refuse")
    with pytest.raises(RuleRefused):
        message(vendor, To="+8816555010")
    assert message(vendor).amount_micros == 13_300


def test_the_legacy_path_costs_the_same() -> None:
    parameters = {"To": "+18765550100", "Body": "x"}
    legacy = quote(MESSAGES.replace("/Messages", "/SMS/Messages"), parameters)
    assert legacy == quote(MESSAGES, parameters)


# -- changes -----------------------------------------------------------------------------------


def test_a_cancel_belongs_to_the_message() -> None:
    found = quote(f"{ROOT}/Messages/{SM}.json", {"Status": "canceled"})
    assert (found.amount_micros, found.object_id, found.units) == (0, SM, 0)


@pytest.mark.parametrize("parameters", [{"Body": ""}, {}])
def test_emptying_a_message_costs_nothing_and_gives_nothing_back(
    parameters: dict[str, str],
) -> None:
    found = quote(f"{ROOT}/Messages/{SM}.json", parameters)
    assert (found.amount_micros, found.object_id, found.units) == (0, None, 0)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"Body": "more"}, "Body"),
        ({"Status": "sent"}, "Status"),
        ({"Status": "Canceled"}, "Status"),
        ({"Status": "canceled", "Body": ""}, "Status"),
    ],
)
def test_other_changes(parameters: dict[str, str], field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        quote(f"{ROOT}/Messages/{SM}.json", parameters)
    assert caught.value.field_name == field
