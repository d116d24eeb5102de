"""Stripe's objects, as the strict eye sees them."""

from __future__ import annotations

from typing import Any

import pytest

from vendors.stripe.things import (
    FIGURE_MAX,
    Charge,
    Intent,
    Unclear,
    read_charge,
    read_intent,
    read_object,
    reference,
)

INTENT: dict[str, Any] = {
    "object": "payment_intent",
    "id": "pi_1",
    "status": "processing",
    "currency": "USD",
    "amount": 1000,
    "amount_received": 300,
    "amount_capturable": 0,
}


def test_an_intent() -> None:
    assert read_intent(INTENT) == Intent("pi_1", "processing", "usd", 1000, 300, 0)


@pytest.mark.parametrize(
    ("status", "capturable", "standing", "total"),
    [
        ("processing", 0, 700, 1000),
        ("requires_capture", 650, 650, 950),
        ("succeeded", 0, 0, 300),
        ("canceled", 0, 0, 300),
    ],
)
def test_what_of_an_intent_can_still_move(
    status: str, capturable: int, standing: int, total: int
) -> None:
    intent = Intent("pi_1", status, "usd", 1000, 300, capturable)
    assert (intent.standing, intent.total) == (standing, total)


@pytest.mark.parametrize("name", ["amount", "amount_received", "amount_capturable"])
@pytest.mark.parametrize("figure", [-1, FIGURE_MAX, 1.0, "5", True, None])
def test_figures_that_are_none(name: str, figure: Any) -> None:
    with pytest.raises(Unclear, match=name):
        read_intent({**INTENT, name: figure})


@pytest.mark.parametrize(
    ("captured", "moved", "refunded", "left"),
    [(True, 600, 0, 600), (True, 1200, 200, 1000), (True, 600, 400, 600), (False, 0, 0, 1000)],
)
def test_what_is_left_to_refund(captured: bool, moved: int, refunded: int, left: int) -> None:
    charge = Charge("ch_1", "succeeded", "usd", 1000, captured, moved, refunded, "")
    assert charge.refundable == left


def test_a_charge_of_an_old_version_moved_its_whole() -> None:
    tree = {**INTENT, "object": "charge", "captured": True, "amount_refunded": 0}
    assert read_charge(tree).captured_amount == 1000


def test_references_may_be_expanded() -> None:
    assert reference({"charge": "ch_1"}, "charge") == "ch_1"
    assert reference({"charge": {"id": "ch_1"}}, "charge") == "ch_1"
    assert reference({"charge": {"id": 5}}, "charge") == ""
    assert reference({}, "charge") == ""


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff"])
def test_what_is_no_object(body: bytes) -> None:
    with pytest.raises(Unclear):
        read_object(body)
