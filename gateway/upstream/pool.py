"""The way to one vendor account: kept-alive connections on a stack, and `send`.

A pool here is a list per origin: the warmest connection on top, checkout and return are pop and
append (httpcore's own pool looks at every connection on each arrival and departure; at 32 callers
that was twenty times a call's CPU). Every exchange in flight is in one set; one timer for all
accounts sweeps it for deadlines, and the stacks for connections that sat idle too long. A
connection is either in an exchange or on a stack, never both, never neither: `back` is the only
way between them."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import httpcore

from gateway.settings import MIB, AccountSettings, VendorSettings
from gateway.upstream.backend import VendorBackend, VendorConnection
from gateway.upstream.credentials import Credentials
from gateway.upstream.direct import Direct
from gateway.upstream.exchange import Exchange
from gateway.upstream.order import (
    Aborted,
    Gate,
    Limits,
    NotSent,
    Order,
    OutcomeUnknown,
    Reply,
    Watch,
    open_gate,
)
from gateway.upstream.origins import Origin, hosts, origin_of
from gateway.upstream.stream import VendorStream
from vendors.contract import Lookup, Vendor

__all__ = [
    "Aborted",
    "Gate",
    "NotSent",
    "Order",
    "OutcomeUnknown",
    "Reply",
    "Upstream",
    "Watch",
    "open_gate",
]

ENDS: Final = ("1xx", "2xx", "3xx", "4xx", "5xx", "not_sent", "aborted", "timed_out", "broke_off")
"""How an exchange ends: with an answer of this class, or without one."""
_TARGET: Final = re.compile(r"/[!-~]*")
_LOOKUP: Final = ((b"accept", b"application/json"), (b"user-agent", b"keybrake"))
_NONE: Final[Mapping[bytes, bytes]] = {}


@dataclass(slots=True)
class Counts:
    """Of one account, since the start."""

    opened: int = 0
    reused: int = 0
    closed_stale: int = 0
    """Idle connections that the vendor ended, spoiled or let grow old."""
    ends: dict[str, int] = field(default_factory=dict.fromkeys(ENDS, 0).copy)
    """Exchanges by how they ended."""


class Upstream:
    """One vendor account: its credentials, its origins, its exchanges in flight."""

    __slots__ = (
        "__weakref__",
        "_backend",
        "_closed",
        "_credentials",
        "_flying",
        "_open",
        "_origins",
        "_retired",
        "_settings",
        "counts",
        "direct",
        "limits",
        "loop",
        "made_of",
        "scrubber",
    )

    def __init__(
        self,
        settings: VendorSettings,
        account: AccountSettings,
        vendor: Vendor,
        loop: asyncio.AbstractEventLoop,
        counts: Counts | None = None,
    ) -> None:
        self.made_of = made_of(settings, account)
        self._settings = settings
        self._credentials = Credentials(vendor, account)
        self.scrubber = self._credentials.scrubber
        self.direct = Direct()
        self._origins = {
            name: origin_of(url, settings.ca_file) for name, url in hosts(settings, vendor).items()
        }
        self.limits = Limits(
            first_byte_s=settings.first_byte_timeout_s,
            idle_s=settings.first_byte_timeout_s,
            total_s=settings.total_timeout_s,
        )
        self._backend = VendorBackend()
        self.loop = loop
        self._flying: set[Exchange] = set()
        self._open = 0
        self._closed = self._retired = False
        self.counts = counts or Counts()

    @property
    def in_flight(self) -> int:
        return len(self._flying)

    @property
    def connections(self) -> int:
        """Open or being opened, in an exchange or idle."""
        return self._open

    @property
    def idle(self) -> int:
        return sum(len(origin.idle) for origin in self._origins.values())

    @property
    def authorization(self) -> bytes:
        """The Authorization header's value that the vendor gets."""
        return self._credentials.authorization

    @property
    def account(self) -> str:
        """The account's own id, where the vendor's paths name it; '' elsewhere."""
        return self._credentials.account

    @property
    def livemode(self) -> bool | None:
        """Do the account's calls move real money? None if its key does not tell."""
        return self._credentials.livemode

    async def send(self, order: Order, watch: Watch) -> Reply:
        """One request out, at most once, one answer back.

        Raises NotSent (no connection, or the last byte was never written: it did not run),
        OutcomeUnknown (the last byte was written), Aborted; what `watch.gate` raises (nothing was
        sent); and, before `watch.left`, what reading a streaming body raises (it did not run
        either)."""
        body = order.body
        if not isinstance(body, bytes) and body.length == 0:
            body = order.body = b""
        first = body if isinstance(body, bytes) else await body.read()
        origin = self._origin(order.product)
        exchange = self._begin(order, watch)
        try:
            exchange.take(self._checkout(origin) or await self._connect(origin, watch))
            if watch.aborted:
                raise Aborted(left=False)
            watch.gate()
            reply = await exchange.run(origin, first)
        except BaseException as exc:
            exchange.end()
            if (end := _end_of(exc)) is not None:
                self.counts.ends[end] += 1
            raise
        self.counts.ends[ENDS[reply.status // 100 - 1]] += 1
        return reply

    async def look(
        self, lookup: Lookup, headers: Mapping[bytes, bytes] = _NONE, gate: Gate = open_gate
    ) -> Reply:
        """A lookup, with the account's own authorization; `{account}` in its target becomes the
        account's id. headers: those that choose the account it is about; nothing else of any
        caller's. Raises NotSent, OutcomeUnknown, and what `gate` raises (nothing was sent then). A
        body beyond 1 MiB is left unread: `body` is None then."""
        target = lookup.target.replace("{account}", self.account)
        if _TARGET.fullmatch(target) is None:  # part of it may be from an answer of the vendor's
            raise NotSent("the look-up has no target that can be written")
        lines = [(b"authorization", self.authorization), *_LOOKUP, *headers.items()]
        lines.extend(lookup.headers)
        method = b"GET"
        if lookup.body is not None:
            method = b"POST"
            lines.append((b"content-type", lookup.content_type.encode("ascii")))
        order = Order(
            method, target.encode("ascii"), lines, lookup.body or b"", lookup.product, MIB
        )
        reply = await self.send(order, Watch(gate))
        await reply.close()
        return reply

    def sweep(self, now_s: float) -> None:
        """End the exchanges that are over their deadline, and what is idle and no longer of use."""
        for exchange in tuple(self._flying):
            if exchange.overdue(now_s):
                exchange.expire()
        for origin in self._origins.values():
            stale = [one for one in origin.idle if not self._is_fresh(one, now_s)]
            for connection in stale:
                origin.idle.remove(connection)
                self._discard(connection)

    def retire(self) -> None:
        """New settings have another in its place: calls that hold this one still go out, and no
        connection is kept."""
        self._retired = True
        for origin in self._origins.values():
            while origin.idle:
                self._close(origin.idle.pop())

    def close(self) -> None:
        """Nothing goes out from here on; what is under way ends."""
        self._closed = True
        for exchange in tuple(self._flying):
            exchange.shut()
        for origin in self._origins.values():
            while origin.idle:
                self._close(origin.idle.pop())

    # An exchange's place and connection.

    def _origin(self, product: str) -> Origin:
        origin = self._origins.get(product)
        if origin is None:
            raise NotSent(f"no host is known for {product}")
        return origin

    def _begin(self, order: Order, watch: Watch) -> Exchange:
        """Take a place in flight. Raises NotSent if there is none: callers queue before their
        hold."""
        if self._closed:
            raise NotSent("the gateway is closing")
        if len(self._flying) >= self._settings.connections_max:
            raise NotSent("busy")
        exchange = Exchange(order, watch, self)
        self._flying.add(exchange)
        return exchange

    def back(self, exchange: Exchange, connection: VendorConnection | None, reusable: bool) -> None:
        """An exchange is over: its place is free, its connection on the stack again or closed."""
        self._flying.discard(exchange)
        if connection is None:
            return
        if reusable and not (self._closed or self._retired):
            connection.idle_since_s = self.loop.time()
            connection.stack.append(connection)
        else:
            self._close(connection)

    def _checkout(self, origin: Origin) -> VendorConnection | None:
        """The warmest connection that is still good. Nothing was sent on it yet, so trying the next
        one is no second request."""
        now_s = self.loop.time()
        while origin.idle:
            connection = origin.idle.pop()
            age_s = now_s - connection.idle_since_s
            if age_s <= self._settings.connection_idle_s and connection.socket.quiet():
                self.counts.reused += 1
                return connection
            self._discard(connection)
        return None

    def _is_fresh(self, connection: VendorConnection, now_s: float) -> bool:
        age_s = now_s - connection.idle_since_s
        return age_s <= self._settings.connection_idle_s and connection.socket.untouched

    def _discard(self, connection: VendorConnection) -> None:
        self.counts.closed_stale += 1
        self._close(connection)

    def _close(self, connection: VendorConnection) -> None:
        self._open -= 1
        connection.socket.abort()

    # Connecting.

    async def _connect(self, origin: Origin, watch: Watch) -> VendorConnection:
        """A new connection. `watch.abort` ends the attempt. Raises NotSent, Aborted."""
        self._make_room()
        self._open += 1
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s) as limit:
                watch.on_abort = partial(limit.reschedule, 0.0)
                stream = await self._reach(origin)
        except BaseException as exc:
            self._open -= 1
            if watch.aborted and isinstance(exc, TimeoutError):
                raise Aborted(left=False) from exc
            if isinstance(exc, (TimeoutError, httpcore.ConnectError)):
                raise NotSent(f"no connection to {origin.name}: {str(exc) or 'timed out'}") from exc
            raise
        finally:
            watch.on_abort = None
        self.counts.opened += 1
        return VendorConnection(origin.httpcore, stream, origin.idle)

    async def _reach(self, origin: Origin) -> VendorStream:
        stream = await self._backend.connect_tcp(origin.name, origin.port)
        if origin.tls is not None:
            await stream.start_tls(origin.tls, origin.name)
        if not stream.untouched:
            stream.abort()
            raise NotSent(f"{origin.name} spoke before it was asked")
        return stream

    def _make_room(self) -> None:
        """Idle connections of every origin count too: the coldest one gives way."""
        if self._open >= self._settings.connections_max:
            stacks = [origin.idle for origin in self._origins.values() if origin.idle]
            coldest = min(stacks, key=lambda stack: stack[0].idle_since_s)
            self._close(coldest.pop(0))


def _end_of(exc: BaseException) -> str | None:
    """Under which name an exchange without an answer is counted; None: a refusal of ours."""
    if isinstance(exc, OutcomeUnknown):
        return "timed_out" if exc.timed_out else "broke_off"
    if isinstance(exc, Aborted):
        return "aborted"
    return "not_sent" if isinstance(exc, NotSent) else None


def made_of(settings: VendorSettings, account: AccountSettings) -> tuple[Any, ...]:
    """All that an Upstream is made of, for comparing: with other credentials, another host or other
    certificates it is another one."""
    trusted = os.stat(settings.ca_file) if settings.ca_file else None
    return (
        settings.base_url,
        dict(settings.hosts),
        settings.ca_file,
        trusted and (trusted.st_ino, trusted.st_size, trusted.st_mtime_ns),
        settings.connections_max,
        settings.connection_idle_s,
        settings.connect_timeout_s,
        settings.first_byte_timeout_s,
        settings.total_timeout_s,
        account.credential(),
    )
