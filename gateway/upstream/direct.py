"""A plain exchange without h11: a whole request written in one piece, an answer of known length
read where it lies.

h11 is half the CPU of an exchange, and nearly all of that goes into asking again what it has
already answered: is a head of this *shape* well formed, and where does its message end? So it is
asked once for each shape. Of a request that is the method and the names of its headers in order, of
an answer the status line and those names, which make a pattern when they come again; h11 reads the
first message of a shape whole and has to find the same method, target, status, headers, body and
end. What differs between two messages of one shape is text that neither reader looks into, and the
length, which is looked at each time.

Everything else is h11's: `opening` and `read` say None, and the caller turns to `plain`. That is so
for bodies that stream out, chunked answers, interim answers, HTTP/1.0, `Connection: close`, and
whatever h11 understood differently. `ENABLED = False` sends everything there; a
property test holds both ways to the same outcome on any bytes, so this file can go at any time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import compress
from operator import itemgetter
from typing import Any, Final, NamedTuple, cast

import h11

from gateway.http.message import Headers
from gateway.upstream.answerhead import (
    CONTROLS,
    DROPPED,
    LENGTH_DIGITS_MAX,
    UNTIL_CLOSE,
    framing,
)
from gateway.upstream.order import Order
from gateway.upstream.origins import Origin
from gateway.upstream.plain import IDENTITY, OURS, WITH_BODY

ENABLED: bool = True
"""The switch: False has h11 carry every exchange."""

SHAPES_MAX: Final = 1_024
"""A vendor has a few dozen; one that has more makes us forget and ask again."""
PATTERNS_MAX: Final = 4
"""Of answers with one status line: what comes often comes in a few shapes."""
HEAD_BYTES_MAX: Final = 8_192
"""Longer heads are h11's, so that what is remembered stays small."""
LEARN_BYTES_MAX: Final = 65_536
"""A request's shape is learnt from one whose body h11 can be shown without much cost. Of an answer
with a longer body h11 is shown the head with a short one behind it, and its length there: it looks
into a length no further than we do each time."""

_Found = tuple[int, Headers, bytes, int]
"""Of an answer: status, headers as they go on, encoding, and length as `answerhead.framing` has
it."""

_MARKED: Final = bytes.maketrans(CONTROLS + b"\r\n", b"?" * (len(CONTROLS) + 2))
_LENGTH: Final = re.compile(rb"(\ncontent-length:[ \t]*)[0-9]+", re.IGNORECASE)
_TARGET: Final = re.compile(rb"/[!-~]*")
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.1 [2-5][0-9]{2}(?: .*)?")
_METHODS: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE"))
_BODILESS: Final = (204, 304)
_NAME: Final = itemgetter(0)
_AT_MOST_ONCE: Final = (b"content-length", b"content-encoding", b"connection")


class _Plan(NamedTuple):
    """How to take an answer of one shape apart. names: in lower case. kept: whether each header
    goes on. The rest are places of headers, -1 for one that is not there."""

    status: int
    names: tuple[bytes, ...]
    kept: tuple[bool, ...]
    length_at: int
    encoding_at: int
    connection_at: int


_Taken = tuple[_Plan, Sequence[bytes]]
"""And the values of its headers, in their order."""


