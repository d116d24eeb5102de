"""The audit log's one door: record what happens, ask what happened, catch up with the journals.

`record` when a call ends, with its holds as they stand at that moment; `follow` with what is booked
for holds, in the same step as the ledger's `book`. Both only queue; rows are written before
changes. `catch_up` once at start, in the background if it may take long: it reads the journals from
where the log is known to reach (all of them when the file was lost), then keeps marks of its own
accord.

A file of an earlier version gets its sums (`tallies.py`) in the background; until they are there
a question that they cannot answer is counted from the calls where these are few, and where they are
not its answer says since when it is complete.

The rows are not chained: the journal is, and whatever is doubted here can be rebuilt from it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Generator, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Final

import orjson

from ledger.entries import Ending, Entry, HoldState, Shed
from ledger.history.file import Damaged, File, Statement, Trouble
from ledger.history.health import Health
from ledger.history.marks import MARK_EVERY_S, Journals
from ledger.history.reader import Reader
from ledger.history.rebuild import TAKEN_OVER, Change, Rebuild, change, concerned
from ledger.history.runs import Runs
from ledger.history.schema import CONCERNED, GIVE_BACK, MARK, MARKS
from ledger.history.spend import Spend
from ledger.history.tallies import FILL, UNSUMMED
from ledger.history.writer import QUEUE_MAX, Writer, change_statements, row_statements
from ledger.hold import Hold

REBUILD_GROUPS: Final = 256
"""Entry groups that are applied at a time: a few milliseconds of the event loop."""
FILL_PAUSE_S: Final = 0.02
"""Between two parts of a file's sums that are filled in: calls' rows come first."""
FILL_RETRY_S: Final = 10.0
Group = tuple[int, list[Entry]]
"""A journal's sequence number, and the entries that stand under it."""
_log = logging.getLogger("keybrake")


