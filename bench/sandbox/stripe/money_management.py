"""The v2 namespace: JSON both ways, amounts `{value, currency}`, other errors, other replays.

A request that failed is run again under the same Idempotency-Key; one that succeeded answers with
the object's present state. Values are integers, or decimal texts as 64-bit integers travel in JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from bench.sandbox.stripe import params
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World, new_id
from bench.sandbox.wire import Obj, Request

VALUE: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
FLOW: Final = "amount description from metadata statement_descriptor to"
FIELDS: Final = {
    "outbound_payment": params.words(f"{FLOW} recipient_notification recipient_verification"),
    "payout_intent": params.words(
        f"{FLOW} confirmation_method recipient_notification schedule_options"
    ),
    "inbound_transfer": params.words("amount description from metadata to"),
}
ENDS: Final = {
    "outbound_payment": ("posted", "failed", "returned", "canceled"),
    "payout_intent": ("posted", "failed", "canceled"),
    "inbound_transfer": ("succeeded", "failed"),
}
BACK: Final = ("failed", "returned", "canceled")
OPEN: Final = ("processing", "pending", "requires_action", "posted")

Handler = Callable[[World, tuple[str, ...], Obj], Obj]


def body_of(request: Request) -> Obj:
    """The JSON parameters. Raises StripeError when they are none, or no version is named."""
    if request.header(b"stripe-version") is None:
        raise refused("stripe_version_missing", "Please provide a Stripe-Version header.")
    if not request.body:
        return {}
    try:
        data = orjson.loads(request.body)
    except orjson.JSONDecodeError as exc:
        raise refused("invalid_json", f"Invalid request body: {exc}") from None
    if not isinstance(data, dict):
        raise refused("invalid_json", "The request body must be a JSON object.")
    return data


def refused(code: str, message: str, status: int = 400) -> StripeError:
    return StripeError(status, message, kind="invalid_request", code=code)


def kind_of(name: str) -> str:
    return f"v2.money_management.{name}"


def creator(name: str) -> Handler:
    def operation(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
        unknown = given.keys() - FIELDS[name]
        if unknown:
            raise refused("unknown_fields", f"Unknown parameter: {min(unknown)}")
        for field in ("amount", "from", "to"):
            if not isinstance(given.get(field), dict):
                raise refused("missing_required_param", f"Missing or invalid: {field}")
        return _create(world, name, given)

    return operation


def _create(world: World, name: str, given: Obj) -> Obj:
    value, code = _amount(given["amount"])
    automatic = given.get("confirmation_method", "automatic") != "manual"
    item: Obj = {
        "id": new_id(kind_of(name)),
        "object": kind_of(name),
        "amount": {"value": value, "currency": code},
        "created": moment(),
        "description": given.get("description"),
        "from": {**given["from"], "debited": {"value": value, "currency": code}},
        "livemode": world.livemode,
        "metadata": given.get("metadata") or {},
        "statement_descriptor": given.get("statement_descriptor", "SANDBOX"),
        "status": "processing",
        "status_transitions": {},
        "to": {**given["to"], "credited": {"value": value, "currency": code}},
    }
    if name == "payout_intent":
        item |= {"confirmation_method": given.get("confirmation_method", "automatic")}
        item |= {"estimated_fees": [], "latest_payout": None, "next_action": None}
        if automatic:
            return _pay_out_intent(world, item)
        confirm = {"reason": "manually_requested", "fields_to_review": []}
        item |= {
            "status": "requires_action",
            "next_action": {"type": "confirm", "confirm": confirm},
        }
    elif name == "outbound_payment":
        item |= {"cancelable": True, "payout_intent": None}
        world.pay_out(name, _flow(item), value)
    else:
        world.take_in(name, _flow(item), value)
    return world.put(item)


def _amount(given: Any) -> tuple[int, str]:
    value, code = given.get("value"), given.get("currency")
    text = str(value) if type(value) in (int, str) else ""
    if not VALUE.fullmatch(text) or given.keys() != {"value", "currency"}:
        raise refused("invalid_amount", "amount must be {value: integer, currency}")
    if not isinstance(code, str) or code not in params.CURRENCIES:
        raise refused("invalid_currency", f"Invalid currency: {code}")
    return int(text), code


def _flow(item: Obj) -> Obj:
    return {"id": item["id"], "currency": item["amount"]["currency"]}


def _pay_out_intent(world: World, intent: Obj) -> Obj:
    """The intent goes ahead: an outbound payment is made for it."""
    payment = _create(
        world,
        "outbound_payment",
        {name: intent[name] for name in ("amount", "from", "to", "description")},
    )
    world.put({**payment, "payout_intent": intent["id"]})
    latest = {
        "type": "outbound_payment",
        "outbound_payment": payment["id"],
        "outbound_transfer": None,
    }
    changed = {**intent, "status": "processing", "next_action": None, "latest_payout": latest}
    return world.put(changed)


def confirm(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
    intent = _get(world, "payout_intent", ids[0])
    if intent["status"] != "requires_action":
        raise refused("not_confirmable", f"The payout intent is {intent['status']}.")
    return _pay_out_intent(world, intent)


def canceler(name: str) -> Handler:
    def operation(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
        item = _get(world, name, ids[0])
        if item["status"] not in ("processing", "pending", "requires_action"):
            raise refused("not_cancelable", f"It is {item['status']} and cannot be canceled.")
        return end(world, name, item["id"], "canceled")

    return operation


def end(world: World, name: str, item_id: str, status: str) -> Obj:
    """The bank acts, or nobody does any more. What does not arrive comes back."""
    item = _get(world, name, item_id)
    if status not in ENDS[name] or item["status"] not in OPEN:
        raise refused("wrong_state", f"{name} does not go from {item['status']} to {status}.")
    if status in BACK and name == "outbound_payment":
        world.take_in("outbound_returned", _flow(item), item["amount"]["value"])
    if status in BACK and name == "inbound_transfer":
        world.pay_out("inbound_returned", _flow(item), item["amount"]["value"])
    if name == "payout_intent" and item["latest_payout"] is not None:
        payment = item["latest_payout"]["outbound_payment"]
        end(world, "outbound_payment", payment, status)
    moments = {**item["status_transitions"], f"{status}_at": moment()}
    return world.put({**item, "status": status, "status_transitions": moments})


def _get(world: World, name: str, item_id: str) -> Obj:
    item = world.find(kind_of(name), item_id)
    if item is None:
        raise refused("not_found", f"No such {name}: {item_id}", 404)
    return item


def getter(name: str) -> Handler:
    return lambda world, ids, given: _get(world, name, ids[0])


def lister(name: str) -> Handler:
    """Newest first; `page` counts what was shown. A next page is a path, as at Stripe."""

    def operation(world: World, ids: tuple[str, ...], given: Obj) -> Obj:
        limit = min(int(given.get("limit", "20")), 100)
        start = int(given.get("page", "0"))
        found = list(world.newest_first(kind_of(name)))[start : start + limit + 1]
        path = f"/v2/money_management/{name}s"
        more = len(found) > limit
        return {
            "data": found[:limit],
            "next_page_url": f"{path}?limit={limit}&page={start + limit}" if more else None,
            "previous_page_url": None,
        }

    return operation


def moment() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _endpoints() -> Mapping[str, Handler]:
    table: dict[str, Handler] = {}
    for name in FIELDS:
        path = f"money_management/{name}s"
        table[f"POST {path}"] = creator(name)
        table[f"GET {path}"] = lister(name)
        table[f"GET {path}/*"] = getter(name)
        if name != "inbound_transfer":
            table[f"POST {path}/*/cancel"] = canceler(name)
    table["POST money_management/payout_intents/*/confirm"] = confirm
    return table


ENDPOINTS: Final = _endpoints()
"""`METHOD path` below /v2, `*` for an id."""
