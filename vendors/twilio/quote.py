"""The most a call to Twilio can cost, before it leaves: which of the pricings an operation has.

Twilio is priced from the request and a table alone: no look-ups, no other currency. messages.py,
calls.py and products.py know how.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from vendors.contract import Quote, Reading, Unpriced, Unreadable
from vendors.twilio.calls import quote_call, quote_call_change, read_leg
from vendors.twilio.catalogue import KINDS
from vendors.twilio.messages import engagement, is_on, quote_change, quote_message
from vendors.twilio.prices import Prices
from vendors.twilio.products import (
    quote_lookup,
    quote_number,
    quote_registration,
    quote_success,
    quote_verification,
)

Quoter = Callable[[Reading, Prices], Quote]


def quote(reading: Reading, prices: Prices) -> Quote:
    """For PRICED operations. Raises Unreadable, Unpriced, RuleRefused."""
    return QUOTERS[KINDS[reading.operation.name]](reading, prices)


def hidden(reading: Reading, prices: Prices) -> int | None:
    """The part of the quote that neither Twilio's price nor the object itself will show, in micros.
    None: nobody knows, the call had no price."""
    kind = KINDS[reading.operation.name]
    if kind == "call":
        try:
            return read_leg(reading, prices).hidden
        except (Unpriced, Unreadable):
            return None
    if kind == "message" and is_on(reading.fields, "ShortenUrls"):
        return engagement(reading.fields, prices)
    return 0


QUOTERS: Final[Mapping[str, Quoter]] = {
    "message": quote_message,
    "message_change": quote_change,
    "call": quote_call,
    "call_change": quote_call_change,
    "verification": quote_verification,
    "verification_success": quote_success,
    "lookup": quote_lookup,
    "number": quote_number,
    "registration_fee": quote_registration,
}
"""By class of the catalogue."""
