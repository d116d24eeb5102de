"""The three vendors as far as money goes, each with its own ground truth: what it did take.

A model answers one request at a time and never fails by itself; what gets lost, when, and what is
said instead is the wire's (`wire.py`). `Thing` is something that a vendor did which costs money:
`stake_micros` is what it took for it, or can still take without another call. Each request comes
with the lineage it belongs to (the caller's Idempotency-Key, or the one call it is), and a thing
knows the lineages of all requests that made or changed it.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from gateway.upstream.order import Order
from tests.model_stripe import Asked, Fault, ModelStripe

CENT: Final = 10_000
DAY_US: Final = 86_400_000_000
SID: Final = "AC" + "0123456789abcdef" * 2
SMS_MICROS: Final = 8_300
CARRIER_MICROS: Final = 5_000
MAIL_MICROS: Final = 900
DELIVERED_AFTER_US: Final = 4_000_000
"""How long after it was made a message shows its price."""

Answered = tuple[int, Any, tuple[tuple[bytes, bytes], ...]]
JSON: Final = ((b"content-type", b"application/json"),)
REPLAYED: Final = (*JSON, (b"idempotent-replayed", b"true"))


@dataclass
class Thing:
    """vendor_id: as the vendor names it. dear_micros: what a price above the table will have come
    to in the end, which nobody can know before it is declared. asked_us: when its call began."""

    vendor_id: str
    made_us: int
    lineages: set[str]
    stake_micros: int
    dear_micros: int = 0
    asked_us: int = 0
    made_by: str = ""

    def __post_init__(self) -> None:
        [self.made_by] = self.lineages


def mail_date(at_us: int) -> str:
    moment = datetime.datetime.fromtimestamp(at_us // 1_000_000, datetime.UTC)
    return format_datetime(moment, usegmt=True)


def dated(now_us: int) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"date", mail_date(now_us).encode()), *JSON)


class StripeModel:
    """`tests.model_stripe`, with Stripe's events and its memory of 24 hours."""

    name = "stripe"

    def __init__(self) -> None:
        self.real = ModelStripe()
        self.things: dict[str, Thing] = {}
        self.touched: list[Thing] = []
        self.lag_us = 0
        self._events: list[dict[str, Any]] = []
        self._heard: dict[bytes, tuple[int, bytes]] = {}

    def read(self, order: Order, now_us: int) -> Answered:
        asked, date = Asked.of(order), dated(now_us)
        if asked.path == "/v1/events":
            since = int(asked.fields.get("created[gte]", 0))
            upto = (now_us - self.lag_us) // 1_000_000
            told = [event for event in self._events if since <= event["created"] <= upto]
            page = told[::-1][:100]
            more = len(told) > 100
            if after := asked.fields.get("starting_after"):
                at = next(i for i, event in enumerate(told[::-1]) if event["id"] == after) + 1
                page, more = told[::-1][at : at + 100], len(told) > at + 100
            return 200, {"object": "list", "data": page, "has_more": more}, date
        status, tree, _ = self.real(order)
        return status, tree, date

    def write(self, order: Order, lineage: str, now_us: int, *, said: str) -> Answered:
        """said: 'no' for a card that declines, 'failed' for a 500 that did nothing."""
        asked = Asked.of(order)
        self._forget(now_us)
        what = b"%b %b" % (order.target, order.body if isinstance(order.body, bytes) else b"")
        self.touched = []
        if asked.key is not None:
            _, before = self._heard.setdefault(asked.key, (now_us, what))
            if before != what:
                return 400, {"error": {"type": "idempotency_error"}}, JSON
        faults = {"no": Fault.DECLINE, "failed": Fault.BROKEN}
        self.real.faults.clear()
        self.real.faults.append(faults.get(said))
        known, refunded = len(self.real.things), self.real.refunded
        status, tree, headers = self.real(order)
        for name in list(self.real.things)[known:]:
            self._tell(self.real.things[name], asked.key, now_us)
            self.things[name] = Thing(name, now_us, {lineage}, 0)
            self.touched.append(self.things[name])
        if self.real.refunded > refunded:
            self._tell(tree, asked.key, now_us)
            micros = (self.real.refunded - refunded) * CENT
            self.touched.append(Thing(tree["id"], now_us, {lineage}, micros))
            self.things[tree["id"]] = self.touched[-1]
        named = asked.path.split("/")[3] if asked.path.count("/") >= 3 else ""
        if named in self.real.things and not headers:
            self.things[named].lineages.add(lineage)
            self.touched.append(self.things[named])
        for thing in self.touched:
            if (real := self.real.things.get(thing.vendor_id)) is not None:
                thing.stake_micros = _stake(real) * CENT
        return status, tree, REPLAYED if headers else JSON

    def _forget(self, now_us: int) -> None:
        for key in [key for key, (at_us, _) in self._heard.items() if at_us < now_us - DAY_US]:
            del self._heard[key]
            self.real._stored.pop(key, None)

    def _tell(self, thing: Mapping[str, Any], key: bytes | None, now_us: int) -> None:
        kind = {"payment_intent": "payment_intent.created", "refund": "refund.created"}
        self._events.append(
            {
                "object": "event",
                "id": f"evt_{len(self._events)}",
                "created": now_us // 1_000_000,
                "type": kind.get(thing["object"], f"charge.{thing['status']}"),
                "request": {"id": "req_1", "idempotency_key": (key or b"").decode()},
                "data": {"object": dict(thing)},
            }
        )


