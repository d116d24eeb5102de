"""Reading: search, expansion of ids into objects, events, the balance, lists inside others."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from bench.sandbox.stripe import errors, lists, params, payments
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import Event, World
from bench.sandbox.wire import Obj

SEARCH: Final[params.Spec] = {
    "expand": params.array,
    "limit": params.limit,
    "page": params.text,
    "query": params.text,
}
EVENTS: Final[params.Spec] = {
    **lists.LIST,
    "delivery_success": params.boolean,
    "type": params.text,
    "types": params.array,
}
EXPANDABLE: Final = {
    "pi_": "payment_intent",
    "ch_": "charge",
    "re_": "refund",
    "cus_": "customer",
    "pm_": "payment_method",
    "prod_": "product",
    "price_": "price",
    "in_": "invoice",
    "ii_": "invoiceitem",
    "sub_sched_": "subscription_schedule",
    "sub_": "subscription",
    "qt_": "quote",
    "cs_": "checkout.session",
    "plink_": "payment_link",
    "tr_": "transfer",
    "trr_": "transfer_reversal",
    "po_": "payout",
    "fee_": "application_fee",
    "du_": "dispute",
    "cn_": "credit_note",
    "cbtxn_": "customer_balance_transaction",
    "txr_": "tax_rate",
}
EXPANDABLE_NAMES: Final = params.words(
    "application application_fee balance_transaction breakdown charge computed confirmation_secret "
    "currency_options customer customer_balance_transaction data default_payment_method "
    "default_price default_source destination destination_payment discounts dispute "
    "failure_balance_transaction fee from_invoice invoice invoice_item invoice_items "
    "invoice_settings items latest_charge latest_invoice latest_revision line_items lines "
    "on_behalf_of original_payout parent payment payment_intent payment_link payment_method "
    "payments pending_setup_intent phases price price_details pricing product promotion_code quote "
    "refund refunds reversals reversed_by review schedule source source_transaction "
    "source_transfer sources subscription subscription_details subscription_schedule subscriptions "
    "tax_ids test_clock threshold tiers total_details transfer transfer_data transfer_reversal "
    "upfront recurring"
)
DEPTH_MAX: Final = 4
TERM: Final = re.compile(
    r"""\s*(-?)([\w.]+(?:\[['"][^'"]+['"]\])?)\s*([:~<>]=?)\s*("[^"]*"|'[^']*'|\S+)\s*"""
)


