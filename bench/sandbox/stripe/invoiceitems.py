"""Invoice items: what waits for a customer's next invoice, one that nobody may see coming."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.sandbox.stripe import lines, lists, params
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

RAW: Final = (
    "amount currency description discountable discounts period price_data pricing quantity "
    "quantity_decimal tax_behavior tax_code tax_rates unit_amount_decimal"
)
CREATE: Final = params.spec(
    f"{RAW} customer_account", customer=params.text, invoice=params.text, subscription=params.text
)
UPDATE: Final = params.spec(RAW)


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    invoice = None
    if "invoice" in given:
        invoice = draft(world, given["invoice"])
    owner = given.get("customer") or (invoice["customer"] if invoice else "")
    customer = world.get("customer", owner, param="customer")
    code = invoice["currency"] if invoice else customer["currency"]
    asked = lines.ask(world, given, "item", code if "currency" not in given else None)
    item = waiting(world, customer["id"], asked, given.get("description"), given)
    item["subscription"] = given.get("subscription")
    item["invoice"] = invoice["id"] if invoice else None
    world.tell("invoiceitem.created", item)
    return world.put(item)


def draft(world: World, invoice_id: str) -> Obj:
    invoice = world.get("invoice", invoice_id, param="invoice")
    if invoice["status"] != "draft":
        raise StripeError(
            400, "You can only add invoice items to draft invoices.", code="invoice_not_editable"
        )
    return invoice


def waiting(
    world: World, customer: str, asked: lines.Ask, description: str | None, raw: Obj
) -> Obj:
    """A new invoice item, not stored yet."""
    extras = lines.extras(world, raw)
    return {
        "id": new_id("invoiceitem"),
        "object": "invoiceitem",
        "amount": asked.amount,
        "currency": asked.currency,
        "created": now(),
        "customer": customer,
        "date": now(),
        "description": description,
        "discountable": extras.get("discountable", True),
        "discounts": [],
        "invoice": None,
        "livemode": world.livemode,
        "metadata": extras.get("metadata", {}),
        "net_amount": asked.amount,
        "parent": None,
        "period": {"start": now(), "end": now()},
        "pricing": lines.pricing(asked),
        "proration": False,
        "quantity": int(asked.quantity),
        "quantity_decimal": lines.shown(asked.quantity),
        "subscription": None,
        "tax_rates": extras.get("tax_rates", []),
    }


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    item = world.get("invoiceitem", ids[0])
    if item["invoice"] is not None:
        draft(world, item["invoice"])
    changed: Obj = {**item, **lists.described(item, given, ("description",))}
    if given.keys() & {"amount", "quantity", "unit_amount_decimal", "pricing", "price_data"}:
        raw = given
        if "quantity" in given and len(given.keys() & {"amount", "pricing", "price_data"}) == 0:
            raw = {"unit_amount_decimal": item["pricing"]["unit_amount_decimal"], **given}
        asked = lines.ask(world, raw, "item", item["currency"])
        changed |= {
            "amount": asked.amount,
            "net_amount": asked.amount,
            "pricing": lines.pricing(asked),
            "quantity": int(asked.quantity),
        }
    return world.put(changed)


def delete(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    item = world.get("invoiceitem", ids[0])
    if item["invoice"] is not None:
        draft(world, item["invoice"])
    return world.drop("invoiceitem", ids[0])


def pending(
    world: World, customer: str, code: str, subscription: str | None = None
) -> Iterator[Obj]:
    """Items on no invoice yet: the customer's own, and those of the subscription, oldest first."""
    for item in list(world.tables["invoiceitem"].values()):
        waits = item["invoice"] is None and item["subscription"] in (None, subscription)
        if waits and item["customer"] == customer and item["currency"] == code:
            yield item


def as_line(world: World, item: Obj) -> Obj:
    """The line that an item becomes on an invoice."""
    parent = lines.item_parent(item["id"], item["subscription"], proration=item["proration"])
    asked = lines.Ask(item["amount"], item["currency"], lines.quantity_of(
        {"quantity_decimal": item["quantity_decimal"]}, "item"
    ), None, None)  # fmt: skip
    more = {
        name: item[name] for name in ("discountable", "metadata", "pricing", "tax_rates", "period")
    }
    return lines.line(world, asked, item["description"], parent=parent, more=more)
