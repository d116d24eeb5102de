"""Stripe Billing: what invoices, subscriptions and hosted pages cost. Tables for the doors to
merge.

The price of nearly every call here is at Stripe, so a price is a plan of look-ups (steps.py):
objects, or a preview of what a change would bill (previews.py). exact.py reads decimals, prices.py
and worth.py say what prices and items come to, taxes.py what goes on top, hosted.py the most that a
payer can be asked for on a page. The other files each hold the operations of one kind of object,
what its answers mean, and how it is read again.

Where a parameter's part in the amount is not known, the call is unpriced and the refusal names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vendors.stripe.asked import Quoters
from vendors.stripe.billing import (
    checkout,
    invoices,
    items,
    links,
    offers,
    schedules,
    subscriptions,
)
from vendors.stripe.verdicts import Emits, Leftover, Rereaders, Settler

QUOTERS: Final[Quoters] = {
    **invoices.QUOTERS,
    **items.QUOTERS,
    **subscriptions.QUOTERS,
    **schedules.QUOTERS,
    **offers.QUOTERS,
    **checkout.QUOTERS,
    **links.QUOTERS,
}
"""Operation -> how it is priced, and which of the figures are its own parameters."""

SETTLERS: Final[Mapping[str, Settler]] = {
    **invoices.SETTLERS,
    **items.SETTLERS,
    **subscriptions.SETTLERS,
    **schedules.SETTLERS,
    **offers.SETTLERS,
    **checkout.SETTLERS,
    **links.SETTLERS,
}
"""Operation -> what a 2xx to it means."""

LEFTOVERS: Final[Mapping[str, Leftover]] = {**invoices.LEFTOVERS, **subscriptions.LEFTOVERS}
"""Operation -> what a refusal of it leaves behind, where that can be anything."""

REREADERS: Final[Rereaders] = {
    **invoices.REREADERS,
    **items.REREADERS,
    **offers.REREADERS,
    **checkout.REREADERS,
    **links.REREADERS,
}
"""Beginning of an id -> how an object that holds money is read again."""

EMITS: Final[Mapping[str, Emits]] = {
    **invoices.EMITS,
    **items.EMITS,
    **subscriptions.EMITS,
    **schedules.EMITS,
    **links.EMITS,
}
"""Operation -> by which events a call of it can be found again. A checkout session leaves none."""
