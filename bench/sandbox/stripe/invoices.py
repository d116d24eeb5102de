"""Invoices until they are finalised: what is on them, and what they come to.

`compose` makes a draft from lines; `refresh` sums it up again after each change. What follows
(finalising, paying, voiding) is in `collection.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.sandbox.stripe import discounts, errors, invoiceitems, lines, lists, params
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.invoice_terms import COPIED, INVOICE
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """A draft, empty unless pending items are included or it is for a subscription."""
    subscription: Obj | None = None
    if "subscription" in given:
        subscription = world.get("subscription", given["subscription"], param="subscription")
    owner = given.get("customer") or (subscription["customer"] if subscription else None)
    if owner is None:
        raise errors.missing("customer")
    customer = world.get("customer", owner, param="customer")
    code = given.get("currency") or customer["currency"] or "usd"
    found: Iterable[Obj] = ()
    if subscription or given.get("pending_invoice_items_behavior") == "include":
        about = subscription["id"] if subscription else None
        found = invoiceitems.pending(world, customer["id"], code, about)
        if "currency" not in given and customer["currency"] is None:
            found = [i for i in world.tables["invoiceitem"].values()
                     if i["invoice"] is None and i["customer"] == customer["id"]]  # fmt: skip
            code = found[0]["currency"] if found else code
    return compose(
        world, customer, take(world, found), code=code, reason="manual", given=given,
        subscription=subscription["id"] if subscription else None,
    )  # fmt: skip


def take(world: World, items: Iterable[Obj]) -> list[Obj]:
    """Lines for invoice items that waited; the items are marked once the invoice exists."""
    return [invoiceitems.as_line(world, item) for item in items]


def compose(
    world: World,
    customer: Obj,
    made: Sequence[Obj],
    *,
    code: str,
    reason: str,
    given: Obj,
    subscription: str | None = None,
) -> Obj:
    """A draft with these lines, summed up and stored. given: the invoice's own parameters."""
    invoice_id = new_id("invoice")
    invoice: Obj = {
        **INVOICE,
        "id": invoice_id,
        "billing_reason": reason,
        "created": now(),
        "currency": code,
        "customer": customer["id"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "livemode": world.livemode,
        "parent": parent(subscription),
        "period_start": now(),
        "period_end": now(),
        "lines": lists.fresh(f"/v1/invoices/{invoice_id}/lines"),
        "metadata": params.merged({}, given.get("metadata", {})),
    }
    invoice = _with(world, invoice, given)
    invoice = add(world, invoice, made)
    world.tell("invoice.created", invoice)
    return invoice


def parent(subscription: str | None) -> Obj | None:
    if subscription is None:
        return None
    details = {"metadata": {}, "subscription": subscription}
    return {
        "quote_details": None,
        "subscription_details": details,
        "type": "subscription_details",
    }


def subscription_of(invoice: Obj) -> str | None:
    owner = invoice["parent"]
    return owner["subscription_details"]["subscription"] if owner else None


def _with(world: World, invoice: Obj, given: Obj) -> Obj:
    """The invoice with the members that parameters set directly."""
    changed: Obj = {**invoice, **{name: given[name] for name in COPIED if name in given}}
    if "default_tax_rates" in given:
        changed["default_tax_rates"] = list(
            discounts.tax_rates_of(world, given["default_tax_rates"])
        )
    if "automatic_tax" in given:
        enabled = given["automatic_tax"].get("enabled") == "true"
        changed["automatic_tax"] = {**invoice["automatic_tax"], "enabled": enabled}
    if "shipping_cost" in given:
        changed["shipping_cost"] = shipping(world, given["shipping_cost"])
    if "discounts" in given:
        coupons = discounts.coupons_of(world, given["discounts"])
        shown = [{"id": f"di_{c['id']}", "object": "discount", "source": _source(c)}
                 for c in coupons]  # fmt: skip
        world.more[invoice["id"]] = {**world.more.get(invoice["id"], {}), "discounts": shown}
        changed["discounts"] = [one["id"] for one in shown]
    return changed


def _source(coupon: Obj) -> Obj:
    return {"coupon": coupon, "type": "coupon"}


def shipping(world: World, given: Obj) -> Obj | None:
    """A shipping rate that is brought along; ids of stored ones are not known here."""
    if not given:
        return None
    data = params.inner(given, "shipping_rate_data", "fixed_amount")
    if not data:
        raise errors.no_such("shipping rate", str(given.get("shipping_rate")), "shipping_rate", 400)
    amount = params.integer("shipping_cost[amount]", data.get("amount", ""))
    return {
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "shipping_rate": None,
        "taxes": [],
    }


def add(world: World, invoice: Obj, made: Sequence[Obj]) -> Obj:
    """The invoice with more lines; the invoice items behind them wait no longer."""
    for line in made:
        details = line["parent"]["invoice_item_details"]
        item = world.find("invoiceitem", details["invoice_item"]) if details else None
        if item is not None:
            world.put({**item, "invoice": invoice["id"]})
    mine = [world.put({**line, "invoice": invoice["id"]}) for line in made]
    listed = {**invoice["lines"], "data": [*invoice["lines"]["data"], *mine]}
    return refresh(world, {**invoice, "lines": listed})


def refresh(world: World, invoice: Obj) -> Obj:
    """The invoice summed up anew, and stored.

    What the customer owes, or is owed, from earlier joins it. A sum below the smallest charge is
    not collected: it waits on the customer's balance."""
    found = world.more.get(invoice["id"], {}).get("discounts", ())
    terms = discounts.Terms(
        [one["source"]["coupon"] for one in found],
        invoice["default_tax_rates"],
        invoice["automatic_tax"]["enabled"],
    )
    ship = invoice["shipping_cost"]["amount_total"] if invoice["shipping_cost"] else 0
    sums = discounts.sums(invoice["lines"]["data"], terms, ship)
    balance = world.live("customer", invoice["customer"])["balance"]
    due = max(0, sums.total + balance)
    ending = min(0, sums.total + balance)
    if due < params.MINIMUM.get(invoice["currency"], 1):
        due, ending = 0, ending + due
    return world.put(
        {
            **invoice,
            "amount_due": due,
            "amount_remaining": due,
            "amount_shipping": ship,
            "ending_balance": ending,
            "starting_balance": balance,
            "subtotal": sums.subtotal,
            "subtotal_excluding_tax": sums.subtotal,
            "total": sums.total,
            "total_discount_amounts": _amounts(found, sums.discount),
            "total_excluding_tax": sums.total - sums.tax,
            "total_taxes": [{"amount": sums.tax, "tax_behavior": "exclusive"}] if sums.tax else [],
        }
    )


def _amounts(found: Sequence[Obj], discount: int) -> list[Obj]:
    return [{"amount": discount, "discount": found[0]["id"]}] if found and discount else []


def editable(world: World, invoice_id: str) -> Obj:
    invoice = world.get("invoice", invoice_id)
    if invoice["status"] != "draft":
        raise StripeError(
            400, "Finalized invoices can't be updated in this way", code="invoice_not_editable"
        )
    return invoice


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    invoice = world.get("invoice", ids[0])
    if given.keys() - {"metadata", "auto_advance", "expand", "default_payment_method"}:
        invoice = editable(world, ids[0])
    changed = {**_with(world, invoice, given), **lists.described(invoice, given)}
    changed = refresh(world, changed) if invoice["status"] == "draft" else world.put(changed)
    world.tell("invoice.updated", changed)
    return changed


def delete(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """A draft goes; its items wait again."""
    invoice = editable(world, ids[0])
    for item in list(world.tables["invoiceitem"].values()):
        if item["invoice"] == invoice["id"]:
            world.put({**item, "invoice": None})
    world.tell("invoice.deleted", invoice)
    return world.drop("invoice", ids[0])


# Lines.


def add_lines(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    invoice = editable(world, ids[0])
    made = []
    for raw in given["lines"]:
        if "invoice_item" in raw:
            item = world.get("invoiceitem", raw["invoice_item"], param="lines[invoice_item]")
            made.append(invoiceitems.as_line(world, item))
        else:
            made.append(_line(world, invoice, raw))
    return add(world, invoice, made)


def _line(world: World, invoice: Obj, raw: Obj) -> Obj:
    asked = lines.ask(world, raw, "lines", invoice["currency"])
    item = invoiceitems.waiting(world, invoice["customer"], asked, raw.get("description"), raw)
    return invoiceitems.as_line(world, world.put(item))


def update_line(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    invoice = editable(world, ids[0])
    data = invoice["lines"]["data"]
    if all(line["id"] != ids[1] for line in data):
        raise errors.no_such("invoice line item", ids[1])
    changed = [
        _edited(world, invoice, line, given) if line["id"] == ids[1] else line for line in data
    ]
    refresh(world, {**invoice, "lines": {**invoice["lines"], "data": changed}})
    return world.get("line_item", ids[1])


def update_lines(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    for raw in given["lines"]:
        update_line(world, (ids[0], str(raw.get("id"))), {k: raw[k] for k in raw if k != "id"})
    return world.get("invoice", ids[0])


def _edited(world: World, invoice: Obj, line: Obj, raw: Obj) -> Obj:
    changed = {**line, **lines.extras(world, raw)}
    if raw.keys() & {"amount", "quantity", "quantity_decimal", "pricing", "price_data"}:
        if not raw.keys() & {"amount", "pricing", "price_data"}:
            raw = {"unit_amount_decimal": line["pricing"]["unit_amount_decimal"], **raw}
        asked = lines.ask(world, raw, "lines", invoice["currency"])
        changed |= {
            "amount": asked.amount,
            "pricing": lines.pricing(asked),
            "quantity": int(asked.quantity),
            "subtotal": asked.amount,
        }
    return world.put(changed)


def remove_lines(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    invoice = editable(world, ids[0])
    gone = {raw.get("id") for raw in given["lines"]}
    left = [line for line in invoice["lines"]["data"] if line["id"] not in gone]
    return refresh(world, {**invoice, "lines": {**invoice["lines"], "data": left}})


def list_lines(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    invoice = world.get("invoice", ids[0])
    return lists.page(invoice["lines"]["data"], given, f"/v1/invoices/{ids[0]}/lines", "line_item")


def listing(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """GET /v1/invoices, by customer, status, subscription and collection method."""
    names = ("customer", "status", "collection_method")
    wanted = {name: given[name] for name in names if name in given}
    about = given.get("subscription")
    found = (
        invoice
        for invoice in world.newest_first("invoice")
        if all(invoice[name] == value for name, value in wanted.items())
        and (about is None or subscription_of(invoice) == about)
        and lists.created_in(invoice["created"], given.get("created"))
    )
    return lists.page(found, given, "/v1/invoices", "invoice")
