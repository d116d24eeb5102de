"""Whatever the disk does: a hold that was promised is on it, and one that was taken back is not.

A ledger on a store that fails at random: no room (nothing was written), I/O errors (before, or
after, when nobody can know), task cancellations, days that pass, checkpoints in one row and in
parts, and at the end a crash or a close. Then the books are opened again and compared with what the
callers were told.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import HandClock
from ledger import (
    BudgetTerms,
    CapExceeded,
    Ending,
    Hold,
    HoldState,
    JournalFull,
    JournalUnavailable,
    RetryKey,
    checkpoints,
    verify,
)
from ledger.journalfile import StoreBroken
from tests.ledgers import (
    NOON_US,
    Deaths,
    Faults,
    FaultyStore,
    crash_image,
    full,
    open_in,
    settings_in,
)
from tests.property.test_sweep import one_piece_at_a_time

CAP = 1_000
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), st.integers(1, 60)),
        st.tuples(st.just("settle"), st.integers(0, 60)),
        st.tuples(st.just("release"), st.just(0)),
        st.tuples(st.just("full"), st.integers(1, 4)),
        st.tuples(st.just("broken"), st.booleans()),
        st.tuples(st.just("cancel"), st.integers(1, 60)),
        st.tuples(st.just("breathe"), st.just(0)),
        st.tuples(st.just("tick"), st.just(0)),
        st.tuples(st.just("day"), st.just(0)),
        st.tuples(st.just("checkpoint"), st.booleans()),
    ),
    max_size=40,
)


class Story:
    """What callers asked and what they were told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.promised: dict[int, Hold] = {}
        self.refused: list[int] = []
        self.faults = Faults()
        self.deaths = Deaths()
        self.clock = HandClock(NOON_US)
        self.asked = 0
        self.waiting: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        self.ledger = await open_in(
            self.directory,
            through=self.faults,
            on_death=self.deaths,
            clock=self.clock,
            retry_memory_h=100,
        )
        self.account = await self.ledger.open_account(BudgetTerms(daily_micros=CAP))

    @property
    def store(self) -> FaultyStore:
        return self.faults.only

    def ask(self, micros: int) -> asyncio.Task[None]:
        task = asyncio.ensure_future(self._hold(micros))
        self.waiting.add(task)
        task.add_done_callback(self.waiting.discard)
        return task

    async def _hold(self, micros: int) -> None:
        self.asked += 1
        retry = RetryKey(self.asked.to_bytes(32), b"d" * 32)
        try:
            hold = await self.ledger.hold(self.account, micros, retry=retry, restorable=True)
        except (JournalFull, JournalUnavailable, CapExceeded):
            return
        self.promised[hold.hold_id] = hold

    async def step(self, what: str, value: Any) -> None:
        if what == "hold":
            self.ask(value)
        elif what in ("settle", "release"):
            self._end(HoldState.SETTLED if what == "settle" else HoldState.RELEASED, value)
        elif what == "full":
            self.store.faults += [full()] * value
        elif what == "broken":
            self.store.after = value
            self.store.faults.append(StoreBroken("EIO"))
        elif what == "cancel":
            task = self.ask(value)
            await asyncio.sleep(0)
            task.cancel()
        elif what == "day":
            self.clock.advance(86_400)
        elif what == "checkpoint":
            self._checkpoint(in_parts=value)
        elif what == "breathe":
            await asyncio.wait(self.waiting or {self.ask(1)}, timeout=1)
        else:
            self.ledger._tick()
            await asyncio.sleep(0)

    def _end(self, state: HoldState, micros: int) -> None:
        for hold in self.promised.values():
            if hold.state is HoldState.OPEN:
                ending = Ending(hold.hold_id, state, micros)
                self.ledger.book([ending], now_us=self.clock.now_us())
                return

    def _checkpoint(self, *, in_parts: bool) -> None:
        with patch.object(checkpoints, "WHOLE_MAX", 0 if in_parts else 256):
            [shard] = self.ledger._by_number.values()
            shard.checkpoint()

    def standing_adds_up(self) -> None:
        """Live: what was promised counts, and nothing is settled that was not."""
        standing = self.ledger.standing(self.account, NOON_US)
        held = sum(h.amount_micros for h in self.promised.values() if h.state is HoldState.OPEN)
        settled = sum(h.settled_micros for h in self.promised.values())
        assert standing.total_spent_micros == settled
        assert standing.total_held_micros >= held


async def play(directory: Path, steps: list[tuple[str, Any]], *, crash: bool) -> None:
    story = Story(directory / "live")
    await story.begin()
    for what, value in steps:
        await story.step(what, value)
        story.standing_adds_up()
    if story.waiting:
        await asyncio.wait(story.waiting, timeout=60)
    assert not story.waiting
    if not crash and not story.deaths:
        story.store.faults.clear()
    image = crash_image(directory / "live", directory / "image", story.ledger) if crash else None
    await story.ledger.close()
    await compare(story, image or directory / "live", exact=not crash and not story.deaths)


async def compare(story: Story, directory: Path, *, exact: bool) -> None:
    again = await open_in(directory, retry_memory_h=100)
    found = {hold.hold_id: hold for hold in again.open_holds()}
    entries = [entry for _, row in again.read_entries(0) for entry in row]
    held = {entry[0] for entry in entries if type(entry).__name__ == "Held"}
    ended = {entry[0] for entry in entries if type(entry).__name__ == "Ended"}
    standing = again.standing(story.account, NOON_US)
    await again.close()
    assert verify(settings_in(directory)).first_error is None
    for hold_id, hold in story.promised.items():
        assert hold_id in held
        if hold.state is HoldState.OPEN:
            assert found[hold_id].state is HoldState.IN_DOUBT
        elif exact:
            assert hold_id in ended
    if exact:
        unknown = held - set(story.promised) - ended
        assert unknown == set()
        live = sum(h.settled_micros + h.open_micros for h in story.promised.values())
        assert standing.total_spent_micros == live


@settings(max_examples=60, deadline=None)
@given(STEPS, st.booleans())
def test_a_promise_is_kept_and_nothing_else_is(steps: list[tuple[str, Any]], crash: bool) -> None:
    with (
        one_piece_at_a_time(),
        patch.object(checkpoints, "_REST_S", 0),
        tempfile.TemporaryDirectory() as made,
        asyncio.Runner() as runner,
    ):
        runner.run(play(Path(made), steps, crash=crash))
