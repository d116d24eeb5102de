"""Any parameters at all get an answer in Stripe's shape, never a bug of the sandbox."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.sandbox.stripe import params
from bench.sandbox.stripe.api import StripeApi
from bench.sandbox.stripe.routes import ENDPOINTS
from bench.sandbox.wire import Answer, Obj, Request

HEAD = [(b"authorization", b"Bearer sk_test_unit"), (b"stripe-version", b"2026-10-28.endive")]
INNER = [
    "price", "price_data", "currency", "product", "unit_amount", "unit_amount_decimal", "quantity",
    "amount", "id", "deleted", "coupon", "invoice_item", "recurring", "interval", "enabled",
    "items", "phases", "pricing", "plan", "shipping_rate_data", "fixed_amount", "limit",
    "completed_sessions", "trial_end", "cancel_now", "tax_rates", "metadata", "up_to",
    "invoice_line_item", "refund", "promotion_code", "subscription_data",
]  # fmt: skip


def ask(door: StripeApi, method: str, path: str, form: dict[str, str]) -> tuple[int, Obj]:
    body = urlencode(form).encode() if method == "POST" else b""
    query = "" if method == "POST" else urlencode(form)
    begun = door.begin(Request(method, f"/v1/{path}", query, HEAD, body))
    answer = begun if isinstance(begun, Answer) else begun.execute()
    return answer.status, orjson.loads(answer.body) if answer.zeros is None else {}


def furnished() -> tuple[StripeApi, dict[str, str]]:
    """A world with one of each, so that ids lead somewhere: kind -> id."""
    door = StripeApi(frozenset(), keep=100, log=lambda kind, subject, amount: None)
    made: dict[str, str] = {"customers": "cus_1"}

    def make(path: str, **form: str) -> None:
        status, answer = ask(door, "POST", path, form)
        assert status == 200, answer
        made[path] = answer["id"]

    visa = {"invoice_settings[default_payment_method]": "pm_card_visa"}
    ask(door, "POST", "customers/cus_1", visa)
    month = {"recurring[interval]": "month", "currency": "usd", "product_data[name]": "P"}
    make("prices", unit_amount="900", **month)
    item = {"items[0][price]": made["prices"]}
    make("subscriptions", customer="cus_1", **item)
    make("invoiceitems", customer="cus_1", amount="900", currency="usd")
    make("invoices", customer="cus_1")
    make("coupons", percent_off="10")
    make("quotes", customer="cus_1", **{"line_items[0][price]": made["prices"]})
    make("transfers", amount="5", currency="usd", destination="acct_1")
    make("payouts", amount="5", currency="usd")
    page = {"line_items[0][price]": made["prices"], "line_items[0][quantity]": "1"}
    make("checkout/sessions", mode="subscription", **page)
    make("payment_links", **page)
    items = {"phases[0][items][0][price]": made["prices"]}
    make("subscription_schedules", customer="cus_1", **items)
    _, listed = ask(door, "GET", "subscription_items", {"subscription": made["subscriptions"]})
    made["subscription_items"] = listed["data"][0]["id"]
    return door, made


@st.composite
def forms(draw: st.DrawFn, spec: params.Spec, made: dict[str, str]) -> dict[str, str]:
    """Pairs whose names are the endpoint's own, plain or nested; values that are often ids."""
    names = sorted(spec) or ["expand"]
    value = st.sampled_from(
        ["", "0", "1", "-3", "500", "1.5", "true", "false", "now", "usd", "jpy", "month", "x",
         "payment", "4000000000", "pm_card_visa", "pm_card_chargeDeclined", *made.values()]
    )  # fmt: skip
    found: dict[str, str] = {}
    for _ in range(draw(st.integers(0, 6))):
        path = draw(st.lists(st.sampled_from([*INNER, "0", ""]), max_size=3))
        name = draw(st.sampled_from(names)) + "".join(f"[{part}]" for part in path)
        found[name] = draw(value)
    return found


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_any_parameters_get_an_answer(data: Any) -> None:
    door, made = furnished()
    name = data.draw(st.sampled_from(sorted(ENDPOINTS)))
    endpoint = ENDPOINTS[name]
    method, _, pattern = name.partition(" ")
    root = "checkout/sessions" if pattern.startswith("checkout") else pattern.split("/")[0]
    path = pattern.replace("*", made.get(root, "x"), 1).replace("*", made["subscriptions"])
    form = data.draw(forms(endpoint.spec, made))
    usual = {"customer": "cus_1", "currency": "usd", "amount": "500", "mode": "payment",
             "destination": "acct_1", "invoice": made["invoices"], "lines[0][amount]": "500",
             "items[0][price]": made["prices"], "line_items[0][price]": made["prices"],
             "subscription": made["subscriptions"]}  # fmt: skip
    kept = {k: v for k, v in usual.items() if k.partition("[")[0] in endpoint.spec}
    for wanted in (form, {**kept, **form}):
        status, answer = ask(door, method, path, wanted)
        assert status < 500, answer
        assert ("error" in answer) is (status >= 400)
    for world in door.worlds:
        for flow in (world.charged, world.outflow, world.inflow):
            assert all(amount >= 0 for amount in flow.values())
