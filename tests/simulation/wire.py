"""The way to a vendor that is a model: what is sent arrives, is done, and is answered at moments of
the timeline, or is lost on the way as the story says.

`SimUpstream` keeps the promises of `gateway.upstream.pool.Upstream`: it ends in a `Reply`, or in
`NotSent`, `OutcomeUnknown`, `Aborted`, and calls `watch.gate` right before the first byte. What has
left goes on in the world, whether the process that sent it still lives or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.settings import MIB
from gateway.upstream.order import (
    Aborted,
    Gate,
    NotSent,
    Order,
    OutcomeUnknown,
    Reply,
    Watch,
    open_gate,
)
from gateway.upstream.scrub import Scrubber
from tests.simulation.models import JSON, SID, Answered, Model
from vendors.contract import Lookup

if TYPE_CHECKING:
    from tests.simulation.callers import Caller
    from tests.simulation.world import World

SECRETS: Final = {
    "stripe": b"Bearer sk_live_51NeverShownToAnybody000000",
    "twilio": b"Basic QUM6bmV2ZXItc2hvd24tdG8tYW55Ym9keQ==",
    "resend": b"Bearer re_NeverShownToAnybody_0123456789",
}
FIRST_BYTE_S: Final = 30.0
_UNTOLD: Final = {"lost before", "lost after", "half", "too late"}
_UNDONE: Final = {"409": 409, "424": 424}
_NOTHING: Final[Mapping[bytes, bytes]] = {}


@dataclass(frozen=True, slots=True)
class Way:
    """How one call fares. Seconds. done: where the vendor refuses because somebody else is at it,
    did that one do it?"""

    fate: str
    connect_s: float
    there_s: float
    work_s: float
    back_s: float
    done: bool

    @classmethod
    def of(cls, fate: str, salt: int) -> Way:
        random = Random(salt)
        late_s = random.uniform(1, 25) if fate == "late" else 0.0
        connect_s, there_s = random.choice((0.0, 0.002, 0.08)), random.uniform(0.001, 0.05)
        work_s = random.choice((0.001, 0.02, 0.2, 1.0)) + late_s * random.random()
        back_s = random.uniform(0.001, 0.05) + late_s
        if fate == "too late":
            back_s = random.uniform(31, 90)
        return cls(fate, connect_s, there_s, work_s, back_s, random.random() < 0.5)


class Bytes:
    """Where a reply's pieces come from."""

    def __init__(self, body: bytes) -> None:
        self.scrubber = _SCRUBBER
        self._left = [body[:100], body[100:]] if len(body) > 100 else [body]

    async def piece(self) -> bytes:
        await asyncio.sleep(0.01)
        return self._left.pop(0) if self._left else b""

    def end(self) -> None:
        self._left.clear()


_SCRUBBER: Final = Scrubber("sk_live_51NeverShownToAnybody000000")


