"""Refunds; test_vectors has the cases. Here: which object is looked up."""

from __future__ import annotations

import datetime

import pytest

from vendors.contract import Lookup, Sent
from vendors.form import FORM_TYPE
from vendors.rates import Rates
from vendors.stripe import STRIPE
from vendors.stripe.refunds import quote_refund, quote_refund_by_path

RATES = Rates({}, datetime.date(2026, 1, 1), 30)


@pytest.mark.parametrize("path", ["/v1/charges/ch_1/refund", "/v1/charges/ch_1/refunds"])
def test_the_twins_look_up_the_charge_of_their_path(path: str) -> None:
    operation = STRIPE.operation("POST", path, "")
    reading = STRIPE.read(operation, Sent("POST", path, "", FORM_TYPE, b"amount=5"))
    made = quote_refund_by_path(reading, RATES, (), None)
    assert isinstance(made, Lookup)
    assert made.target == "/v1/charges/ch_1"


def test_the_charge_of_the_parameter_goes_into_the_look_up() -> None:
    operation = STRIPE.operation("POST", "/v1/refunds", "")
    reading = STRIPE.read(operation, Sent("POST", "/v1/refunds", "", FORM_TYPE, b"charge=py_9"))
    made = quote_refund(reading, RATES, (), None)
    assert isinstance(made, Lookup)
    assert made.target == "/v1/charges/py_9"
