"""A disk in memory, under the real journal: rows are durable, on their way, or lost.

The seam is the narrowest one there is: `ledger.store.Store` on one side (`SimStore`), which is also
what a replay reads, and `ledger.writer.Writer` on the other (`SimWriter`), the only thing that
calls it. What SQLite does inside a row is SQLite's own and has its tests; what a story needs is
when a row is on the disk, when the loop is told, and what is there after a crash in between:

    asked for ──▶ on its way ──▶ on the disk ──▶ the loop is told
                  a crash here: lost or not, as the story says
                                 a crash here: it is there, and nobody knew

A row is never torn for a reader: SQLite's log carries a checksum for each commit, and what does
not fit is not there. Rows of two shards reach the disk in any order. After a whole checkpoint older
rows go to the archive, so that a replay has to do without them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ledger.chain import BEGIN, Chain, Row
from ledger.codec import is_end
from ledger.journalfile import Meta, StoreBroken, StoreFull
from ledger.layout import Layout
from tests.simulation.timeline import SimLoop, Timeline

KEY: Final = bytes(range(32))
RESERVE_ROWS: Final = 40
"""So many rows fit into the room that is given up on a full disk."""
_TOLD_AFTER_S: Final = 0.00005

Work = Callable[[Any], None]
Back = Callable[[BaseException | None], None]


@dataclass
class Disk:
    """One shard's file. archived: up to which row. It outlives all processes. on_row: hears of
    every row that is on the disk. commit_s: how long a commit takes."""

    shard: int
    on_row: Callable[[int, Row], None]
    rows: list[Row] = field(default_factory=list)
    archived: int = 0
    anchor_mac: bytes = b""
    reserved: bool = False
    reserve_left: int = 0
    full_until_s: float = 0.0
    slow_until_s: float = 0.0
    commit_s: float = 0.0004
    slow_s: float = 0.0
    breaks: str = ""
    commits: int = 0

    @property
    def meta(self) -> Meta:
        return Meta(self.shard, f"shard-{self.shard}", {0: "shard-0", 1: "shard-1"})

    def is_full(self, now_s: float) -> bool:
        return now_s < self.full_until_s

    def takes_s(self, now_s: float) -> float:
        """How long the next commit takes: a little more or less each time, so that shards and
        calls overtake each other."""
        self.commits += 1
        base_s = self.slow_s if now_s < self.slow_until_s else self.commit_s
        return base_s * (1 + (self.commits * 7919 + self.shard * 104_729) % 97 / 97)


class SimStore:
    """What a journal writes to, and a replay reads. Raises as `SqliteStore` does."""

    mover = None

    def __init__(self, disk: Disk, timeline: Timeline) -> None:
        self.disk = disk
        self.meta = disk.meta
        self.path = Path(f"/nowhere/ledger-{disk.shard}.db")
        self._timeline = timeline
        last = disk.rows[-1] if disk.rows else None
        first = Chain.genesis(KEY, disk.shard, disk.meta.uuid)
        self.chain = first if last is None else Chain(KEY, last.seq, last.mac)

    # -- writing -------------------------------------------------------------------------------

    def append(self, entries: int, body: bytes) -> None:
        disk = self.disk
        fails, disk.breaks = disk.breaks, ""
        if fails == "before":
            raise StoreBroken("EIO before anything was written")
        if disk.is_full(self._timeline.now_s):
            if disk.reserve_left <= 0:
                raise StoreFull("no room")
            disk.reserve_left -= 1
        mac = self.chain.next_mac(body)
        row = Row(self.chain.seq + 1, entries, body, mac)
        self.chain.go_on(mac)
        disk.rows.append(row)
        disk.on_row(disk.shard, row)
        if fails == "after":
            raise StoreBroken("EIO, and the row is there")

    def move_log(self) -> None:
        pass

    def tidy(self) -> bool:
        return False

    def free_reserve(self) -> None:
        if self.disk.reserved:
            self.disk.reserved = False
            self.disk.reserve_left = RESERVE_ROWS

    def keep_reserve(self) -> None:
        if self.disk.reserved:
            return
        if self.disk.is_full(self._timeline.now_s):
            raise StoreFull("no room for the reserve")
        self.disk.reserved = True
        self.disk.reserve_left = 0

    def be_current(self) -> None:
        pass

    def close(self) -> None:
        pass

    # -- reading -------------------------------------------------------------------------------

    def last_checkpoint(self) -> int | None:
        """The first row of the last one that is whole."""
        begin, found = None, None
        for row in self._kept():
            if row.entries == BEGIN:
                begin = row.seq
            elif row.entries == 0:
                found = begin if is_end(row.body) else row.seq
        return found

    @property
    def archived_upto(self) -> int:
        return self.disk.archived

    def rows(self, after_seq: int) -> Iterator[Row]:
        return iter([row for row in self._kept() if row.seq > after_seq])

    def chain_before(self, key: bytes, seq: int) -> Chain:
        before = [row for row in self._kept() if row.seq < seq]
        if before:
            return Chain(key, before[-1].seq, before[-1].mac)
        if self.disk.archived:
            return Chain(key, self.disk.archived, self.disk.anchor_mac)
        return Chain.genesis(key, self.meta.shard, self.meta.uuid)

    def _kept(self) -> list[Row]:
        """Rows that are not in the archive."""
        return self.disk.rows[self.disk.archived :]

    def archive(self) -> None:
        """Between two processes: what stands before the last whole checkpoint moves away."""
        first = self.last_checkpoint()
        if first is not None and first - 1 > self.disk.archived:
            self.disk.archived = first - 1
            self.disk.anchor_mac = self.disk.rows[first - 2].mac


class SimWriter:
    """The journal's thread: one job at a time, each done when the timeline says so."""

    def __init__(self, store: SimStore, loop: SimLoop, on_failure: Back, *, name: str) -> None:
        self._store = store
        self._loop = loop
        self._jobs: deque[tuple[Work, Back]] = deque()
        self._busy = False
        self.alive = True
        self.dead = False

    def do(self, work: Work, back: Back) -> None:
        if self.dead:
            return
        self._jobs.append((work, back))
        if not self._busy:
            self._begin()

    def close(self, back: Back) -> None:
        """Once all that was asked for before is done."""
        self.do(lambda store: store.close(), back)

    def die(self, *, written: bool) -> None:
        """The process is gone. written: what is on its way reaches the disk all the same."""
        self.dead = True
        if self._busy and written:
            self._work()

    def _begin(self) -> None:
        self._busy = True
        timeline = self._loop.timeline
        timeline.after(self._store.disk.takes_s(timeline.now_s), self._end)

    def _end(self) -> None:
        if self.dead:
            return
        _, back = self._jobs[0]
        failure = self._work()
        self._jobs.popleft()
        self._busy = False
        self._loop.timeline.after(_TOLD_AFTER_S, lambda: self._tell(back, failure))
        if self._jobs:
            self._begin()

    def _work(self) -> BaseException | None:
        try:
            self._jobs[0][0](self._store)
        except Exception as exc:
            return exc
        return None

    def _tell(self, back: Back, failure: BaseException | None) -> None:
        if not self.dead:
            self._loop.call_soon(back, failure)


class NoLock:
    """Nobody else is there."""

    def release(self) -> None:
        pass


def layout_on(disks: list[Disk], timeline: Timeline) -> Layout:
    """What `ledger.layout.open_layout` makes of a folder."""
    stores: Any = tuple(SimStore(disk, timeline) for disk in disks)
    for store in stores:
        store.archive()
    lock: Any = NoLock()
    return Layout(lock, KEY, stores)
