"""A plain exchange without h11: what goes that way, and that h11 is asked once for each shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h11
import pytest

from gateway.upstream import direct
from gateway.upstream.answerhead import UNTIL_CLOSE, Unreadable
from gateway.upstream.direct import HEAD_BYTES_MAX, LEARN_BYTES_MAX, PATTERNS_MAX, Direct
from gateway.upstream.order import Order
from gateway.upstream.origins import origin_of

ORIGIN = origin_of("http://vendor:81/up", "")


def order(
    *headers: tuple[bytes, bytes], method: bytes = b"POST", target: bytes = b"/v1?a=b"
) -> Order:
    return Order(method, target, list(headers or ((b"X-A", b"b"),)), b"")


def head(*lines: bytes, status: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"\r\n".join((status, *lines)) + b"\r\n\r\n"


def readings(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows with each message that h11 reads."""
    made: list[object] = []
    real: Callable[..., Any] = h11.Connection

    def counted(role: type[h11.SERVER], bytes_max: int) -> h11.Connection:
        made.append(role)
        connection: h11.Connection = real(role, bytes_max)
        return connection

    monkeypatch.setattr(h11, "Connection", counted)
    return made


# Requests.


def test_a_whole_request() -> None:
    assert Direct().opening(order(), ORIGIN, b"a=1") == (
        b"POST /up/v1?a=b HTTP/1.1\r\nhost: vendor:81\r\naccept-encoding: identity\r\nX-A: b\r\n"
        b"content-length: 3\r\n\r\na=1"
    )


@pytest.mark.parametrize(("method", "says"), [(b"POST", True), (b"GET", False)])
def test_a_request_without_a_body(method: bytes, says: bool) -> None:
    out = Direct().opening(order(method=method), ORIGIN, b"")
    assert out is not None
    assert out.endswith(b"\r\n\r\n")
    assert (b"\r\ncontent-length: 0\r\n" in out) is says


@pytest.mark.parametrize(
    "odd",
    [
        *(order(target=b"/a b"), order(target=b"/\x80"), order(target=b"/\t")),
        *(order(method=b"OPTIONS"), order(method=b"G T")),
        *(order((b"Host", b"x"), (b"a b", b"c")), order((b"host", b"evil"))),
        *(order((b"content-length", b"9")), order((b"a", b"b\r\nc: d")), order((b"a", b"\0"))),
        *(order((b"a:", b"b")), order((b"a", b" b"))),
    ],
)
def test_odd_requests_are_left_to_h11(odd: Order) -> None:
    assert Direct().opening(odd, ORIGIN, b"") is None


def test_a_shape_is_not_learnt_from_a_long_body() -> None:
    known, long = Direct(), bytes(LEARN_BYTES_MAX)
    assert known.opening(order(), ORIGIN, long) is None
    assert known.opening(order(), ORIGIN, b"short") is not None
    assert known.opening(order(), ORIGIN, long) is not None


def test_h11_is_asked_once_for_each_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, known = readings(monkeypatch), Direct()
    for value in (b"b", b"c", b"d"):
        known.opening(order((b"x-a", value)), ORIGIN, value)
        known.read(head(b"X-A: " + value, b"Content-Length: 5"), to_head=False)
    assert len(asked) == 2
    known.opening(order((b"x-b", b"c")), ORIGIN, b"c")
    known.opening(order((b"x-a", b"c"), method=b"PUT"), ORIGIN, b"c")
    known.read(head(b"X-B: c", b"Content-Length: 5"), to_head=False)
    known.read(head(b"X-A: c", b"Content-Length: 5"), to_head=True)
    assert len(asked) == 6


def test_shapes_are_forgotten_rather_than_hoarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "SHAPES_MAX", 2)
    known = Direct()
    for number in range(5):
        assert known.opening(order((b"n%d" % number, b"")), ORIGIN, b"")
        assert known.read(head(b"N%d: a" % number, b"Content-Length: 5"), to_head=False)
        assert len(known._requests) <= 2
        assert len(known._answers) <= 2


