"""Stripe's table of endpoints: method and path to the function that runs it and its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench.sandbox.stripe import (
    charges,
    customers,
    errors,
    files,
    holds,
    intent_terms,
    intents,
    methods,
    params,
    reads,
    refunds,
)  # fmt: skip
from bench.sandbox.stripe.world import World
from bench.sandbox.wire import Obj

Handler = Callable[[World, tuple[str, ...], Obj], Obj]


@dataclass(frozen=True, slots=True)
class Endpoint:
    handler: Handler
    spec: params.Spec
    required: tuple[str, ...] = ()


def _endpoints() -> Mapping[str, Endpoint]:
    """`METHOD path` below /v1, `*` for an id."""
    pay = ("amount", "currency")
    table: dict[str, tuple[Any, ...]] = {
        "POST payment_intents": (intents.create, intent_terms.CREATE, pay),
        "GET payment_intents": (
            reads.lister("payment_intent", "customer"), reads.spec("customer", "customer_account"),
        ),
        "GET payment_intents/search": (reads.searcher("payment_intent"), reads.SEARCH, ("query",)),
        "GET payment_intents/*": (intents.retrieve, intent_terms.RETRIEVE),
        "POST payment_intents/*": (intents.update, intent_terms.UPDATE),
        "POST payment_intents/*/confirm": (intents.confirm, intent_terms.CONFIRM),
        "POST payment_intents/*/capture": (holds.capture, intent_terms.CAPTURE),
        "POST payment_intents/*/cancel": (holds.cancel, intent_terms.CANCEL),
        "POST payment_intents/*/increment_authorization": (
            holds.increment, intent_terms.INCREMENT, ("amount",),
        ),
        "POST payment_intents/*/apply_customer_balance": (
            holds.apply_customer_balance, intent_terms.APPLY,
        ),
        "POST payment_intents/*/verify_microdeposits": (
            holds.verify_microdeposits, intent_terms.VERIFY,
        ),
        "POST charges": (charges.create, charges.CREATE, pay),
        "GET charges": (
            reads.lister("charge", "customer", "payment_intent", "transfer_group"),
            reads.spec("customer", "payment_intent", "transfer_group"),
        ),
        "GET charges/search": (reads.searcher("charge"), reads.SEARCH, ("query",)),
        "GET charges/*": (charges.retrieve, reads.PLAIN),
        "POST charges/*": (charges.update, charges.UPDATE),
        "POST charges/*/capture": (charges.capture, charges.CAPTURE),
        "POST charges/*/refund": (refunds.whole_charge, refunds.CREATE),
        "POST charges/*/refunds": (refunds.of_charge, refunds.CREATE),
        "GET charges/*/refunds": (reads.charge_refunds, reads.LIST),
        "GET charges/*/refunds/*": (refunds.retrieve, refunds.PLAIN),
        "POST charges/*/refunds/*": (refunds.update, refunds.UPDATE),
        "POST refunds": (refunds.create, refunds.CREATE),
        "GET refunds": (
            reads.lister("refund", "charge", "payment_intent"),
            reads.spec("charge", "payment_intent"),
        ),
        "GET refunds/*": (refunds.retrieve, refunds.PLAIN),
        "POST refunds/*": (refunds.update, refunds.UPDATE),
        "POST refunds/*/cancel": (refunds.cancel, refunds.PLAIN),
        "POST customers": (customers.create, customers.CREATE),
        "GET customers": (reads.lister("customer", "email"), reads.spec("email", "test_clock")),
        "GET customers/search": (reads.searcher("customer"), reads.SEARCH, ("query",)),
        "GET customers/*": (customers.retrieve, customers.PLAIN),
        "POST customers/*": (customers.update, customers.UPDATE),
        "DELETE customers/*": (customers.delete, customers.PLAIN),
        "GET customers/*/payment_methods": (reads.customer_methods, reads.spec("type")),
        "POST test_helpers/customers/*/fund_cash_balance": (
            customers.fund_cash_balance, customers.FUND, pay,
        ),
        "POST payment_methods": (methods.create, methods.CREATE),
        "GET payment_methods": (
            reads.lister("payment_method", "customer", "type"), reads.spec("customer", "type"),
        ),
        "GET payment_methods/*": (methods.retrieve, methods.PLAIN),
        "POST payment_methods/*": (methods.update, methods.CREATE),
        "POST payment_methods/*/attach": (methods.attach, methods.ATTACH, ("customer",)),
        "POST payment_methods/*/detach": (methods.detach, methods.PLAIN),
        "POST products": (customers.create_product, customers.PRODUCT, ("name",)),
        "GET products": (reads.lister("product"), reads.LIST),
        "GET products/*": (customers.retrieve_product, customers.PLAIN),
        "POST prices": (
            customers.create_price, customers.PRICE, ("currency", "product", "unit_amount"),
        ),
        "GET prices": (reads.lister("price", "product"), reads.spec("product")),
        "GET prices/*": (customers.retrieve_price, customers.PLAIN),
        "GET files": (reads.lister("file", "purpose"), reads.spec("purpose")),
        "GET files/*": (files.retrieve, files.PLAIN),
        "GET events": (reads.list_events, reads.EVENTS),
        "GET events/*": (reads.retrieve_event, reads.PLAIN),
        "GET balance": (reads.balance, reads.PLAIN),
        "GET balance_transactions/*": (reads.retrieve_transaction, reads.PLAIN),
    }  # fmt: skip
    return {name: Endpoint(*row) for name, row in table.items()}


ENDPOINTS: Final = _endpoints()


def route(method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
    """The endpoint and the ids in its path. Raises StripeError 404 for an unknown URL."""
    parts = path.split("/")
    if len(parts) >= 3 and parts[0] == "" and parts[1] == "v1":
        below = parts[2:]
        for shape in _SHAPES.get(len(below), ()):
            name = "/".join(
                "*" if is_id else part for part, is_id in zip(below, shape, strict=True)
            )
            found = ENDPOINTS.get(f"{method} {name}")
            if found is not None:
                ids = tuple(part for part, is_id in zip(below, shape, strict=True) if is_id)
                if all(ids):
                    return found, ids
    raise errors.unknown_url(method, path)


_SHAPES: Final = {
    1: ((False,),),
    2: ((False, False), (False, True)),
    3: ((False, True, False),),
    4: ((False, True, False, True), (False, False, True, False)),
}
"""Which path segments may be ids, by the number of segments, literal shapes first."""
