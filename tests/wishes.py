"""Calls that cost money, for tests that send many: what each asks for, and what it comes to.

A wish knows what the vendor will say to it (its payment method decides that), so a test can add up
what the books must show from the answers' statuses alone.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from bench import load
from tests.house import VaultKey

ENDPOINTS: Final = ("POST /v1/charges", "POST /v1/payment_intents")
NEVER_RAN: Final = frozenset({401, 403, 429})
"""Our own refusals: nothing was sent and nothing counts."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One POST. cents: what it asks for. manual: authorised only, to be captured some day."""

    path: str
    method: str
    cents: int = 1000
    manual: bool = False

    @property
    def is_intent(self) -> bool:
        return self.path == "/v1/payment_intents"

    def of(self, cents: int) -> Wish:
        """The same for another amount."""
        return replace(self, cents=cents)

    def form(self) -> Mapping[str, str]:
        form = {"amount": str(self.cents), "currency": "usd"}
        if not self.is_intent:
            return form | {"source": self.method}
        capture = "manual" if self.manual else "automatic"
        return form | {
            "payment_method": self.method,
            "confirm": "true",
            "capture_method": capture,
        }

    def request(self, key: VaultKey, *headers: tuple[str, str]) -> bytes:
        return load.form_post(f"/stripe{self.path}", key.secret, urlencode(self.form()), *headers)

    def charged_at_least(self, status: int) -> int:
        """Cents that the payer paid for sure, by the answer's status."""
        return self.cents if status == 200 and not self.manual else 0

    def charged_at_most(self, status: int) -> int:
        """The same, as far as the status leaves it open."""
        return self.charged_at_least(status) if status in (200, 402) else self.counted(status)

    def counted(self, status: int) -> int:
        """Cents in the books once it is answered: a declined charge costs nothing, a declined
        intent lives on, and what nobody knows counts in full."""
        if status in NEVER_RAN or (status == 402 and not self.is_intent):
            return 0
        return self.cents


PAYS: Final = Wish("/v1/charges", "tok_visa")
DECLINED: Final = Wish("/v1/charges", "tok_chargeDeclined")
INTENT_PAYS: Final = Wish("/v1/payment_intents", "pm_card_visa")
INTENT_DECLINED: Final = Wish("/v1/payment_intents", "pm_card_chargeDeclined")
AUTHORISED: Final = Wish("/v1/payment_intents", "pm_card_visa", manual=True)
KINDS: Final = (PAYS, DECLINED, INTENT_PAYS, INTENT_DECLINED, AUTHORISED)


def any_wish(dice: random.Random) -> Wish:
    """Of any kind, for 0.50 to 25 USD."""
    return dice.choices(KINDS, weights=(4, 2, 3, 1, 1))[0].of(dice.randint(50, 2_500))


def in_cents(usd: str) -> int:
    """Of a text with whole cents, such as 12.00."""
    return int(Decimal(usd) * 100)


def taken(record: Mapping[str, Any]) -> int:
    """What a budget's record, or a refusal, counts against its cap, in cents."""
    return in_cents(record["spent_usd"]) + in_cents(record["held_usd"])
