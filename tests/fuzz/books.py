"""What the ledger reads from a disk: rows, checkpoints, pieces of them, archives and the manifests
of copies. A row that is read was written under a key that its reader holds, so these are the
defences behind that one: a damaged file refuses, in one line, and nothing else happens."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from unittest.mock import patch

import orjson

from ledger import codec, shelf, sweep
from ledger.archive import last_row, rows_of
from ledger.chain import BEGIN, PART, BrokenChain, Chain, Row
from ledger.copies import MANIFEST, verify_copy
from ledger.entries import (
    Amended,
    BudgetTerms,
    Ended,
    Entry,
    Held,
    HoldState,
    Noted,
    Opened,
    Parted,
    Restored,
    RetryKey,
    ToppedUp,
)
from ledger.errors import ImpossibleEntry, LedgerRefused
from ledger.journalfile import StoreBroken, StoreFull
from ledger.replay import Replay, load_checkpoint
from ledger.snapshot import dump, load
from ledger.state import State
from tests.fuzz.tape import Tape, Target

_NOON_US = 1_728_043_200_000_000
_HOUR_US = 3_600_000_000
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


def row(data: bytes) -> None:
    """Any body is entries, or unreadable; entries survive being written again."""
    for read in (codec.decode_begin, codec.decode_end, codec.decode_pieces):
        with suppress(codec.Unreadable):
            read(data)
    with suppress(codec.Unreadable, ImpossibleEntry):
        load_checkpoint(0, data)
    try:
        entries = codec.decode(data)
    except codec.Unreadable:
        return
    try:
        again = codec.body_of(map(codec.encode, entries))
    except ValueError:  # figures beyond what JSON carries, which nobody wrote
        return
    assert codec.decode(again) == entries


class Life:
    """A shard's life as a tape tells it: applied live, and written down as its journal would."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self.live = State(0)
        self.now_us = _NOON_US
        self.rows: list[Row] = []
        self._sweep: sweep.Sweep | None = None
        self._parts = 0
        for account_id, parent_id in ((1, None), (2, 1), (3, None)):
            terms = BudgetTerms(("Asia/Tokyo", "America/New_York", "UTC")[account_id - 1], 900)
            self._write(Opened(account_id, parent_id, terms, self.now_us))

    def _row(self, entries: int, body: bytes) -> None:
        self.rows.append(Row(len(self.rows) + 1, entries, body, b""))

    def _write(self, entry: Entry) -> None:
        """What is impossible changes nothing, and is not written."""
        body = codec.body_of([codec.encode(entry)])
        before = orjson.dumps(dump(self.live)) if self._sweep is None else b""
        try:
            self.live.apply(entry)
        except ImpossibleEntry:
            assert self._sweep is not None or orjson.dumps(dump(self.live)) == before
            return
        self._row(1, body)

    def step(self) -> None:
        what = self._tape.number(12)
        self.now_us += self._tape.number(32) * _HOUR_US // 4
        (
            *(self._hold, self._hold, self._end, self._end, self._end, self._shed, self._note),
            *(self._restore, self._top_up, self._amend, self._checkpoint, self._whole),
        )[what]()

    def _held(self) -> Held:
        account_id = 2 + self._tape.number(2)
        parent_id = 1 if account_id == 2 else None
        at = [self.live.accounts[each].calendar.day_at(self.now_us) for each in (account_id, 1)]
        retry = self._tape.number(4)
        key = RetryKey(bytes([retry]) * 16, bytes(16)) if retry else None
        legs = (account_id, parent_id, at[0], at[1] if parent_id else None, self.now_us)
        rest = (self._tape.number(256), 1, self._tape.flag(), "call", "", "", b"", key)
        return Held._make((self.live.last_hold + 1, *legs, *rest))

    def _hold(self) -> None:
        held = self._held()
        if self._tape.number(8):
            self._write(held)
        else:  # there was no room
            self.live.take_back([self.live.apply_held(held)])

    def _hold_id(self) -> int:
        known = sorted(self.live.holds)
        return known[self._tape.number(len(known))] if known else 1 + self._tape.number(9)

    def _end(self) -> None:
        state = list(HoldState)[1 + self._tape.number(5)]
        amounts = self._tape.number(256), self._tape.number(64)
        self._write(Ended(self._hold_id(), state, *amounts, self.now_us, "t", b""))

    def _shed(self) -> None:
        self._write(Parted(self._hold_id(), self.now_us))

    def _note(self) -> None:
        blob = None if self._tape.flag() else bytes([self._tape.number(256)])
        self._write(Noted("k", "abc"[self._tape.number(3)], blob, self.now_us))

    def _restore(self) -> None:
        amount, name = self._tape.number(64) - 9, f"re_{self._tape.number(3)}"
        try:
            entry = self.live.restoring(self._hold_id(), amount, name, self.now_us)
        except ImpossibleEntry:
            return
        if entry is not None:
            assert isinstance(entry, Restored)
            self._write(entry)

    def _top_up(self) -> None:
        account_id = 1 + self._tape.number(3)
        day = self.live.accounts[account_id].calendar.day_at(self.now_us)
        self._write(ToppedUp(account_id, self._tape.number(64), day, None, self.now_us))

    def _amend(self) -> None:
        account_id = 1 + self._tape.number(3)
        zone = self.live.accounts[account_id].terms.zone
        self._write(Amended(account_id, BudgetTerms(zone, self._tape.number(256)), self.now_us))

    def _checkpoint(self) -> None:
        """Begin one in parts, or write the next part of it."""
        if self._sweep is None:
            last = self.live.last_account, self.live.last_hold
            self._sweep, self._parts = sweep.Sweep(self.live, self.now_us, 20 * _HOUR_US), 0
            self._row(BEGIN, codec.encode_begin(self.now_us, 20 * _HOUR_US, last))
        else:
            self.go_on()

    def go_on(self) -> None:
        walk = self._sweep
        if walk is None:
            return
        pieces = walk.pieces()
        if pieces:
            self._parts += 1
            self._row(PART, codec.encode_pieces(pieces))
        if walk.over:
            self._sweep = None
            self._row(0, codec.encode_end(self._parts))

    def finish(self) -> None:
        while self._sweep is not None:
            self.go_on()

    def _whole(self) -> None:
        if self._sweep is None:
            self.live.forget(self.now_us, 20 * _HOUR_US)
            self.live.at_us = max(self.live.at_us, self.now_us)
            books = dump(self.live)
            self._row(0, codec.encode_checkpoint(self.now_us, 20 * _HOUR_US, books))


