"""Deadlines by one look at every live connection, some times a second, instead of a timer for each.

A comparison of two floats a connection costs less than starting and cancelling one timer a request.
What it gives up is precision: a deadline is acted on up to one interval late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from gateway.http.service import Live
from gateway.settings import ServerSettings

INTERVAL_MAX_S: Final = 0.5
INTERVAL_MIN_S: Final = 0.002
SHARE_OF_DEADLINE: Final = 8


def interval_for(settings: ServerSettings) -> float:
    """An eighth of the shortest deadline: what a client is late by before it is noticed."""
    shortest_s = min(
        settings.head_timeout_s,
        settings.body_timeout_s,
        settings.write_timeout_s,
        settings.idle_timeout_s,
    )
    return max(INTERVAL_MIN_S, min(INTERVAL_MAX_S, shortest_s / SHARE_OF_DEADLINE))


class Sweep:
    """Runs from `start` to `stop`."""

    __slots__ = ("_connections", "_loop", "_timer", "interval_s")

    def __init__(
        self, connections: Collection[Live], interval_s: float, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._connections = connections
        self.interval_s = interval_s
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._timer = self._loop.call_later(self.interval_s, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self.start()
        now_s = self._loop.time()
        for connection in tuple(self._connections):
            connection.expire(now_s)