def test_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(direct, "ENABLED", False)
    assert Direct().opening(order(), ORIGIN, b"") is None


@pytest.mark.parametrize("lie", ["method", "target", "headers", "body"])
def test_what_h11_reads_otherwise_is_left_to_it(lie: str) -> None:
    meant = order((b"x-a", b"b"))
    whole = Direct().opening(meant, ORIGIN, b"a=1")
    assert whole is not None
    assert direct._h11_reads_request(whole, meant, ORIGIN)
    other = {
        "method": order((b"x-a", b"b"), method=b"PUT"),
        "target": order((b"x-a", b"b"), target=b"/v2"),
        "headers": order((b"x-a", b"c")),
        "body": meant,
    }[lie]
    assert not direct._h11_reads_request(whole + b"x" * (lie == "body"), other, ORIGIN)


def test_what_h11_refuses_is_left_to_it() -> None:
    assert not direct._h11_reads_request(b"POST / HTTP/1.1\r\n\r\n", order(), ORIGIN)


# Answers.


def test_an_answer() -> None:
    raw = head(b"X-A: b", b"Content-Length: 12", b"Content-Encoding: GZIP", b"Keep-Alive: x")
    assert Direct().read(raw, to_head=False) == (200, [(b"x-a", b"b")], b"gzip", 12)


@pytest.mark.parametrize(
    ("raw", "to_head", "length"),
    [
        (head(status=b"HTTP/1.1 204 No Content"), False, UNTIL_CLOSE),
        (head(b"Content-Length: 7", status=b"HTTP/1.1 304 Not Modified"), False, 7),
        (head(b"Content-Length: 7"), True, 7),
        (head(b"Content-Encoding: identity"), True, UNTIL_CLOSE),
        (head(b"Connection: Keep-Alive", b"content-length:0"), False, 0),
        (head(b"Content-Length: 1", status=b"HTTP/1.1 200"), False, 1),
        (head(b"Content-Length: 1 ", status=b"HTTP/1.1 200 "), False, 1),
        (head(b"Content-Length: \t1\t"), False, 1),
    ],
)
def test_lengths(raw: bytes, to_head: bool, length: int) -> None:
    found = Direct().read(raw, to_head=to_head)
    assert found is not None
    assert found[1:] == ([], b"", length)


@pytest.mark.parametrize(
    "raw",
    [
        *(head(b"Transfer-Encoding: chunked"), head(b"A: b")),
        head(b"Connection: close", b"Content-Length: 5"),
        head(b"Connection: keep-alive", b"Connection: close", b"Content-Length: 5"),
        head(b"Content-Encoding: a", b"Content-Encoding: b", b"Content-Length: 5"),
        head(b"Content-Length: 5", status=b"HTTP/1.0 200 OK"),
        *(head(status=b"HTTP/1.1 103 Early"), head(b"X A: b", b"Content-Length: 5")),
        head(b"A: " + b"b" * HEAD_BYTES_MAX, b"Content-Length: 5"),
        *(head(b"no colon", b"Content-Length: 5"), head(b"A: \0", b"Content-Length: 5")),
    ],
)
def test_odd_answers_are_left_to_h11(raw: bytes) -> None:
    assert Direct().read(raw, to_head=False) is None