def _first(rows: list[Row]) -> int:
    """Where a start begins to read: see `ledger.journalfile.last_checkpoint`."""
    whole = [row.seq for row in rows if row.entries == 0]
    if not whole or not codec.is_end(rows[whole[-1] - 1].body):
        return whole[-1] if whole else 1
    return max(row.seq for row in rows[: whole[-1]] if row.entries == BEGIN)


def life(data: bytes) -> None:
    """A replay gives the live books, cut anywhere it still starts, and sums are sums of holds."""
    with patch.object(sweep, "DRAWERS", 3), patch.object(shelf, "DRAWERS", 3):
        _live(Tape(data), 1 + len(data) // 4)


def _live(tape: Tape, steps: int) -> None:
    cut_at = tape.number(256)
    told = Life(tape)
    for _ in range(min(64, steps)):
        told.step()
    told.finish()
    _replayed(told.rows[: 1 + cut_at % len(told.rows)])
    assert orjson.dumps(dump(_replayed(told.rows))) == orjson.dumps(dump(told.live))
    for account in told.live.accounts.values():
        standing = account.standing(told.now_us)
        assert standing.held_micros >= 0
        assert standing.units >= 0
        assert standing.total_held_micros == sum(
            hold.amount_micros
            for hold in told.live.holds.values()
            if hold.state is HoldState.OPEN
            and (
                hold.parent_id == account.account_id
                or (hold.account_id == account.account_id and not hold.shed)
            )
        )
    again = load(0, told.live.at_us, orjson.loads(orjson.dumps(dump(told.live))))
    assert orjson.dumps(dump(again)) == orjson.dumps(dump(told.live))


def _replayed(rows: list[Row]) -> State:
    first = _first(rows)
    replay = Replay(0, first)
    for each in rows[first - 1 :]:
        replay.take(each)
    return replay.books()


@cache
def _archive() -> bytes:
    """A small archive's file."""
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        path = Path(folder, "a.db")
        conn = sqlite3.connect(path, isolation_level=None)
        conn.execute("PRAGMA page_size = 512")
        conn.execute(
            "CREATE TABLE journal (seq INTEGER PRIMARY KEY, entries INTEGER NOT NULL, "
            "body BLOB NOT NULL, mac BLOB NOT NULL) STRICT"
        )
        rows = [(seq, 1, b'[1,["N","k","n","b",1]]', bytes(32)) for seq in range(1, 4)]
        conn.executemany("INSERT INTO journal VALUES (?, ?, ?, ?)", rows)
        conn.close()
        return path.read_bytes()


def archive(data: bytes) -> None:
    """A file with some bytes changed or its end cut off: rows, or a refusal."""
    image = bytearray(_archive())
    tape = Tape(data)
    for _ in range(tape.number(8)):
        image[tape.number(len(image))] = tape.number(256)
    if tape.flag():
        del image[tape.number(len(image)) :]
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        path = Path(folder, "ledger-0.archive-000001.db")
        path.write_bytes(bytes(image))
        try:
            for found in rows_of(path):
                Chain(b"k", found.seq - 1, b"").follow(found)
        except (StoreBroken, StoreFull, BrokenChain):
            pass
        try:
            seq, mac = last_row(path)
        except StoreBroken:
            return
    assert (type(seq), type(mac)) == (int, bytes)


def manifest(data: bytes) -> None:
    """A copy's folder whose manifest says anything: a report, or a refusal."""
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        where = Path(folder)
        (where / "ledger.key").write_text("0" * 64)
        (where / "ledger.key").chmod(0o600)
        (where / "ledger-0.db").write_bytes(_archive())
        (where / MANIFEST).write_bytes(data)
        try:
            report = verify_copy(where)
        except LedgerRefused as exc:
            str(exc).encode("utf-8", "backslashreplace")
            return
        assert not report.ok
        assert report.first_error


TARGETS = (
    Target("row", row),
    Target("life", life, 600),
    Target("archive", archive, 64),
    Target("manifest", manifest, 512),
)
