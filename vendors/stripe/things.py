"""Payment intents, charges and refunds as Stripe shows them, as far as money goes.

Answers to lookups and answers to calls are read by the same strict eyes: a figure that is missing,
negative, absurdly large or no integer is `Unclear`, and whoever asked stays on the safe side.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from vendors.fact import fact

FIGURE_MAX: Final = 10**13
"""Stripe takes 12 digits; nothing true is longer. In micros of any currency it fits 63 bits."""


class Unclear(Exception):
    """An answer that does not say what it must. The text says what is wrong, without showing the
    answer."""


@fact
class Intent:
    """A payment intent. amount: its whole; received: moved already; capturable: held on a card.
    All in minor units of `currency` (lower case)."""

    id: str
    status: str
    currency: str
    amount: int
    received: int
    capturable: int

    @property
    def over(self) -> bool:
        """Nothing more can move."""
        return self.status in ("succeeded", "canceled")

    @property
    def standing(self) -> int:
        """What can still move without another call through us."""
        if self.over:
            return 0
        if self.status == "requires_capture":
            return self.capturable
        return max(0, self.amount - self.received)

    @property
    def total(self) -> int:
        return self.received + self.standing


@fact
class Charge:
    """A charge. amount: authorized; captured_amount: moved, refunds not taken off; refunded: sent
    back."""

    id: str
    status: str
    currency: str
    amount: int
    captured: bool
    captured_amount: int
    refunded: int
    intent_id: str

    @property
    def over(self) -> bool:
        """Captured, failed, or its hold was given back."""
        return self.captured or self.status == "failed" or self.refunded >= self.amount

    @property
    def refundable(self) -> int:
        """The most that is left to send back. Since 2020-08-27 an uncaptured rest is no refund in
        `amount_refunded`; older versions count it there, so it is only told apart where nothing was
        refunded. A pending one has captured nothing yet, and may capture its whole."""
        if self.captured and self.refunded == 0 and self.status != "pending":
            return self.captured_amount
        return max(0, max(self.amount, self.captured_amount) - self.refunded)


@fact
class Refund:
    """A refund. amount: in minor units of `currency`; charge_id, intent_id: '' if not of one."""

    id: str
    status: str
    currency: str
    amount: int
    charge_id: str
    intent_id: str


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises Unclear."""
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise Unclear("the answer is not JSON") from exc
    if not isinstance(tree, dict):
        raise Unclear("the answer is not a JSON object")
    return tree


def read_intent(tree: Mapping[str, Any]) -> Intent:
    check_kind(tree, "payment_intent")
    return Intent(
        text(tree, "id"),
        text(tree, "status"),
        text(tree, "currency").lower(),
        figure(tree, "amount"),
        figure(tree, "amount_received"),
        figure(tree, "amount_capturable"),
    )


def read_charge(tree: Mapping[str, Any]) -> Charge:
    """`amount_captured` is younger than charges (2020-08-27); a captured one without it moved its
    whole."""
    check_kind(tree, "charge")
    amount, captured = figure(tree, "amount"), tree.get("captured")
    if not isinstance(captured, bool):
        raise Unclear("captured is not true or false")
    moved = figure(tree, "amount_captured") if "amount_captured" in tree else amount * captured
    return Charge(
        text(tree, "id"),
        text(tree, "status"),
        text(tree, "currency").lower(),
        amount,
        captured,
        moved,
        figure(tree, "amount_refunded"),
        reference(tree, "payment_intent"),
    )


def read_refund(tree: Mapping[str, Any]) -> Refund:
    check_kind(tree, "refund")
    return Refund(
        text(tree, "id"),
        text(tree, "status"),
        text(tree, "currency").lower(),
        figure(tree, "amount"),
        reference(tree, "charge"),
        reference(tree, "payment_intent"),
    )


def reference(tree: Mapping[str, Any], name: str) -> str:
    """The id of an object that this one names, expanded or not; '' if it names none."""
    value = tree.get(name)
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) else ""


def check_kind(tree: Mapping[str, Any], kind: str) -> None:
    if tree.get("object") != kind:
        raise Unclear(f"the answer is not a {kind}")


def text(tree: Mapping[str, Any], name: str) -> str:
    value = tree.get(name)
    if not isinstance(value, str) or not value:
        raise Unclear(f"{name} is missing")
    return value


def figure(tree: Mapping[str, Any], name: str) -> int:
    value = tree.get(name)
    if type(value) is not int or not 0 <= value < FIGURE_MAX:
        raise Unclear(f"{name} is not a plausible amount")
    return value
