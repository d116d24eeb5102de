"""Stripe's endpoints: method and path to the function that runs it and its parameters.

Those of payments are here, those of billing and of other money in the files beside it.
"""

from __future__ import annotations

from typing import Any, Final

from bench.sandbox.stripe import (
    charges,
    customers,
    errors,
    files,
    holds,
    intent_terms,
    intents,
    lists,
    methods,
    money_management,
    reads,
    refunds,
    routes_billing,
    routes_money,
)  # fmt: skip
from bench.sandbox.stripe.endpoint import Endpoint, endpoints, find


def _endpoints() -> dict[str, Endpoint]:
    """`METHOD path` below /v1, `*` for an id."""
    pay = ("amount", "currency")
    table: dict[str, tuple[Any, ...]] = {
        "POST payment_intents": (intents.create, intent_terms.CREATE, pay),
        "GET payment_intents": (
            lists.lister("payment_intent", "customer"), lists.spec("customer", "customer_account"),
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
            lists.lister("charge", "customer", "payment_intent", "transfer_group"),
            lists.spec("customer", "payment_intent", "transfer_group"),
        ),
        "GET charges/search": (reads.searcher("charge"), reads.SEARCH, ("query",)),
        "GET charges/*": (charges.retrieve, lists.PLAIN),
        "POST charges/*": (charges.update, charges.UPDATE),
        "POST charges/*/capture": (charges.capture, charges.CAPTURE),
        "POST charges/*/refund": (refunds.whole_charge, refunds.CREATE),
        "POST charges/*/refunds": (refunds.of_charge, refunds.CREATE),
        "GET charges/*/refunds": (reads.charge_refunds, lists.LIST),
        "GET charges/*/refunds/*": (refunds.retrieve, refunds.PLAIN),
        "POST charges/*/refunds/*": (refunds.update, refunds.UPDATE),
        "POST refunds": (refunds.create, refunds.CREATE),
        "GET refunds": (
            lists.lister("refund", "charge", "payment_intent"),
            lists.spec("charge", "payment_intent"),
        ),
        "GET refunds/*": (refunds.retrieve, refunds.PLAIN),
        "POST refunds/*": (refunds.update, refunds.UPDATE),
        "POST refunds/*/cancel": (refunds.cancel, refunds.PLAIN),
        "POST customers": (customers.create, customers.CREATE),
        "GET customers": (lists.lister("customer", "email"), lists.spec("email", "test_clock")),
        "GET customers/search": (reads.searcher("customer"), reads.SEARCH, ("query",)),
        "GET customers/*": (customers.retrieve, customers.PLAIN),
        "POST customers/*": (customers.update, customers.UPDATE),
        "DELETE customers/*": (customers.delete, customers.PLAIN),
        "GET customers/*/payment_methods": (reads.customer_methods, lists.spec("type")),
        "POST test_helpers/customers/*/fund_cash_balance": (
            customers.fund_cash_balance, customers.FUND, pay,
        ),
        "POST payment_methods": (methods.create, methods.CREATE),
        "GET payment_methods": (
            lists.lister("payment_method", "customer", "type"), lists.spec("customer", "type"),
        ),
        "GET payment_methods/*": (methods.retrieve, methods.PLAIN),
        "POST payment_methods/*": (methods.update, methods.CREATE),
        "POST payment_methods/*/attach": (methods.attach, methods.ATTACH, ("customer",)),
        "POST payment_methods/*/detach": (methods.detach, methods.PLAIN),
        "GET files": (lists.lister("file", "purpose"), lists.spec("purpose")),
        "GET files/*": (files.retrieve, files.PLAIN),
        "GET events": (reads.list_events, reads.EVENTS),
        "GET events/*": (reads.retrieve_event, lists.PLAIN),
        "GET balance": (reads.balance, lists.PLAIN),
        "GET balance_transactions/*": (reads.retrieve_transaction, lists.PLAIN),
    }  # fmt: skip
    return endpoints(table)


ENDPOINTS: Final = {**_endpoints(), **routes_money.ENDPOINTS, **routes_billing.ENDPOINTS}


def route(method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
    """The endpoint and the ids in its path. Raises StripeError 404 for an unknown URL."""
    parts = path.split("/")
    if len(parts) >= 3 and parts[0] == "" and parts[1] == "v1":
        found, ids = find(ENDPOINTS, method, parts[2:])
        if found is not None:
            return found, ids
    raise errors.unknown_url(method, path)


def route_v2(method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
    """The same below /v2, where the handler reads its own parameters."""
    found, ids = find(money_management.ENDPOINTS, method, path.split("/")[2:])
    if found is None:
        raise money_management.refused("not_found", f"Unrecognized URL: {method} {path}", 404)
    return Endpoint(found, {}), ids
