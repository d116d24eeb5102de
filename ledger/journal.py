"""The journal as the loop sees it: entries go in at once and in order, and whoever must, waits for
the disk.

Group commit: entries gather in a batch; one batch is on its way to the disk, and the next leaves
two turns of the loop after that one is back. So batches grow with the load by themselves, with no
timer: an idle loop has its turns at once, a busy one serves many calls in them, and a batch costs
two threads a change of who runs. Entries that nobody waits for leave with the next batch that
somebody does wait for, or a few milliseconds later.

How it fails:

    disk full  the batch was undone. Its holds, and those gathered since, are taken back; everything
               else stays queued, in order. Of a checkpoint only that it began stays, since the
               books have forgotten there. The reserve is given up and the batch is tried again,
               then on every tick. While this lasts, holds are refused at once. It is over when
               the queue is on disk and the reserve is back.
    behind     more holds wait than are worth waiting: further ones are refused at once, endings
               and revokes are taken as ever.
    stalled    a commit takes long: holds are refused until it is back; after longer, it is dead.
    dead       anything else. Nothing is written any more, everybody who waits is told, and
               `on_death` is called, once. What the disk holds is found out by a replay.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from ledger import codec
from ledger.batch import Batch, no_from
from ledger.chain import BEGIN, PART
from ledger.entries import Ended, Parted, Restored
from ledger.errors import JournalUnavailable
from ledger.hold import Hold
from ledger.journalfile import StoreFull
from ledger.settings import LedgerSettings
from ledger.store import Store
from ledger.verdict import Verdict
from ledger.writer import Writer

LINGER_S: Final = 0.01
"""How long an entry that nobody waits for may wait for company. It is lost only to a crash in that
time, and then its hold counts in full: the safe side."""
WAITING_MAX: Final = 4_096
"""Holds that wait for the disk in one batch; beyond it new ones are refused at once. That many are
on disk in a tenth of a second, so who is beyond it waits for a disk that does not keep up."""
TICK_S: Final = 0.5
CLOSE_S: Final = 2.0


class Journal:
    """take_back: undoes holds, the last ones made. on_death: told why, once."""

    def __init__(
        self,
        store: Store,
        settings: LedgerSettings,
        loop: asyncio.AbstractEventLoop,
        *,
        name: str,
        take_back: Callable[[Sequence[Hold]], None],
        on_death: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._take_back = take_back
        self._on_death = on_death
        self._queue: deque[Batch] = deque((Batch(self, loop),))
        self._in_flight: Batch | None = None
        self._nothing = Batch(self, loop)
        self._nothing.done.set_result(Verdict.DURABLE)
        self._sending = False
        self._lingering = False
        self._full = self._awaits_tick = self._reserve_given_up = self._closing = False
        self._stalled_s = 0.0
        self._sent_s = self._ticked_s = loop.time()
        self._dead: str | None = None
        self.entries_since_checkpoint = 0
        self.counters = {
            "batches": 0,
            "entries": 0,
            "batch_entries_max": 0,
            "commit_seconds": 0.0,
            "commit_seconds_max": 0.0,
            "full": 0,
            "behind": 0,
        }
        self._writer = Writer(store, loop, self._thread_failed, name=name)

    # -- what others ask -----------------------------------------------------------------------

    @property
    def trouble(self) -> str | None:
        """Why holds are refused: 'dead', 'stalled', 'disk full'; None if they are not."""
        if self._dead is not None:
            return "dead"
        if self._stalled_s >= self._settings.stall_refuse_s:
            return "stalled"
        return "disk full" if self._full else None

    def must_take(self) -> None:
        """Raises JournalFull or JournalUnavailable if nothing new is admitted now."""
        trouble = self.trouble
        if trouble is not None:
            raise no_from(Verdict.FULL if trouble == "disk full" else Verdict.DEAD)
        if len(self._queue[-1].holds) >= WAITING_MAX:
            self.counters["behind"] += 1
            raise JournalUnavailable("the ledger's disk does not keep up")

    @property
    def queued(self) -> int:
        return sum(len(batch.parts) for batch in self._queue)

    def hold(self, part: bytes, hold: Hold) -> Batch:
        """Journal a hold; its maker waits for `batch.done`."""
        batch = self._queue[-1]
        batch.holds.append((len(batch.parts), hold))
        batch.parts.append(part)
        batch.urgent = True
        if not self._sending and self._in_flight is None:
            self._send_soon()
        return batch

    def append(self, parts: Sequence[bytes]) -> Batch:
        """Journal entries, all in one batch, that are to stay whatever happens."""
        if not parts:
            return self.latest()
        batch = self._queue[-1]
        batch.parts += parts
        if self._in_flight is None and not self._sending and not self._lingering:
            self._linger()
        return batch

    def latest(self) -> Batch:
        """The last batch that has entries: once it is durable, so is all that was booked so far."""
        for batch in reversed(self._queue):
            if batch.parts:
                return batch
        return self._in_flight or self._nothing

    def checkpoint(
        self, body: bytes, mark: int = 0, *, begins: Callable[[], bytes] | None = None
    ) -> Batch:
        """Journal the books as they are now, or a part of them, in a row of their own. begins: the
        BEGIN that says where the books have forgotten, asked for if this row finds no room: that
        much of it is never lost, or a replay would forget later than the books did."""
        batch = self._queue[-1]
        if batch.parts:
            batch = Batch(self, self._loop)
            self._queue.append(batch)
        batch.parts.append(body)
        batch.checkpoint = batch.urgent = True
        batch.mark, batch.begins = mark, begins
        if mark != PART and not codec.is_end(body):  # what comes from here on is not in it
            self.entries_since_checkpoint = 0
        self._queue.append(Batch(self, self._loop))
        self._send_soon()
        return batch

    def hurry(self, batch: Batch) -> None:
        """Somebody waits for this batch."""
        batch.urgent = True
        if self._in_flight is None and not self._sending:
            self._send_soon()

    def tick(self, now_s: float) -> None:
        """Every TICK_S, with the loop's time: look whether the disk is slow, and try again where it
        was full."""
        # A loop that was itself held up must not blame the disk for all of that time.
        passed_s = min(now_s - self._ticked_s, 2 * TICK_S)
        self._ticked_s = now_s
        if self._dead is not None:
            return
        if not self._writer.alive:
            self._die("its thread has ended")
        elif self._in_flight is not None and self._sent_s <= now_s - passed_s:
            self._stalled_s += passed_s
            if self._stalled_s >= self._settings.stall_exit_s:
                self._die(f"a commit takes longer than {self._settings.stall_exit_s} s")
        elif self._full:
            self._awaits_tick = False
            self._recover()

    async def close(self) -> None:
        """Flush what is queued, if that is possible, and let the file go. A thread that does not
        come back is not waited for."""
        if self._closing:
            return
        self._closing, self._awaits_tick = True, False
        flushed = asyncio.ensure_future(self.latest().settled())
        await asyncio.wait((flushed,), timeout=self._settings.stall_exit_s)
        closed = self._loop.create_future()
        self._writer.close(closed.set_result)
        if self._dead is None:
            self._end("closed")
        if self._writer.alive:
            await asyncio.wait((closed,), timeout=CLOSE_S)

    # -- sending -------------------------------------------------------------------------------

    def _send_soon(self) -> None:
        """At the end of this turn of the loop, together with what else it brings."""
        self._sending = True
        self._loop.call_soon(self._send)

    def _linger(self) -> None:
        self._lingering = True
        self._loop.call_later(LINGER_S, self._lingered)

    def _lingered(self) -> None:
        self._lingering = False
        self._send()

    def _send(self) -> None:
        self._sending = False
        batch = self._queue[0]
        if self._in_flight is not None or self._awaits_tick or self._dead is not None:
            return
        if not batch.parts:
            return
        self._queue.popleft()
        if not self._queue:
            self._queue.append(Batch(self, self._loop))
        self._in_flight = batch
        self._sent_s = self._loop.time()
        self._writer.do(batch.write, self._back)

    def _back(self, failure: BaseException | None) -> None:
        batch = self._in_flight
        self._in_flight = None
        self._stalled_s = 0.0
        if batch is None or self._dead is not None:
            return
        try:
            self._judge(batch, failure)
        except Exception as exc:  # a mistake of ours must not leave anybody waiting
            failure = exc
        if not batch.done.done():
            batch.done.set_result(Verdict.DEAD)
            self._thread_failed(failure)

    def _judge(self, batch: Batch, failure: BaseException | None) -> None:
        """Leaves the batch undecided where the journal is to end."""
        if failure is None:
            self._durable(batch)
        elif isinstance(failure, StoreFull):
            self._no_room(batch)

    def _durable(self, batch: Batch) -> None:
        batch.done.set_result(Verdict.DURABLE)
        counters, took_s = self.counters, self._loop.time() - self._sent_s
        counters["batches"] += 1
        counters["commit_seconds"] += took_s
        if took_s > counters["commit_seconds_max"]:
            counters["commit_seconds_max"] = took_s
        if not batch.checkpoint:
            entries = len(batch.parts)
            self.entries_since_checkpoint += entries
            counters["entries"] += entries
            if entries > counters["batch_entries_max"]:
                counters["batch_entries_max"] = entries
        if self._full:
            self._recover()
        elif self._queue[0].urgent:
            self._sending = True
            self._loop.call_soon(self._send_soon)
        elif self._queue[0].parts and not self._lingering:
            self._linger()

    # -- no room -------------------------------------------------------------------------------

    def _no_room(self, batch: Batch) -> None:
        self._full = True
        self.counters["full"] += 1
        undone = [batch, *self._queue]
        if any(each.checkpoint for each in undone):
            self.entries_since_checkpoint += self._settings.checkpoint_entries
        self._take_back([hold for each in undone for _, hold in each.holds])
        self._keep(undone)
        for each in undone:
            each.done.set_result(Verdict.FULL)
        self._awaits_tick = not self._closing  # there will be no more ticks
        if self._queue[0].parts and not self._reserve_given_up:
            self._reserve_given_up = True
            self._writer.do(lambda store: store.free_reserve(), self._made_room)

    def _keep(self, undone: Sequence[Batch]) -> None:
        """Queue what stays of batches whose holds were taken back, in its order."""
        gone = {hold.hold_id for batch in undone for _, hold in batch.holds}
        self._queue.clear()
        last = Batch(self, self._loop)
        for batch in undone:
            if batch.begins is not None:
                begin = Batch(self, self._loop)
                begin.parts, begin.begins = [batch.begins()], batch.begins
                begin.checkpoint, begin.mark = True, BEGIN
                self._queue += (last, begin) if last.parts else (begin,)
                batch.heir, last = begin, Batch(self, self._loop)
            else:
                last.parts += _kept(batch, gone)
                batch.heir = last
        self._queue.append(last)

    def _made_room(self, failure: BaseException | None) -> None:
        if failure is not None:
            self._thread_failed(failure)
        else:
            self._awaits_tick = False
            self._send()

    def _recover(self) -> None:
        """Write on; once nothing is queued, reserve room again."""
        if self._queue[0].parts or self._in_flight is not None:
            self._send()
        else:
            self._writer.do(lambda store: store.keep_reserve(), self._reserved)

    def _reserved(self, failure: BaseException | None) -> None:
        if isinstance(failure, StoreFull):
            self._awaits_tick = False
        elif failure is not None:
            self._thread_failed(failure)
        elif not self._queue[0].parts:
            self._full = self._reserve_given_up = self._awaits_tick = False
        else:
            self._send()

    # -- the end -------------------------------------------------------------------------------

    def _thread_failed(self, failure: BaseException | None) -> None:
        self._die(f"{type(failure).__name__}: {failure}")

    def _die(self, why: str) -> None:
        if self._dead is None:
            self._end(why)
            self._on_death(why)

    def _end(self, why: str) -> None:
        self._dead = why
        waiting = [*self._queue] if self._in_flight is None else [self._in_flight, *self._queue]
        for batch in waiting:
            batch.done.set_result(Verdict.DEAD)


def _kept(batch: Batch, gone: set[int]) -> list[bytes]:
    """What stays of a batch that was undone: all but holds, parts of checkpoints, and what only the
    maker of a hold that is gone could have added about it."""
    if batch.checkpoint:
        return []
    at = {index for index, _ in batch.holds}
    parts = [part for index, part in enumerate(batch.parts) if index not in at]
    if not gone:
        return parts
    entries = codec.decode(codec.body_of(parts))
    return [p for p, entry in zip(parts, entries, strict=True) if not _about(entry, gone)]


def _about(entry: object, hold_ids: set[int]) -> bool:
    return isinstance(entry, Ended | Parted | Restored) and entry.hold_id in hold_ids
