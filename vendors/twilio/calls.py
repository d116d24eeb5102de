"""The most one phone call can cost, before it is dialled.

A call bills each started minute of each leg. `TimeLimit` bounds the one leg that the request dials
(four hours when nobody says less); what runs on it must be in the request and harmless
(`vendors.twilio.twiml`), since an address to fetch instructions from can dial whoever it likes.
Recording, machine detection and the better voices are billed apart, and are never in the price that
Twilio shows, so they count in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from vendors.contract import Quote, Reading, Unpriced, Unreadable
from vendors.money import ceil_div, show_usd
from vendors.twilio.addresses import read_phone
from vendors.twilio.prices import Prices
from vendors.twilio.reading import seconds
from vendors.twilio.twiml import Extras, read_twiml

LIMIT_DEFAULT_S: Final = 14_400
"""Twilio ends a call after four hours by itself."""
TWIML_CHARS_MAX: Final = 4_000
"""Twilio takes no more in a parameter."""
_FETCHED: Final = ("Url", "FallbackUrl", "ApplicationSid")
"""Where a call gets its instructions from, other than from the request."""
_ENDS: Final = frozenset({"completed", "canceled"})
_OFF: Final = frozenset({"", "false", "do-not-record"})


class Leg(NamedTuple):
    """minutes: started ones, at most. hidden: micros of what Twilio's price of the call leaves
    out."""

    minutes: int
    hidden: int


def quote_call(reading: Reading, prices: Prices) -> Quote:
    """Raises Unreadable, Unpriced, RuleRefused."""
    places = read_phone("To", reading.fields)
    try:
        leg = read_leg(reading, prices)
    except Unpriced as exc:
        raise Unpriced(str(exc), places) from None
    rate = prices.voice(places)
    how = f"{leg.minutes} minutes to {'/'.join(places)} at {show_usd(rate)}"
    if leg.hidden:
        how += f" and {show_usd(leg.hidden)} of add-ons"
    return Quote(leg.minutes * rate + leg.hidden, how, countries=places)


def quote_call_change(reading: Reading, prices: Prices) -> Quote:
    """Raises Unpriced."""
    fields = reading.fields
    if set(fields) == {"Status"} and fields["Status"] in _ENDS:
        return Quote(0, "ends the call", units=0)
    named = next((name for name in (*_FETCHED, "Twiml") if name in fields), None)
    what = "this change" if named is None else named
    raise Unpriced(f"{what} decides anew what a running call does; only ending it has a price")


def read_leg(reading: Reading, prices: Prices) -> Leg:
    """Raises Unreadable, Unpriced."""
    fields = reading.fields
    for name in _FETCHED:
        if name in fields:
            raise Unpriced(f"{name} says later what the call does, and can dial further legs")
    document = fields.get("Twiml", "")
    if len(document) > TWIML_CHARS_MAX:
        raise Unreadable("Twiml", f"longer than {TWIML_CHARS_MAX} characters")
    extras = read_twiml("Twiml", document)
    limit_s = LIMIT_DEFAULT_S
    if "TimeLimit" in fields:
        limit_s = seconds("TimeLimit", fields["TimeLimit"])
    minutes = ceil_div(limit_s, 60)
    each = _per_minute(reading, extras, prices)
    detected = _asked(fields, "MachineDetection")
    return Leg(minutes, minutes * each + (prices.calls.machine_detection if detected else 0))


def _per_minute(reading: Reading, extras: Extras, prices: Prices) -> int:
    fields, fees = reading.fields, prices.calls
    if _asked(fields, "ConferenceRecord"):
        raise Unpriced("ConferenceRecord records all of the conference, however long it lasts")
    each = fees.recording if extras.records or _asked(fields, "Record") else 0
    if extras.speaks:
        each += fees.speech
    if reading.operation.name == "CreateParticipant":
        each += fees.conference
    return each


def _asked(fields: Mapping[str, str], name: str) -> bool:
    return fields.get(name, "").lower() not in _OFF
