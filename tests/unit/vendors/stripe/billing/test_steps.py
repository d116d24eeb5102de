"""Plans of look-ups, and the names of parameters."""

from __future__ import annotations

import pytest

from tests.unit.vendors.stripe.billing.scenes import (
    asking,
    invoice,
    next_lookup,
    quoted,
    reading,
    unpriced,
)
from vendors.contract import Unpriced
from vendors.rates import Rate
from vendors.stripe.billing.steps import (
    admit,
    elements,
    free_text,
    freeing,
    path_part,
    template,
    true,
    under,
    within,
)

FINALIZE = ("POST", "/v1/invoices/in_1/finalize")


def test_a_plan_asks_and_then_quotes() -> None:
    assert next_lookup(*FINALIZE).target == "/v1/invoices/in_1"
    assert quoted(*FINALIZE, None, invoice(500)).amount_minor == 500


def test_what_is_found_beyond_the_plan_changes_nothing() -> None:
    assert quoted(*FINALIZE, None, invoice(500), b"more").amount_minor == 500


@pytest.mark.parametrize(
    "found", [b"no", b"[]", {"object": "price"}, invoice(5, id="in_2"), invoice(5, currency=7)]
)
def test_what_cannot_be_read_has_no_price(found: object) -> None:
    assert "gives no price" in unpriced(*FINALIZE, None, found)


def test_every_parameter_is_known() -> None:
    fields = {
        "lines[0][amount]": "5",
        "metadata[x]": "y",
        "lines[1][metadata][a]": "b",
        "expand[0]": "c",
    }
    admit(fields, {"lines[][amount]"}, {"expand", "metadata"})
    with pytest.raises(Unpriced, match=r"lines\[0\]\[amount\]"):
        admit(fields, (), {"expand", "metadata"})


def test_no_element_hides_behind_another() -> None:
    fields = dict.fromkeys(
        ("items[0][price]", "items[00][price]", "items[10][price]", "items[2][price]", "items"), ""
    )
    assert elements(fields, "items") == ["items[0]", "items[2]", "items[10]"]
    assert template("items[00][price]") == "items[00][price]"
    assert not under("items[00][price]", {"items[][price]"})


def test_names_of_parts() -> None:
    assert within("", "price_data[currency]") == "price_data[currency]"
    assert within("items[0]", "price_data[currency]") == "items[0][price_data][currency]"
    assert under("items[3][period][end]", {"items[][period]"})
    assert not under("items[3][price]", {"items[][period]"})


@pytest.mark.parametrize(
    ("text", "is_true"), [("", False), ("false", False), ("true", True), ("0", True)]
)
def test_only_false_is_false(text: str, is_true: bool) -> None:
    assert true({"invoice_now": text}, "invoice_now") is is_true
    assert true({}, "invoice_now") is False


def test_what_frees_an_object_keeps_the_rate_of_its_hold() -> None:
    void = reading("POST", "/v1/invoices/in_1/void")
    kept = Rate.parse("eur 2 12500/1")
    quote = freeing(void, kept, "over")
    assert (quote.object_id, quote.currency, quote.rate) == ("in_1", "eur", kept)
    other = freeing(void, None, "over", "in_2")
    assert (other.object_id, other.currency, other.rate) == ("in_2", "usd", None)


def test_parts_of_the_path() -> None:
    assert path_part(asking({}, "/v1/customers/cus_1/subscriptions"), 2) == "cus_1"


@pytest.mark.parametrize(
    ("name", "free"),
    [
        ("metadata[a]", True),
        ("items[0][metadata][a]", True),
        ("subscription_data[metadata][a]", True),
        ("invoice_creation[invoice_data][metadata][a]", True),
        ("items[metadata][price]", False),
        ("line_items[metadata][price_data][unit_amount]", False),
        ("line_items[0][metadata][price_data][unit_amount]", False),
    ],
)
def test_free_text_is_no_element_of_a_list(name: str, free: bool) -> None:
    assert free_text(name) is free
