"""Stripe Billing: what invoices, subscriptions and hosted pages cost. Tables for the doors to
merge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vendors.stripe.asked import Quoters
from vendors.stripe.verdicts import Emits, Leftover, Rereaders, Settler

QUOTERS: Final[Quoters] = {}
"""Operation -> how it is priced, and which of the figures are its own parameters."""

SETTLERS: Final[Mapping[str, Settler]] = {}
"""Operation -> what a 2xx to it means."""

LEFTOVERS: Final[Mapping[str, Leftover]] = {}
"""Operation -> what a refusal of it leaves behind, where that can be anything."""

REREADERS: Final[Rereaders] = {}
"""Beginning of an id -> how an object that holds money is read again."""

EMITS: Final[Mapping[str, Emits]] = {}
"""Operation -> by which events a call of it can be found again."""
