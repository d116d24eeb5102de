"""A sandbox process: the vendor, the faults in force, what was seen, and the tests' own door.

`/_sandbox/…` is that door (loopback, no credential):

    GET  /_sandbox/stats      what payers were charged and got back, requests by path, requests seen
    GET  /_sandbox/state      accounts with their objects, rules in force, open connections
    POST /_sandbox/behave     a fault, or a list of them (`faults.Fault`)
    POST /_sandbox/calm       forget all faults
    POST /_sandbox/reset      forget everything
    POST /_sandbox/payer      {"payment_intent", "succeeds", "payment_method"}: a payer or bank acts
    POST /_sandbox/refund     {"refund", "status"}: a refund gets its final status
"""

from __future__ import annotations

import os
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import orjson

from bench.sandbox.faults import Script, parse_fault, play
from bench.sandbox.stripe import intents, refunds
from bench.sandbox.stripe.api import StripeApi
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World
from bench.sandbox.wire import Answer, Connection, Obj, Request, Vendor

DOOR: Final = "/_sandbox/"
SEEN_MAX: Final = 4_096
SEEN_BODY_BYTES_MAX: Final = 2_048
JSON: Final = (b"Content-Type", b"application/json")


class MoneyLog:
    """Each movement of money as one JSON line, written at once (`--state-file`): it outlives any
    process that is killed. Without a file it does nothing."""

    __slots__ = ("_descriptor",)

    def __init__(self, path: Path | None) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._descriptor = None if path is None else os.open(path, flags, 0o600)

    def __call__(self, kind: str, subject: Obj, amount: int) -> None:
        if self._descriptor is None:
            return
        line = {
            "kind": kind,
            "id": subject["id"],
            "amount": amount,
            "currency": subject["currency"],
        }
        os.write(self._descriptor, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


class Seen:
    """The requests that arrived: all counted, the last SEEN_MAX kept, bodies cut."""

    __slots__ = ("_last", "_posts", "_requests")

    def __init__(self) -> None:
        self._last: deque[tuple[float, Request]] = deque(maxlen=SEEN_MAX)
        self._posts: Counter[str] = Counter()
        self._requests = 0

    def note(self, request: Request) -> None:
        self._requests += 1
        if request.method == "POST":
            self._posts[request.path] += 1
            if len(self._posts) > SEEN_MAX:
                del self._posts[next(iter(self._posts))]
        if len(request.body) > SEEN_BODY_BYTES_MAX:
            request = Request(
                request.method, request.path, request.query, request.headers,
                request.body[:SEEN_BODY_BYTES_MAX],
            )  # fmt: skip
        self._last.append((time.time(), request))

    def stats(self) -> Obj:
        return {
            "requests": self._requests,
            "posts": dict(self._posts),
            "seen": [_shown(at, request) for at, request in self._last],
        }


def _shown(at: float, request: Request) -> Obj:
    return {
        "at": at,
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "headers": [[name.decode(), value.decode("latin-1")] for name, value in request.headers],
        "body": request.body.decode("utf-8", "replace"),
    }


class House:
    """Plays requests: the control door here, everything else at the vendor."""

    __slots__ = ("_control", "_money_log", "connections", "script", "seen", "stripe", "vendor")

    def __init__(self, secrets: frozenset[str], *, keep: int, state_file: Path | None) -> None:
        self._money_log = MoneyLog(state_file)
        self.stripe = StripeApi(secrets, keep=keep, log=self._money_log)
        self.vendor: Vendor = self.stripe
        self.script = Script()
        self.seen = Seen()
        self.connections: set[Connection] = set()
        self._control: dict[tuple[str, str], Callable[[Obj | list[Obj]], Obj]] = {
            ("GET", "stats"): lambda data: self._stats(),
            ("GET", "state"): lambda data: self._state(),
            ("POST", "behave"): self._behave,
            ("POST", "calm"): lambda data: self._calm(),
            ("POST", "reset"): lambda data: self._reset(),
            ("POST", "payer"): self._payer,
            ("POST", "refund"): self._refund,
        }

    def play(self, request: Request, connection: Connection) -> None:
        try:
            if request.path.startswith(DOOR):
                connection.send(self._answer_control(request))
                return
            self.seen.note(request)
            fault = self.script.match(request)
            begun = self.vendor.begin(request)
            if fault is not None:
                play(fault, request, begun, connection)
                return
            answer = begun if isinstance(begun, Answer) else begun.execute()
            connection.send(answer, bodiless=request.method == "HEAD")
        except Exception:  # a bug of the sandbox must be seen, and must not hang its caller
            traceback.print_exc()
            connection.send(Answer(500, b'{"error":{"type":"api_error","message":"sandbox bug"}}'))

    def _answer_control(self, request: Request) -> Answer:
        action = self._control.get((request.method, request.path.removeprefix(DOOR)))
        if action is None:
            return _json(404, {"error": f"no such control: {request.method} {request.path}"})
        try:
            return _json(200, action(orjson.loads(request.body) if request.body else {}))
        except (ValueError, TypeError, KeyError) as exc:
            return _json(400, {"error": f"{type(exc).__name__}: {exc}"})
        except StripeError as exc:
            return _json(exc.status, {"error": str(exc)})

    def _stats(self) -> Obj:
        charged: Counter[str] = Counter()
        refunded: Counter[str] = Counter()
        for world in self.stripe.worlds:
            charged.update(world.charged)
            refunded.update(world.refunded)
        return {"charged": dict(charged), "refunded": dict(refunded), **self.seen.stats()}

    def _state(self) -> Obj:
        return {
            "accounts": [_account(world) for world in self.stripe.worlds],
            "faults": self.script.state(),
            "connections": len(self.connections),
        }

    def _behave(self, data: Obj | list[Obj]) -> Obj:
        faults = [parse_fault(item) for item in (data if isinstance(data, list) else [data])]
        for fault in faults:
            self.script.add(fault)
        return {"added": len(faults)}

    def _calm(self) -> Obj:
        self.script.clear()
        return {}

    def _reset(self) -> Obj:
        self.stripe.reset()
        self.script.clear()
        self.seen = Seen()
        return {}

    def _payer(self, data: Obj | list[Obj]) -> Obj:
        assert isinstance(data, dict)
        world = self._world_with("payment_intent", data["payment_intent"])
        return intents.payer_acts(
            world,
            data["payment_intent"],
            succeeds=data.get("succeeds", True),
            token=data.get("payment_method"),
        )

    def _refund(self, data: Obj | list[Obj]) -> Obj:
        assert isinstance(data, dict)
        return refunds.end(
            self._world_with("refund", data["refund"]), data["refund"], data["status"]
        )

    def _world_with(self, kind: str, object_id: str) -> World:
        for world in self.stripe.worlds:
            if world.find(kind, object_id) is not None:
                return world
        raise KeyError(object_id)


def _account(world: World) -> Obj:
    return {
        "account": world.account,
        "livemode": world.livemode,
        "charged": world.charged,
        "refunded": world.refunded,
        "objects": {kind: len(table) for kind, table in world.tables.items() if table},
        "events": len(world.events),
        "idempotency_keys": len(world.remembered),
        "payment_intents": Counter(i["status"] for i in world.newest_first("payment_intent")),
    }


def _json(status: int, data: Obj) -> Answer:
    return Answer(status, orjson.dumps(data), [JSON])
