"""A ledger on a disk, through anything: calls, full disks, checkpoints whole and in parts, crashes
at any byte, restarts, copies. Wherever it is cut, a replay gives the books as they stood there.

The books are looked at whenever all of them is on disk, and remembered by the number of the last
row. A crash leaves the files as they lie, with the end of the log cut off anywhere; what is read
back is then held against what is remembered of that row.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.clock import HandClock
from ledger import (
    BudgetTerms,
    CannotRecord,
    CapExceeded,
    Ending,
    HoldState,
    ImpossibleEntry,
    Note,
    Order,
    RetryKey,
    Shed,
    checkpoints,
    journal,
    shelf,
    sweep,
    verify,
    verify_copy,
)
from ledger.entries import AFTER
from ledger.layout import open_layout
from ledger.replay import recover
from ledger.shard import Shard
from ledger.snapshot import dump, load
from ledger.state import State
from tests.ledgers import DAY_US, NOON_US, Deaths, Faults, crash_image, full, open_in, settings_in

HOUR_US = DAY_US // 24
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
AMOUNTS = st.sampled_from((0, 0, 5, 60)) | st.integers(0, 300)
NAMES = st.sampled_from("abc")
T = TypeVar("T")


class LedgerMachine(RuleBasedStateMachine):
    """One shard with an issuer, a key of it, and a key of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.patched = contextlib.ExitStack()
        for module, name, value in (
            (checkpoints, "_REST_S", 0),
            (journal, "LINGER_S", 0),
            (sweep, "BYTES_MAX", 1),
            (sweep, "_GROUP_SHIFT", 0),
            (sweep, "DRAWERS", 3),
            (shelf, "DRAWERS", 3),
        ):
            self.patched.enter_context(patch.object(module, name, value))
        self.folder = Path(self.patched.enter_context(tempfile.TemporaryDirectory(dir=IN_MEMORY)))
        self.runner = self.patched.enter_context(asyncio.Runner())
        self.clock = HandClock(NOON_US)
        self.deaths = Deaths()
        self.known: dict[int, tuple[int, bytes]] = {}
        self.images = 0

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(what)

    @initialize(whole_max=st.sampled_from([0, 0, 256]), cap=st.sampled_from([None, 500]))
    def begin(self, whole_max: int, cap: int | None) -> None:
        self.patched.enter_context(patch.object(checkpoints, "WHOLE_MAX", whole_max))
        self.live = self.folder / "live"
        self.run(self._open())
        self.issuer = self.run(self.ledger.open_account(BudgetTerms("Asia/Tokyo", cap)))
        terms = BudgetTerms("America/New_York")
        self.key = self.run(self.ledger.open_account(terms, parent=self.issuer))
        self.loner = self.run(self.ledger.open_account(BudgetTerms("UTC", 10 * (cap or 60))))
        self.accounts = [self.issuer, self.key, self.loner]

    async def _open(self) -> None:
        self.faults = Faults()
        self.ledger = await open_in(
            self.live,
            clock=self.clock,
            through=self.faults,
            on_death=self.deaths,
            retry_memory_h=2,
        )

    @property
    def shard(self) -> Shard:
        return self.ledger._by_number[0]

    # -- what callers do -----------------------------------------------------------------------

    @rule(
        which=st.integers(1, 2), amount=AMOUNTS, restorable=st.booleans(), retry=st.integers(0, 3)
    )
    def hold(self, which: int, amount: int, restorable: bool, retry: int) -> None:
        key = RetryKey(bytes([retry]) * 16, bytes(16)) if retry else None
        account = self.accounts[which]
        with contextlib.suppress(CapExceeded, CannotRecord):
            self.run(self.ledger.hold(account, amount, restorable=restorable, retry=key, tag="t"))

    @rule(which=st.integers(1, 2), amounts=st.lists(AMOUNTS, min_size=2, max_size=4))
    def hold_together(self, which: int, amounts: list[int]) -> None:
        """One batch, of which none or all find room."""

        async def ask() -> list[object]:
            asked = [self.ledger.hold(self.accounts[which], amount) for amount in amounts]
            return list(await asyncio.gather(*asked, return_exceptions=True))

        for answer in self.run(ask()):
            if isinstance(answer, Exception):
                assert isinstance(answer, CapExceeded | CannotRecord)

    @rule(at=st.integers(0, 9), to=st.integers(0, 9), settled=AMOUNTS, standing=AMOUNTS)
    def go_on(self, at: int, to: int, settled: int, standing: int) -> None:
        """The same: it is what happens most."""
        self.end(at, to, settled, standing)

    @rule(at=st.integers(0, 9), to=st.integers(0, 9), settled=AMOUNTS, standing=AMOUNTS)
    def end(self, at: int, to: int, settled: int, standing: int) -> None:
        holds = [hold for hold in self.shard.state.holds.values() if not hold.final]
        if not holds:
            return
        hold = holds[at % len(holds)]
        states = sorted(AFTER[hold.state], key=lambda state: state.value)
        state = states[to % len(states)]
        if state is HoldState.SETTLED:
            settled, standing = settled + hold.settled_micros, 0
        self.book(Ending(hold.hold_id, state, settled, standing, tag="u" if settled % 2 else ""))

    @rule(at=st.integers(0, 99))
    def shed(self, at: int) -> None:
        holds = [h.hold_id for h in self.shard.state.holds.values() if h.parent_id and not h.shed]
        if holds:
            self.book(Shed(holds[at % len(holds)]))

    def book(self, what: Ending | Shed) -> None:
        async def booked() -> None:
            with contextlib.suppress(ImpossibleEntry):  # over, and forgotten when it was asked for
                self.ledger.book([what], now_us=self.clock.now_us())

        self.run(booked())

    @rule(at=st.integers(0, 99), amount=st.integers(-1, 300), refund=NAMES)
    def restore(self, at: int, amount: int, refund: str) -> None:
        async def restored() -> None:
            with contextlib.suppress(ImpossibleEntry):
                self.ledger.restore(holds[at % len(holds)], amount, refund)

        holds = sorted(self.shard.state.holds)
        if holds:
            self.run(restored())

    @rule(name=NAMES, blob=st.none() | st.binary(max_size=3))
    def note(self, name: str, blob: bytes | None) -> None:
        with contextlib.suppress(CannotRecord):
            self.run(self.ledger.note([Note("k", name, blob)]))

    @rule(which=st.integers(0, 2), daily=st.none() | st.integers(0, 900))
    def amend(self, which: int, daily: int | None) -> None:
        account = self.accounts[which]
        zone = self.shard.state.accounts[account].terms.zone
        with contextlib.suppress(CannotRecord):
            self.run(self.ledger.amend_account(account, BudgetTerms(zone, daily)))

    @rule(which=st.integers(0, 2), amount=AMOUNTS)
    def top_up(self, which: int, amount: int) -> None:
        account = self.accounts[which]
        day = self.shard.state.accounts[account].calendar.day_at(self.clock.now_us())
        with contextlib.suppress(CannotRecord):
            self.run(self.ledger.top_up(account, amount, day=day, until_us=None))

    # -- what time and disks do ----------------------------------------------------------------

    @rule(hours=st.integers(1, 40))
    def time_goes_on(self, hours: int) -> None:
        self.clock.at_us += hours * HOUR_US

    @rule(full_for=st.sampled_from((0, 1, 1, 2)))
    def a_day_ends(self, full_for: int) -> None:
        """What is over is forgotten, also where the checkpoint finds no room."""
        self.settle_down()
        self.time_goes_on(30)
        self.checkpoint(full_for)
        self.settle_down()

    @rule(full_for=st.sampled_from((0, 0, 1, 2)))
    def checkpoint(self, full_for: int) -> None:
        """full_for: rows that find no room from its beginning on."""

        async def begun() -> None:
            await self.shard.journal.latest().settled()
            self.faults.only.faults += [full()] * full_for
            self.shard.checkpoint()

        self.run(begun())

    @rule(times=st.integers(1, 4))
    def disk_fills(self, times: int) -> None:
        self.faults.only.faults += [full() for _ in range(times)]

    @rule(turns=st.integers(1, 6))
    def loop_turns(self, turns: int) -> None:
        async def turn() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.run(turn())

    @rule()
    def tick(self) -> None:
        async def ticked() -> None:
            self.ledger._ticking.cancel()
            self.ledger._tick()

        self.run(ticked())

    @rule()
    def settle_down(self) -> None:
        """Until all that is queued is on disk, and a checkpoint at its end."""
        self.run(self._settled())
        assert self.ledger.trouble is None
        self.remember()

    async def _settled(self) -> None:
        """Ticks come as often as they are of use."""
        ours = self.shard.journal
        while (
            ours.trouble
            or ours.queued
            or ours._in_flight is not None
            or self.shard._checkpoints._sweep is not None
        ):
            self.ledger._ticking.cancel()
            self.ledger._tick()
            ours.hurry(ours.latest())
            await self._thread_is_idle()

    async def _thread_is_idle(self) -> None:
        """What the journal's thread was given is done, and the loop was told."""
        done = asyncio.get_running_loop().create_future()
        self.shard.journal._writer.do(lambda store: None, done.set_result)
        await done

    def remember(self) -> None:
        now_us = self.clock.now_us()
        self.known[self.shard.last_seq] = now_us, told(self.shard.state, now_us)

    # -- what is left ---------------------------------------------------------------------------

    @rule(cut=st.none() | st.integers(0, 1 << 20))
    def crash(self, cut: int | None) -> None:
        """The image is looked at; the ledger goes on. cut: where the log ends."""
        image = self.image()
        log = image / "ledger-0.db-wal"
        if cut is not None and log.exists() and log.stat().st_size:
            with log.open("r+b") as file:
                file.truncate(cut % log.stat().st_size)
        self.look_at(image)
        shutil.rmtree(image)

    @rule(settled=st.booleans())
    def restart(self, settled: bool) -> None:
        """After a crash, or a close that may find no room."""
        if settled:
            self.settle_down()
        image = self.image()
        self.run(self.ledger.close())
        shutil.rmtree(self.live)
        self.live = image
        self.run(self._open())
        assert not list(self.ledger.open_holds(HoldState.OPEN))
        self.remember()

    @rule(settled=st.booleans())
    def close(self, settled: bool) -> None:
        if settled:
            self.settle_down()
        self.run(self.ledger.close())
        self.look_at(self.live)
        self.run(self._open())
        self.remember()

    @rule()
    def back_up(self) -> None:
        """A copy, put back, is the books as they stood on disk."""

        async def check(folder: Path, key: Path) -> None:
            report = verify_copy(folder, key)
            assert report.ok, report.first_error

        order = Order(self.folder / "copies", with_key=True)
        copied = self.run(self.ledger.back_up(order, check))
        self.look_at(Path(copied.path))
        shutil.rmtree(copied.path)

    def image(self) -> Path:
        self.images += 1
        return crash_image(self.live, self.folder / f"life-{self.images}", self.ledger)

    def look_at(self, where: Path) -> None:
        report = verify(settings_in(where))
        assert report.ok, report.first_error
        layout = open_layout(settings_in(where), read_only=True)
        try:
            [store] = layout.stores
            state = recover(store, layout.key)
        finally:
            layout.close()
        known = self.known.get(store.chain.seq)
        if known is not None:
            assert told(state, known[0]) == known[1]
        for account in state.accounts.values():
            assert account.total.units >= 0

    # -- always ---------------------------------------------------------------------------------

    @precondition(lambda self: hasattr(self, "loner"))
    @invariant()
    def it_goes_on(self) -> None:
        assert self.deaths == []

    def teardown(self) -> None:
        if hasattr(self, "loner"):
            self.settle_down()
            self.run(self.ledger.close())
            self.look_at(self.live)
        self.patched.close()


def told(state: State, at_us: int) -> bytes:
    """The books, but for what is over by then."""
    copy = load(0, at_us, orjson.loads(orjson.dumps(dump(state))))
    copy.forget(at_us, 2 * HOUR_US)
    return orjson.dumps(dump(copy))


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
