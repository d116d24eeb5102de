"""Quotes: an offer that becomes a subscription, or an invoice, when it is accepted."""

from __future__ import annotations

from typing import Final

from bench.sandbox.stripe import (
    catalog,
    discounts,
    errors,
    invoiceitems,
    invoices,
    lines,
    lists,
    pages,
    params,
    subscriptions,
)  # fmt: skip
from bench.sandbox.stripe import subscription_terms as terms
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

UPDATE: Final = params.spec(
    "application_fee_amount application_fee_percent customer_account footer from_quote header "
    "invoice_settings on_behalf_of test_clock transfer_data",
    automatic_tax=params.mapping,
    collection_method=params.one_of("charge_automatically", "send_invoice"),
    customer=params.text,
    default_tax_rates=params.any_value,
    description=params.clearable,
    discounts=params.any_value,
    expires_at=params.integer,
    line_items=params.maps,
    subscription_data=params.mapping,
)
FINALIZE: Final = params.spec(expires_at=params.integer)
MONTH_S: Final = 30 * 86_400


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    quote: Obj = {
        "id": new_id("quote"), "object": "quote", "amount_subtotal": 0, "amount_total": 0,
        "application": None, "automatic_tax": {"enabled": False, "liability": None},
        "collection_method": "charge_automatically", "computed": {}, "created": now(),
        "currency": "usd", "customer": None, "default_tax_rates": [], "description": None,
        "discounts": [], "expires_at": now() + MONTH_S, "from_quote": None, "invoice": None,
        "invoice_settings": {}, "livemode": world.livemode,
        "metadata": params.merged({}, given.get("metadata", {})), "number": None,
        "on_behalf_of": None, "status": "draft",
        "status_transitions": {"accepted_at": None, "canceled_at": None, "finalized_at": None},
        "subscription": None, "subscription_data": {}, "subscription_schedule": None,
        "test_clock": None, "total_details": {}, "transfer_data": None,
    }  # fmt: skip
    quote = _described(world, quote, given)
    world.tell("quote.created", quote)
    return world.put(quote)


def _described(world: World, quote: Obj, given: Obj) -> Obj:
    """The quote with the parameters that were given, and what it comes to then."""
    asked = {**world.more.get(quote["id"], {}).get("asked", {}), **given}
    names = ("collection_method", "description", "expires_at", "subscription_data")
    changed: Obj = {**quote, **lists.described(quote, given, names)}
    if "customer" in given:
        world.get("customer", given["customer"], param="customer")
        changed["customer"] = given["customer"]
    if "automatic_tax" in given:
        enabled = given["automatic_tax"].get("enabled") == "true"
        changed["automatic_tax"] = {**quote["automatic_tax"], "enabled": enabled}
    made = pages.priced(world, asked.get("line_items", []))
    sums = discounts.sums(made, pages.terms_of(world, asked))
    shown = lists.fresh(f"/v1/quotes/{quote['id']}/line_items", made)
    world.more[quote["id"]] = {"asked": asked, "line_items": shown}
    once = [line for line in made if line["price"]["recurring"] is None]
    return {
        **changed,
        "amount_subtotal": sums.subtotal,
        "amount_total": sums.total,
        "computed": {
            "recurring": None,
            "upfront": {
                "amount_subtotal": sum(line["amount"] for line in once),
                "amount_total": sum(line["amount"] for line in once),
            },
        },
        "currency": made[0]["currency"] if made else "usd",
        "total_details": {
            "amount_discount": sums.discount,
            "amount_shipping": 0,
            "amount_tax": sums.tax,
        },
    }


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    quote = _in(world, ids[0], "draft")
    return world.put(_described(world, quote, given))


def finalize(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    quote = _in(world, ids[0], "draft")
    if quote["customer"] is None:
        raise errors.missing("customer")
    number = f"QT-{len(world.tables['quote']):05d}"
    changed = _moved(quote, "open", "finalized_at") | {"number": number}
    world.tell("quote.finalized", changed)
    return world.put(changed)


def cancel(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    quote = _in(world, ids[0], "draft", "open")
    changed = _moved(quote, "canceled", "canceled_at")
    world.tell("quote.canceled", changed)
    return world.put(changed)


def accept(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """Recurring lines become a subscription, billed at once; without any, there is a draft
    invoice that still has to be finalised."""
    quote = _in(world, ids[0], "open")
    asked = world.more[quote["id"]]["asked"]
    items = asked.get("line_items", [])
    recurs = [raw for raw in items if catalog.of_item(world, raw, "line_items")["recurring"]]
    once = [raw for raw in items if raw not in recurs]
    changed = _moved(quote, "accepted", "accepted_at")
    if recurs:
        changed |= _subscribe(world, quote, asked, recurs, once)
    else:
        changed["invoice"] = _invoice(world, quote, asked, once)["id"]
    world.tell("quote.accepted", changed)
    return world.put(changed)


def _subscribe(world: World, quote: Obj, asked: Obj, recurs: list[Obj], once: list[Obj]) -> Obj:
    data = asked.get("subscription_data", {})
    raw: Obj = {"items": recurs, "add_invoice_items": once}
    if data.get("trial_period_days"):
        raw["trial_period_days"] = data["trial_period_days"]
    read = {
        **params.read(raw, terms.CREATE),
        "customer": quote["customer"],
        "collection_method": quote["collection_method"],
    }
    shared = ("automatic_tax", "default_tax_rates", "discounts")
    read.update({name: asked[name] for name in shared if name in asked})
    made = subscriptions.create(world, (), read)
    return {"subscription": made["id"], "invoice": made["latest_invoice"]}


def _invoice(world: World, quote: Obj, asked: Obj, once: list[Obj]) -> Obj:
    customer = world.get("customer", quote["customer"])
    made = []
    for raw in once:
        about = lines.ask(world, raw, "line_items", quote["currency"])
        item = invoiceitems.waiting(world, customer["id"], about, None, raw)
        made.append(invoiceitems.as_line(world, world.put(item)))
    shared = ("automatic_tax", "default_tax_rates", "discounts")
    given = {name: asked[name] for name in shared if name in asked}
    given["collection_method"] = quote["collection_method"]
    return invoices.compose(
        world, customer, made, code=quote["currency"], reason="quote_accept", given=given
    )


def list_line_items(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    world.get("quote", ids[0])
    found = world.more[ids[0]]["line_items"]
    return lists.page(found["data"], given, found["url"], "item")


def _in(world: World, quote_id: str, *statuses: str) -> Obj:
    quote = world.get("quote", quote_id)
    if quote["status"] not in statuses:
        raise StripeError(
            400, f"This quote is {quote['status']}; it must be {' or '.join(statuses)}."
        )
    return quote


def _moved(quote: Obj, status: str, moment: str) -> Obj:
    moments = {**quote["status_transitions"], moment: now()}
    return {**quote, "status": status, "status_transitions": moments}