class Direct:
    """The shapes on which h11 agreed, of one account's requests and answers."""

    __slots__ = ("_answers", "_patterns", "_requests")

    def __init__(self) -> None:
        self._requests: set[tuple[object, ...]] = set()
        self._answers: dict[tuple[object, ...], _Plan] = {}
        self._patterns: dict[tuple[bool, bytes], list[tuple[re.Pattern[bytes], _Plan]]] = {}

    def opening(self, order: Order, origin: Origin, body: bytes) -> bytes | None:
        """The whole request, head and body; None if h11 has to write it."""
        headers, method = order.headers, order.method
        target = origin.prefix + order.target
        if not (ENABLED and _TARGET.fullmatch(target)):
            return None
        lines = list(map(b": ".join, headers))
        if not _is_neat(lines):
            return None
        lines.insert(0, b"".join((method, b" ", target, origin.line)))
        if body or method in WITH_BODY:
            lines.append(b"content-length: %d" % len(body))
        lines.append(b"")
        lines.append(body)
        whole = b"\r\n".join(lines)
        shape = (method, not body, tuple(map(_NAME, headers)))
        if shape not in self._requests and not self._learn(shape, whole, order, origin):
            return None
        return whole

    def read(self, head: bytes, *, to_head: bool) -> _Found | None:
        """What an answer's head says; None if h11 has to read it. to_head: it answers a HEAD.
        Raises Unreadable."""
        line = head[: head.index(b"\r")]
        taken = self._by_pattern(head, line, to_head) or self._by_names(head, line, to_head)
        if taken is None:
            return None
        plan, values = taken
        status, lower, kept, length_at, encoding_at, connection_at = plan
        length, encoding = UNTIL_CLOSE, b""
        if length_at >= 0:
            digits = values[length_at]
            if not digits.isdigit() or len(digits) > LENGTH_DIGITS_MAX:
                return None
            length = int(digits)
        if encoding_at >= 0:
            encoding = values[encoding_at].lower()
            encoding = b"" if encoding == b"identity" else encoding
        if connection_at >= 0 and values[connection_at].lower() != b"keep-alive":
            return None
        return (
            status,
            list(compress(zip(lower, values, strict=True), kept)),
            encoding,
            length,
        )

    def _by_pattern(self, head: bytes, line: bytes, to_head: bool) -> _Taken | None:
        """What `_by_names` says, in a third of the time; None where anything is unusual."""
        for pattern, plan in self._patterns.get((to_head, line), ()):
            match = pattern.fullmatch(head)
            if match is not None:
                values = match.groups()
                return (plan, values) if _is_neat(values) else None
        return None

    def _by_names(self, head: bytes, line: bytes, to_head: bool) -> _Taken | None:
        """How to take an answer apart, and its values. Raises Unreadable."""
        lines = _lines(head)
        names, values = _headers(lines)
        if len(names) < len(lines) - 1 or not _is_neat(lines):
            return None
        named = tuple(names)
        shape = (to_head, line, named)
        plan = self._answers.get(shape)
        if plan is None:
            plan = self._learn_answer(shape, head, to_head=to_head)
            return None if plan is None else (plan, values)
        patterns = self._patterns.setdefault((to_head, line), [])
        if all(known is not plan for _, known in patterns):
            patterns.insert(0, (_pattern(line, named), plan))
            del patterns[PATTERNS_MAX:]
        return plan, values

    def _learn(self, shape: tuple[object, ...], whole: bytes, order: Order, origin: Origin) -> bool:
        """Does h11 read a request of a new shape as we mean it?"""
        if order.method not in _METHODS or any(name in OURS for name, _ in order.headers):
            return False
        if len(whole) > LEARN_BYTES_MAX or not _h11_reads_request(whole, order, origin):
            return False
        if len(self._requests) >= SHAPES_MAX:
            self._requests.clear()
        self._requests.add(shape)
        return True

    def _learn_answer(
        self, shape: tuple[object, ...], head: bytes, *, to_head: bool
    ) -> _Plan | None:
        """How to read answers of a new shape, if h11 reads this one so. Raises Unreadable."""
        length = framing(head)
        if len(head) > HEAD_BYTES_MAX:
            return None
        plan = _plan(head)
        if plan is None:
            return None
        if to_head or plan.status in _BODILESS:
            length = 0
        if length < 0:
            return None
        if length > LEARN_BYTES_MAX:
            head, length = _LENGTH.sub(rb"\g<1>1", head), 1
        headers = list(zip(*_headers(_lines(head)), strict=True))
        if not _h11_reads_answer(head, plan.status, headers, length, to_head=to_head):
            return None
        if len(self._answers) >= SHAPES_MAX:
            self._answers.clear()
            self._patterns.clear()
        self._answers[shape] = plan
        return plan


