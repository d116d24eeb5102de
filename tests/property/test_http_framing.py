"""Bytes become the same requests however they are cut, and no bytes become a request by mistake."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import h11
import pytest
import uvloop
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gateway.errors import HeadTooLarge, RequestMalformed
from gateway.http import headgate, secondreader
from gateway.http.bodygate import ChunkedGate
from gateway.http.connection import Connection
from gateway.http.headgate import read_head
from gateway.http.message import Request, Response
from gateway.http.secondreader import SecondReader
from gateway.http.service import Service
from gateway.settings import ServerSettings
from tests.socketless import Wire

LIMITS = ServerSettings()


@dataclass(frozen=True)
class Message:
    method: str
    target: str
    body: bytes
    chunk_bytes: int
    """0: sized."""

    def raw(self) -> bytes:
        head = f"{self.method} {self.target} HTTP/1.1\r\nHost: x\r\n".encode()
        if not self.chunk_bytes:
            return head + b"Content-Length: %d\r\n\r\n" % len(self.body) + self.body
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(self._chunks())

    def _chunks(self) -> Iterator[bytes]:
        for at in range(0, len(self.body), self.chunk_bytes):
            chunk = self.body[at : at + self.chunk_bytes]
            yield b"%x\r\n%b\r\n" % (len(chunk), chunk)
        yield b"0\r\n\r\n"


messages = st.builds(
    Message,
    method=st.just("POST"),
    target=st.from_regex(r"/[a-z/?=&%0-9]{0,20}", fullmatch=True),
    body=st.binary(max_size=300),
    chunk_bytes=st.sampled_from((0, 1, 7, 100)),
)


def serve_cut(raw: bytes, cuts: list[int]) -> tuple[list[tuple[str, str, bytes]], bytes]:
    """The requests that a connection makes of bytes that come in pieces, and what it wrote."""
    seen: list[tuple[str, str, bytes]] = []

    async def note(request: Request) -> Response:
        body = await request.body.read_all(1 << 20)
        seen.append((request.method, request.target, body))
        return Response(200, [], b"%d" % len(seen))

    async def run() -> bytes:
        service = Service(note, lambda refusal: Response(refusal.status, []), LIMITS)
        service.admit("peer")
        wire, connection = Wire(), Connection(service, "peer")
        connection.connection_made(wire)
        edges = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
        for start, end in pairwise(edges):
            if start < end and not wire.closed:
                connection.data_received(raw[start:end])
                await asyncio.sleep(0)
        while connection._task is not None and not connection._task.done():
            connection.eof_received()
            await asyncio.sleep(0)
        connection.connection_lost(None)
        return wire.written + b"closed" * wire.closed

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return seen, runner.run(run())


@settings(max_examples=60, deadline=None)
@given(st.lists(messages, min_size=1, max_size=4), st.lists(st.integers(0, 5000), max_size=12))
def test_any_cut_gives_the_same_requests(sent: list[Message], cuts: list[int]) -> None:
    raw = b"".join(message.raw() for message in sent)
    seen, written = serve_cut(raw, cuts)
    assert seen == [(message.method, message.target, message.body) for message in sent]
    assert written.count(b"HTTP/1.1 200 OK") == len(sent)


@settings(max_examples=20, deadline=None)
@given(messages)
def test_byte_by_byte_is_a_cut_like_any_other(message: Message) -> None:
    raw = message.raw()
    seen, _ = serve_cut(raw, list(range(len(raw))))
    assert seen == [(message.method, message.target, message.body)]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_any_bytes_are_a_request_or_a_refusal(raw: bytes, cuts: list[int]) -> None:
    seen, written = serve_cut(raw, cuts)
    assert written.count(b"HTTP/1.1 200") == len(seen)


@dataclass(frozen=True)
class Outcome:
    """All that a connection made of some bytes, but for dates."""

    requests: list[tuple[str, str, bytes]]
    written: bytes


def both_ways(raw: bytes, cuts: list[int]) -> Outcome:
    """What comes of it with h11 as a second reader of each shape, and with h11 reading all."""
    dates = re.compile(rb"date: [^\r]*")
    outcomes = []
    for enabled in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(secondreader, "ENABLED", enabled)
            seen, written = serve_cut(raw, cuts)
        outcomes.append(Outcome(seen, dates.sub(b"date", written)))
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


head_text = st.lists(
    st.sampled_from(
        (
            b"Content-Length: 05",
            b"Content-Length: 5 ",
            b"Content-Length:",
            b"Connection: keep-alive",
            b"Connection: Close, keep-alive",
            b"Connection: x",
            b"Transfer-Encoding: Chunked",
            b"X-A:",
            b"X A: b",
            b"no colon",
            b"X-A: b\nX-B: c",
            b"X-A: b\rX-B: c",
            b"GET / HTTP/1.1",
            b"POST /v1 HTTP/1.1",
            b"POST /v1 HTTP/1.0",
            b"Host: x",
            b"Content-Length: 5",
            b"Content-Length: 0",
            b"Transfer-Encoding: chunked",
            b"Connection: close",
            b"Expect: 100-continue",
            b"X-A: b",
            b" folded",
            b"Accept: a",
            b"\x00",
            b"a: \xff",
            b"X-A:\tb ",
            b"HOST:x",
        )
    ),
    max_size=6,
)

BODIES = st.sampled_from(
    (
        b"",
        b"12345",
        b"1234",
        b"5\r\n12345\r\n0\r\n\r\n",
        b"5;a\r\n12345\r\n0\r\n\r\n",
        b"0\r\nA: b\r\n",
    )
)
HEADED = st.builds(
    lambda line, lines, body: b"\r\n".join((line, b"Host: x", *lines)) + b"\r\n\r\n" + body,
    st.sampled_from((b"GET / HTTP/1.1", b"POST /v1 HTTP/1.1", b"POST /v1 HTTP/1.0")),
    head_text,
    BODIES,
)
CUTS = st.lists(st.integers(0, 500), max_size=6)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(HEADED, messages.map(Message.raw)), min_size=1, max_size=3), CUTS)
def test_any_requests_end_alike_with_more_of_h11(sent: list[bytes], cuts: list[int]) -> None:
    both_ways(b"".join(sent), cuts)


@settings(deadline=None, max_examples=300)
@given(messages, st.integers(0, 400), st.integers(0, 3), st.binary(max_size=3), CUTS)
def test_a_damaged_request_of_a_shape_that_is_known_ends_alike(
    message: Message, at: int, lost: int, come: bytes, cuts: list[int]
) -> None:
    raw = message.raw()
    at %= len(raw) + 1
    found = both_ways(raw + raw[:at] + come + raw[at + lost :], cuts)
    assert found.requests[0] == (message.method, message.target, message.body)


@settings(deadline=None)
@given(st.binary(max_size=100), CUTS)
def test_noise_ends_alike(raw: bytes, cuts: list[int]) -> None:
    both_ways(raw, cuts)


@given(head_text, st.sampled_from((b"\r\n", b"\n", b"\r\n ")))
def test_what_the_gate_lets_through_h11_reads_alike(lines: list[bytes], end: bytes) -> None:
    raw = end.join(lines) + b"\r\n\r\n"
    try:
        head = read_head(raw, LIMITS)
    except (RequestMalformed, HeadTooLarge):
        return
    SecondReader().confirm(raw, head)


@given(head_text)
def test_usual_heads_are_read_as_all_are(lines: list[bytes]) -> None:
    raw = b"\r\n".join((b"GET / HTTP/1.1", *lines)) + b"\r\n\r\n"
    assume(raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n"))  # was looked at before
    parts = raw[:-4].split(b"\r\n")[1:]
    usual = headgate._read_usual(parts)
    if usual is not None:
        assert usual == headgate._read_headers(parts)


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_chunks_mean_the_same_however_cut(raw: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    whole = read_chunks([raw])
    cut = read_chunks([raw[a:b] for a, b in pairwise(edges) if a < b])
    assert cut == whole


@given(st.binary(max_size=300), st.integers(1, 50), st.binary(max_size=20))
def test_chunks_are_what_h11_reads(body: bytes, chunk_bytes: int, behind: bytes) -> None:
    message = Message("POST", "/", body, chunk_bytes)
    chunks = b"".join(message._chunks())
    ours = read_chunks([chunks + behind])
    reader = h11.Connection(h11.SERVER)
    reader.receive_data(message.raw())
    theirs = b""
    while type(event := reader.next_event()) is not h11.EndOfMessage:
        if isinstance(event, h11.Data):
            theirs += event.data
    assert ours == (theirs, behind)
    assert theirs == body


def read_chunks(pieces: list[bytes]) -> tuple[bytes, bytes] | None:
    """The body and what lies behind it; None when it is refused or does not end."""
    gate, body = ChunkedGate(), list[bytes]()
    for number, piece in enumerate(pieces):
        try:
            rest = gate.take(piece, body)
        except RequestMalformed:
            return None
        if rest is not None:
            return b"".join(body), rest + b"".join(pieces[number + 1 :])
    return None


@pytest.mark.parametrize("size", [b"0", b"00000000"])
def test_the_last_chunk(size: bytes) -> None:
    assert read_chunks([size + b"\r\n\r\nnext"]) == (b"", b"next")
