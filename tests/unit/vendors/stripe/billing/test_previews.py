"""Previews: what is carried over, what is left out, and what an answer says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.vendors.stripe.billing.scenes import asking, preview, taken
from vendors.contract import Unpriced
from vendors.form import FORM_TYPE
from vendors.stripe.billing.previews import PREVIEW, mapped, preview_quote, previewed
from vendors.stripe.things import Unclear

PAIRS = [("customer", "cus_1"), ("subscription_details[items][0][price]", "price 1")]


def test_a_preview_is_a_post_that_changes_nothing() -> None:
    lookup = next(previewed(PAIRS))
    assert (lookup.target, lookup.content_type) == (PREVIEW, FORM_TYPE)
    assert lookup.body == b"customer=cus_1&subscription_details[items][0][price]=price+1"


def line(amount: Any, **more: Any) -> dict[str, Any]:
    return {"amount": amount, **more}


BY_PARENT = {"parent": {"subscription_item_details": {"proration": True}}}
BY_ITEM = {"parent": {"invoice_item_details": {"proration": True}}}


@pytest.mark.parametrize(
    ("tree", "due", "prorated"),
    [
        (preview(500), 500, 0),
        (preview(-500), 0, 0),
        (preview(0, total=500), 500, 0),
        (preview(800, total=500), 800, 0),
        (preview(500, lines={"data": [], "has_more": True}), 500, None),
        (
            preview(
                700,
                lines={
                    "data": [
                        line(100, proration=True),
                        line(-90, proration=True),
                        line(30, **BY_PARENT),
                        line(3, **BY_ITEM),
                        line(600, proration=False),
                    ],
                    "has_more": False,
                },
            ),
            700,
            133,
        ),
        (preview(5, lines={"data": [line("x", proration=True)], "has_more": False}), 5, None),
    ],
)
def test_what_a_preview_says(tree: dict[str, Any], due: int, prorated: int | None) -> None:
    shown = taken(previewed(PAIRS), tree)
    assert (shown.currency, shown.due, shown.prorated) == ("usd", due, prorated)


@pytest.mark.parametrize(
    "tree", [{}, {"object": "price"}, preview(5, currency=None), preview("5"), preview(True)]
)
def test_a_preview_that_cannot_be_read(tree: Any) -> None:
    with pytest.raises(Unclear):
        taken(previewed(PAIRS), tree)


def test_the_quote_says_that_renewals_are_not_counted() -> None:
    quote = taken(preview_quote(asking({}), PAIRS, "the first invoice"), preview(1250))
    assert quote.amount_micros == 12_500_000
    assert "renewals are not counted" in quote.how
    assert "12.50 USD" in quote.how


def test_names_are_carried_over_or_left_out_or_refused() -> None:
    fields = {
        "customer": "cus_1",
        "items[0][price]": "price_1",
        "items[0][metadata][a]": "b",
        "items[0][note]": "c",
        "description": "d",
    }
    carried = {"customer": "customer", "items": "subscription_details[items]"}
    left_out = {"description", "items[][note]"}
    expect = [("customer", "cus_1"), ("subscription_details[items][0][price]", "price_1")]
    assert mapped(fields, carried, left_out) == expect
    with pytest.raises(Unpriced, match="tax_percent cannot be previewed"):
        mapped({"tax_percent": "5"}, carried, left_out)
