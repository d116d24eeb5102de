"""A vendor's answer means the same however the network cuts it, and nothing a vendor says breaks
us."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.inflate import BadEncoding, Inflater
from gateway.upstream.order import Order
from tests.lone_exchange import carry, cut

WHOLE = 200


def outcome(raw: bytes, cuts: list[int]) -> tuple[Any, ...]:
    """What one exchange makes of an answer that comes in these pieces and then ends: the reply and
    whether its connection may be used again, or the kind of failure."""
    order = Order(b"POST", b"/", [(b"x-a", b"b")], b"a=1", whole_bytes_max=WHOLE)
    seen = carry(order, cut(raw, cuts))
    if seen.failure:
        assert seen.failure == "OutcomeUnknown"
        return ("unknown", *seen.kept)
    return (seen.status, seen.headers, seen.length, seen.body, *seen.kept)


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, int, bytes]:
    """Raw bytes, and the status and body that they mean."""
    status = draw(st.sampled_from([200, 201, 302, 402, 500]))
    body = draw(st.binary(max_size=600).filter(lambda data: b"t" not in data))
    raw = b"HTTP/1.1 103 Early\r\n\r\n" * draw(st.integers(0, 5))
    raw += b"HTTP/1.1 %d Any\r\nX-A: b\r\n" % status
    sent = body
    if draw(st.booleans()):
        sent = gzip.compress(body)
        raw += b"Content-Encoding: gzip\r\n"
    if draw(st.booleans()):
        raw += b"Transfer-Encoding: chunked\r\n\r\n" + chunked(sent, draw(st.integers(1, 300)))
    else:
        raw += b"Content-Length: %d\r\n\r\n%s" % (len(sent), sent)
    return raw, status, body


CUTS = st.lists(st.integers(0, 2000), max_size=12)


@given(answers(), CUTS)
def test_however_it_is_cut(answer: tuple[bytes, int, bytes], cuts: list[int]) -> None:
    raw, status, body = answer
    seen = outcome(raw, cuts)
    assert (seen[0], seen[1], seen[3]) == (status, [(b"x-a", b"b")], body)


@given(answers(), st.integers(1, 2000), CUTS)
def test_an_answer_that_lacks_its_end_is_never_believed(
    answer: tuple[bytes, int, bytes], lacks: int, cuts: list[int]
) -> None:
    raw = answer[0]
    assert outcome(raw[: -min(lacks, len(raw))], cuts) == ("unknown", False)


@given(answers(), st.binary(min_size=1, max_size=50))
def test_a_byte_too_many_is_never_left_for_the_next_call(
    answer: tuple[bytes, int, bytes], extra: bytes
) -> None:
    raw, status, body = answer
    seen = outcome(raw + extra, [])
    assert (seen[0], seen[3]) == (status, body)
    assert seen[-1] is False


@given(answers(), st.integers(0, 2000), st.binary(max_size=4), CUTS)
def test_a_damaged_answer_is_a_reply_or_unknown(
    answer: tuple[bytes, int, bytes], at: int, damage: bytes, cuts: list[int]
) -> None:
    raw = answer[0]
    at %= len(raw)
    seen = outcome(raw[:at] + damage + raw[at + len(damage) :], cuts)
    assert seen[0] == "unknown" or 200 <= seen[0] <= 599


@given(st.binary(max_size=300), CUTS)
def test_noise_is_unknown(noise: bytes, cuts: list[int]) -> None:
    assert outcome(noise, cuts)[0] == "unknown"


def inflate(encoding: bytes, raw: bytes, size: int) -> bytes:
    inflater = Inflater(encoding)
    out = b""
    for at in range(0, len(raw), size):
        inflater.feed(raw[at : at + size])
        while piece := inflater.take():
            out += piece
    inflater.finish()
    return out


@given(st.binary(max_size=3000), st.integers(1, 500))
def test_inflating_undoes_deflating(data: bytes, size: int) -> None:
    assert inflate(b"gzip", gzip.compress(data), size) == data
    assert inflate(b"deflate", zlib.compress(data), size) == data


@given(st.binary(max_size=100), st.sampled_from([b"gzip", b"deflate"]), st.integers(1, 50))
def test_inflating_noise_says_so_and_ends(noise: bytes, encoding: bytes, size: int) -> None:
    try:
        inflate(encoding, noise, size)
    except BadEncoding:
        return
