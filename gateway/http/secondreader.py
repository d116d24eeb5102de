"""h11's reading of a head, which has to agree with the gate's.

The gate is ours, so a mistake in it would be nobody else's; h11 is read by many. Each *shape* of
head (method, framing, the names of its headers in order) is shown to h11 when it is first seen, and
both must find the same method, target and headers. What differs between two heads of one shape is
the text of values that the gate has found printable and that neither reader looks into, so a shape
that agreed once is not read again: h11 costs more than all the rest of this package together (see
the README), and callers send a handful of shapes.
"""

from __future__ import annotations

from typing import Final

import h11

from gateway.errors import RequestMalformed
from gateway.http.headgate import MAY_REPEAT, Head

SHAPES_MAX: Final = 4_096
"""Callers have a few dozen; whoever sends more shapes makes us forget and read again."""


class SecondReader:
    """Remembers on which shapes the two readings agreed."""

    __slots__ = ("_agreed",)

    def __init__(self) -> None:
        self._agreed: set[tuple[object, ...]] = set()

    def confirm(self, raw: bytes, head: Head) -> None:
        """raw: the head's bytes, of which the gate made `head`. Raises RequestMalformed."""
        shape = (head.method, head.is_http_11, head.length is None, *head.headers)
        if shape in self._agreed:
            return
        _compare(raw, head)
        if len(self._agreed) >= SHAPES_MAX:
            self._agreed.clear()
        self._agreed.add(shape)


def _compare(raw: bytes, head: Head) -> None:
    reader = h11.Connection(h11.SERVER, len(raw))
    reader.receive_data(raw)
    try:
        event = reader.next_event()
    except h11.RemoteProtocolError as exc:
        raise RequestMalformed(f"{exc}.") from exc
    found = type(event) is h11.Request and (
        event.method == head.method.encode()
        and event.target == head.target.encode()
        and event.http_version == (b"1.1" if head.is_http_11 else b"1.0")
        and {name: value for name, value in event.headers if name not in MAY_REPEAT}
        == {name: value for name, value in head.headers.items() if name not in MAY_REPEAT}
    )
    if not found:
        raise RequestMalformed("Two readers understand this head differently.")
