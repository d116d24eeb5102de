"""What a phone call can cost at most."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.vendors.twilio.asking import CA, CALLS, ROOT, US, call, quote, read
from vendors.contract import RuleRefused, Unpriced, Unreadable
from vendors.twilio.calls import read_leg
from vendors.twilio.prices import SHIPPED

MINUTE = 14_000
SAY = "<Response><Say>hello</Say></Response>"


@pytest.mark.parametrize(
    ("parameters", "micros"),
    [
        ({}, MINUTE),
        ({"TimeLimit": "1"}, MINUTE),
        ({"TimeLimit": "61"}, 2 * MINUTE),
        ({"TimeLimit": None}, 240 * MINUTE),
        ({"TimeLimit": "600", "Twiml": SAY}, 10 * MINUTE),
        ({"To": "+18765550100"}, 1_000_000),
        ({"To": "+18005550100"}, 1_000_000),
        ({"TimeLimit": "120", "Record": "true"}, 2 * (MINUTE + 2_500)),
        ({"Record": "false"}, MINUTE),
        ({"Twiml": "<Response><Record/></Response>"}, MINUTE + 2_500),
        ({"MachineDetection": "Enable"}, MINUTE + 20_000),
        ({"MachineDetection": ""}, MINUTE),
        ({"Twiml": '<Response><Say voice="Polly.Amy">x</Say></Response>'}, MINUTE + 40_000),
        ({"Timeout": "600"}, MINUTE),
    ],
)
def test_quotes(parameters: dict[str, Any], micros: int) -> None:
    found = call(**parameters)
    assert (found.amount_micros, found.units, found.object_id) == (micros, 1, None)


def test_how_it_was_found() -> None:
    assert call(TimeLimit="120").how == "2 minutes to US at 0.014"
    assert call(Record="true").how == "1 minutes to US at 0.014 and 0.0025 of add-ons"
    assert call(To="+441534555010").countries == ("GB", "GG", "IM", "JE")


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"Url": "https://example.com"}, "Url"),
        ({"FallbackUrl": "https://example.com", "Twiml": SAY}, "FallbackUrl"),
        ({"ApplicationSid": "AP1"}, "ApplicationSid"),
        ({"Twiml": "<Response><Dial>+18765550100</Dial></Response>"}, "<Dial>"),
    ],
)
def test_what_can_dial_further_legs(parameters: dict[str, Any], named: str) -> None:
    """Where the first one goes is known, so that a fixed hold opens no other country."""
    with pytest.raises(Unpriced, match=named) as caught:
        call(**parameters)
    assert caught.value.countries == ("US",)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"To": None}, "To"),
        ({"To": "4155552671"}, "To"),
        ({"TimeLimit": "0"}, "TimeLimit"),
        ({"Twiml": "x" * 4001}, "Twiml"),
    ],
)
def test_unreadable(parameters: dict[str, Any], field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        call(**parameters)
    assert caught.value.field_name == field


def test_what_is_no_phone() -> None:
    with pytest.raises(RuleRefused):
        call(To="sip:bob@example.com")


def test_a_participant_is_a_dial_in_disguise() -> None:
    path = f"{ROOT}/Conferences/CF1/Participants.json"
    asked = {"To": US, "From": "+14155550100", "TimeLimit": "120", "Record": "true"}
    assert quote(path, asked).amount_micros == 2 * (MINUTE + 2_500 + 2_500)
    assert quote(path, asked | {"ConferenceRecord": "do-not-record"}).amount_micros > 0
    with pytest.raises(Unpriced, match="ConferenceRecord"):
        quote(path, asked | {"ConferenceRecord": "record-from-start"})


def test_what_twilios_price_will_leave_out() -> None:
    asked = {"To": US, "TimeLimit": "120", "Record": "true", "MachineDetection": "Enable"}
    leg = read_leg(read(CALLS, asked), SHIPPED)
    assert (leg.minutes, leg.hidden) == (2, 25_000)


@pytest.mark.parametrize("status", ["completed", "canceled"])
def test_ending_a_call(status: str) -> None:
    found = quote(f"{ROOT}/Calls/{CA}.json", {"Status": status})
    assert (found.amount_micros, found.units, found.object_id) == (0, 0, None)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"Twiml": SAY}, "Twiml"),
        ({"Url": "https://example.com", "Status": "completed"}, "Url"),
        ({"TimeLimit": "99999"}, "this change"),
        ({"Status": "in-progress"}, "this change"),
        ({}, "this change"),
    ],
)
def test_changing_a_running_call(parameters: dict[str, str], named: str) -> None:
    with pytest.raises(Unpriced, match=named):
        quote(f"{ROOT}/Calls/{CA}.json", parameters)
