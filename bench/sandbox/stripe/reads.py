"""Reading: lists with cursors, search, expansion of ids into objects, events, the balance."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final

from bench.sandbox.stripe import errors, params, payments
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import Event, World
from bench.sandbox.wire import Obj

LIST: Final[params.Spec] = {
    "created": params.any_value,
    "ending_before": params.text,
    "expand": params.array,
    "limit": params.limit,
    "starting_after": params.text,
}
SEARCH: Final[params.Spec] = {
    "expand": params.array,
    "limit": params.limit,
    "page": params.text,
    "query": params.text,
}
EVENTS: Final[params.Spec] = {
    **LIST,
    "delivery_success": params.boolean,
    "type": params.text,
    "types": params.array,
}
PLAIN: Final[params.Spec] = {"expand": params.array}
EXPANDABLE: Final = {
    "pi_": "payment_intent",
    "ch_": "charge",
    "re_": "refund",
    "cus_": "customer",
    "pm_": "payment_method",
    "prod_": "product",
}
EXPANDABLE_NAMES: Final = params.words(
    "application balance_transaction charge customer data default_payment_method default_price "
    "default_source failure_balance_transaction invoice_settings latest_charge on_behalf_of "
    "payment_intent payment_method product refunds review source_transfer sources subscriptions "
    "tax_ids transfer transfer_reversal"
)
DEPTH_MAX: Final = 4
TERM: Final = re.compile(
    r"""\s*(-?)([\w.]+(?:\[['"][^'"]+['"]\])?)\s*([:~<>]=?)\s*("[^"]*"|'[^']*'|\S+)\s*"""
)


# Lists.


def lister(kind: str, *filters: str) -> Callable[[World, tuple[str, ...], Obj], Obj]:
    """A list operation over one kind; filters are members that must equal a parameter."""

    def operation(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
        wanted = {name: given[name] for name in filters if name in given}
        found = (
            item
            for item in world.newest_first(kind)
            if not item.get("deleted")
            and all(item.get(name) == value for name, value in wanted.items())
            and _created(item["created"], given.get("created"))
        )
        return page(found, given, f"/v1/{kind}s", kind)

    return operation


def spec(*filters: str) -> params.Spec:
    return {**LIST, **dict.fromkeys(filters, params.text)}


def _created(created: int, wanted: Any) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return created == params.integer("created", wanted)
    tests: dict[str, Callable[[int, int], bool]] = {
        "gt": int.__gt__, "gte": int.__ge__, "lt": int.__lt__, "lte": int.__le__
    }  # fmt: skip
    for word, value in params.mapping("created", wanted).items():
        if word not in tests:
            raise errors.unknown(f"created[{word}]")
        if not tests[word](created, params.integer(f"created[{word}]", value)):
            return False
    return True


def page(newest_first: Iterable[Obj], given: Obj, url: str, kind: str) -> Obj:
    """One page of a list: `limit`, `starting_after` (older than) or `ending_before` (newer)."""
    limit: int = given.get("limit", 10)
    after, before = given.get("starting_after"), given.get("ending_before")
    items = iter(newest_first)
    if before is not None:
        newer = _until(items, before, kind, "ending_before")
        return _list(newer[-limit:], len(newer) > limit, url)
    if after is not None:
        _until(items, after, kind, "starting_after")
    data = list(islice(items, limit + 1))
    return _list(data[:limit], len(data) > limit, url)


def _until(items: Iterable[Obj], cursor: str, kind: str, param: str) -> list[Obj]:
    """Everything newer than the cursor; the cursor itself is taken from the iterator."""
    passed: list[Obj] = []
    for item in items:
        if item["id"] == cursor:
            return passed
        passed.append(item)
    raise errors.no_such(kind, cursor, param, 400)


def _list(data: list[Obj], has_more: bool, url: str) -> Obj:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def charge_refunds(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    charge = world.get("charge", ids[0])
    found = (item for item in world.newest_first("refund") if item["charge"] == charge["id"])
    return page(found, given, f"/v1/charges/{charge['id']}/refunds", "refund")


def customer_methods(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    customer = world.get("customer", ids[0])
    found = (
        item
        for item in world.newest_first("payment_method")
        if item["customer"] == customer["id"] and given.get("type", item["type"]) == item["type"]
    )
    return page(found, given, f"/v1/customers/{customer['id']}/payment_methods", "payment_method")


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
        and _created(event.created, given.get("created"))
    )
    return page(found, given, "/v1/events", "event")


def _is_kind(kind: str, wanted: list[str]) -> bool:
    return any(kind == w or (w.endswith("*") and kind.startswith(w[:-1])) for w in wanted)


def retrieve_event(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    for event in reversed(world.events):
        if event.event_id == ids[0]:
            return event_object(world, event)
    raise errors.no_such("event", ids[0])


def balance(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    codes = sorted(world.charged.keys() | world.refunded.keys() | {"usd"})
    available = [
        {
            "amount": world.charged.get(code, 0) - world.refunded.get(code, 0),
            "currency": code,
            "source_types": {"card": world.charged.get(code, 0) - world.refunded.get(code, 0)},
        }
        for code in codes
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
    elif name in item:
        value = item[name]
    else:
        return item
    if isinstance(value, str):
        value = _looked_up(world, value)
    if rest and isinstance(value, dict):
        value = _expanded(world, value, rest)
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