@pytest.mark.parametrize("lines", [(), (b"X-A: 70000",), (b"Content-Lengths: 70000",)])
def test_a_shape_is_learnt_from_an_answer_of_any_length(
    lines: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A download is not h11's because none before it was short; nor is h11 shown a gigabyte."""
    asked, known = readings(monkeypatch), Direct()
    for length in (LEARN_BYTES_MAX + 1, 1 << 40, 5):
        found = known.read(head(*lines, b"content-LENGTH:\t%d" % length), to_head=False)
        assert found is not None
        assert found[3] == length
    assert len(asked) == 1


@pytest.mark.parametrize(
    "line",
    [
        *(b"Content-Length: 5x", b"Content-Length: +5", b"Content-Length: " + b"1" * 16),
        *(b"Content-Length: 5\nA: b", b"Content-Length: 5\rA: b", b"Content-Length: 5\0"),
        *(b"Content-Length: 5 5", b"Content-Length: ", b"Content-Length:"),
    ],
)
@pytest.mark.parametrize("times", [1, 2])
def test_a_known_shape_is_no_excuse(line: bytes, times: int) -> None:
    known = Direct()
    for _ in range(times):
        assert known.read(head(b"Content-Length: 5"), to_head=False)
    assert known.read(head(line), to_head=False) is None


def test_what_comes_again_is_read_by_a_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other shapes with that status line do not lose it, nor is one kept twice."""
    known, raw = Direct(), head(b"X-A: b", b"Content-Length: 5", b"Content-Encoding:gzip")
    padded = head(b"X-A: b ", b"Content-Length: 5", b"Content-Encoding:gzip")
    found = known.read(raw, to_head=False)
    for number in range(PATTERNS_MAX - 1):
        other = head(b"X-%d: b" % number, b"Content-Length: 5")
        assert known.read(other, to_head=False) == known.read(other, to_head=False)
    assert known.read(raw, to_head=False) == known.read(padded, to_head=False) == found
    assert len(known._patterns[False, b"HTTP/1.1 200 OK"]) == PATTERNS_MAX
    monkeypatch.setattr(direct, "_headers", pytest.fail)
    assert known.read(raw, to_head=False) == found == (200, [(b"x-a", b"b")], b"gzip", 5)


def test_patterns_are_bounded_and_miss_as_quickly_as_they_hit() -> None:
    """White space can be told apart in one way only: a hundred headers of it are no trap."""
    known = Direct()
    lines = [b"X-%d: %ba" % (at, b"\t" * 40) for at in range(100)]
    for last in range(PATTERNS_MAX + 2):
        usual = head(*lines, b"Y%d: b" % last, b"Content-Length: 5")
        for _ in range(2):
            assert known.read(usual, to_head=False)
    assert len(known._patterns[False, b"HTTP/1.1 200 OK"]) == PATTERNS_MAX
    assert known.read(head(*lines, b"Z: b", b"Content-Length: 5"), to_head=False)


@pytest.mark.parametrize("word", [b"close", b"keep-alive, close", b""])
def test_a_vendor_that_closes_from_now_on(word: bytes) -> None:
    known = Direct()
    lines = (b"Content-Length: 5", b"Content-Encoding: identity")
    assert known.read(head(b"Connection:keep-alive", *lines), to_head=False)
    assert known.read(head(b"Connection:" + word, *lines), to_head=False) is None


def test_a_new_shape_passes_the_gate_first() -> None:
    with pytest.raises(Unreadable, match="more than one length"):
        Direct().read(head(b"Content-Length: 5", b"Content-Length: 5"), to_head=False)


@pytest.mark.parametrize(
    ("status", "lines", "length", "raw"),
    [
        (201, [(b"Content-Length", b"5")], 5, head(b"Content-Length: 5")),
        (200, [(b"Content-Length", b"5"), (b"A", b"b")], 5, head(b"Content-Length: 5")),
        (200, [(b"Content-Length", b"5")], 4, head(b"Content-Length: 5")),
        (200, [(b"Content-Length", b"5")], 6, head(b"Content-Length: 5")),
        (200, [(b"Connection", b"close")], 0, head(b"Connection: close")),
        (200, [(b"Content-Length", b"x")], 0, head(b"Content-Length: x")),
    ],
)
def test_an_answer_that_h11_reads_otherwise(
    status: int, lines: list[tuple[bytes, bytes]], length: int, raw: bytes
) -> None:
    assert not direct._h11_reads_answer(raw, status, lines, length, to_head=False)
