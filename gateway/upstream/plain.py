"""What a vendor connection's h11 does for an exchange: the way that carries any of them.

An exchange that `direct` does not carry comes here: bodies that stream out, answers in chunks, and
whatever is unusual. Functions over the h11 state of one pooled connection; no I/O."""

from __future__ import annotations

from typing import Final

import h11

from gateway.http.message import Headers
from gateway.upstream.answerhead import relayed
from gateway.upstream.order import Order
from gateway.upstream.origins import Origin

OURS: Final = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"connection", b"accept-encoding", b"expect")
)
"""Framing of a request is written here and in `direct`, and nowhere else."""
WITH_BODY: Final = frozenset((b"POST", b"PUT", b"PATCH"))
"""Methods that say Content-Length: 0 when they carry nothing (RFC 9110, 8.6)."""

Unwritable: Final = h11.LocalProtocolError
"""The request is none that HTTP can carry."""
Misread: Final = h11.RemoteProtocolError
"""The answer is none."""

CHUNKS_AT_ONCE: Final = 128
"""A body may come in chunks of one byte, and a second spent on them is a second of everybody's: so
many are read in one go, a few milliseconds of it."""

IDENTITY: Final = (b"accept-encoding", b"identity")
_OVER: Final = (h11.DONE, h11.MUST_CLOSE, h11.CLOSED)
_CHUNKED: Final = (b"transfer-encoding", b"chunked")
_END: Final = h11.EndOfMessage()
_Prepared: Final = type(_END.headers)
"""h11's own list of headers. It takes one as it is, without a regular expression for each name
and value (a tenth of an exchange's CPU); what matters is checked once, on the whole head."""


def opening(
    wire: h11.Connection, order: Order, origin: Origin, length: int | None, first: bytes
) -> bytes:
    """Head and first bytes of the body. The head is written anew: framing and Host are ours.
    length: of the body, None if unknown. Raises Unwritable."""
    headers = [
        (b"host", origin.host),
        IDENTITY,
        *(line for line in order.headers if line[0] not in OURS),
    ]
    if length is None:
        headers.append(_CHUNKED)
    elif length or order.method in WITH_BODY:
        headers.append((b"content-length", b"%d" % length))
    prepared = _Prepared([(name, name, value) for name, value in headers])
    target = origin.prefix + order.target
    request = h11.Request(method=order.method, target=target, headers=prepared)
    head = b"".join(wire.send_with_data_passthrough(request) or ())
    breaks = len(headers) + 2
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks or b"\0" in head:
        raise Unwritable("a header that would not stay on its line")
    if not first:
        return head
    return b"".join((head, *framed(wire, first)))


def framed(wire: h11.Connection, piece: bytes) -> list[bytes]:
    """A piece of the body as it goes out. Raises Unwritable."""
    return wire.send_with_data_passthrough(h11.Data(data=piece)) or []


def ending(wire: h11.Connection) -> bytes:
    """What ends the request. Raises Unwritable."""
    return wire.send(_END) or b""


def retell(wire: h11.Connection, order: Order, origin: Origin, body: bytes) -> None:
    """Bring h11 to where it would be, had it written the request that `direct` wrote."""
    opening(wire, order, origin, len(body), body)
    ending(wire)


def read(wire: h11.Connection, head: bytes) -> tuple[int, Headers, bytes] | None:
    """An answer's status, headers as they go on, and encoding; None for an interim answer. Raises
    Misread."""
    wire.receive_data(head)
    event = wire.next_event()
    if not isinstance(event, h11.Response):
        return None
    return event.status_code, *relayed(event.headers.raw_items())


def pieces(wire: h11.Connection) -> list[bytes]:
    """The next pieces of the answer's body, CHUNKS_AT_ONCE at most; b'' alone at its end, none when
    more bytes are needed. Raises Misread."""
    found: list[bytes] = []
    while len(found) < CHUNKS_AT_ONCE and wire.their_state not in _OVER:
        event = wire.next_event()
        if event is h11.NEED_DATA:
            return found
        if isinstance(event, h11.Data):  # otherwise the end; trailers are dropped
            found.append(event.data)
    return found or [b""]


def reusable(wire: h11.Connection) -> bool:
    """May another call have it? Unused, or both sides done, and not a byte more than that."""
    if wire.our_state is h11.DONE and wire.their_state is h11.DONE:
        if wire.trailing_data[0]:
            return False
        wire.start_next_cycle()
        return True
    return wire.our_state is h11.IDLE and wire.their_state is h11.IDLE
