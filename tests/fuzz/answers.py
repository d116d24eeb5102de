"""What comes from vendors before anything is believed: answers on the wire, compressed bodies,
echoes of the credential."""

from __future__ import annotations

import gzip
import socket
import zlib

import h11
import uvloop

from gateway.upstream.direct import Direct
from gateway.upstream.inflate import STEP, BadEncoding, Inflater
from gateway.upstream.order import Order
from gateway.upstream.scrub import Scrubber
from tests.fuzz.tape import Tape, Target, cut
from tests.lone_exchange import SECRET, Outcome, _carry

_LOOP = uvloop.new_event_loop()
WHOLE_BYTES = 200
OUT_BYTES_MAX = 1 << 20


def _outcome(raw: bytes, sizes: bytes, direct: Direct) -> Outcome:
    order = Order(b"POST", b"/", [(b"x-a", b"b")], b"a=1", whole_bytes_max=WHOLE_BYTES)
    with socket.socket() as still:
        return _LOOP.run_until_complete(_carry(order, list(cut(raw, sizes)), direct, still))


def answer(data: bytes) -> None:
    """However it is cut, with h11 and without: the same, and h11 alone reads it so too."""
    tape = Tape(data)
    sizes = tape.sizes()
    raw = tape.rest()
    known = Direct()
    first = _outcome(raw, b"", known)
    assert _outcome(raw, b"", known) == first
    assert _outcome(raw, sizes, Direct()) == first
    assert first.failure in ("", "OutcomeUnknown")
    if first.failure:
        assert not any(first.kept)
        return
    assert 200 <= first.status <= 599
    assert SECRET.encode() not in first.body
    encoded = b"content-encoding" in raw.lower()
    if not encoded and SECRET[:4].encode() not in raw:
        _as_h11_reads_it(raw, first)


def _as_h11_reads_it(raw: bytes, ours: Outcome) -> None:
    reader = h11.Connection(h11.CLIENT, 1 << 20)
    reader.send(h11.Request(method=b"POST", target=b"/", headers=[(b"host", b"x")]))
    reader.send(h11.EndOfMessage())
    reader.receive_data(raw)
    reader.receive_data(b"")
    while type(head := reader.next_event()) is h11.InformationalResponse:
        pass
    assert isinstance(head, h11.Response)
    body = b""
    while type(event := reader.next_event()) is h11.Data:
        body += event.data
    assert type(event) is h11.EndOfMessage
    assert (ours.status, ours.body) == (head.status_code, body)
    assert not any(ours.kept) or not reader.trailing_data[0]


def _inflate(encoding: bytes, pieces: list[bytes]) -> bytes | None:
    inflater, out = Inflater(encoding), b""
    try:
        for piece in pieces:
            inflater.feed(piece)
            while len(out) < OUT_BYTES_MAX and (more := inflater.take()):
                assert len(more) <= STEP
                out += more
        inflater.finish()
    except BadEncoding:
        return None
    return out


def inflate(data: bytes) -> None:
    """What we inflate, the standard library's one-call readers inflate alike."""
    tape = Tape(data)
    encoding = (b"gzip", b"deflate")[tape.number(2)]
    sizes = tape.sizes()
    raw = tape.rest()
    whole = _inflate(encoding, [raw] if raw else [])
    assert _inflate(encoding, list(cut(raw, sizes))) == whole
    if not whole or len(whole) >= OUT_BYTES_MAX:
        return
    if encoding == b"gzip":
        assert gzip.decompress(raw) == whole
    else:
        assert whole in (_zlib(raw, zlib.MAX_WBITS), _zlib(raw, -zlib.MAX_WBITS))


def _zlib(raw: bytes, bits: int) -> bytes | None:
    try:
        return zlib.decompress(raw, bits)
    except zlib.error:
        return None


def scrub(data: bytes) -> None:
    """Streamed in any pieces as whole; nothing but the credential is touched, and it is gone."""
    tape = Tape(data)
    sizes = tape.sizes()
    named, text = tape.texts(2)
    try:
        secret = named.decode("ascii")
    except UnicodeDecodeError:
        return
    if not 2 <= len(secret) <= 40 or not secret.isprintable():
        return
    scrubber = Scrubber(secret)
    whole = scrubber.whole(text)
    stream = scrubber.stream()
    streamed = b"".join([stream.feed(piece) for piece in cut(text, sizes)]) + stream.finish()
    assert streamed == whole
    assert len(whole) == len(text)
    assert secret.encode() not in whole or "*" in secret
    assert all(new in (old, ord("*")) for old, new in zip(text, whole, strict=True))


TARGETS = (
    Target("answer", answer),
    Target("inflate", inflate, 512),
    Target("scrub", scrub, 512),
)
