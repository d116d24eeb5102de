"""The queue before the audit log's file: rows gather here for a moment and are written in batches.

Calls never wait for it. `record`, `amend` and `give_back` append to lists; a task of its own writes
what has gathered, a quarter of a second after the first of it or when a batch is full, in one
transaction, a few hundred rows to a statement. The file is not synced for each batch: what a crash
of the machine takes is in the journal.

A disk that is full or gone makes rows wait. The queue is bounded, and refusals and free calls are
turned away at half of it, so that calls with a hold find room for longest. What is turned away is
counted, and a call with a hold that was turned away stops the marks: the next start reads it from
the journal again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from ledger.history.file import File, Statement, Trouble, Unwritable
from ledger.history.folding import Folding, Minute
from ledger.history.marks import Marks
from ledger.history.rebuild import Change, GiveBack
from ledger.history.schema import AMEND, BATCHES, GIVE_BACK, CallRow, insertion

FLUSH_S: Final = 0.25
"""How long a row may wait for company: what a crash of the process can take from the refusals."""
FLUSH_ROWS: Final = 1_024
"""Rows that do not wait for the quarter of a second."""
RETRY_S: Final = 1.0
"""Between two attempts on a disk that does not take the rows."""
QUEUE_MAX: Final = 20_000
"""Rows, and as many changes, that may wait: some 40 MB, a minute without a disk at 300 calls/s."""

_log = logging.getLogger("keybrake")


class Batch(NamedTuple):
    """What one transaction writes."""

    rows: list[CallRow]
    grown: list[Minute]
    changes: list[Change]
    give_backs: list[GiveBack]

    def statements(self) -> list[Statement]:
        """Rows first: a change comes after the row that it changes."""
        return [
            *row_statements([*self.rows, *(minute.row() for minute in self.grown)]),
            *change_statements(self.changes),
            *(Statement(sql, self.give_backs, many=True) for sql in GIVE_BACK if self.give_backs),
        ]

    def pieces(self) -> list[Statement]:
        """The same, each row and change by itself."""
        rows = [*self.rows, *(minute.row() for minute in self.grown)]
        return [
            *(Statement(*insertion([row])) for row in rows),
            *(Statement(sql, change) for change in self.changes for sql in AMEND),
            *(Statement(sql, give_back) for give_back in self.give_backs for sql in GIVE_BACK),
        ]


def row_statements(rows: Sequence[CallRow]) -> list[Statement]:
    largest = BATCHES[-1]
    parts = (rows[first : first + largest] for first in range(0, len(rows), largest))
    return [Statement(*insertion(part)) for part in parts]


def change_statements(changes: Sequence[Change]) -> list[Statement]:
    return [Statement(sql, changes, many=True) for sql in AMEND if changes]


class Writer:
    """Living. trouble: None, or why the file takes nothing at the moment. dropped: what was turned
    away: `free` (refusals and free calls), `held` (calls with a hold), `changes`, `unwritable`.
    lock: of the file, for who reads rows and writes them back."""

    __slots__ = (
        "_armed",
        "_changes",
        "_changes_wait",
        "_closing",
        "_file",
        "_folding",
        "_give_backs",
        "_loop",
        "_queue_max",
        "_rows",
        "_task",
        "_wake",
        "dropped",
        "lock",
        "marks",
        "trouble",
        "written",
    )

    def __init__(self, file: File, queue_max: int = QUEUE_MAX) -> None:
        self._file = file
        self._queue_max = queue_max
        self._rows: list[CallRow] = []
        self._changes: list[Change] = []
        self._give_backs: list[GiveBack] = []
        self._changes_wait = False
        self._folding = Folding()
        self.lock = asyncio.Lock()
        self._wake = asyncio.Event()
        self._armed = False
        self._closing = False
        self.marks = Marks()
        self.trouble: str | None = None
        self.written = 0
        self.dropped = {"free": 0, "held": 0, "changes": 0, "unwritable": 0}
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name="history")

    @property
    def waiting(self) -> int:
        return len(self._rows) + len(self._changes) + len(self._give_backs)

    @property
    def uncounted(self) -> int:
        """Folded refusals that found no room."""
        return self._folding.dropped

    def record(self, row: CallRow) -> None:
        """A call has ended."""
        rows = self._rows
        if row.decision != "refused" or row.hold_id is not None or self._folding.take(row):
            if len(rows) >= self._queue_max >> 1 and not self._has_room(row):
                return
            rows.append(row)
            if len(rows) == FLUSH_ROWS:
                self._wake.set()
        if not self._armed:
            self._arm(FLUSH_S)

    def amend(self, change: Change) -> None:
        """A hold goes on after the row of its call was recorded."""
        self._append(self._changes, change)

    def give_back(self, give_back: GiveBack) -> None:
        """A refund gave back to the cap of a hold."""
        self._append(self._give_backs, give_back)

    async def flush(self) -> bool:
        """Write all that has gathered. False: the file does not take it, it waits."""
        task = self._loop.create_task(self._write())
        return await asyncio.shield(task)

    def let_changes_wait(self, wait: bool) -> None:
        """While rows are rebuilt their holds may go on: what is told meanwhile comes afterwards."""
        self._changes_wait = wait
        if not wait and not self._armed:
            self._arm(0)

    async def close(self) -> None:
        """Write what can still be written. The file is the caller's to close."""
        self._closing = True
        self._wake.set()
        await self._task

    async def _run(self) -> None:
        while not self._closing:
            await self._wake.wait()
            self._wake.clear()
            self._armed = False
            await self._write()
        await self._write()

    def _arm(self, delay_s: float) -> None:
        self._armed = True
        self._loop.call_later(delay_s, self._wake.set)

    def _has_room(self, row: CallRow) -> bool:
        """The queue is half full or more: only calls with a hold still come in, up to its end."""
        if row.hold_id is None:
            self.dropped["free"] += 1
            return False
        if len(self._rows) < self._queue_max:
            return True
        self.dropped["held"] += 1
        self.marks.stopped = True
        return False

    def _append(self, queue: list[Any], item: Any) -> None:
        if len(queue) >= self._queue_max:
            self.dropped["changes"] += 1
            self.marks.stopped = True
            return
        queue.append(item)
        if not self._armed:
            self._arm(FLUSH_S)

    async def _write(self) -> bool:
        async with self.lock:
            batch = self._gathered()
            if not any(batch):
                return self.trouble is None
            try:
                await self._write_or_sift(batch)
            except Trouble as exc:
                self._put_back(batch)
                self._note_trouble(str(exc))
                self._arm(RETRY_S)
                return False
            self._note_trouble(None)
            self.written += len(batch.rows)
            self.marks.wrote(batch.rows)
            return True

    def _gathered(self) -> Batch:
        rows, self._rows = self._rows, []
        changes: list[Change] = []
        give_backs: list[GiveBack] = []
        if not self._changes_wait:
            changes, self._changes = self._changes, []
            give_backs, self._give_backs = self._give_backs, []
        return Batch(rows, self._folding.grown(), changes, give_backs)

    def _put_back(self, batch: Batch) -> None:
        self._rows[:0] = batch.rows
        self._folding.untold(batch.grown)
        self._changes[:0] = batch.changes
        self._give_backs[:0] = batch.give_backs

    async def _write_or_sift(self, batch: Batch) -> None:
        """One transaction; when a value in it is at fault, one for each part, and without that
        value. Raises Trouble; then writing the same parts again does no harm."""
        try:
            await self._file.transact(batch.statements())
        except Unwritable:
            for statement in batch.pieces():
                try:
                    await self._file.transact([statement])
                except Unwritable as exc:
                    self.dropped["unwritable"] += 1
                    _log.error("an entry of the audit log cannot be written: %s", exc)

    def _note_trouble(self, trouble: str | None) -> None:
        if trouble is not None and self.trouble is None:
            _log.error("the audit log cannot be written, calls go on: %s", trouble)
        if trouble is None and self.trouble is not None:
            _log.warning("the audit log is written again")
        self.trouble = trouble
