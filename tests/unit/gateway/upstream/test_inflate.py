"""Compressed answers, inflated in bounded steps."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable

import pytest

from gateway.upstream.inflate import STEP, BadEncoding, InflatedPieces, Inflater

TEXT = b'{"id": "pi_1", "amount": 1200}' * 50


def naked(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(data) + deflate.flush()


FORMS = [(b"gzip", gzip.compress(TEXT)), (b"X-Gzip", gzip.compress(TEXT))]
FORMS += [(b"deflate", zlib.compress(TEXT)), (b" deflate ", naked(TEXT))]


def inflated(encoding: bytes, pieces: Iterable[bytes]) -> bytes:
    inflater = Inflater(encoding)
    out = b""
    for piece in pieces:
        inflater.feed(piece)
        while step := inflater.take():
            assert len(step) <= STEP
            out += step
    inflater.finish()
    return out


@pytest.mark.parametrize(("encoding", "raw"), FORMS)
def test_each_form(encoding: bytes, raw: bytes) -> None:
    assert inflated(encoding, [raw]) == TEXT


@pytest.mark.parametrize(("encoding", "raw"), FORMS)
def test_each_form_byte_by_byte(encoding: bytes, raw: bytes) -> None:
    assert inflated(encoding, [raw[at : at + 1] for at in range(len(raw))]) == TEXT


def test_a_gzip_body_of_several_members() -> None:
    raw = gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two")
    assert inflated(b"gzip", [raw]) == b"one two"
    assert inflated(b"gzip", [raw[:7], raw[7:]]) == b"one two"


def test_nothing_at_all_is_an_empty_body() -> None:
    assert inflated(b"gzip", []) == b""


def test_input_is_kept_until_it_is_taken() -> None:
    inflater = Inflater(b"gzip")
    for piece in (FORMS[0][1][:9], FORMS[0][1][9:]):
        inflater.feed(piece)
    assert inflater.take() == TEXT


def test_a_bomb_is_taken_in_steps() -> None:
    inflater = Inflater(b"gzip")
    inflater.feed(gzip.compress(bytes(50_000_000)))
    assert [len(inflater.take()) for _ in range(3)] == [STEP] * 3


@pytest.mark.parametrize(("encoding", "raw"), FORMS)
def test_cut_short(encoding: bytes, raw: bytes) -> None:
    with pytest.raises(BadEncoding):
        inflated(encoding, [raw[:-3]])


@pytest.mark.parametrize("encoding", [b"br", b"zstd", b"gzip,gzip", b"", b"compress"])
def test_an_encoding_that_nobody_knows(encoding: bytes) -> None:
    with pytest.raises(BadEncoding):
        Inflater(encoding)


@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        (b"gzip", b"not gzip at all"),
        (b"gzip", gzip.compress(TEXT) + b"junk"),
        (b"deflate", b"\xff\xff\xff\xff"),
        (b"deflate", zlib.compress(TEXT) + b"junk"),
        (b"deflate", b"x"),
    ],
)
def test_bytes_that_are_not_in_it(encoding: bytes, raw: bytes) -> None:
    with pytest.raises(BadEncoding):
        inflated(encoding, [raw])


async def test_pieces_of_a_source() -> None:
    raw = gzip.compress(TEXT * 5000)
    source = [raw[:10], raw[10:100], raw[100:]]

    async def next_raw() -> bytes:
        return source.pop(0) if source else b""

    pieces = InflatedPieces(next_raw, Inflater(b"gzip"))
    out = b""
    while piece := await pieces.next():
        out += piece
    assert out == TEXT * 5000
