"""The most that verifications, look-ups, numbers and registrations cost, before they leave.

| operation | quote |
| --- | --- |
| Verify: start, or start again | the channel's fee: an SMS, a minute of a call, a message |
| Verify: check, approve, challenge | the fee for a success, which arises on that call |
| Lookup | a fee for each package asked for; validation alone is free |
| buy a number | the first month's rent of its kind there, or of the dearest it may be |
| campaign registry | the fee of the table |
"""

from __future__ import annotations

import re
from typing import Final

from vendors.contract import Operation, Quote, Reading, Unpriced, Unreadable
from vendors.money import show_usd
from vendors.twilio import segments
from vendors.twilio.addresses import read_phone
from vendors.twilio.destinations import (
    Countries,
    area_of,
    countries_of,
    is_e164,
    is_toll_free,
)
from vendors.twilio.messages import BODY_CHARS_MAX, channel_price, pumping
from vendors.twilio.prices import Country, Pick, Prices

VALIDATION: Final = "validation"
_PACKAGE: Final = re.compile(r"[A-Za-z0-9_-]{1,60}", re.ASCII)
_AREA: Final = re.compile(r"[0-9]{3}", re.ASCII)
_BATCH_FIELD: Final = re.compile(r"phone_numbers\[[0-9]+\]\[fields\](?:\[[0-9]+\])?", re.ASCII)
_HANDLERS: Final = (
    "SmsApplicationSid SmsFallbackUrl SmsUrl TrunkSid VoiceApplicationSid VoiceFallbackUrl VoiceUrl"
)
_LATER: Final = frozenset(_HANDLERS.split())
"""Whoever writes to a number, or calls it, sets these off."""
_VERIFY_FREE: Final = frozenset({"canceled"})
_FEES: Final = {
    "messaging.v1.CreateBrandRegistrations": "brand",
    "messaging.v1.UpdateBrandRegistrations": "brand",
    "messaging.v1.CreateBrandVetting": "vetting",
    "messaging.v1.CreateUsAppToPerson": "campaign",
    "messaging.v1.UpdateUsAppToPerson": "campaign",
}


def quote_verification(reading: Reading, prices: Prices) -> Quote:
    """Each attempt bills, also one that sends the same code again. Raises Unreadable,
    RuleRefused."""
    fields = reading.fields
    channel = fields.get("Channel", "")
    if channel in ("email", "sna"):
        fee = prices.verify.email if channel == "email" else prices.verify.sna
        places: Countries = () if channel == "email" else read_phone("To", fields)
        return Quote(fee, f"an attempt by {channel}", countries=places)
    places = read_phone("To", fields)
    text = fields.get("CustomMessage", "")
    if len(text) > BODY_CHARS_MAX:
        raise Unreadable("CustomMessage", f"longer than {BODY_CHARS_MAX} characters")
    sms = segments.count_most(text)[0] * prices.sms(places) + pumping(places, prices)
    if channel == "sms":
        fee = sms
    elif channel == "call":
        fee = prices.voice(places)
    elif channel in ("whatsapp", "rcs"):
        fee = max(channel_price(channel, prices), sms)
    elif channel == "auto":
        fee = max([sms, *(row.whole for row in prices.channels.values())])
    else:
        raise Unreadable("Channel", "write sms, call, whatsapp, rcs, email, sna or auto")
    return Quote(fee, f"an attempt by {channel} to {'/'.join(places)}", countries=places)


def quote_success(reading: Reading, prices: Prices) -> Quote:
    """Raises Unreadable."""
    if reading.operation.name == "verify.v2.UpdateVerification":
        status = reading.fields.get("Status", "")
        if status in _VERIFY_FREE:
            return Quote(0, "ends the verification", units=0)
        if status != "approved":
            raise Unreadable("Status", "write approved or canceled")
    return Quote(prices.verify.success, "the fee for a verification that succeeds")


def quote_lookup(reading: Reading, prices: Prices) -> Quote:
    """Raises Unreadable, Unpriced."""
    if "AddOns[0]" in reading.fields:
        raise Unpriced("AddOns bill at prices of their publishers")
    packages = _packages(reading)
    known, unknown = prices.lookup_packages, prices.lookup_unknown
    fees = [known.get(package, unknown) for package in packages]
    how = " and ".join(sorted(set(packages)))[:200] or "validation alone"
    return Quote(sum(fees), f"a look-up: {how}", units=1 if sum(fees) else 0)


def quote_number(reading: Reading, prices: Prices) -> Quote:
    """The first month. Raises Unreadable, Unpriced, RuleRefused."""
    fields = reading.fields
    asked: list[tuple[Countries, Pick]] = []
    if (number := fields.get("PhoneNumber")) is not None:
        if not is_e164(number):
            raise Unreadable("PhoneNumber", "write it in full, such as +14155552671")
        asked.append(_kind(reading.operation, number))
    if (area := fields.get("AreaCode")) is not None:
        if _AREA.fullmatch(area) is None:
            raise Unreadable("AreaCode", "write three digits, such as 415")
        asked.append(_kind(reading.operation, f"+1{area}"))
    if not asked:
        raise Unreadable("PhoneNumber", "missing, and so is AreaCode")
    if (later := next((name for name in fields if name in _LATER), None)) is not None:
        countries = tuple(country for places, _ in asked for country in places)
        raise Unpriced(
            f"{later} lets whoever writes or calls spend later, without the gateway", countries
        )
    rent, places = max((prices.number(places, pick), places) for places, pick in asked)
    return Quote(rent, f"a month of a number in {'/'.join(places)}", countries=places)


def quote_registration(reading: Reading, prices: Prices) -> Quote:
    kind = _FEES[reading.operation.name]
    fee: int = getattr(prices.registrations, kind)
    return Quote(fee, f"a {kind} at the campaign registry: {show_usd(fee)}")


def _packages(reading: Reading) -> list[str]:
    """What is asked for, validation included. Raises Unreadable."""
    found: list[str] = []
    for name, value in reading.fields.items():
        if name == "Fields" or name.startswith("Type[") or _BATCH_FIELD.fullmatch(name):
            found += _split(name, value)
        elif "fields" in name.casefold():
            raise Unreadable(name[:100], "write phone_numbers[…][fields]")
    return found


def _split(name: str, value: str) -> list[str]:
    packages = value.split(",") if value else []
    for package in packages:
        if _PACKAGE.fullmatch(package) is None:
            raise Unreadable(name[:100], "write names of packages with commas between them")
    return packages


def _kind(operation: Operation, number: str) -> tuple[Countries, Pick]:
    """Where a number is, and which rent is asked for it. A number alone does not say whether it is
    local or mobile: then the dearer counts."""
    if number.startswith("+1") and is_toll_free(number[2:5]):
        return ("US",), _toll_free
    places = area_of(number[2:5]) if number.startswith("+1") else countries_of(number)
    if operation.name.endswith("TollFree"):
        return places, _toll_free
    if operation.name.endswith("Local") or places == ("US",):
        return places, _local
    if operation.name.endswith("Mobile"):
        return places, _mobile
    return places, _either


def _local(row: Country) -> int | None:
    return row.number_local


def _mobile(row: Country) -> int | None:
    return row.number_mobile


def _toll_free(row: Country) -> int | None:
    return row.number_toll_free


def _either(row: Country) -> int | None:
    """Both must be known."""
    if row.number_local is None or row.number_mobile is None:
        return None
    return max(row.number_local, row.number_mobile)
