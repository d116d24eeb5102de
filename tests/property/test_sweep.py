"""Books that are written a piece at a time while they go on: whatever happens in between, the
pieces are the books as they stood at the beginning, and a replay gives the live books wherever the
journal is cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import codec, shelf, sweep
from ledger.chain import BEGIN, PART, Row
from ledger.entries import BudgetTerms, Entry, Opened
from ledger.errors import ImpossibleEntry
from ledger.replay import Replay
from ledger.snapshot import dump, load
from ledger.state import State
from ledger.sweep import Sweep
from tests.property.test_replay import HOUR_US, Writer

FAR = 70
"""An account of another piece than the first ones."""


@contextmanager
def one_piece_at_a_time() -> Iterator[None]:
    """And few drawers, so that several things lie in one."""
    with (
        patch.object(sweep, "BYTES_MAX", 1),
        patch.object(sweep, "_GROUP_SHIFT", 0),
        patch.object(sweep, "DRAWERS", 3),
        patch.object(shelf, "DRAWERS", 3),
    ):
        yield


class Sweeper(Writer):
    """Its checkpoints are written in parts, with other entries between them; some are given up."""

    def __init__(self, data: st.DataObject) -> None:
        self.entries: list[int] = []
        self.walk: Sweep | None = None
        self.memory_us = HOUR_US
        self.parts = 0
        self.cuts: list[tuple[int, int, bytes]] = []
        super().__init__(data)
        self.write(Opened(FAR, None, BudgetTerms("UTC"), self.now_us))

    def write(self, entry: Entry) -> None:
        try:
            super().write(entry)
        except ImpossibleEntry:  # it was over, and is forgotten now that it was asked for
            assert self.walk is not None

    def step(self) -> None:
        try:
            super().step()
        except ImpossibleEntry:  # the same, of a refund
            assert self.walk is not None

    def note_cut(self) -> None:
        """What the books are like at this row, but for what is over."""
        at_us = self.now_us
        self.cuts.append((len(self.rows), at_us, self.canonical(self.live, at_us)))

    def canonical(self, state: State, at_us: int) -> bytes:
        copy = load(0, at_us, orjson.loads(orjson.dumps(dump(state))))
        copy.forget(at_us, HOUR_US)
        return orjson.dumps(dump(copy))

    def checkpoint(self) -> None:
        if self.walk is not None:
            self.go_on()
            return
        self.memory_us = self.draw(st.integers(1, 48)) * HOUR_US
        last = (self.live.last_account, self.live.last_hold)
        self.walk = Sweep(self.live, self.now_us, self.memory_us)
        self.parts = 0
        self.rows.append(codec.encode_begin(self.now_us, self.memory_us, last))

    def go_on(self) -> None:
        assert self.walk is not None
        pieces = self.walk.pieces()
        if pieces:
            self.parts += 1
            self.rows.append(codec.encode_pieces(pieces))
        if self.walk.over:
            if not self.walk.silent:
                self.rows.append(codec.encode_end(self.parts))
            self.walk = None

    def give_up(self) -> None:
        if self.walk is not None:
            self.walk.silent = True

    def advance(self) -> None:
        step = self.draw(st.sampled_from((self.step, self.step, self.between)))
        step()
        self.note_cut()

    def between(self) -> None:
        if self.walk is None:
            self.checkpoint()
        elif self.draw(st.integers(0, 9)):
            self.go_on()
        else:
            self.give_up()


def as_rows(bodies: list[bytes]) -> list[Row]:
    return [Row(seq, entries_of(body), body, b"") for seq, body in enumerate(bodies, 1)]


def entries_of(body: bytes) -> int:
    letter = orjson.loads(body)[1][0]
    return {"B": BEGIN, "S": PART, "Z": 0}.get(letter, 1)


def last_whole(rows: list[Row]) -> int:
    """As `store.last_checkpoint` finds it."""
    ends = [row.seq for row in rows if codec.is_end(row.body)]
    if not ends:
        return 1
    return max(row.seq for row in rows if row.entries == BEGIN and row.seq < ends[-1])


def replayed(rows: list[Row], first: int) -> State:
    replay = Replay(0, first)
    for row in rows[first - 1 :]:
        replay.take(row)
    return replay.books()


def from_the_beginning(rows: list[Row]) -> State:
    """As `verify` does: what a checkpoint's parts say is what the books were at its beginning."""
    state = State(0)
    expected: list[bytes] = []
    found: list[bytes] = []
    for row in rows:
        if row.entries > 0:
            for entry in codec.decode(row.body):
                state.apply(entry)
        elif row.entries == BEGIN:
            at_us, memory_us, last = codec.decode_begin(row.body)
            assert last == (state.last_account, state.last_hold)
            walk, expected, found = Sweep(state, at_us, memory_us), [], []
            while not walk.over:
                expected += walk.pieces()
        elif row.entries == PART:
            found += [orjson.dumps(piece) for piece in codec.decode_pieces(row.body)]
        else:
            assert sorted(found) == sorted(expected)
    return state


def told(state: State) -> bytes:
    return orjson.dumps(dump(state))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_pieces_are_the_books_at_the_beginning_whatever_happens_meanwhile(
    data: st.DataObject,
) -> None:
    with one_piece_at_a_time():
        writer = Sweeper(data)
        for _ in range(data.draw(st.integers(0, 60))):
            writer.advance()
        rows = as_rows(writer.rows)
        for length, at_us, books in data.draw(st.permutations(writer.cuts))[:8]:
            cut = rows[:length]
            assert writer.canonical(replayed(cut, last_whole(cut)), at_us) == books
        while writer.walk is not None:
            writer.go_on()
        rows = as_rows(writer.rows)
        live = told(writer.live)
        assert told(from_the_beginning(rows)) == live
        assert told(replayed(rows, last_whole(rows))) == live