def charge_refunds(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    charge = world.get("charge", ids[0])
    found = (item for item in world.newest_first("refund") if item["charge"] == charge["id"])
    return lists.page(found, given, f"/v1/charges/{charge['id']}/refunds", "refund")


def customer_methods(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    customer = world.get("customer", ids[0])
    found = (
        item
        for item in world.newest_first("payment_method")
        if item["customer"] == customer["id"] and given.get("type", item["type"]) == item["type"]
    )
    return lists.page(
        found, given, f"/v1/customers/{customer['id']}/payment_methods", "payment_method"
    )


# Events and the balance.


def event_object(world: World, event: Event) -> Obj:
    return {
        "id": event.event_id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": event.created,
        "data": {"object": event.subject},
        "livemode": world.livemode,
        "pending_webhooks": 0,
        "request": {"id": event.request_id, "idempotency_key": event.idempotency_key},
        "type": event.kind,
    }


def list_events(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    wanted = [given["type"]] if "type" in given else given.get("types")
    found = (
        event_object(world, event)
        for event in reversed(world.events)
        if (wanted is None or _is_kind(event.kind, wanted))
        and lists.created_in(event.created, given.get("created"))
    )
    return lists.page(found, given, "/v1/events", "event")


def _is_kind(kind: str, wanted: list[str]) -> bool:
    return any(kind == w or (w[-1:] == "*" and kind.startswith(w[:-1])) for w in map(str, wanted))


def retrieve_event(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    for event in reversed(world.events):
        if event.event_id == ids[0]:
            return event_object(world, event)
    raise errors.no_such("event", ids[0])


def balance(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    codes = sorted(world.charged.keys() | world.outflow.keys() | world.inflow.keys() | {"usd"})
    have = {
        code: world.charged.get(code, 0) + world.inflow.get(code, 0) - world.outflow.get(code, 0)
        for code in codes
    }
    available = [
        {"amount": amount, "currency": code, "source_types": {"card": amount}}
        for code, amount in have.items()
    ]
    return {
        "object": "balance",
        "available": available,
        "livemode": world.livemode,
        "pending": [{"amount": 0, "currency": code, "source_types": {}} for code in codes],
    }


def retrieve_transaction(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    return payments.balance_transaction(world, ids[0])


# Search.


def searcher(kind: str) -> Callable[[World, tuple[str, ...], Obj], Obj]:
    """Terms joined by AND or by OR; `:` equals, `~` contains, `<` `>` numbers, `-` negates."""

    def operation(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
        matches = matcher(given["query"])
        start = (
            int(given["page"]) if str(given.get("page", "0")).isdecimal() and "page" in given else 0
        )
        limit: int = given.get("limit", 10)
        found = (i for i in world.newest_first(kind) if not i.get("deleted") and matches(i))
        data = list(islice(found, start, start + limit + 1))
        more = len(data) > limit
        return {
            "object": "search_result",
            "data": data[:limit],
            "has_more": more,
            "next_page": str(start + limit) if more else None,
            "url": f"/v1/{kind}s/search",
        }

    return operation


def matcher(query: str) -> Callable[[Obj], bool]:
    """Raises StripeError when the query cannot be read."""
    tests: list[Callable[[Obj], bool]] = []
    joiner = all
    at = 0
    while at < len(query):
        if tests:
            word = query[at:].split(None, 1)[0].upper()
            if word not in ("AND", "OR"):
                raise _unreadable(query)
            joiner = any if word == "OR" else all
            at = query.upper().index(word, at) + len(word)
        term = TERM.match(query, at)
        if term is None:
            raise _unreadable(query)
        tests.append(_term(term[1] == "-", term[2], term[3], term[4].strip("\"'")))
        at = term.end()
    return lambda item: joiner(test(item) for test in tests)


def _unreadable(query: str) -> StripeError:
    return StripeError(400, f"We were unable to parse your search query: {query}", param="query")


def _term(negated: bool, field: str, operator: str, value: str) -> Callable[[Obj], bool]:
    name, _, key = field.partition("[")
    key = key.strip("]\"'")

    def test(item: Obj) -> bool:
        have = item.get(name)
        if key:
            have = (have or {}).get(key)
        return _compare(have, operator, value) is not negated

    return test


def _compare(have: Any, operator: str, value: str) -> bool:
    if value == "null":
        return have is None
    if have is None:
        return False
    if operator == ":":
        return str(have).lower() == value.lower()
    if operator == "~":
        return value.lower() in str(have).lower()
    number = params.integer("query", value)
    return bool(
        {"<": have < number, "<=": have <= number, ">": have > number, ">=": have >= number}[
            operator
        ]
    )


# Expansion.


def check_expand(wanted: list[Any]) -> None:
    """Raises before the endpoint runs: a bad `expand` must never follow a charge."""
    for path in wanted:
        if not isinstance(path, str):
            raise errors.invalid("array", "expand", wanted)
        steps = path.split(".")
        if len(steps) - (steps[0] == "data") > DEPTH_MAX:
            raise StripeError(
                400,
                f"You cannot expand more than {DEPTH_MAX} levels of a property.",
                param="expand",
            )
        if not all(step in EXPANDABLE_NAMES for step in steps) or steps == ["data"]:
            raise StripeError(
                400,
                f"This property cannot be expanded ({path}). You may want to try expanding 'data."
                f"{path}' if you are listing objects.",
                param="expand",
            )


def expand(world: World, answer: Obj, wanted: list[Any]) -> Obj:
    """A copy of the answer with the named ids replaced by their objects. What is null, or was
    forgotten since, stays as it is."""
    for path in wanted:
        answer = _expanded(world, answer, path.split("."))
    return answer


def _expanded(world: World, item: Obj, steps: list[str]) -> Obj:
    name, rest = steps[0], steps[1:]
    if name == "data" and item.get("object") in ("list", "search_result"):
        return {**item, "data": [_expanded(world, member, rest) for member in item["data"]]}
    if name == "refunds" and item.get("object") == "charge":
        value: Any = charge_refunds(world, (item["id"],), {})
    elif name in world.more.get(item.get("id", ""), ()):
        value = world.more[item["id"]][name]
    elif name in item:
        value = item[name]
    else:
        return item
    if isinstance(value, str):
        value = _looked_up(world, value)
    if rest and isinstance(value, dict):
        value = _expanded(world, value, rest)
    elif rest and isinstance(value, list):
        value = [_expanded(world, one, rest) if isinstance(one, dict) else one for one in value]
    return {**item, name: value}


def _looked_up(world: World, object_id: str) -> Obj | str:
    try:
        if object_id.startswith("txn_"):
            return payments.balance_transaction(world, object_id)
        for prefix, kind in EXPANDABLE.items():
            if object_id.startswith(prefix):
                return world.get(kind, object_id)
    except StripeError:
        pass
    return object_id
