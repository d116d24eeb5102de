"""A sandbox process: the vendor, the faults in force, what was seen, and the tests' own door.

`/_sandbox/…` is that door (loopback, no credential):

    GET  /_sandbox/stats      what was charged, requests by path, requests seen
    GET  /_sandbox/state      accounts with their objects, rules in force, open connections
    POST /_sandbox/behave     a fault, or a list of them (`faults.Fault`)
    POST /_sandbox/calm       forget all faults, and let go what they hold
    POST /_sandbox/reset      forget everything

and the actions of the vendor's own (`standin.StandIn.actions`): who pays, what a carrier does.
"""

from __future__ import annotations

import os
import time
import traceback
from collections import Counter, deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from bench.sandbox.faults import Script, parse_fault, play
from bench.sandbox.standin import Action, Refused, StandIn
from bench.sandbox.wire import Answer, Connection, Obj, Request

DOOR: Final = "/_sandbox/"
SEEN_MAX: Final = 4_096
SEEN_BODY_BYTES_MAX: Final = 2_048
JSON: Final = (b"Content-Type", b"application/json")
BUG: Final = b'{"error":{"type":"api_error","message":"sandbox bug"},"message":"sandbox bug"}'


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

    __slots__ = ("_control", "connections", "script", "seen", "vendor")

    def __init__(self, vendor: StandIn) -> None:
        self.vendor = vendor
        self.script = Script()
        self.seen = Seen()
        self.connections: set[Connection] = set()
        self._control: Mapping[tuple[str, str], Action] = {
            ("GET", "stats"): lambda data: self._stats(),
            ("GET", "state"): lambda data: self._state(),
            ("POST", "behave"): self._behave,
            ("POST", "calm"): lambda data: self._calm(),
            ("POST", "reset"): lambda data: self._reset(),
            **vendor.actions(),
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
                play(fault, request, begun, connection, self.vendor, self.script.held)
                return
            answer = begun if isinstance(begun, Answer) else begun.execute()
            connection.send(answer, bodiless=request.method == "HEAD")
        except Exception:  # a bug of the sandbox must be seen, and must not hang its caller
            traceback.print_exc()
            connection.send(Answer(500, BUG, [JSON]))

    def _answer_control(self, request: Request) -> Answer:
        action = self._control.get((request.method, request.path.removeprefix(DOOR)))
        if action is None:
            return _json(404, {"error": f"no such control: {request.method} {request.path}"})
        try:
            return _json(200, action(orjson.loads(request.body) if request.body else {}))
        except (ValueError, TypeError, KeyError) as exc:
            return _json(400, {"error": f"{type(exc).__name__}: {exc}"})
        except Refused as exc:
            return _json(exc.status, {"error": str(exc)})

    def _stats(self) -> Obj:
        return {**self.vendor.stats(), **self.seen.stats()}

    def _state(self) -> Obj:
        return {
            "accounts": self.vendor.accounts(),
            "faults": self.script.state(),
            "connections": len(self.connections),
        }

    def _behave(self, data: Any) -> Obj:
        faults = [parse_fault(item) for item in (data if isinstance(data, list) else [data])]
        for fault in faults:
            self.script.add(fault)
        return {"added": len(faults)}

    def _calm(self) -> Obj:
        self.script.clear()
        return {}

    def _reset(self) -> Obj:
        self.script.clear()
        self.vendor.reset()
        self.seen = Seen()
        return {}


def _json(status: int, data: Obj) -> Answer:
    return Answer(status, orjson.dumps(data), [JSON])
