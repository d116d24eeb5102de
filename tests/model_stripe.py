"""As much of Stripe as decides about money, in memory: intents, charges, refunds, stored answers.

A test orders what goes wrong, one fault for each write to come (`faults`), and asks afterwards what
Stripe did take or could still take (`at_stake`). An object is numbered by its metadata, or in turn.
Beside `bench.sandbox` it has no wire, no latency and no room for surprises: what it did is what it
says it did.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl

from gateway.upstream.order import NotSent, Order, OutcomeUnknown

Said = tuple[int, dict[str, Any], tuple[tuple[bytes, bytes], ...]]
_REPLAYED = ((b"idempotent-replayed", b"true"),)


class Fault(Enum):
    NOT_SENT = "no connection"
    LOST_BEFORE = "the request left and was never carried out"
    LOST_AFTER = "it was carried out and its answer is lost"
    BROKEN = "500, and nothing was done"
    CONFLICT = "409"
    DECLINE = "the card says no"


class Refused(Exception):
    def __init__(self, status: int, intent: dict[str, Any] | None = None) -> None:
        super().__init__(status)
        self.body = {"error": {"type": "card_error" if status == 402 else "invalid_request_error"}}
        if intent is not None:
            self.body["error"]["payment_intent"] = dict(intent)  # type: ignore[assignment]
        self.status = status


@dataclass(frozen=True)
class Asked:
    """An order as Stripe reads it."""

    method: str
    path: str
    fields: dict[str, str]
    key: bytes | None

    @classmethod
    def of(cls, order: Order) -> Asked:
        path, _, query = order.target.decode().partition("?")
        body = order.body if isinstance(order.body, bytes) else b""
        fields = dict(parse_qsl(f"{query}&{body.decode()}"))
        return cls(order.method.decode(), path, fields, dict(order.headers).get(b"idempotency-key"))

    def number(self, name: str, otherwise: int) -> int:
        return int(self.fields.get(name, otherwise))


class ModelStripe:
    """faults: for the writes to come, in order. orders: every write that left, in order."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        self.refunded = 0
        self.faults: deque[Fault | None] = deque()
        self.orders: list[Order] = []
        self._stored: dict[bytes, Said] = {}

    def __call__(self, order: Order) -> Said:
        """Raises NotSent, OutcomeUnknown."""
        asked = Asked.of(order)
        if asked.method == "GET":
            return self._read(asked)
        fault = self.faults.popleft() if self.faults else None
        if fault is Fault.NOT_SENT:
            raise NotSent("refused (ordered)")
        self.orders.append(order)
        if fault is Fault.LOST_BEFORE:
            raise OutcomeUnknown("lost (ordered)")
        if asked.key in self._stored:
            said = self._stored[asked.key]
            return (said[0], said[1], _REPLAYED)
        if fault is Fault.CONFLICT:
            return 409, {"error": {"type": "idempotency_error"}}, ()
        if fault is Fault.BROKEN:
            said = (500, {"error": {"type": "api_error"}}, ())
        else:
            said = self._write(asked, declines=fault is Fault.DECLINE)
        if asked.key is not None:
            self._stored[asked.key] = said
        if fault is Fault.LOST_AFTER:
            raise OutcomeUnknown("lost (ordered)", timed_out=True)
        return said

    @property
    def at_stake(self) -> int:
        """Cents that were charged, sent back, or could still be charged without a further call."""
        return self.refunded + sum(map(_at_stake, self.things.values()))

    def _read(self, asked: Asked) -> Said:
        thing = self.things.get(asked.path.rpartition("/")[2])
        return (404, {"error": {}}, ()) if thing is None else (200, dict(thing), ())

    def _write(self, asked: Asked, *, declines: bool) -> Said:
        try:
            return 200, dict(self._do(asked, declines)), ()
        except Refused as no:
            return no.status, no.body, ()

    def _do(self, asked: Asked, declines: bool) -> dict[str, Any]:
        kind, object_id, action, *_ = (*asked.path.split("/")[2:], "", "", "")
        if kind == "refunds":
            return self._refund(asked, declines)
        if not object_id:
            thing = self._made(kind, asked)
            if kind == "charges" or asked.fields.get("confirm") == "true":
                self._confirm(thing, asked, declines)
            return thing
        thing = self.things.get(object_id, {})
        if not thing:
            raise Refused(404)
        if thing["status"] in ("succeeded", "canceled", "failed") and action != "refund":
            raise Refused(400, thing if kind == "payment_intents" else None)
        {
            "": self._update,
            "confirm": self._confirm,
            "capture": self._capture,
            "increment_authorization": self._increment,
            "cancel": self._cancel,
        }[action](thing, asked, declines)
        return thing

    def _made(self, kind: str, asked: Asked) -> dict[str, Any]:
        is_intent = kind == "payment_intents"
        prefix = "pi" if is_intent else "ch"
        number = asked.number("metadata[number]", 1)
        while f"{prefix}_{number}" in self.things:
            number += 1
        amount = asked.number("amount", 0)
        thing: dict[str, Any] = {"currency": "usd", "amount": amount, "livemode": False}
        manual = asked.fields.get("capture_method") == "manual"
        if is_intent:
            thing |= {"object": "payment_intent", "manual": manual}
            thing |= {"amount_received": 0, "amount_capturable": 0}
            thing["status"] = "requires_confirmation"
        else:
            thing |= {"object": "charge", "amount_refunded": 0}
            thing |= {"captured": False, "amount_captured": 0, "status": "pending"}
            thing["manual"] = asked.fields.get("capture") == "false"
        thing["id"] = f"{prefix}_{number}"
        self.things[thing["id"]] = thing
        return thing

    def _update(self, thing: dict[str, Any], asked: Asked, declines: bool) -> None:
        if thing["status"] == "requires_capture":
            raise Refused(400, thing)
        thing["amount"] = asked.number("amount", thing["amount"])

    def _confirm(self, thing: dict[str, Any], asked: Asked, declines: bool) -> None:
        is_charge = thing["object"] == "charge"
        if thing["status"] == "requires_capture":
            raise Refused(400, thing)
        if declines:
            thing["status"] = "failed" if is_charge else "requires_payment_method"
            raise Refused(402, None if is_charge else thing)
        if is_charge:
            thing["status"] = "succeeded" if not thing["manual"] else "held"
            thing["captured"] = not thing["manual"]
            thing["amount_captured"] = thing["amount"] * thing["captured"]
            if thing["manual"]:
                thing["status"] = "pending"
        elif thing["manual"]:
            thing |= {"status": "requires_capture", "amount_capturable": thing["amount"]}
        else:
            thing |= {"status": "succeeded", "amount_received": thing["amount"]}

    def _capture(self, thing: dict[str, Any], asked: Asked, declines: bool) -> None:
        if thing["object"] == "charge":
            captured = asked.number("amount", thing["amount"])
            if captured > thing["amount"]:
                raise Refused(400)
            thing |= {"status": "succeeded", "captured": True, "amount_captured": captured}
            return
        captured = asked.number("amount_to_capture", thing["amount_capturable"])
        if thing["status"] != "requires_capture" or captured > thing["amount_capturable"]:
            raise Refused(400, thing)
        thing["amount_received"] += captured
        thing["amount_capturable"] -= captured
        if asked.fields.get("final_capture", "true") == "true":
            thing |= {"status": "succeeded", "amount_capturable": 0}

    def _increment(self, thing: dict[str, Any], asked: Asked, declines: bool) -> None:
        amount = asked.number("amount", 0)
        if thing["status"] != "requires_capture" or amount <= thing["amount"]:
            raise Refused(400, thing)
        if declines:
            raise Refused(402, thing)
        thing["amount_capturable"] += amount - thing["amount"]
        thing["amount"] = amount

    def _cancel(self, thing: dict[str, Any], asked: Asked, declines: bool) -> None:
        thing |= {"status": "canceled", "amount_capturable": 0}

    def _refund(self, asked: Asked, declines: bool) -> dict[str, Any]:
        charge = self.things.get(asked.fields["charge"], {})
        left = charge.get("amount_captured", 0) - charge.get("amount_refunded", 0)
        amount = asked.number("amount", left)
        if declines or not 0 < amount <= left:
            raise Refused(400)
        charge["amount_refunded"] += amount
        self.refunded += amount
        number = len(self.things) + self.refunded
        return {
            "id": f"re_{number}",
            "object": "refund",
            "status": "succeeded",
            "amount": amount,
            "currency": "usd",
            "charge": charge["id"],
        }


def _at_stake(thing: dict[str, Any]) -> int:
    over = thing["status"] in ("succeeded", "canceled", "failed")
    if thing["object"] == "charge":
        if thing["status"] == "failed":
            return 0
        return int(thing["amount_captured"] if over else thing["amount"])
    if over:
        return int(thing["amount_received"])
    waits = thing["amount_capturable"] if thing["status"] == "requires_capture" else None
    waits = thing["amount"] - thing["amount_received"] if waits is None else waits
    return int(thing["amount_received"] + waits)
