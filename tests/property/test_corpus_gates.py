"""The corpus bites: cut anywhere it reads the same, and a gate without any one of its rules reads
some entry otherwise.

`tests/corpus/mutants.py` finds the rules in the source of `headgate` and `bodygate`. A rule that no
entry notices fails here by name, and so does one that is named below and noticed after all."""

from __future__ import annotations

import asyncio
from functools import cache
from itertools import pairwise
from typing import Final

import pytest

from gateway.errors import Refusal
from gateway.http.connection import Connection
from gateway.http.message import Request, Response
from gateway.http.service import Service
from tests.corpus.entries import SAMPLE, Entry, corpus
from tests.corpus.mutants import LIMITS, Mutant, Told, gates_of, mutants, outside, reading
from tests.socketless import Wire

ABOVE_THE_GATES: Final = frozenset(
    {"cap_stripe", "cap_twilio", "cap_resend", "media_types", "paths", "credentials"}
)
"""Classes of which the framing is plain: what refuses them stands behind the gates."""
BYTES_MAX: Final = 6_000
BODY_BYTES_MAX: Final = 1 << 42
TURNS_MAX: Final = 200

BY_WORDS: Final = frozenset(
    {
        "without: raise RequestMalformed('A target has no fragment.')",
        "without: not _METHOD.fullmatch(words[0]),"
        " in: len(words) != 3 or not _METHOD.fullmatch(words[0])",
        "without: raise RequestMalformed('A head is printable ASCII: no control characters,"
        " nothing above 0x7e.')",
        "_METHOD = re.compile(rb'[A-Za-z]{1,20}')",
        "_SIZE_LINE_MAX = 4096",
        "MAY_REPEAT with 'content-length'",
        "MAY_REPEAT with 'transfer-encoding'",
        "MAY_REPEAT with 'host'",
        "MAY_REPEAT with 'expect'",
    }
)
"""Another rule stands behind them: without them an entry is refused as well, in other words."""
BY_NOTHING: Final = {
    "without: connection == b'keep-alive', in: connection is None or connection == b'keep-alive'": (
        "a short way to the same"
    ),
    "without: 0, in: self.bytes_left or 0": "a sized body always has a length",
    "without: self._expected is Expected.DATA, in: self._expected is Expected.DATA and"
    " len(data) < self._chunk_left": "nothing is left of a chunk where none is expected",
    "without: held == b'', in: held == b'' or"
    " _SIZE.fullmatch(held.removesuffix(b'\\r')) is not None": "never asked about nothing",
    "without: len(data) - at >= line_max, in: len(data) - at >= line_max or"
    " not self._may_begin_line(data[at:])": "what is too long begins no line either",
    "_SIZE = re.compile(rb'[0-9a-fA-F]{1,9}')": "the line is bounded first",
}


# ── one rule less ───────────────────────────────────────────────────────────────────────────────


@cache
def framed() -> list[tuple[Entry, bytes, list[Told]]]:
    """Entries that are about framing, and how the gates read them."""
    gates = gates_of(None)
    chosen = [entry for entry in corpus() if entry.kind not in ABOVE_THE_GATES]
    raws = [(entry, entry.raw(SAMPLE)) for entry in chosen]
    return [(entry, raw, reading(gates, raw)) for entry, raw in raws]


@pytest.mark.parametrize("mutant", list(mutants()), ids=lambda mutant: mutant.name)
def test_some_entry_notices_that_a_rule_is_missing(mutant: Mutant) -> None:
    gates = gates_of(mutant)
    noticed = otherwise = False
    for _, raw, told in framed():
        now = reading(gates, raw)
        otherwise = otherwise or now != told
        noticed = outside(now) != outside(told)
        if noticed:
            break
    assert noticed != (mutant.name in BY_WORDS or mutant.name in BY_NOTHING)
    assert otherwise != (mutant.name in BY_NOTHING)


def test_what_is_said_of_rules_is_said_of_some_that_are_there() -> None:
    assert (BY_WORDS | BY_NOTHING.keys()) <= {mutant.name for mutant in mutants()}


# ── cut anywhere ────────────────────────────────────────────────────────────────────────────────

Verdict = tuple[list[tuple[str, str, bytes]], list[bytes], bool]


async def serve(raw: bytes, cuts: list[int]) -> Verdict:
    """The requests that a connection makes of bytes that come in pieces, the statuses that it
    answers, and whether it closes."""
    seen: list[tuple[str, str, bytes]] = []

    async def note(request: Request) -> Response:
        body = await request.body.read_all(BODY_BYTES_MAX)
        seen.append((request.method, request.target, body))
        return Response(200, [], b"")

    def render(refusal: Refusal) -> Response:
        return Response(refusal.status, [], close=refusal.close)

    service = Service(note, render, LIMITS)
    service.admit("peer")
    wire, connection = Wire(), Connection(service, "peer")
    connection.connection_made(wire)
    for start, end in pairwise([0, *cuts, len(raw)]):
        if not wire.closed:
            connection.data_received(raw[start:end])
            if connection._task is not None:
                await asyncio.sleep(0)
    await turns(connection)
    closed = wire.closed or not connection._keep
    while connection._task is not None and not connection._task.done():
        connection.eof_received()  # who waits for more of a body gets none
        await turns(connection)
    connection.connection_lost(None)
    lines = [line for line in wire.written.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    return seen, [line[9:12] for line in lines if line[9:10] != b"1"], closed


async def turns(connection: Connection) -> None:
    """As many as it can need for what has come."""
    for _ in range(TURNS_MAX):
        if connection._task is None or connection._task.done():
            return
        await asyncio.sleep(0)


def boundaries(raw: bytes) -> list[int]:
    """Before, within and behind every line end, and around every colon of the head."""
    head = raw[: raw.find(b"\r\n\r\n") + 4] if b"\r\n\r\n" in raw else raw
    marks = {at + step for at, byte in enumerate(raw) if byte in b"\r\n" for step in (0, 1)}
    marks |= {at + step for at, byte in enumerate(head) if byte in b":" for step in (0, 1)}
    return sorted(mark for mark in marks if 0 < mark < len(raw))


@pytest.mark.parametrize("kind", sorted({entry.kind for entry in corpus()} - ABOVE_THE_GATES))
def test_an_entry_cut_anywhere_has_the_same_verdict(kind: str) -> None:
    async def look() -> list[str]:
        found = []
        for entry in corpus():
            raw = entry.raw(SAMPLE)
            if entry.kind != kind or len(raw) > BYTES_MAX or not entry.cut:
                continue
            whole = await serve(raw, [])
            marks = boundaries(raw)
            ways = [[mark] for mark in marks[:80]]
            ways += [marks, list(range(1, min(len(raw), 1_000)))]
            found += [f"{entry.name}: {cuts}" for cuts in ways if await serve(raw, cuts) != whole]
        return found

    assert asyncio.run(look()) == []
