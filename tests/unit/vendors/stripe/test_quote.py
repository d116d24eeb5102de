"""Quotes; test_vectors has the cases. Here: that the table of quoters is whole and closed."""

from __future__ import annotations

import datetime

import pytest

from vendors.contract import RuleRefused, Sent, Unreadable
from vendors.form import FORM_TYPE
from vendors.rates import Rates
from vendors.stripe import STRIPE
from vendors.stripe.catalogue import CATALOGUE
from vendors.stripe.quote import FIGURES, QUOTERS, quote
from vendors.stripe.reading import JSON_TYPE, is_v1

RATES = Rates({}, datetime.date(2026, 1, 1), 30)
ROWS = {row.name: row for row in CATALOGUE.rows}


@pytest.mark.parametrize("name", sorted(QUOTERS))
def test_a_figure_of_another_operation_is_refused(name: str) -> None:
    row = ROWS[name]
    path = row.pattern.replace("{", "").replace("}", "")
    operation = STRIPE.operation(row.method, path, "")
    for figure in FIGURES - QUOTERS[name][1]:
        sent = Sent(row.method, path, f"{figure}=5", "", b"")
        if not is_v1(operation):
            sent = Sent(row.method, path, "", JSON_TYPE, f'{{"{figure}": 5}}'.encode())
        with pytest.raises(Unreadable) as caught:
            quote(STRIPE.read(operation, sent), RATES, (), None)
        assert caught.value.field_name == figure


def test_a_stale_table_is_a_rule_of_the_house() -> None:
    path = "/v1/payment_intents"
    operation = STRIPE.operation("POST", path, "")
    reading = STRIPE.read(operation, Sent("POST", path, "", FORM_TYPE, b"amount=5&currency=eur"))
    stale = Rates.load(None, "2", 30)
    with pytest.raises(RuleRefused) as caught:
        quote(reading, stale, (), None)
    assert caught.value.rule == "rates_age"
