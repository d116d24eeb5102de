"""What all connections of one listener share: who answers, the limits, the live connections, the
date.

A connection stays here until its socket is closed *and* its handler has ended: a caller who hangs
up ends nothing, so a drain has to wait for both.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from gateway.errors import Refusal
from gateway.http.answers import DateLine
from gateway.http.message import Request, Response
from gateway.http.secondreader import SecondReader
from gateway.http.trusted import Trusted
from gateway.settings import ServerSettings

Handler = Callable[[Request], Awaitable[Response]]
"""Answers one request. It turns refusals of its own into answers, and is never cancelled by a
client."""
Render = Callable[[Refusal], Response]
"""Dresses a refusal of the framing, made before any handler saw a request."""


class Live(Protocol):
    """A connection as the listener sees it."""

    peer: str

    def expire(self, now_s: float) -> None:
        """Act on deadlines that have passed."""

    def retire(self) -> None:
        """Close if idle; otherwise the answer under way is the last."""

    def abort(self) -> None:
        """Close now, whatever is under way."""


class Stuck(Protocol):
    """An answer that waits for its client."""

    def cut_off(self) -> None:
        """Close its connection: others need the memory."""


class Service:
    """The shared state of one listener's connections."""

    __slots__ = (
        "_parted",
        "_parting",
        "admitted",
        "connections",
        "cut_off",
        "date",
        "draining",
        "emptied",
        "handler",
        "loop",
        "render",
        "second_reader",
        "settings",
        "sources",
        "stuck",
        "trusted",
    )

    def __init__(self, handler: Handler, render: Render, settings: ServerSettings) -> None:
        self.loop = asyncio.get_running_loop()
        self.handler = handler
        self.render = render
        self.renew(settings)
        self.admitted = 0
        self.connections: set[Live] = set()
        self.sources: Counter[str] = Counter()
        self.stuck: dict[Stuck, None] = {}
        """Answers whose clients take nothing, the longest first."""
        self.cut_off = 0
        self.date = DateLine()
        self.second_reader = SecondReader()
        self.draining = False
        self.emptied = asyncio.Event()
        self.emptied.set()
        self._parting: set[Live] = set()
        self._parted = asyncio.Event()

    def renew(self, settings: ServerSettings) -> None:
        """From now on these settings hold: limits and deadlines at once, trust for connections that
        begin."""
        self.settings = settings
        self.trusted = Trusted(settings.trusted_proxies) if settings.trusted_proxies else None

    def admit(self, peer: str) -> None:
        """A socket was accepted; its connection is made in a moment."""
        self.admitted += 1
        self.sources[peer] += 1
        self.emptied.clear()

    def move(self, peer: str, source: str) -> None:
        """An admitted connection comes, as its balancer says, from another source."""
        self.sources[source] += 1
        self._forget(peer)

    def joined(self, connection: Live) -> None:
        self.connections.add(connection)

    async def part_with(self, connections: Iterable[Live]) -> None:
        """Wait until these have left, whoever comes meanwhile."""
        self._parting = set(connections)
        self._parted.clear()
        if self._parting:
            await self._parted.wait()

    def left(self, connection: Live) -> None:
        self.connections.remove(connection)
        self._parting.discard(connection)
        if not self._parting:
            self._parted.set()
        self.release(connection.peer)

    def release(self, peer: str) -> None:
        self.admitted -= 1
        self._forget(peer)
        if not self.admitted:
            self.emptied.set()

    def _forget(self, peer: str) -> None:
        self.sources[peer] -= 1
        if not self.sources[peer]:
            del self.sources[peer]