class SimUpstream:
    """One vendor's account, as one process sees it."""

    def __init__(self, world: World, model: Model, loop: asyncio.AbstractEventLoop) -> None:
        self.authorization = SECRETS[model.name]
        self.account = SID if model.name == "twilio" else ""
        self.livemode: bool | None = True
        self._world = world
        self._model = model
        self._loop = loop
        self.closed = False
        self._waiting: set[asyncio.Future[Answered]] = set()

    async def send(self, order: Order, watch: Watch) -> Reply:
        caller = self._world.caller_now()
        way = caller.way
        body = order.body
        first = body if isinstance(body, bytes) else await body.read()
        if self.closed:
            raise NotSent("the gateway is closing")
        future: asyncio.Future[Answered] = self._loop.create_future()
        try:
            await self._connect(way, watch)
            watch.gate()
            self._world.first_byte(caller, order)
            whole = first if isinstance(body, bytes) else await self._upload(first, body, watch)
            if way.fate == "reset early":
                raise NotSent("the connection broke")
            watch.left = True
            self._depart(caller, replace(order, body=whole), way, future)
            return await self._answer(order, watch, future)
        finally:
            watch.on_abort = None
            self._waiting.discard(future)

    async def _connect(self, way: Way, watch: Watch) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()
        watch.on_abort = lambda: _wake(ready)
        timer = self._loop.call_later(way.connect_s, _wake, ready)
        await ready
        timer.cancel()
        watch.on_abort = None
        if watch.aborted:
            raise Aborted(left=False)
        if way.fate == "no connection" or self._world.is_out(self._model.name):
            raise NotSent("no connection")

    async def _upload(self, first: bytes, body: Any, watch: Watch) -> bytes:
        pieces = [first]
        while piece := await body.read():
            pieces.append(piece)
            if watch.aborted:
                raise Aborted(left=False)
        return b"".join(pieces)

    async def _answer(self, order: Order, watch: Watch, future: asyncio.Future[Answered]) -> Reply:
        watch.on_abort = lambda: _fail(future, Aborted(left=True))
        self._waiting.add(future)
        late = OutcomeUnknown("no answer in time", timed_out=True)
        timer = self._loop.call_later(FIRST_BYTE_S, _fail, future, late)
        try:
            return _reply(order, await future)
        finally:
            timer.cancel()

    def close(self) -> None:
        """What is under way ends as nobody knows."""
        self.closed = True
        for future in list(self._waiting):
            _fail(future, OutcomeUnknown("the gateway is closing"))

    # -- in the world --------------------------------------------------------------------------

    def _depart(
        self, caller: Caller, order: Order, way: Way, future: asyncio.Future[Answered]
    ) -> None:
        timeline = self._world.timeline
        self._world.last_byte(caller, order)
        if way.fate == "lost before":
            broken = OutcomeUnknown("the connection broke")
            timeline.after(way.there_s, lambda: self._tell(caller, future, broken))
            return
        timeline.after(way.there_s, lambda: self._arrive(caller, order, way, future), abroad=True)

    def _arrive(
        self, caller: Caller, order: Order, way: Way, future: asyncio.Future[Answered]
    ) -> None:
        """At the vendor's door: who uses a key that is in use there is turned away."""
        world, key = self._world, dict(order.headers).get(b"idempotency-key", b"")
        busy = world.busy[self._model.name]
        refused = way.fate in _UNDONE and not way.done
        if order.method != b"GET" and (refused or key in busy):
            answer = _refusal(self._model.name, _UNDONE.get(way.fate, 409))
            world.timeline.after(way.back_s, lambda: self._tell(caller, future, answer))
            return
        if key:
            busy.add(key)

        def work() -> None:
            busy.discard(key)
            self._work(caller, order, way, future)

        world.timeline.after(way.work_s, work, abroad=True)

    def _work(
        self, caller: Caller, order: Order, way: Way, future: asyncio.Future[Answered]
    ) -> None:
        world, fate = self._world, way.fate
        answer: Answered | OutcomeUnknown = world.vendor_does(self._model, caller, order, fate)
        if fate in _UNDONE and order.method != b"GET":
            answer = _refusal(self._model.name, _UNDONE[fate])
        elif fate == "done, 500":
            answer = (502, b"<html>bad gateway</html>", ())
        elif fate in _UNTOLD:
            answer = OutcomeUnknown("half an answer" if fate == "half" else "the connection broke")
        world.timeline.after(way.back_s, lambda: self._tell(caller, future, answer))

    def _tell(
        self,
        caller: Caller,
        future: asyncio.Future[Answered],
        answer: Answered | OutcomeUnknown,
    ) -> None:
        if not self._world.lives(self._loop) or future.done():
            return
        self._world.happened("answers", caller)
        if isinstance(answer, OutcomeUnknown):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    # -- reading -------------------------------------------------------------------------------

    async def look(
        self,
        lookup: Lookup,
        headers: Mapping[bytes, bytes] = _NOTHING,
        gate: Gate = open_gate,
    ) -> Reply:
        target = lookup.target.replace("{account}", self.account).encode()
        lines = [(b"authorization", self.authorization), *headers.items()]
        order = Order(b"GET", target, lines, b"", lookup.product, MIB)
        await asyncio.sleep(0.03)
        gate()
        if self._world.is_out(self._model.name):
            raise NotSent("no connection")
        answer = self._world.vendor_shows(self._model, order)
        await asyncio.sleep(0.02)
        return _reply(order, answer)


def _reply(order: Order, answer: Answered) -> Reply:
    status, tree, headers = answer
    body = tree if isinstance(tree, bytes) else orjson.dumps(tree)
    reply = Reply(Bytes(body), status, list(headers), len(body))
    if len(body) <= order.whole_bytes_max:
        reply.body = body
    return reply


def _refusal(vendor: str, status: int) -> Answered:
    if vendor == "resend":
        name = "concurrent_idempotent_requests"
        return status, {"statusCode": status, "name": name, "message": name}, JSON
    if vendor == "twilio":
        return status, {"code": 20409, "message": "conflict", "status": status}, JSON
    return status, {"error": {"type": "idempotency_error"}}, JSON


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def _fail(future: asyncio.Future[Answered], exc: Exception) -> None:
    if not future.done():
        future.set_exception(exc)