def _lines(head: bytes) -> list[bytes]:
    return head[: -len(b"\r\n\r\n")].split(b"\r\n")


def _headers(lines: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Names as they came, and values. lines: with the first one. A line without a name is none."""
    names, values = [], []
    for at in range(1, len(lines)):
        name, colon, value = lines[at].partition(b":")
        if name and colon:
            names.append(name)
            values.append(value.strip(b" \t"))
    return names, values


@lru_cache(SHAPES_MAX)
def _pattern(line: bytes, names: tuple[bytes, ...]) -> re.Pattern[bytes]:
    """Of heads with these names, for their values, which may have carriage returns in them, but do
    not end in white space. It can be read in one way only, so a miss takes no longer than a hit."""
    rest = b"".join(rb"%b:[ \t]*+(.*)\r(?<![ \t]\r)\n" % re.escape(name) for name in names)
    return re.compile(rb"%b\r\n%b\r\n" % (re.escape(line), rest))


def _is_neat(parts: Sequence[bytes]) -> bool:
    """No control character but tab. parts: lines without what ends them, or values. `translate`
    makes no copy of what it leaves as it is."""
    text = b"".join(parts)
    return text.translate(_MARKED) == text


def _plan(head: bytes) -> _Plan | None:
    lines = _lines(head)
    line, names = lines[0], [name.lower() for name in _headers(lines)[0]]
    if not _STATUS_LINE.fullmatch(line) or b"transfer-encoding" in names:
        return None
    if any(names.count(name) > 1 for name in _AT_MOST_ONCE):
        return None
    kept = tuple(name not in DROPPED for name in names)
    places = [names.index(name) if name in names else -1 for name in _AT_MOST_ONCE]
    return _Plan(int(line[9:12]), tuple(names), kept, *places)


# What h11 says.


def _h11_reads_request(whole: bytes, order: Order, origin: Origin) -> bool:
    """Is it, to h11, this order and not a byte more?"""
    reader = h11.Connection(h11.SERVER, len(whole))
    reader.receive_data(whole)
    try:
        event = reader.next_event()
        end = whole.index(b"\r\n\r\n") + 4
        body_ends = _body_bytes(reader) == len(whole) - end
    except h11.RemoteProtocolError:
        return False
    meant: Headers = [(b"host", origin.host), IDENTITY, *order.headers]
    if b"content-length" in dict(event.headers if isinstance(event, h11.Request) else ()):
        meant.append((b"content-length", b"%d" % (len(whole) - end)))
    return (
        body_ends
        and isinstance(event, h11.Request)
        and event.method == order.method
        and event.target == origin.prefix + order.target
        and list(event.headers) == [(name.lower(), value) for name, value in meant]
    )


def _h11_reads_answer(
    head: bytes, status: int, headers: Headers, length: int, *, to_head: bool
) -> bool:
    """Is it, to h11, this answer with a body of this length, after which another may come?"""
    reader = h11.Connection(h11.CLIENT, len(head))
    method = b"HEAD" if to_head else b"GET"
    reader.send(h11.Request(method=method, target=b"/", headers=[(b"host", b"x")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(head + bytes(length))
    try:
        event = reader.next_event()
        body_ends = _body_bytes(reader) == length
    except h11.RemoteProtocolError:
        return False
    return (
        body_ends
        and isinstance(event, h11.Response)
        and event.status_code == status
        and list(event.headers) == [(name.lower(), value) for name, value in headers]
    )


def _body_bytes(reader: h11.Connection) -> int:
    """How long h11 finds the body; -1 if its end is not where the bytes end, or if nothing may
    follow it."""
    size = 0
    while isinstance(event := reader.next_event(), h11.Data):
        size += len(cast("Any", event).data)  # a bytearray, whatever its type says
    over = isinstance(event, h11.EndOfMessage) and not reader.trailing_data[0]
    return size if over and reader.their_state is h11.DONE else -1
