"""Customers, their cash balance, and the balance that their next invoice takes into account."""

from __future__ import annotations

from typing import Final

from bench.sandbox.stripe import lists, methods, params
from bench.sandbox.stripe.world import World, new_id, now
from bench.sandbox.wire import Obj

DESCRIBED: Final[params.Spec] = {
    "address": params.any_value,
    "balance": params.integer,
    "business_name": params.clearable,
    "cash_balance": params.mapping,
    "description": params.clearable,
    "email": params.clearable,
    "expand": params.array,
    "individual_name": params.clearable,
    "invoice_prefix": params.text,
    "invoice_settings": params.mapping,
    "metadata": params.metadata,
    "name": params.clearable,
    "next_invoice_sequence": params.integer,
    "phone": params.clearable,
    "preferred_locales": params.array,
    "shipping": params.any_value,
    "source": params.text,
    "tax": params.mapping,
    "tax_exempt": params.clearable,
    "validate": params.boolean,
}
CREATE: Final[params.Spec] = {
    **DESCRIBED,
    "payment_method": params.text,
    "tax_id_data": params.array,
    "test_clock": params.text,
}
UPDATE: Final[params.Spec] = {**DESCRIBED, "default_source": params.text}
FUND: Final[params.Spec] = {
    "amount": params.positive,
    "currency": params.currency,
    "reference": params.text,
    "expand": params.array,
}
BALANCE: Final = params.spec(
    amount=params.integer, currency=params.currency, description=params.clearable
)
PLAIN: Final[params.Spec] = {"expand": params.array}
CUSTOMER: Final[Obj] = {
    "id": "", "object": "customer", "address": None, "balance": 0, "cash_balance": None,
    "created": 0, "currency": None, "default_source": None, "delinquent": False,
    "description": None, "discount": None, "email": None, "invoice_prefix": "0759376C",
    "invoice_settings": {
        "custom_fields": None, "default_payment_method": None, "footer": None,
        "rendering_options": None,
    },
    "livemode": False, "metadata": {}, "name": None, "next_invoice_sequence": 1, "phone": None,
    "preferred_locales": [], "shipping": None, "tax_exempt": "none", "test_clock": None,
}  # fmt: skip
COPIED: Final = params.words(
    "address balance business_name description email individual_name invoice_prefix name "
    "next_invoice_sequence phone preferred_locales shipping tax_exempt test_clock"
)


def seed(world: World) -> None:
    """Every world begins with the customer `cus_1`, so that printed examples work."""
    world.put({**CUSTOMER, "id": "cus_1", "created": now(), "livemode": world.livemode})


def create(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    customer: Obj = {
        **CUSTOMER,
        "id": new_id("customer"),
        "created": now(),
        "livemode": world.livemode,
        **_described(world, CUSTOMER, given),
    }
    if "payment_method" in given:
        method_id = methods.attach(
            world, (given["payment_method"],), {"customer": world.put(customer)["id"]}
        )["id"]
        settings = customer["invoice_settings"]
        if settings["default_payment_method"] == given["payment_method"]:
            customer["invoice_settings"] = {**settings, "default_payment_method": method_id}
    world.tell("customer.created", customer)
    return world.put(customer)


def _described(world: World, old: Obj, given: Obj) -> Obj:
    changes = {name: value for name, value in given.items() if name in COPIED}
    changes["metadata"] = params.merged(old["metadata"], given.get("metadata", {}))
    if "invoice_settings" in given:
        changes["invoice_settings"] = {**old["invoice_settings"], **given["invoice_settings"]}
    source = given.get("default_source") or given.get("source")
    if source:
        changes["default_source"] = methods.resolve(world, source, "source")
    return changes


def retrieve(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return world.get("customer", ids[0])


def update(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    customer = world.get("customer", ids[0])
    if customer.get("deleted"):
        return customer
    changed = {**customer, **_described(world, customer, given)}
    world.tell("customer.updated", changed)
    return world.put(changed)


def delete(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    customer = world.get("customer", ids[0])
    world.tell("customer.deleted", customer)
    return world.put({"id": customer["id"], "object": "customer", "deleted": True})


def adjust(
    world: World, customer: Obj, amount: int, code: str, kind: str, **more: str | None
) -> Obj:
    """Change what the customer owes (a credit is negative); the balance transaction."""
    ending = customer["balance"] + amount
    world.put({**customer, "balance": ending, "currency": customer["currency"] or code})
    return world.put(
        {
            "id": new_id("customer_balance_transaction"),
            "object": "customer_balance_transaction",
            "amount": amount,
            "created": now(),
            "credit_note": None,
            "currency": code,
            "customer": customer["id"],
            "description": None,
            "ending_balance": ending,
            "invoice": None,
            "livemode": world.livemode,
            "metadata": {},
            "type": kind,
            **more,
        }
    )


def create_balance_transaction(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    customer = world.live("customer", ids[0])
    item = adjust(world, customer, given["amount"], given["currency"], "adjustment")
    changed = {**item, **lists.described(item, given, ("description",))}
    world.tell("customer.updated", world.get("customer", ids[0]))
    return world.put(changed)


def list_balance_transactions(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    customer = world.get("customer", ids[0])
    kind = "customer_balance_transaction"
    found = (item for item in world.newest_first(kind) if item["customer"] == customer["id"])
    return lists.page(found, given, f"/v1/customers/{ids[0]}/balance_transactions", kind)


def retrieve_balance_transaction(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    world.get("customer", ids[0])
    return world.get("customer_balance_transaction", ids[1])


def fund_cash_balance(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    """A payer's bank transfer arrives (Stripe's own test helper)."""
    customer = world.get("customer", ids[0])
    funds = dict((customer["cash_balance"] or {"available": {}})["available"])
    funds[given["currency"]] = funds.get(given["currency"], 0) + given["amount"]
    world.put({**customer, "cash_balance": {"object": "cash_balance", "available": funds}})
    return {
        "id": f"ccsbtxn_{new_id('charge')[4:]}",
        "object": "customer_cash_balance_transaction",
        "created": now(),
        "currency": given["currency"],
        "customer": customer["id"],
        "ending_balance": funds[given["currency"]],
        "livemode": world.livemode,
        "net_amount": given["amount"],
        "type": "funded",
    }
