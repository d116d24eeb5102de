"""What each test payment method does."""

from __future__ import annotations

import pytest

from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.methods import from_data, outcome, outcome_of, resolve
from bench.sandbox.stripe.world import World


def make_world() -> World:
    return World("unit", livemode=False, keep=10, log=lambda kind, subject, amount: None)


@pytest.mark.parametrize(
    ("token", "how", "code"),
    [
        ("pm_card_visa", "succeed", None),
        ("tok_mastercard", "succeed", None),
        ("pm_card_chargeDeclined", "decline", "card_declined"),
        ("pm_card_visa_chargeDeclinedExpiredCard", "decline", "expired_card"),
        ("tok_chargeDeclinedInsufficientFunds", "decline", "card_declined"),
        ("pm_card_authenticationRequiredOnSetup", "action", None),
        ("pm_usBankAccount_success", "processing", None),
    ],
)
def test_tokens(token: str, how: str, code: str | None) -> None:
    found = outcome_of(token)
    assert found is not None
    assert (found.how, found.code) == (how, code)


@pytest.mark.parametrize("token", ["pm_123", "card_visa", "ba_card_visa", ""])
def test_no_tokens(token: str) -> None:
    assert outcome_of(token) is None
    with pytest.raises(StripeError, match="No such PaymentMethod"):
        resolve(make_world(), token)


def test_a_token_becomes_one_method() -> None:
    world = make_world()
    first = resolve(world, "pm_card_refundFail")
    assert resolve(world, "pm_card_refundFail") == first
    assert resolve(world, first) == first
    assert outcome(world, first).refund == "failed"


@pytest.mark.parametrize(
    ("number", "how"),
    [
        ("4242424242424242", "succeed"),
        ("4000000000009995", "decline"),
        ("4000002500003155", "action"),
    ],
)
def test_card_numbers(number: str, how: str) -> None:
    world = make_world()
    method = from_data(world, {"type": "card", "card": {"number": number}})
    assert method["card"]["last4"] == number[-4:]
    assert outcome(world, method["id"]).how == how


def test_data_that_makes_no_method() -> None:
    for data in ({}, {"type": "card", "card": {"number": "12"}},
                 {"type": "card", "card": {"token": "tok"}}):  # fmt: skip
        with pytest.raises(StripeError):
            from_data(make_world(), data)
