"""Verifications, look-ups, numbers, registrations."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.unit.vendors.twilio.asking import ROOT, US, quote
from tests.unit.vendors.twilio.test_messages import with_table
from tests.unit.vendors.twilio.test_prices import changed
from vendors.contract import Quote, RuleRefused, Unpriced, Unreadable
from vendors.twilio import TWILIO, Twilio
from vendors.twilio.reading import JSON_TYPE

SERVICE = "/v2/Services/VA1"
NUMBERS = f"{ROOT}/IncomingPhoneNumbers"


def verify(vendor: Twilio = TWILIO, **parameters: str) -> Quote:
    usual = {"To": US, "Channel": "sms"}
    return quote(f"{SERVICE}/Verifications", usual | parameters, product="verify", vendor=vendor)


@pytest.mark.parametrize(
    ("parameters", "micros"),
    [
        ({}, 13_300),
        ({"To": "+18765550100"}, 315_100),
        ({"CustomMessage": "я" * 71}, 26_600),
        ({"Channel": "call"}, 14_000),
        ({"Channel": "whatsapp"}, 155_000),
        ({"Channel": "whatsapp", "To": "+18765550100"}, 315_100),
        ({"Channel": "rcs"}, 790_000),
        ({"Channel": "auto"}, 790_000),
        ({"Channel": "email", "To": "bob@example.com"}, 10_000),
        ({"Channel": "sna"}, 100_000),
    ],
)
def test_verifications(parameters: dict[str, Any], micros: int) -> None:
    found = verify(**parameters)
    assert (found.amount_micros, found.units) == (micros, 1)


def test_where_a_verification_goes() -> None:
    assert verify().countries == verify(Channel="sna").countries == ("US",)
    assert verify(Channel="email", To="bob@example.com").countries == ()
    vendor = TWILIO.with_prices(changed("channels", {}))
    assert isinstance(vendor, Twilio)
    assert verify(vendor, Channel="auto").amount_micros == 13_300
    with pytest.raises(RuleRefused):
        verify(vendor, Channel="whatsapp")
    pumped = verify(with_table("date", "2026-03-04"), To="+33655550100")
    assert pumped.amount_micros == 790_000 + 25_000


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"Channel": "SMS"}, "Channel"),
        ({"Channel": ""}, "Channel"),
        ({"To": "bob@example.com"}, "To"),
        ({"CustomMessage": "x" * 1601}, "CustomMessage"),
    ],
)
def test_verifications_that_cannot_be_read(parameters: dict[str, Any], field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        verify(**parameters)
    assert caught.value.field_name == field


def test_successes() -> None:
    check = quote(f"{SERVICE}/VerificationCheck", {"To": US, "Code": "1"}, product="verify")
    assert check.amount_micros == 50_000
    one = f"{SERVICE}/Verifications/VE1"
    assert quote(one, {"Status": "approved"}, product="verify").amount_micros == 50_000
    ended = quote(one, {"Status": "canceled"}, product="verify")
    assert (ended.amount_micros, ended.units) == (0, 0)
    for parameters in ({}, {"Status": "Approved"}):
        with pytest.raises(Unreadable):
            quote(one, parameters, product="verify")
    challenge = quote(f"{SERVICE}/Entities/bob/Challenges", {"FactorSid": "Y"}, product="verify")
    assert challenge.amount_micros == 50_000


# -- look-ups ----------------------------------------------------------------------------------


def lookup(query: str, version: str = "v2", method: str = "GET") -> Quote:
    path = f"/{version}/PhoneNumbers/+14155552671"
    return quote(path, method=method, product="lookups", query=query)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("query", "version", "micros"),
    [
        ("", "v2", 0),
        ("Fields=", "v2", 0),
        ("Fields=validation", "v2", 0),
        ("CountryCode=US", "v2", 0),
        ("Fields=line_type_intelligence", "v2", 8_000),
        ("Fields=caller_name%2Cline_type_intelligence", "v2", 18_000),
        ("Fields=caller_name,caller_name", "v2", 20_000),
        ("Fields=sim_swap", "v2", 100_000),
        ("Fields=Caller_Name", "v2", 100_000),
        ("Type=carrier&Type=caller-name", "v1", 18_000),
        ("Type=carrier", "v1", 8_000),
        ("", "v1", 0),
    ],
)
def test_lookups(query: str, version: str, micros: int, method: str) -> None:
    found = lookup(query, version, method)
    assert (found.amount_micros, found.units) == (micros, 1 if micros else 0)


@pytest.mark.parametrize(
    "query", ["fields=caller_name", "Fields%5B%5D=x", "Fields=a&Fields=b", "Fields=a%20b"]
)
def test_lookups_that_cannot_be_read(query: str) -> None:
    with pytest.raises(Unreadable):
        lookup(query)


def test_add_ons_have_no_price() -> None:
    with pytest.raises(Unpriced, match="AddOns"):
        lookup("AddOns=payfone", "v1")


def batch(numbers: Any) -> Quote:
    body = orjson.dumps({"phone_numbers": numbers})
    return quote("/v2/batch/query", body, product="lookups", kind=JSON_TYPE)


def test_a_batch_costs_what_each_costs() -> None:
    one = {"phone_number": US, "fields": ["caller_name", "line_type_intelligence"]}
    assert batch([one, one, {"phone_number": US}]).amount_micros == 36_000
    assert batch([{"phone_number": US, "fields": "caller_name,x"}]).amount_micros == 110_000
    assert batch([]).amount_micros == 0
    for wrong in ({"Fields": ["x"]}, {"fields": [["x"]]}, {"fields": {"a": "x"}}):
        with pytest.raises(Unreadable):
            batch([wrong])


# -- numbers and registrations -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "parameters", "micros", "countries"),
    [
        (".json", {"PhoneNumber": US}, 1_150_000, ("US",)),
        ("/Local.json", {"PhoneNumber": US}, 1_150_000, ("US",)),
        (".json", {"PhoneNumber": "+18335550100"}, 2_150_000, ("US",)),
        ("/TollFree.json", {"PhoneNumber": "+18335550100"}, 2_150_000, ("US",)),
        ("/TollFree.json", {"PhoneNumber": "+448005550100"}, 150_000_000, None),
        ("/Mobile.json", {"PhoneNumber": "+351912555010"}, 135_000_000, ("PT",)),
        (".json", {"PhoneNumber": "+351912555010"}, 150_000_000, ("PT",)),
        ("/Local.json", {"PhoneNumber": "+351212555010"}, 150_000_000, ("PT",)),
        (".json", {"AreaCode": "415"}, 1_150_000, ("US",)),
        (".json", {"AreaCode": "416"}, 150_000_000, ("CA",)),
        (".json", {"AreaCode": "800"}, 2_150_000, ("US",)),
        (".json", {"AreaCode": "416", "PhoneNumber": US}, 150_000_000, ("CA",)),
    ],
)
def test_numbers(
    path: str, parameters: dict[str, str], micros: int, countries: tuple[str, ...] | None
) -> None:
    found = quote(f"{NUMBERS}{path}", parameters)
    assert found.amount_micros == micros
    assert countries is None or found.countries == countries


def test_a_number_of_either_kind() -> None:
    """Where both rents are known the dearer counts."""
    row = {"sms": "0.1", "number_local": "1", "number_mobile": "6"}
    vendor = with_table("countries/FR", row)
    found = quote(f"{NUMBERS}.json", {"PhoneNumber": "+33655550100"}, vendor=vendor)
    assert found.amount_micros == 6_000_000


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "PhoneNumber"),
        ({"PhoneNumber": "4155552671"}, "PhoneNumber"),
        ({"AreaCode": "41"}, "AreaCode"),
        ({"AreaCode": "４１５"}, "AreaCode"),
    ],
)
def test_numbers_that_cannot_be_read(parameters: dict[str, str], field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        quote(f"{NUMBERS}.json", parameters)
    assert caught.value.field_name == field


@pytest.mark.parametrize("name", ["VoiceUrl", "SmsUrl", "TrunkSid", "SmsApplicationSid"])
def test_a_number_that_spends_by_itself(name: str) -> None:
    with pytest.raises(Unpriced, match=name) as caught:
        quote(f"{NUMBERS}.json", {"PhoneNumber": US, name: "x"})
    assert caught.value.countries == ("US",)


@pytest.mark.parametrize(
    ("path", "micros"),
    [
        ("/v1/a2p/BrandRegistrations", 46_000_000),
        ("/v1/a2p/BrandRegistrations/BN1", 46_000_000),
        ("/v1/a2p/BrandRegistrations/BN1/Vettings", 46_000_000),
        ("/v1/Services/MG1/Compliance/Usa2p", 25_000_000),
        ("/v1/Services/MG1/Compliance/Usa2p/QE1", 25_000_000),
    ],
)
def test_registrations(path: str, micros: int) -> None:
    assert quote(path, {"Description": "x"}, product="messaging").amount_micros == micros
