"""A request and an answer as the house passes them around: frozen facts, no socket in sight."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

Headers = list[tuple[bytes, bytes]]
"""Header lines in order, names in lower case."""


class Body(Protocol):
    """What follows a request's head. Reading it sends `100 Continue` first when the client waits
    for it."""

    @property
    def length(self) -> int | None:
        """Bytes announced by Content-Length, 0 for no body, None for chunked."""

    async def read_all(self, bytes_max: int) -> bytes:
        """The whole body. Raises BodyTooLarge, RequestTimeout, ClientGone."""

    async def read(self) -> bytes:
        """The next piece, b'' at the end. Raises RequestTimeout, ClientGone."""


def _never(callback: Callable[[], None]) -> None:
    """A client that never hangs up."""


class ClientGone(Exception):
    """The client hung up before its request was whole."""


@dataclass(slots=True)
class Request:
    """One request's head, with its body still to be read.

    target: as sent, begins with '/'. path, query: its two halves, query without '?'. headers: by
    lower-case name, each at most once among those (the gate refuses duplicates of the rest's kin).
    host: the Host header in lower case, without a port. peer: the address of the caller, or what a
    trusted balancer says it is. at_s: loop time when the head was complete."""

    method: str
    target: str
    path: str
    query: str
    headers: Mapping[bytes, bytes]
    host: str
    body: Body
    peer: str
    at_s: float
    gone: Callable[[], bool] = field(default=lambda: False)
    """Has the client hung up?"""
    is_http_11: bool = True
    """False for HTTP/1.0: a stream of unknown length then ends with the connection."""
    is_https: bool = False
    """Did the caller come by https, to us or to a trusted balancer?"""
    on_gone: Callable[[Callable[[], None]], None] = field(default=_never)
    """Have something called when the client hangs up before its answer is whole; at once if it has.
    For a stream that waits for news: `request.on_gone(wake.set)` ends its wait."""

    @property
    def scheme(self) -> str:
        return "https" if self.is_https else "http"


@dataclass(slots=True)
class Response:
    """An answer. body: whole, or the empty bytes when stream is set. stream: pieces of a long body,
    asked for as fast as the client takes them and closed by the connection whatever happens; it may
    last for hours, and is not interrupted while it waits: see `Request.on_gone`. length: of the
    stream where it is known, else it goes out chunked. Content-Length, Transfer-Encoding,
    Connection and Date are the connection's to write."""

    status: int
    headers: Headers
    body: bytes = b""
    stream: AsyncIterator[bytes] | None = None
    length: int | None = None
    close: bool = False


JSON_TYPE: Final = (b"content-type", b"application/json")
