"""Requests to Stripe Billing, what Stripe shows of itself, and the quote or outcome of both."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

import pytest

from vendors.contract import Answer, Lookup, Outcome, Quote, Reading, Sent, Unpriced, Unreadable
from vendors.form import FORM_TYPE
from vendors.rates import USD, Rate, Rates
from vendors.stripe import STRIPE
from vendors.stripe.billing.steps import Asking, Steps

Tree = dict[str, Any]
Form = Mapping[str, str]

RATES = Rates({"eur": Fraction(5, 4)}, datetime.date(2026, 1, 1), 30).on(20454)
CENT = 10_000
"""Micros of one US cent."""


def reading(method: str, path: str, form: Form | None = None) -> Reading:
    text = urlencode(form or {})
    query, body = (text, b"") if method == "DELETE" else ("", text.encode())
    operation = STRIPE.operation(method, path, "")
    return STRIPE.read(operation, Sent(method, path, query, FORM_TYPE if body else "", body))


def asking(form: Form, path: str = "/v1/invoiceitems") -> Asking:
    return Asking(reading("POST", path, form), RATES, None)


def answers(found: tuple[Any, ...]) -> list[Answer]:
    return [
        Answer(200, {}, each if isinstance(each, bytes) else json.dumps(each).encode())
        for each in found
    ]


def taken(steps: Steps[Any], *found: Any) -> Any:
    """What a plan returns once it was sent these; it must have asked for each."""
    left = answers(found)
    try:
        next(steps)
        for answer in left[:-1]:
            steps.send(answer)
        steps.send(left[-1])
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it asks for more")


def asked(
    method: str, path: str, form: Form | None = None, *found: Any, kept: Rate | None = None
) -> Quote | Lookup:
    return STRIPE.quote(reading(method, path, form), RATES, answers(found), kept)


def quoted(
    method: str, path: str, form: Form | None = None, *found: Any, kept: Rate | None = None
) -> Quote:
    quote = asked(method, path, form, *found, kept=kept)
    assert isinstance(quote, Quote), quote
    assert quote.how
    return quote


def next_lookup(method: str, path: str, form: Form | None = None, *found: Any) -> Lookup:
    lookup = asked(method, path, form, *found)
    assert isinstance(lookup, Lookup), lookup
    return lookup


def unpriced(method: str, path: str, form: Form | None = None, *found: Any) -> str:
    with pytest.raises(Unpriced) as caught:
        asked(method, path, form, *found)
    return str(caught.value)


def unreadable(method: str, path: str, form: Form | None = None, *found: Any) -> str:
    with pytest.raises(Unreadable) as caught:
        asked(method, path, form, *found)
    return caught.value.field_name


def settled(
    method: str,
    path: str,
    form: Form | None,
    quote: Quote,
    tree: Any,
    status: int = 200,
) -> Outcome:
    body = json.dumps(tree).encode()
    return STRIPE.settle(reading(method, path, form), quote, Answer(status, {}, body))


def reread(object_id: str, counted_micros: int, tree: Any, rate: Rate | None = USD) -> Outcome:
    body = json.dumps(tree).encode()
    return STRIPE.reread(object_id, rate, counted_micros, Answer(200, {}, body))


def invoice(due: Any, status: Any = "open", paid: int = 0, **more: Any) -> Tree:
    return {
        "object": "invoice",
        "id": "in_1",
        "status": status,
        "currency": "usd",
        "amount_due": due,
        "amount_paid": paid,
        "default_tax_rates": [],
        **more,
    }


def item(amount: int, **more: Any) -> Tree:
    return {
        "object": "invoiceitem",
        "id": "ii_1",
        "amount": amount,
        "currency": "usd",
        "invoice": None,
        **more,
    }


def preview(due: Any, **more: Any) -> Tree:
    return {"object": "invoice", "currency": "usd", "amount_due": due, **more}


def price(unit: int | None = None, **more: Any) -> Tree:
    return {
        "object": "price",
        "id": "price_1",
        "currency": "usd",
        "billing_scheme": "per_unit",
        "unit_amount": unit,
        "unit_amount_decimal": None if unit is None else str(unit),
        **more,
    }


def tax_rate(percentage: Any, *, inclusive: Any = False, **more: Any) -> Tree:
    return {
        "object": "tax_rate",
        "id": "txr_1",
        "percentage": percentage,
        "inclusive": inclusive,
        **more,
    }


def listing(*data: Tree, has_more: Any = False) -> Tree:
    return {"object": "list", "data": list(data), "has_more": has_more}
