"""When the books are written whole, and how: in one row while they are small, else in parts between
other work.

    B            the beginning: here the books stood as the parts say
    S S S …      the parts, between rows of what happens meanwhile
    Z            the end: only now do they count

One part is on its way to the disk at a time, and the loop rests after each. If one finds no room,
the checkpoint is given up: a replay passes over a beginning without an end, but for what was to be
forgotten there, and the walk goes on in silence until that is forgotten here, too. The beginning
itself keeps its place in the queue, and stands for books in one row that found no room, too.

A checkpoint comes after `checkpoint_entries` entries, and not before so many as a fourth of what it
has to write; and once a day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ledger import codec, snapshot
from ledger.batch import Batch
from ledger.chain import BEGIN, PART
from ledger.journal import Journal
from ledger.settings import Clock, LedgerSettings
from ledger.state import State
from ledger.sweep import Sweep
from ledger.verdict import Verdict

CHECKPOINT_US: Final = 86_400_000_000
"""The books are written whole at least once a day, so that what is over is forgotten."""
WHOLE_MAX: Final = 256
"""Things that are written in one go: a millisecond."""
_REST_S: Final = 0.002
_CLOSING_TIMES: Final = 20
"""Larger parts on close: no call waits any more, and each costs a round over two threads."""
_ENTRIES_PER_THING: Final = 1 / 4
_WORTH_IT: Final = 1 / 16
"""On close, of large books: fewer entries than that are replayed sooner than all is written."""


class Checkpoints:
    """Of one shard."""

    __slots__ = (
        "_batch",
        "_clock",
        "_closing",
        "_due_us",
        "_entries_max",
        "_journal",
        "_loop",
        "_parts",
        "_patience_s",
        "_retry_memory_us",
        "_state",
        "_sweep",
        "_timer",
    )

    def __init__(
        self,
        state: State,
        journal: Journal,
        settings: LedgerSettings,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._state = state
        self._journal = journal
        self._clock = clock
        self._loop = loop
        self._entries_max = settings.checkpoint_entries
        self._retry_memory_us = settings.retry_memory_h * 3_600_000_000
        self._patience_s = settings.stall_exit_s
        self._due_us = clock.now_us() + CHECKPOINT_US
        self._sweep: Sweep | None = None
        self._batch: Batch | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._parts = 0
        self._closing = False

    def tick(self) -> None:
        entries = self._journal.entries_since_checkpoint
        if entries >= self._entries_max:
            if entries >= self._state.size * _ENTRIES_PER_THING or self._is_late():
                self.begin()
        elif entries and self._is_late():
            self.begin()

    def _is_late(self) -> bool:
        return self._clock.now_us() >= self._due_us

    def begin(self) -> None:
        """Unless one is under way, or the journal is in trouble; then it is done later."""
        if self._journal.trouble is not None or self._sweep is not None:
            return
        if self._batch is not None:
            return  # the last part of the one before is still on its way
        now_us = self._clock.now_us()
        self._due_us = now_us + CHECKPOINT_US
        if self._state.size <= WHOLE_MAX:
            self._write_whole(now_us)
            return
        self._sweep = Sweep(self._state, now_us, self._retry_memory_us)
        self._parts = 0
        begins = self._beginning(now_us)
        self._send(begins(), BEGIN, begins)

    async def close(self) -> None:
        """Bring to its end what is under way, and write the books once more, if that is possible
        and saves the next start more than it costs: much may have come since that one began."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        if await self._to_its_end() and self._is_worth_it():
            self.begin()
            await self._to_its_end()

    async def _to_its_end(self) -> bool:
        """False: the disk is too slow for that, or the journal is in trouble."""
        while self._journal.trouble is None:
            if self._batch is not None:
                back, _ = await asyncio.wait((self._batch.done,), timeout=self._patience_s)
                if not back:
                    return False
            if self._sweep is None:
                return True
            self._go_on()
        return False

    def _is_worth_it(self) -> bool:
        entries, size = self._journal.entries_since_checkpoint, self._state.size
        if not entries and not self._journal.queued:
            return False
        return size <= WHOLE_MAX or entries >= size * _WORTH_IT

    # -- writing -------------------------------------------------------------------------------

    def _write_whole(self, now_us: int) -> None:
        self._state.forget(now_us, self._retry_memory_us)
        self._state.at_us = max(self._state.at_us, now_us)
        books = snapshot.dump(self._state)
        body = codec.encode_checkpoint(now_us, self._retry_memory_us, books)
        self._journal.checkpoint(body, begins=self._beginning(now_us))

    def _beginning(self, now_us: int) -> Callable[[], bytes]:
        """The row, as it is true whenever it is written: by then holds may have been taken back."""
        state, memory_us, last_account = (
            self._state,
            self._retry_memory_us,
            self._state.last_account,
        )
        return lambda: codec.encode_begin(now_us, memory_us, (last_account, state.last_hold))

    def _send(self, body: bytes, mark: int, begins: Callable[[], bytes] | None = None) -> None:
        self._batch = self._journal.checkpoint(body, mark, begins=begins)
        self._batch.done.add_done_callback(self._sent)

    def _sent(self, done: asyncio.Future[Verdict]) -> None:
        self._batch = None
        if self._sweep is not None and done.result() is not Verdict.DURABLE:
            self._sweep.silent = True
        self._rest()

    def _rest(self) -> None:
        if self._sweep is not None and not self._closing:
            self._timer = self._loop.call_later(_REST_S, self._go_on)

    def _go_on(self) -> None:
        """The next part, and after the last one the end."""
        sweep = self._sweep
        assert sweep is not None, "one is under way"
        if self._journal.trouble is not None and not sweep.silent:
            sweep.silent = True  # the reserve's room is for what happens, not for this
            self._journal.entries_since_checkpoint += self._entries_max
        pieces = sweep.pieces(_CLOSING_TIMES if self._closing else 1)
        if sweep.over:
            self._sweep = None
        if pieces:
            self._parts += 1
            self._send(codec.encode_pieces(pieces), PART)
        elif not sweep.over:
            self._rest()
        if sweep.over and not sweep.silent:
            self._journal.checkpoint(codec.encode_end(self._parts))
