"""With h11 or without it: whatever bytes come from a vendor, in whatever pieces, and whatever is to
be sent, both ways end alike."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.upstream import direct
from gateway.upstream.direct import LEARN_BYTES_MAX, Direct
from gateway.upstream.order import Order
from tests.lone_exchange import SECRET, Outcome, carry, cut

WHOLE = 200
LINES = (
    *(b"Content-Length: 5", b"Content-Length: 0", b"content-length:5", b"CONTENT-LENGTH: 05"),
    *(b"Content-Length: 5 ", b"Content-Length:\t5", b"Content-Length: 5, 5", b"Content-Length: x"),
    *(b"Content-Length: 300", b"Content-Length: 9999999999999999", b"Content-Length:"),
    *(b"Content-Length: 70000", b"content-length:070000", b"Content-Length: 70000 "),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip", b"Connection: close"),
    *(b"Connection: keep-alive", b"Connection: Keep-Alive", b"Connection: x, close"),
    *(b"Content-Encoding: gzip", b"Content-Encoding: identity", b"Content-Encoding: br"),
    *(b"Content-Encoding:", b"Keep-Alive: timeout=5", b"Trailer: x", b"Upgrade: h2c"),
    *(b"Request-Id: req_1", b"X-A: b", b"x-a: c", b"X-A:", b"X-A: ", b"X-A:\tb\t", b"X-A : b"),
    *(b"X-A: b: c", b"X-A: \xff", b"X-A: b\x01", b"X-A: b\x0bc", b"X-A: \x7f", b"X-A: b\tc"),
    *(b" folded", b"\tfolded: x", b"no colon", b": no name", b"X\xff: b", b"X-A: b\nX-B: c"),
    *(b"X-A: b\rX-B: c", b"Echo: " + SECRET.encode(), b"Location: /x", b"Set-Cookie: a"),
)
STATUS_LINES = (
    *(b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK", b"HTTP/1.1 402 Payment Required", b"HTTP/1.1 200"),
    *(b"HTTP/1.1 200 ", b"HTTP/1.1 204 No Content", b"HTTP/1.1 304 Not Modified"),
    *(b"HTTP/1.1 100 Continue", b"HTTP/1.1 101 Up", b"HTTP/1.1 600 What", b"HTTP/1.1 099 What"),
    *(b"HTTP/1.0 200 OK", b"HTTP/1.1  200 OK", b"HTTP/1.1 2000 OK", b"HTTP/2 200 OK"),
    *(b"HTTP/1.1 200 O\xffK", b"HTTP/1.1 200 O:K", b"HTTP/1.1 200 O\tK", b"HTTP/1.1 200OK", b""),
)
BODIES = st.sampled_from(
    (
        *(b"", b"12345", b"1234", b"123456", b"x" * 300, b"x" * 301, gzip.compress(b"a")),
        *(b"5\r\n12345\r\n0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"\r\n"),
        SECRET.encode() + b"1" * (300 - len(SECRET)),
    )
)
HEADS = st.builds(
    lambda line, lines: b"\r\n".join((line, *lines)) + b"\r\n\r\n",
    st.sampled_from(STATUS_LINES),
    st.lists(st.sampled_from(LINES), max_size=5),
)
USUAL = st.builds(
    lambda length, name: (
        b"HTTP/1.1 200 OK\r\n%b: 1\r\nContent-Length: %d\r\n\r\n%b" % (name, length, b"x" * length)
    ),
    st.one_of(st.integers(0, 300), st.just(LEARN_BYTES_MAX + 1)),
    st.sampled_from((b"Request-Id", b"X-A", b"Connection", b"Content-Encoding")),
)
ANSWERS = st.one_of(USUAL, st.builds(lambda head, body: head + body, HEADS, BODIES))
CUTS = st.lists(st.integers(0, 1000), max_size=6)
DAMAGE = st.tuples(st.integers(0, 400), st.integers(0, 3), st.binary(max_size=3))
TIMES = st.integers(1, 2)
SHORT = b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\nok"
METHODS = st.sampled_from((b"POST", b"GET", b"HEAD", b"DELETE"))


def damaged(raw: bytes, damage: tuple[int, int, bytes]) -> bytes:
    """Some bytes at one place replaced by others, more or fewer."""
    at, lost, come = damage
    at %= len(raw) + 1
    return raw[:at] + come + raw[at + lost :]


def both_ways(order: Order, pieces: list[bytes], known: Direct | None = None) -> Outcome:
    """The outcome; fails if it depends on the way."""
    found = carry(order, pieces, known)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(direct, "ENABLED", False)
        plainly = carry(order, pieces)
    assert not plainly.direct
    assert found == plainly
    return found


def order_of(method: bytes, whole: int) -> Order:
    body = b"a=1" if method == b"POST" else b""
    return Order(method, b"/v1", [(b"x-a", b"b")], body, whole_bytes_max=whole)


@settings(deadline=None, max_examples=300)
@given(ANSWERS, CUTS, METHODS, st.sampled_from((0, WHOLE)))
def test_any_answer(raw: bytes, cuts: list[int], method: bytes, whole: int) -> None:
    both_ways(order_of(method, whole), cut(raw, cuts))


@settings(deadline=None, max_examples=300)
@given(USUAL, DAMAGE, CUTS, METHODS, TIMES)
@example(SHORT, (20, 1, b"\n"), [], b"GET", 1)
@example(SHORT, (40, 1, b"+3"), [], b"GET", 1)
@example(SHORT, (20, 0, b"\r"), [], b"GET", 2)
@example(SHORT, (21, 0, b" "), [], b"GET", 2)
@example(SHORT, (19, 0, b"\x01"), [], b"GET", 2)
def test_a_damaged_answer_of_a_shape_that_is_known(
    raw: bytes, damage: tuple[int, int, bytes], cuts: list[int], method: bytes, times: int
) -> None:
    """Known from one answer, or so well that there is a pattern of it."""
    known, order = Direct(), order_of(method, WHOLE)
    for _ in range(times):
        carry(order, [raw], known)
    both_ways(order, cut(damaged(raw, damage), cuts), known)


@settings(deadline=None)
@given(st.lists(st.tuples(ANSWERS, METHODS), max_size=6))
def test_what_was_learnt_from_one_answer_misleads_about_no_other(
    answers: list[tuple[bytes, bytes]],
) -> None:
    known = Direct()
    for raw, method in answers:
        both_ways(order_of(method, WHOLE), [raw], known)


NAMES_THAT_MEAN = st.sampled_from((b"Connection", b"Content-Encoding", b"Content-Length", b"X-A"))
VALUES = st.sampled_from(
    (
        *(b"keep-alive", b"close", b"Close", b"keep-alive, close", b"", b"identity", b"gzip"),
        *(b"5", b"05", b"5 ", b"+5", b"4", b"6", b"0", b"x", b"\xff", b"\x0b", b"a\r\nA: b"),
    )
)


@settings(deadline=None, max_examples=300)
@given(NAMES_THAT_MEAN, st.lists(VALUES, min_size=2, max_size=4), st.booleans())
def test_one_shape_with_other_values(name: bytes, values: list[bytes], first: bool) -> None:
    known, order = Direct(), order_of(b"GET", WHOLE)
    length = b"" if name == b"Content-Length" else b"Content-Length: 5\r\n"
    for value in (b"keep-alive", b"5", *values):
        line = name + b": " + value + b"\r\n"
        lines = line + length if first else length + line
        both_ways(order, [b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n12345"], known)


@settings(deadline=None)
@given(USUAL, st.integers(1, 400), CUTS)
def test_an_answer_cut_short(raw: bytes, lacks: int, cuts: list[int]) -> None:
    pieces = cut(raw[: -min(lacks, len(raw))], cuts)
    assert both_ways(order_of(b"GET", WHOLE), pieces).failure == "OutcomeUnknown"


@settings(deadline=None)
@given(USUAL, st.binary(min_size=1, max_size=30), CUTS)
def test_bytes_behind_an_answer(raw: bytes, behind: bytes, cuts: list[int]) -> None:
    assert both_ways(order_of(b"GET", WHOLE), cut(raw + behind, cuts)).kept == [False]


@settings(deadline=None)
@given(st.binary(max_size=200), CUTS)
def test_noise(raw: bytes, cuts: list[int]) -> None:
    both_ways(order_of(b"POST", WHOLE), cut(raw, cuts))


TEXT = st.one_of(st.binary(max_size=8), st.sampled_from((b"b", b"b c", b" b", b"b\r\nc: d", b"\0")))
NAMES = st.one_of(
    st.sampled_from((b"x-a", b"X-B", b"host", b"content-length", b"expect", b"x a", b"", b"x:")),
    st.binary(max_size=4),
)
TARGETS = st.one_of(
    st.sampled_from((b"/v1", b"/v1?a=b%20", b"", b"*", b"/a b", b"/\x80", b"/\r\nx: y", b"/\t")),
    st.binary(max_size=6).map(lambda data: b"/" + data),
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from((b"POST", b"GET", b"OPTIONS", b"G T", b"")),
    TARGETS,
    st.lists(st.tuples(NAMES, TEXT), max_size=4),
    st.binary(max_size=20),
)
@example(b"POST", b"/", [(b"x-a", b"b\r\nc: d")], b"a")
@example(b"GET", b"/", [(b"x-a", b"\0")], b"")
def test_any_order(
    method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    known = Direct()
    order = Order(method, target, headers, body, whole_bytes_max=WHOLE)
    for usual in (b"usual", b"other"):
        plainer = [(name, usual) for name, _ in headers]
        both_ways(Order(method, b"/", plainer, body, whole_bytes_max=WHOLE), [OK], known)
    both_ways(order, [OK], known)


def test_the_usual_call_leaves_h11_out() -> None:
    for method in (b"POST", b"GET"):
        assert both_ways(order_of(method, WHOLE), [OK]).direct
