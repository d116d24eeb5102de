"""Quotes; test_vectors has the cases. Here: that the table of quoters is whole and closed."""

from __future__ import annotations

import datetime

import pytest

from vendors.contract import RuleRefused, Sent, Unreadable
from vendors.form import FORM_TYPE
from vendors.rates import Rates
from vendors.stripe import STRIPE
from vendors.stripe.catalogue import CATALOGUE
from vendors.stripe.quote import QUOTERS, quote

RATES = Rates({}, datetime.date(2026, 1, 1), 30)
FIGURES = {"amount", "amount_to_capture", "amount_to_confirm", "currency"}
PATHS = {row.name: row.pattern.replace("{", "").replace("}", "") for row in CATALOGUE.rows}


@pytest.mark.parametrize("name", sorted(QUOTERS))
def test_a_figure_of_another_operation_is_refused(name: str) -> None:
    operation = STRIPE.operation("POST", PATHS[name], "")
    for figure in FIGURES - QUOTERS[name][1]:
        body = f"{figure}=5".encode()
        reading = STRIPE.read(operation, Sent("POST", PATHS[name], "", FORM_TYPE, body))
        with pytest.raises(Unreadable) as caught:
            quote(reading, RATES, (), None)
        assert caught.value.field_name == figure


def test_a_stale_table_is_a_rule_of_the_house() -> None:
    path = "/v1/payment_intents"
    operation = STRIPE.operation("POST", path, "")
    reading = STRIPE.read(operation, Sent("POST", path, "", FORM_TYPE, b"amount=5&currency=eur"))
    stale = Rates.load(None, "2", 30)
    with pytest.raises(RuleRefused) as caught:
        quote(reading, stale, (), None)
    assert caught.value.rule == "rates_age"
