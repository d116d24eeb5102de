"""Where messages end, and what is no chunk."""

from __future__ import annotations

import pytest

from gateway.errors import RequestMalformed
from gateway.http.bodygate import ChunkedGate, SizedGate, gate_for


def take_all(data: bytes, *, step: int = 0) -> tuple[bytes, bytes | None]:
    """The body and what lies behind it, None if it has not ended; fed `step` bytes at a time."""
    gate = ChunkedGate()
    pieces: list[bytes] = []
    step = step or len(data)
    for at in range(0, len(data), step):
        rest = gate.take(data[at : at + step], pieces)
        if rest is not None:
            return b"".join(pieces), rest + data[at + step :]
    return b"".join(pieces), None


def test_sized_bodies_end_where_they_said() -> None:
    gate, pieces = SizedGate(5), list[bytes]()
    assert gate.take(b"ab", pieces) is None
    assert gate.bytes_left == 3
    assert gate.take(b"cdeNEXT", pieces) == b"NEXT"
    assert b"".join(pieces) == b"abcde"
    assert gate.bytes_left == 0


def test_a_read_inside_a_body_is_not_copied() -> None:
    data = bytes(1000)
    for gate in (SizedGate(5000), SizedGate(1000), ChunkedGate()):
        pieces: list[bytes] = []
        if isinstance(gate, ChunkedGate):
            gate.take(b"ffff\r\n", pieces)
        gate.take(data, pieces)
        assert pieces[0] is data


@pytest.mark.parametrize("step", [0, 1, 2, 3, 7])
def test_chunks_are_joined_and_what_follows_stays(step: int) -> None:
    data = b"5\r\nhello\r\n1\r\n \r\n00000005\r\nworld\r\n0\r\n\r\nGET / HTTP/1.1"
    assert take_all(data, step=step) == (b"hello world", b"GET / HTTP/1.1")


@pytest.mark.parametrize("size", [b"A", b"a", b"0000000a"])
def test_sizes_are_hexadecimal(size: bytes) -> None:
    assert take_all(size + b"\r\n0123456789\r\n00\r\n\r\n") == (b"0123456789", b"")


@pytest.mark.parametrize(
    "data",
    [
        b"5;ext=1\r\nhello\r\n0\r\n\r\n",
        b"5;\r\nhello",
        b"5 \r\nhello",
        b" 5\r\nhello",
        b"+5\r\nhello",
        b"-5\r\nhello",
        b"0x5\r\nhello",
        b"1_0\r\nhello",
        b"5\nhello\n0\n\n",
        b"5\rhello",
        b"\r\n5\r\nhello",
        b"\n5\r\nhello",
        b"g\r\n",
        b"000000005\r\nhello",
        b"123456789",
        b"5\r\nhelloX\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhelloo\r\n0\r\n\r\n",
        b"5\r\nhello\rX0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"0\r\nX-Trailer: 1\r\n\r\n",
        b"0\r\nAuthorization: Bearer x\r\n\r\n",
        b"0\r\n\n",
        b"0\n\r\n",
        b"0\r\n\rX",
        b"0;a\r\n\r\n",
        b"\xff\r\n",
    ],
)
@pytest.mark.parametrize("step", [0, 1])
def test_what_is_no_chunk(data: bytes, step: int) -> None:
    with pytest.raises(RequestMalformed):
        take_all(data, step=step)


@pytest.mark.parametrize("end", range(1, len(b"5\r\nhello\r\n0\r\n\r\n")))
def test_a_body_that_breaks_off_anywhere_has_not_ended(end: int) -> None:
    assert take_all(b"5\r\nhello\r\n0\r\n\r\n"[:end])[1] is None


def test_confetti_is_swept_together() -> None:
    gate, pieces = ChunkedGate(), list[bytes]()
    assert gate.take(b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n", pieces) == b""
    assert pieces == [b"x" * 1000]


def test_the_gate_for_a_length() -> None:
    assert gate_for(7).bytes_left == 7
    assert gate_for(None).bytes_left is None
