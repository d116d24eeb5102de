"""h11's reading of a request, which has to agree with ours.

The gates are ours, so a mistake in them would be nobody else's; h11 is read by many. Each *shape*
of head (method, framing, the names of its headers in order) is shown to h11 when it is first seen.
Both must find the same method, target and headers, whether a body follows, and whether another
request may. What differs between two heads of one shape is the text of values that the gate has
found printable and that neither reader looks into, so a shape that agreed once is not read again:
h11 costs more than all the rest of this package together (see the README), and callers send a
handful of shapes.

`ENABLED = False` has h11 read every head and every body, behind the same gates. A property test
holds both ways to the same outcome on any bytes, so what saves h11 its work can go at any time.
"""

from __future__ import annotations

from typing import Any, Final, cast

import h11

from gateway.errors import RequestMalformed
from gateway.http.bodygate import BodyGate, gate_for
from gateway.http.headgate import MAY_REPEAT, Head

ENABLED: bool = True
"""The switch: False has h11 read everything."""

SHAPES_MAX: Final = 1_024
"""Callers have a few dozen; whoever sends more shapes makes us forget and read again."""
SHAPE_BYTES_MAX: Final = 4_096
"""Heads longer than this are read each time, so that what is remembered stays small."""


class SecondReader:
    """Remembers on which shapes the two readings agreed."""

    __slots__ = ("_agreed",)

    def __init__(self) -> None:
        self._agreed: set[tuple[object, ...]] = set()

    def confirm(self, raw: bytes, head: Head) -> None:
        """raw: the head's bytes, of which the gate made `head`. Raises RequestMalformed."""
        shape = (head.method, head.is_http_11, head.length is None, *head.headers)
        if shape in self._agreed and ENABLED:
            return
        _compare(raw, head)
        if len(raw) > SHAPE_BYTES_MAX:
            return
        if len(self._agreed) >= SHAPES_MAX:
            self._agreed.clear()
        self._agreed.add(shape)


def body_gate(raw: bytes, head: Head) -> BodyGate:
    """Who finds the end of a request's body. raw: its head's bytes."""
    gate = gate_for(head.length)
    return gate if ENABLED else PlainGate(gate, raw)


class PlainGate:
    """A body as h11 reads it, behind the strict gate."""

    __slots__ = ("_gate", "_reader")

    def __init__(self, gate: BodyGate, raw: bytes) -> None:
        self._gate = gate
        self._reader = h11.Connection(h11.SERVER, len(raw))
        self._reader.receive_data(raw)
        self._reader.next_event()

    @property
    def bytes_left(self) -> int | None:
        return self._gate.bytes_left

    def take(self, data: bytes, pieces: list[bytes]) -> bytes | None:
        rest = self._gate.take(data, [])
        self._reader.receive_data(data if rest is None else data[: len(data) - len(rest)])
        try:
            while type(event := self._reader.next_event()) is h11.Data:
                pieces.append(bytes(cast("Any", event).data))  # a bytearray, whatever its type says
        except h11.RemoteProtocolError as exc:
            raise RequestMalformed(f"{exc}.") from exc
        if (type(event) is h11.EndOfMessage) is (rest is None):
            raise RequestMalformed("Two readers see the end of this body differently.")
        return rest


def _compare(raw: bytes, head: Head) -> None:
    reader = h11.Connection(h11.SERVER, len(raw))
    reader.receive_data(raw)
    try:
        event = reader.next_event()
        is_whole = type(reader.next_event()) is h11.EndOfMessage
    except h11.RemoteProtocolError as exc:
        raise RequestMalformed(f"{exc}.") from exc
    kept = reader.their_state is h11.DONE
    found = type(event) is h11.Request and (
        event.method == head.method.encode()
        and event.target == head.target.encode()
        and event.http_version == (b"1.1" if head.is_http_11 else b"1.0")
        and is_whole == (head.length == 0)
        and (kept == head.keep_alive or not is_whole)
        and {name: value for name, value in event.headers if name not in MAY_REPEAT}
        == {name: value for name, value in head.headers.items() if name not in MAY_REPEAT}
    )
    if not found:
        raise RequestMalformed("Two readers understand this head differently.")
