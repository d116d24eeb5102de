"""The values around an exchange: the grip on it, and a body on its way."""

from __future__ import annotations

from collections import deque

import pytest

from gateway.upstream.order import OutcomeUnknown, Reply, Watch
from gateway.upstream.scrub import Scrubber
from tests.vendor_double import all_of


class Pieces:
    """A source of given pieces; an exception among them is raised."""

    scrubber = Scrubber("topsecret")

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = list(pieces)
        self.ended = 0

    async def piece(self) -> bytes:
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            raise piece
        return piece

    def end(self) -> None:
        self.ended += 1


def reply_of(source: Pieces, *early: bytes) -> Reply:
    reply = Reply(source, 200, [], None)
    reply.early = deque(early)
    return reply


async def test_what_was_read_early_comes_first() -> None:
    source = Pieces(b"c", b"d")
    assert await all_of(reply_of(source, b"a", b"b").chunks()) == b"abcd"
    assert source.ended


async def test_pieces_are_scrubbed_across_their_borders() -> None:
    source = Pieces(b"secret", b"!", b"top")
    assert await all_of(reply_of(source, b"x", b"top").chunks()) == b"x*********!top"


async def test_a_whole_body_as_pieces() -> None:
    reply = reply_of(Pieces())
    reply.body = b"whole, not top"
    assert await all_of(reply.chunks()) == b"whole, not top"


async def test_a_source_that_breaks_is_ended() -> None:
    source = Pieces(b"a", OutcomeUnknown("broke"))
    chunks = reply_of(source).chunks()
    assert await anext(chunks) == b"a"
    with pytest.raises(OutcomeUnknown):
        await anext(chunks)
    assert source.ended
    with pytest.raises(StopAsyncIteration):
        await anext(chunks)


async def test_closed_before_anything_was_read() -> None:
    source = Pieces(b"c")
    chunks = reply_of(source, b"a").chunks()
    await chunks.aclose()
    assert source.ended
    assert await all_of(chunks) == b""


async def test_closing_the_reply_ends_its_source() -> None:
    source = Pieces(b"c")
    await reply_of(source).close()
    assert source.ended


def test_a_watch_that_nothing_hangs_on_yet() -> None:
    watch = Watch()
    watch.gate()
    assert watch.abort()
    assert watch.aborted


def test_aborting_what_has_left() -> None:
    watch = Watch()
    watch.left = True
    assert not watch.abort()
