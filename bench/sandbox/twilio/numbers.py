"""Phone numbers: what is for sale, buying one (its first month is billed at once), giving it up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from bench.sandbox.twilio import people, prices
from bench.sandbox.twilio.asked import Asked, page_2010, uri
from bench.sandbox.twilio.errors import invalid, not_found, wrong
from bench.sandbox.twilio.world import new_sid, rfc2822
from bench.sandbox.wire import Obj

KINDS: Final = {"Local": "local", "Mobile": "mobile", "TollFree": "tollfree"}
NO_NUMBERS: Final = "533"
"""Twilio's magic area code: nothing is for sale there."""
TAKEN: Final = "+15005550000"
INVALID: Final = "+15005550001"
CALLING: Final = {"US": "1", "CA": "1", "GB": "44", "PT": "351", "DE": "49", "FR": "33"}
SETTINGS: Final = {
    "FriendlyName": "friendly_name",
    "SmsUrl": "sms_url",
    "SmsMethod": "sms_method",
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "StatusCallback": "status_callback",
    "SmsApplicationSid": "sms_application_sid",
    "VoiceApplicationSid": "voice_application_sid",
}


def buyer(kind: str | None) -> Callable[[Asked], Obj]:
    """POST IncomingPhoneNumbers, or below `/Local`, `/Mobile`, `/TollFree`."""

    def buy(asked: Asked) -> Obj:
        number = _wanted(asked, kind)
        actual = kind or _kind(number)
        world = asked.world
        sid = new_sid("PN")
        item: Obj = {
            "account_sid": world.sid,
            "address_requirements": "none",
            "address_sid": None,
            "api_version": "2010-04-01",
            "beta": False,
            "bundle_sid": None,
            "capabilities": {"voice": True, "sms": True, "mms": actual != "mobile", "fax": False},
            "date_created": rfc2822(world.now_us),
            "date_updated": rfc2822(world.now_us),
            "emergency_address_sid": None,
            "emergency_address_status": "unregistered",
            "emergency_status": "Inactive",
            "friendly_name": number,
            "identity_sid": None,
            "origin": "twilio",
            "phone_number": number,
            "sid": sid,
            "sms_application_sid": "",
            "sms_fallback_method": "POST",
            "sms_fallback_url": "",
            "sms_method": "POST",
            "sms_url": "",
            "status": "in-use",
            "status_callback": "",
            "status_callback_method": "POST",
            "trunk_sid": None,
            "type": actual,
            "uri": uri(asked, f"IncomingPhoneNumbers/{sid}"),
            "voice_application_sid": "",
            "voice_caller_id_lookup": False,
            "voice_fallback_method": "POST",
            "voice_fallback_url": "",
            "voice_method": "POST",
            "voice_receive_mode": "voice",
            "voice_url": "",
            **_settings(asked),
        }
        world.put("number", sid, item)
        world.bill("number", sid, prices.number_rent(number, actual))
        return item

    return buy


def fetch(asked: Asked) -> Obj:
    item: Obj = asked.world.get("number", asked.ids[0], asked.path)
    return item


def update(asked: Asked) -> Obj:
    item = {**fetch(asked), **_settings(asked), "date_updated": rfc2822(asked.world.now_us)}
    asked.world.put("number", item["sid"], item)
    return item


def delete(asked: Asked) -> None:
    item = fetch(asked)
    del asked.world.table("number")[item["sid"]]


def lister(kind: str | None) -> Callable[[Asked], Obj]:
    def read(asked: Asked) -> Obj:
        return page_2010(asked, "incoming_phone_numbers", _matching(asked, kind), lambda item: item)

    return read


def _matching(asked: Asked, kind: str | None) -> Iterator[tuple[str, Any]]:
    number = asked.fields.one("PhoneNumber")
    for item in asked.world.newest_first("number"):
        if number in ("", item["phone_number"]) and kind in (None, item["type"]):
            yield item["sid"], item


def available(asked: Asked) -> Obj:
    """Thirty numbers are always for sale in the countries that the sandbox knows."""
    country, kind = asked.ids
    if country not in CALLING or kind not in KINDS:
        raise not_found(asked.path)
    area = asked.fields.one("AreaCode") or _area(country, KINDS[kind])
    numbers = () if area == NO_NUMBERS else range(30)
    return {
        "available_phone_numbers": [
            {
                "address_requirements": "none",
                "beta": False,
                "capabilities": {"voice": True, "SMS": True, "MMS": True, "fax": False},
                "friendly_name": f"+{CALLING[country]}{area}55501{number:02}",
                "iso_country": country,
                "phone_number": f"+{CALLING[country]}{area}55501{number:02}",
            }
            for number in numbers
        ],
        "uri": asked.path,
    }


def countries(asked: Asked) -> Obj:
    shown = [{"country_code": code, "beta": False} for code in CALLING]
    return {"countries": shown, "uri": asked.path}


def _area(country: str, kind: str) -> str:
    if country == "PT":
        return "91" if kind == "mobile" else "21"
    if country in ("US", "CA"):
        return "888" if kind == "tollfree" else "415" if country == "US" else "416"
    return "770" if kind == "mobile" else "203"


def _wanted(asked: Asked, kind: str | None) -> str:
    fields = asked.fields
    given, area = fields.one("PhoneNumber"), fields.one("AreaCode")
    if not given and not area:
        raise wrong(21404, "PhoneNumber or AreaCode is required.")
    if not given:
        if len(area) != 3 or not (area.isascii() and area.isdigit()):
            raise invalid("AreaCode", area)
        found = f"+1{area}55501{len(asked.world.table('number')) % 100:02}"
        if area == NO_NUMBERS or kind not in (None, _kind(found)):
            raise wrong(21452, f"No phone numbers found in area code {area}")
        return found
    number = people.e164(given)
    if number is None or number == INVALID:
        raise wrong(21421, f"PhoneNumber is invalid: {given}")
    if number == TAKEN:
        raise wrong(21422, f"{number} is not available.")
    if kind is not None and kind != _kind(number) and number != people.OWNED:
        raise wrong(21421, f"PhoneNumber is not a {kind} number: {number}")
    return number


def _kind(number: str) -> str:
    """By what national plans say of the few countries whose kinds differ in price."""
    if prices.TOLL_FREE.fullmatch(number):
        return "tollfree"
    mobile = number.startswith(("+3519", "+447", "+4915", "+4916", "+4917", "+336", "+337"))
    return "mobile" if mobile else "local"


def _settings(asked: Asked) -> Obj:
    given = asked.fields
    return {shown: given.one(name) for name, shown in SETTINGS.items() if given.has(name)}
