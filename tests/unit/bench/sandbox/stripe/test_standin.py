"""Stripe's own part of the control door's promises."""

from __future__ import annotations

import argparse
import json

import pytest

from bench.sandbox.standin import Refused
from bench.sandbox.stripe.standin import StripeStandIn, build
from bench.sandbox.wire import Answer, Request


def made() -> StripeStandIn:
    options = argparse.Namespace(secret=[], forget_after=10)
    return build(options, lambda kind, subject, amount: None)


def test_scripted_errors_have_stripes_shape() -> None:
    error = json.loads(made().scripted_error(409))["error"]
    assert (error["type"], error["code"]) == ("idempotency_error", "idempotency_key_in_use")
    assert json.loads(made().scripted_error(503))["error"]["type"] == "api_error"


def test_what_the_door_refuses_has_a_status() -> None:
    stripe = made()
    body = b"amount=100&currency=usd"
    begun = stripe.begin(
        Request("POST", "/v1/payment_intents", "", [(b"authorization", b"Bearer sk_test_a")], body)
    )
    assert not isinstance(begun, Answer)
    intent = json.loads(begun.execute().body)["id"]
    payer = stripe.actions()["POST", "payer"]
    with pytest.raises(KeyError):
        payer({"payment_intent": "pi_none"})
    with pytest.raises(Refused) as caught:
        payer({"payment_intent": intent, "payment_method": "pm_nobody"})
    assert caught.value.status == 400
    assert stripe.stats()["charged"] == stripe.stats()["refunded"] == {}
    assert stripe.accounts()[0]["objects"]["payment_intent"] == 1