def _stake(thing: Mapping[str, Any]) -> int:
    """Cents that an object took, or can still take without a further call."""
    over = thing["status"] in ("succeeded", "canceled", "failed")
    if thing["object"] == "charge":
        if thing["status"] == "failed":
            return 0
        return int(thing["amount_captured"] if over else thing["amount"])
    if over:
        return int(thing["amount_received"])
    if thing["status"] == "requires_capture":
        return int(thing["amount_received"] + thing["amount_capturable"])
    return int(thing["amount"])


@dataclass
class Message:
    thing: Thing
    tree: dict[str, Any]
    price_micros: int
    fails: bool


class TwilioModel:
    """Messages: queued at first, priced a little later. No idempotency keys at all."""

    name = "twilio"

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}
        self.touched: list[Thing] = []
        self.lag_us = 0
        self._messages: dict[str, Message] = {}

    def read(self, order: Order, now_us: int) -> Answered:
        path, _, query = order.target.decode().partition("?")
        date = dated(now_us)
        if path.endswith("/Messages.json"):
            to = dict(parse_qsl(query)).get("To")
            upto_us = now_us - self.lag_us
            told = [
                self._shown(message, now_us)
                for message in self._messages.values()
                if message.tree["to"] == to and message.thing.made_us <= upto_us
            ]
            return 200, {"messages": told[::-1], "next_page_uri": None}, date
        message = self._messages.get(path.rpartition("/")[2].removesuffix(".json"))
        if message is None:
            return 404, {"code": 20404, "message": "not found", "status": 404}, date
        return 200, self._shown(message, now_us), date

    def write(self, order: Order, lineage: str, now_us: int, *, said: str) -> Answered:
        """said: 'no' for a number that is none, 'failed' for a 5xx with Twilio's own code; 'dear'
        for a price above the table, 'undelivered' for a message that fails later."""
        self.touched = []
        if said == "no":
            return 400, {"code": 21211, "message": "not a number", "status": 400}, JSON
        if said == "failed":
            return 500, {"code": 20500, "message": "internal", "status": 500}, JSON
        assert isinstance(order.body, bytes)
        fields = dict(parse_qsl(order.body.decode()))
        sid = f"SM{len(self._messages):032x}"
        tree = {
            "sid": sid,
            "account_sid": order.target.decode().split("/")[3],
            "to": fields["To"],
            "from": fields.get("From"),
            "messaging_service_sid": None,
            "body": fields.get("Body"),
            "num_segments": "1",
            "num_media": "0",
            "status": "queued",
            "price": None,
            "price_unit": "USD",
            "error_code": None,
            "date_created": mail_date(now_us),
            "date_sent": None,
            "direction": "outbound-api",
        }
        price = SMS_MICROS if said != "dear" else 4 * SMS_MICROS
        fails = said == "undelivered"
        stake = 1_000 if fails else SMS_MICROS + CARRIER_MICROS
        dear = price + CARRIER_MICROS if said == "dear" else 0
        thing = self.things[sid] = Thing(sid, now_us, {lineage}, stake, dear)
        self.touched = [thing]
        self._messages[sid] = Message(thing, tree, price, fails)
        return 201, dict(tree), JSON

    def _shown(self, message: Message, now_us: int) -> dict[str, Any]:
        if now_us < message.thing.made_us + DELIVERED_AFTER_US:
            return dict(message.tree)
        if message.fails:
            return {**message.tree, "status": "failed", "error_code": 30003}
        price = f"-{message.price_micros / 1_000_000:.5f}"
        sent = message.tree["date_created"]
        return {**message.tree, "status": "delivered", "price": price, "date_sent": sent}


