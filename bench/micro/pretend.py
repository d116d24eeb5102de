"""What stands in for sockets, for the disk and for the journal's thread, where a piece must find
nothing but itself.

They stand where the house ends: a transport and `create_connection` are asyncio's own interface, a
store is what `Ledger.open` offers to put another one in the way of. So what is in between may
change as it likes.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

import uvloop

from ledger.store import Store
from ledger.writer import Back, Work

NEVER_S: Final = 1e6


class PretendTransport(asyncio.Transport):
    """A socket that takes everything at once. said: called with what is written to it."""

    def __init__(self, said: Callable[[bytes], None]) -> None:
        super().__init__()
        self._said = said
        self._socket, self._far_end = socket.socketpair()
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._said(bytes(data))

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self._said(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True
        self._socket.close()
        self._far_end.close()

    abort = close

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._socket if name == "socket" else default

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def write_eof(self) -> None: ...


def feed(protocol: Any, data: bytes) -> None:
    """What a socket brings, given to a protocol of either kind."""
    if hasattr(protocol, "get_buffer"):
        memoryview(protocol.get_buffer(len(data)))[: len(data)] = data
        protocol.buffer_updated(len(data))
    else:
        protocol.data_received(data)


class PretendLoop(uvloop.Loop):
    """Every connection that is opened leads to `vendor`: it gives the answer to what was written,
    which comes in one turn of the loop later. Timers are set and do not ring: how many would is
    another number on each machine."""

    vendor: ClassVar[Callable[[bytes], bytes]]

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Any = None
    ) -> asyncio.TimerHandle:
        return super().call_later(delay + NEVER_S, callback, *args, context=context)

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], *_: Any, **__: Any
    ) -> tuple[PretendTransport, asyncio.BaseProtocol]:
        protocol = protocol_factory()
        answer = type(self).vendor

        def said(data: bytes) -> None:
            self.call_soon(feed, protocol, answer(data))

        transport = PretendTransport(said)
        protocol.connection_made(transport)
        return transport, protocol


class PretendStore:
    """A disk on which everything is durable at once, and nothing is kept."""

    def append(self, entries: int, body: bytes) -> None: ...
    def move_log(self) -> None: ...

    def tidy(self) -> bool:
        return False

    def free_reserve(self) -> None: ...
    def keep_reserve(self) -> None: ...
    def close(self) -> None: ...


class PretendWriter:
    """The journal's thread without a thread: what it would do is done at once, and the loop hears
    of it one turn later. Two threads that wake each other cost another number of instructions each
    time."""

    alive = True

    def __init__(
        self, store: Store, loop: asyncio.AbstractEventLoop, on_failure: Back, *, name: str
    ) -> None:
        self._store = store
        self._loop = loop

    def do(self, work: Work, back: Back) -> None:
        work(self._store)
        self._loop.call_soon(back, None)

    def close(self, back: Back) -> None:
        self.do(lambda store: store.close(), back)
