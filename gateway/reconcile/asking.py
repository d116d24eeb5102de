"""Asking one vendor account, politely: look-ups only, at a rate of its own, with back-off.

Nothing here writes at the vendor: a `Lookup` is a GET, or a POST of which the vendor module says
that it changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from gateway.reconcile.pace import Pace, retry_after_s
from gateway.upstream.pool import NotSent, OutcomeUnknown, Upstream
from vendors.contract import Answer, Lookup

_LEAVE_ALONE: Final = frozenset({401, 403, 408, 425, 429})
"""It may answer later, or once somebody has mended the credentials. So with every 5xx."""

_OWN: Final[Mapping[bytes, bytes]] = {}
"""The credentials' own account."""


class Unanswered(Exception):
    """The vendor said nothing that could be read. The text is safe to show."""


class Asker:
    """One account's. Used by one task at a time."""

    __slots__ = ("_loop", "_upstream", "asked", "last_error", "pace")

    def __init__(
        self,
        upstream: Upstream,
        calls_per_second: int,
        loop: asyncio.AbstractEventLoop,
        asked: int = 0,
    ) -> None:
        self._upstream = upstream
        self._loop = loop
        self.pace = Pace(calls_per_second, loop.time())
        self.asked = asked
        self.last_error = ""

    async def ask(self, lookup: Lookup, headers: Mapping[bytes, bytes] = _OWN) -> Answer:
        """The vendor's answer, of any status that is about what was asked. headers: those that
        choose the account it is about. Waits for the rate, not for back-off. Raises Unanswered."""
        if self.pace.backing_off(self._loop.time()):
            raise Unanswered(f"the vendor is left alone for a while: {self.last_error}")
        wait_s = self.pace.wait_s(self._loop.time())
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        self.pace.ask(self._loop.time())
        self.asked += 1
        try:
            reply = await self._upstream.look(lookup, headers)
        except (NotSent, OutcomeUnknown) as exc:
            raise self._failed(str(exc)) from exc
        headers = dict(reply.headers)
        if reply.status in _LEAVE_ALONE or reply.status >= 500:
            raise self._failed(
                f"HTTP {reply.status} to a read", retry_after_s(headers.get(b"retry-after"))
            )
        self.pace.answered()
        if reply.body is None:
            raise Unanswered("its answer is too long to be read")
        self.last_error = ""
        return Answer(reply.status, headers, reply.body)

    def _failed(self, why: str, wait_s: float | None = None) -> Unanswered:
        self.last_error = why
        self.pace.failed(self._loop.time(), wait_s)
        return Unanswered(why)