@dataclass
class Mail:
    thing: Thing
    tree: dict[str, Any]
    goes_us: int


class ResendModel:
    """Mails, some of them for later; idempotency keys for a day."""

    name = "resend"

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}
        self.touched: list[Thing] = []
        self.lag_us = 0
        self._mails: dict[str, Mail] = {}
        self._stored: dict[bytes, tuple[int, bytes, Answered]] = {}

    def read(self, order: Order, now_us: int) -> Answered:
        path, _, _ = order.target.decode().partition("?")
        date = dated(now_us)
        if path == "/emails":
            upto_us = now_us - self.lag_us
            told = [
                self._shown(mail, now_us)
                for mail in self._mails.values()
                if mail.thing.made_us <= upto_us
            ]
            return 200, {"object": "list", "data": told[::-1][:100], "has_more": False}, date
        mail = self._mails.get(path.rpartition("/")[2])
        if mail is None:
            return 404, _error(404, "not_found"), date
        return 200, self._shown(mail, now_us), date

    def write(self, order: Order, lineage: str, now_us: int, *, said: str) -> Answered:
        """said: 'no' for a sender that is not allowed, 'failed' for a 500 that did nothing."""
        self.touched = []
        key = dict(order.headers).get(b"idempotency-key", b"")
        body = order.body if isinstance(order.body, bytes) else b""
        at_us, asked, answer = self._stored.get(key, (0, b"", (0, {}, ())))
        if key and at_us > now_us - DAY_US:
            if asked != body:
                return 409, _error(409, "invalid_idempotent_request"), JSON
            return answer
        if said == "no":
            return 422, _error(422, "validation_error"), JSON
        if said == "failed":
            return 500, _error(500, "application_error"), JSON
        answer = self._do(order, body, lineage, now_us)
        if key and answer[0] < 300:
            self._stored[key] = (now_us, body, answer)
        return answer

    def _do(self, order: Order, body: bytes, lineage: str, now_us: int) -> Answered:
        path = order.target.decode()
        if path.endswith("/cancel"):
            return self._cancel(path.split("/")[2], lineage, now_us)
        tree = orjson.loads(body)
        mail_id = str(uuid.UUID(int=len(self._mails) + 1))
        to = tree["to"] if isinstance(tree["to"], list) else [tree["to"]]
        count = len(to) + len(tree.get("cc", ()))
        thing = self.things[mail_id] = Thing(mail_id, now_us, {lineage}, MAIL_MICROS * count)
        self.touched = [thing]
        shown = {"id": mail_id, "to": to, "subject": tree["subject"], "from": tree["from"]}
        moment = datetime.datetime.fromtimestamp(now_us / 1_000_000, datetime.UTC)
        shown["created_at"] = moment.isoformat()
        goes_us = now_us + 3_600_000_000 if "scheduled_at" in tree else now_us
        self._mails[mail_id] = Mail(thing, shown, goes_us)
        return 200, {"id": mail_id}, JSON

    def _cancel(self, mail_id: str, lineage: str, now_us: int) -> Answered:
        mail = self._mails.get(mail_id)
        if mail is None:
            return 404, _error(404, "not_found"), JSON
        mail.thing.lineages.add(lineage)
        self.touched = [mail.thing]
        if now_us >= mail.goes_us:
            return 422, _error(422, "validation_error"), JSON
        mail.thing.stake_micros = 0
        return 200, {"object": "email", "id": mail_id}, JSON

    def _shown(self, mail: Mail, now_us: int) -> dict[str, Any]:
        event = "delivered" if now_us >= mail.goes_us else "scheduled"
        if not mail.thing.stake_micros:
            event = "canceled"
        return {**mail.tree, "last_event": event}


def _error(status: int, name: str) -> dict[str, Any]:
    return {"statusCode": status, "name": name, "message": name}


Model = StripeModel | TwilioModel | ResendModel


@dataclass
class Vendors:
    """All three, and what they took altogether."""

    stripe: StripeModel = field(default_factory=StripeModel)
    twilio: TwilioModel = field(default_factory=TwilioModel)
    resend: ResendModel = field(default_factory=ResendModel)

    @property
    def all(self) -> tuple[Model, ...]:
        return self.stripe, self.twilio, self.resend

    def thing(self, vendor_id: str) -> Thing | None:
        """Whoever's it is."""
        for model in self.all:
            if (found := model.things.get(vendor_id)) is not None:
                return found
        return None

    def named(self, name: str) -> Model:
        models: dict[str, Model] = {model.name: model for model in self.all}
        return models[name]
