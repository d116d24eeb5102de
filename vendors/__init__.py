"""The vendors this gateway knows: what their calls cost, and how their keys are worn. Pure: no I/O,
no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vendors.contract import Vendor
from vendors.resend import RESEND
from vendors.stripe import STRIPE
from vendors.twilio import TWILIO

__all__ = ["VENDORS"]

VENDORS: Final[Mapping[str, Vendor]] = {
    STRIPE.name: STRIPE,
    TWILIO.name: TWILIO,
    RESEND.name: RESEND,
}
"""By the name that begins a path: `/stripe/v1/…`."""
