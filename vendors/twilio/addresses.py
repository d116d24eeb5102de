"""Whom a message or a call is for: one address, read strictly.

`+14155552671` is a phone, `whatsapp:+14155552671` the same person elsewhere. Twilio takes much more
(a number as it is dialled at home, a short code, a client, a SIM): what cannot be placed in a
country has no price and is refused, and what looks like an address but is not exactly one (blanks,
another case, two at once) is unreadable.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from vendors.contract import RuleRefused, Unreadable
from vendors.twilio.destinations import UNKNOWN, Countries, countries_of, is_e164

SMS: Final = "sms"
"""No prefix: SMS, or MMS."""
_NUMBERED: Final = frozenset({"whatsapp", "rcs"})
_NAMED: Final = frozenset({"messenger", "channel"})
_NAME: Final = re.compile(r"[A-Za-z0-9_.@+-]{1,256}", re.ASCII)
_ELSEWHERE: Final = re.compile(
    r"[0-9]{3,6}|(?:client|sim|sip|sips|conference):[!-~]{1,256}|[A-Z]{2}[0-9a-f]{32}", re.ASCII
)


class Address(NamedTuple):
    """channel: `sms`, `whatsapp`, `messenger`, `rcs` or `channel`."""

    channel: str
    countries: Countries


def read_address(name: str, fields: Mapping[str, str]) -> Address:
    """The address in this parameter. Raises Unreadable, RuleRefused("destination_unpriced")."""
    text = fields.get(name)
    if text is None:
        raise Unreadable(name, "missing")
    if is_e164(text):
        return Address(SMS, countries_of(text))
    channel, colon, rest = text.partition(":")
    if colon and channel in _NUMBERED and is_e164(rest):
        return Address(channel, countries_of(rest))
    if colon and channel in _NAMED and _NAME.fullmatch(rest) is not None:
        return Address(channel, UNKNOWN)
    if _ELSEWHERE.fullmatch(text) is not None:
        raise RuleRefused(
            "destination_unpriced", f"{name} is no phone number, and nothing else has a price"
        )
    raise Unreadable(name, _hint(text))


def read_phone(name: str, fields: Mapping[str, str]) -> Countries:
    """Where a call goes. Raises Unreadable, RuleRefused("destination_unpriced")."""
    address = read_address(name, fields)
    if address.channel != SMS:
        raise RuleRefused("destination_unpriced", f"a call over {address.channel}: has no price")
    return address.countries


def sender_channel(name: str, fields: Mapping[str, str]) -> str | None:
    """The channel of a sender, None if there is none. Raises Unreadable for one that is nearly one
    of Twilio's."""
    text = fields.get(name)
    if text is None:
        return None
    channel, colon, _ = text.partition(":")
    if not colon:
        return SMS
    if channel in _NUMBERED or channel in _NAMED:
        return channel
    raise Unreadable(name, "its prefix is no channel of Twilio's")


def _hint(text: str) -> str:
    if text.startswith(" ") and is_e164("+" + text[1:]):
        return "a plus sign in a form is written %2B; a bare one is a blank"
    return "write one number in full, such as +14155552671"