class History:
    """Living: the writer with its queue, the readers with a connection for pages, one for sums
    (which may take a while) and one for exports."""

    __slots__ = (
        "_caught_up",
        "_file",
        "_filling",
        "_marking",
        "_reading",
        "_writer",
        "call",
        "calls",
        "export",
        "in_doubt",
        "overview",
        "record",
        "run",
        "runs",
        "search",
        "series",
        "spend",
        "vendor_health",
    )

    def __init__(
        self, file: File, reading: File, summing: File, exporting: File, *, queue_max: int
    ) -> None:
        self._file, self._reading = file, (reading, summing, exporting)
        self._writer = Writer(file, queue_max)
        self._filling = asyncio.get_running_loop().create_task(self._fill(), name="history-sums")
        self._marking: asyncio.Task[None] | None = None
        self._caught_up = asyncio.Event()
        self._caught_up.set()
        self.record = self._writer.record
        """record(row: CallRow): a call has ended. Queued; well under a microsecond."""
        reader, runs, spend = Reader(reading), Runs(summing), Spend(summing)
        self.call, self.calls, self.in_doubt = reader.call, reader.calls, reader.in_doubt
        self.search, self.export = reader.search, Reader(exporting).export
        self.runs, self.run = runs.runs, runs.run
        self.spend, self.series, self.overview = spend.spend, spend.series, spend.overview
        self.vendor_health = Health(reading).vendor_health

    @classmethod
    async def open(cls, where: str | Path, *, queue_max: int = QUEUE_MAX) -> History:
        """where: a path, or `sqlite:PATH`. A file that is no database is set aside and begun anew:
        `catch_up` fills it. Raises Trouble with one line when the file cannot be made or is of
        another version."""
        path = Path(str(where).removeprefix("sqlite:"))
        try:
            file = await File.writing(path)
        except Damaged as exc:
            _log.error("the audit log %s is damaged (%s): it is set aside and rebuilt", path, exc)
            _set_aside(path)
            file = await File.writing(path)
        opened = [file]
        try:
            while len(opened) < 4:
                opened.append(await File.reading(path))
        except BaseException:
            for each in reversed(opened):
                await each.close()
            raise
        return cls(*opened, queue_max=queue_max)

    async def close(self) -> None:
        """Write what has gathered, and close."""
        for task in filter(None, (self._marking, self._filling)):
            task.cancel()
            await asyncio.wait((task,))
        await self._writer.close()
        for reading in self._reading:
            await reading.close()
        await self._file.close()

    # -- what happens ----------------------------------------------------------------------------

    def follow(self, endings: Iterable[Ending | Shed]) -> None:
        """These were booked. Those of a call that is recorded in this very step may be among
        them."""
        for ending in endings:
            self._writer.amend(change(ending))

    def give_back(self, hold_id: int, refund_id: str, gives_micros: int) -> None:
        """A refund gives back so much to this hold's cap now; 0 once it turned out to have
        failed."""
        self._writer.give_back((refund_id, gives_micros, hold_id))

    async def flush(self) -> bool:
        """Write all that has gathered, once the journals are brought in: who reads next must not
        miss a call. False: the file does not take it; it waits."""
        await self._caught_up.wait()
        return await self._writer.flush()

    @property
    def trouble(self) -> str | None:
        """None, or why nothing is written at the moment. Calls go on."""
        return self._writer.trouble

    def metrics(self) -> Mapping[str, float]:
        writer = self._writer
        dropped = {f"dropped_{kind}": count for kind, count in writer.dropped.items()}
        dropped["dropped_free"] += writer.uncounted
        return {"waiting": writer.waiting, "written": writer.written, **dropped}

    # -- the sums of a file that had none --------------------------------------------------------

    async def _fill(self) -> None:
        """Sum up the rows that wait for it, the newest first, a part at a time."""
        pause_s = FILL_PAUSE_S
        while True:
            try:
                if await self._file.fetch(UNSUMMED) == [(0,)]:
                    return
                await self._file.transact([Statement(sql) for sql in FILL])
                pause_s = FILL_PAUSE_S
            except Trouble as exc:
                _log.warning("the audit log's sums are not filled in yet: %s", exc)
                pause_s = FILL_RETRY_S
            await asyncio.sleep(pause_s)

    # -- catching up -----------------------------------------------------------------------------

    async def catch_up(self, journals: Journals) -> int:
        """Bring in what the journals know and the log does not, and keep marks from here on.
        Returns how many entry groups were read. Raises Trouble when the file does not take it, and
        whatever the journals raise: then the next start tries again."""
        self._writer.let_changes_wait(True)
        self._caught_up.clear()
        try:
            reached = dict(await self._file.fetch(MARKS))
            read = 0
            for shard in journals.shards():
                # A journal that came back from a backup may end before its mark.
                reached[shard] = min(reached.get(shard, 0), journals.last_seq(shard))
                async for last_seq, groups in self._read_journal(journals, shard, reached[shard]):
                    reached[shard] = last_seq
                    read += groups
            await self._agree(list(journals.open_holds()))
        finally:
            self._writer.let_changes_wait(False)
            self._caught_up.set()
        self._writer.marks.follow(journals, reached)
        self._marking = asyncio.get_running_loop().create_task(self._keep_marks(), name="marks")
        return read

    async def move_marks(self) -> None:
        """Write the marks that are due, and look where the journals end for the next ones. Raises
        Trouble, and whatever the journals raise."""
        marks = self._writer.marks
        if await self.flush() and (due := marks.due()):
            async with self._writer.lock:
                await self._file.transact([Statement(MARK, due, many=True)])
        marks.look()

    async def _keep_marks(self) -> None:
        while True:
            await asyncio.sleep(MARK_EVERY_S)
            try:
                await self.move_marks()
            except Exception as exc:  # marks only save time: without them a start reads more
                _log.warning("the audit log's marks stay where they are: %s", exc)

    async def _read_journal(
        self, journals: Journals, shard: int, after_seq: int
    ) -> AsyncIterator[tuple[int, int]]:
        """Rebuild from one journal, part by part: (the part's last number, its groups). The
        journal's reader lives in one thread from first to last, as SQLite wants it."""
        loop = asyncio.get_running_loop()
        parts = _parts(journals, shard, after_seq)
        with ThreadPoolExecutor(1, thread_name_prefix="history-rebuild") as thread:
            try:
                while part := await loop.run_in_executor(thread, next, parts, None):
                    await self._rebuild(shard, part)
                    yield part[-1][0], len(part)
            finally:
                thread.submit(parts.close)

    async def _rebuild(self, shard: int, groups: Sequence[Group]) -> None:
        entries = [entry for _, group in groups for entry in group]
        calls, holds = concerned(entries)
        async with self._writer.lock:
            at_hand = (orjson.dumps(calls).decode(), orjson.dumps(holds).decode())
            rebuild = Rebuild(await self._file.fetch(CONCERNED, at_hand))
            for entry in entries:
                rebuild.apply(entry)
            give_backs = [Statement(sql, rebuild.restored, many=True) for sql in GIVE_BACK]
            mark = Statement(MARK, (shard, groups[-1][0]))
            await self._file.transact([*row_statements(rebuild.rows()), *give_backs, mark])

    async def _agree(self, holds: Sequence[Hold]) -> None:
        """With the books on every hold that lives: those that a start found open are in doubt
        now."""
        changes = [_as_it_stands(hold) for hold in holds if hold.state is not HoldState.OPEN]
        async with self._writer.lock:
            await self._file.transact(change_statements(changes))


def _parts(journals: Journals, shard: int, after_seq: int) -> Generator[list[Group], None, None]:
    groups = journals.read_entries(shard, after_seq)
    while part := list(islice(groups, REBUILD_GROUPS)):
        yield part


def _as_it_stands(hold: Hold) -> Change:
    if hold.shed:
        return TAKEN_OVER, 0, hold.hold_id, None
    return hold.state.value, hold.settled_micros + hold.open_micros, hold.hold_id, None


def _set_aside(path: Path) -> None:
    """The damaged file stays for whoever wants to look; its WAL is of no use without it."""
    os.replace(path, path.with_name(f"{path.name}.damaged"))
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
