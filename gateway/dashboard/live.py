"""News for open pages, as server-sent events: that something changed, never what.

A page that hears `news` asks for its own parts again, so there is one way to draw them. News are
coalesced: once a second at most somebody looks whether the books or the log have moved, for all
open pages together, and while no page is open nobody looks at all. A stream ends with its session,
with the house, and when its page is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from typing import Final

from gateway.errors import RateLimited
from gateway.http.message import Headers, Request, Response

LOOK_S: Final = 1.0
BEAT_S: Final = 15.0
"""A line without news, so that balancers between keep the stream, and we notice who left."""
TYPE: Final = (b"content-type", b"text/event-stream; charset=utf-8")
HELLO: Final = b"retry: 3000\n: hello\n\n"
NEWS: Final = b"event: news\ndata: {}\n\n"
BEAT: Final = b": still here\n\n"
SIGNED_OUT: Final = b"event: signed-out\ndata: {}\n\n"


class Live:
    """Living: who listens. look: a value that differs whenever there are news."""

    __slots__ = ("_closed", "_listeners", "_look", "_max", "_seen", "_timer")

    def __init__(self, look: Callable[[], Hashable], listeners_max: Callable[[], int]) -> None:
        """listeners_max: as the settings in force have it."""
        self._look = look
        self._max = listeners_max
        self._listeners: dict[asyncio.Event, Callable[[], bool]] = {}
        self._seen: Hashable = None
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def listeners(self) -> int:
        return len(self._listeners)

    def stream(self, request: Request, alive: Callable[[], bool], headers: Headers) -> Response:
        """alive: is its session still open? Raises RateLimited when too many listen."""
        if len(self._listeners) >= self._max() or self._closed:
            raise RateLimited("Too many pages are told of news already.", retry_after_s=30)
        wake = asyncio.Event()
        request.on_gone(wake.set)
        return Response(200, [TYPE, *headers], stream=self._tell(request, wake, alive))

    def close(self) -> None:
        """The house drains: every stream ends now."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for wake in self._listeners:
            wake.set()

    async def _tell(
        self, request: Request, wake: asyncio.Event, alive: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        """Its place is taken when it is read: of an answer to HEAD nobody does."""
        try:
            self._join(wake, alive)
            yield HELLO
            while not (self._closed or request.gone()):
                try:
                    async with asyncio.timeout(BEAT_S):
                        await wake.wait()
                    told = NEWS
                except TimeoutError:
                    told = BEAT
                wake.clear()
                if not alive():
                    yield SIGNED_OUT
                    return
                if not self._closed:
                    yield told
        finally:
            self._listeners.pop(wake, None)

    def _join(self, wake: asyncio.Event, alive: Callable[[], bool]) -> None:
        self._listeners[wake] = alive
        if self._timer is None and not self._closed:
            self._seen = self._look()
            self._arm()

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look_again)

    def _look_again(self) -> None:
        """One look for all. A listener whose session has ended is woken as well."""
        self._timer = None
        if not self._listeners:
            return
        seen = self._look()
        moved, self._seen = seen != self._seen, seen
        for wake, alive in self._listeners.items():
            if moved or not alive():
                wake.set()
        self._arm()
