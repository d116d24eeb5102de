"""The most one message can cost, before it leaves.

The channel of `To` (and of `From`) decides what is counted: SMS by segment, MMS by message, other
channels by message, each at the price of where it goes, the carriers' fee with it. Where Twilio may
choose between two ways (media that becomes a link, a channel that falls back to SMS, a template
whose text is not in the request), the dearer one counts. `MaxPrice` and `Attempt` change nothing:
Twilio ignores the one, and the other only counts.

A message is priced on the day it is asked for, also when it is scheduled for later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vendors.contract import Quote, Reading, RuleRefused, Unreadable
from vendors.money import show_usd
from vendors.twilio import segments
from vendors.twilio.addresses import SMS, Address, read_address, sender_channel
from vendors.twilio.destinations import Countries
from vendors.twilio.prices import Prices

BODY_CHARS_MAX: Final = 1_600
"""Twilio refuses more (its error 21617)."""
MEDIA_MAX: Final = 10
"""Twilio takes no more (its error 21623)."""
LINK_CHARS: Final = 100
"""What stands in the text for each medium where a carrier takes none; a guess that errs high."""
_PROTECTED_FREE: Final = frozenset({"US", "CA"})
"""Pumping protection bills messages to anywhere else."""

Fields = Mapping[str, str]


def quote_message(reading: Reading, prices: Prices) -> Quote:
    """Raises Unreadable, RuleRefused."""
    fields = reading.fields
    to = read_address("To", fields)
    if f"MediaUrl[{MEDIA_MAX}]" in fields:
        raise Unreadable("MediaUrl", f"more than {MEDIA_MAX}")
    text = fields.get("Body", "")
    if len(text) > BODY_CHARS_MAX:
        raise Unreadable("Body", f"longer than {BODY_CHARS_MAX} characters")
    ways = {channel: channel_price(channel, prices) for channel in _channels(to, fields, prices)}
    number, encoding = _segments(text, fields, prices)
    if _may_be_sms(to, fields):
        ways["SMS"] = number * prices.sms(to.countries)
        if has_media(fields):
            ways["MMS"] = prices.mms(to.countries)
    dearest = max(ways, key=ways.__getitem__)
    extra = engagement(fields, prices) + pumping(to.countries, prices)
    how = f"{dearest} to {'/'.join(to.countries)}"
    if dearest == "SMS":
        plural = "s" if number > 1 else ""
        how = f"{number} {encoding} segment{plural} of {how}"
    if extra:
        how += f" and {show_usd(extra)} of add-ons"
    return Quote(ways[dearest] + extra, how, countries=to.countries)


def quote_change(reading: Reading, prices: Prices) -> Quote:
    """Canceling belongs to the message, so that its answer can free what is held; an empty `Body`
    takes the text away, and gives nothing back. Raises Unreadable."""
    fields = reading.fields
    status, body = fields.get("Status"), fields.get("Body")
    if status is not None:
        if status != "canceled" or body is not None:
            raise Unreadable("Status", "a message can be canceled, and nothing else with it")
        return Quote(0, "canceling frees money", object_id=reading.operation.object_id, units=0)
    if body:
        raise Unreadable("Body", "a message that is sent can only be emptied")
    return Quote(0, "moves nothing", units=0)


def channel_price(channel: str, prices: Prices) -> int:
    """Raises RuleRefused."""
    price = prices.channels.get(channel)
    if price is None:
        raise RuleRefused("destination_unpriced", f"the table has no price for {channel}:")
    return price.whole


def engagement(fields: Fields, prices: Prices) -> int:
    """Short links and scheduling are billed once per message."""
    asked = is_on(fields, "ShortenUrls") or "ScheduleType" in fields or "SendAt" in fields
    return prices.messages.engagement if asked else 0


def pumping(countries: Countries, prices: Prices) -> int:
    fee = prices.messages.pumping_protection
    return fee if fee and not _PROTECTED_FREE.issuperset(countries) else 0


def has_media(fields: Fields) -> bool:
    """May it go out as MMS? A template may have media that nobody sees here."""
    return "MediaUrl[0]" in fields or "ContentSid" in fields or is_on(fields, "SendAsMms")


def is_on(fields: Fields, name: str) -> bool:
    """Whatever is not plainly off counts as on."""
    return fields.get(name, "false").lower() not in ("false", "")


def _segments(text: str, fields: Fields, prices: Prices) -> tuple[int, str]:
    """Media that cannot go as MMS become links in the text."""
    if "MediaUrl[0]" in fields:
        text += "x" * (LINK_CHARS * _media(fields))
    smart = "MessagingServiceSid" in fields or is_on(fields, "SmartEncoded")
    found = segments.count_most(text) if smart else segments.count(text)
    if "ContentSid" in fields:
        return max(found, (prices.messages.content_segments, segments.UCS2))
    return found


def _media(fields: Fields) -> int:
    return sum(f"MediaUrl[{number}]" in fields for number in range(MEDIA_MAX))


def _channels(to: Address, fields: Fields, prices: Prices) -> set[str]:
    """All but SMS over which it may go."""
    named = {to.channel, sender_channel("From", fields) or SMS}
    if prices.messages.services_use_rcs and "MessagingServiceSid" in fields:
        named.add("rcs")
    return named - {SMS}


def _may_be_sms(to: Address, fields: Fields) -> bool:
    if to.channel in (SMS, "rcs") or "FallbackFrom" in fields:
        return True
    return sender_channel("From", fields) == SMS
