"""What tests of the ledger share: its settings in a directory, faults to order, and the image a
crash leaves."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateway.clock import HandClock
from ledger import BudgetTerms, Ledger
from ledger.journalfile import StoreFull
from ledger.store import Store

DAY_US = 86_400_000_000
NOON_US = 20_000 * DAY_US + DAY_US // 2


@dataclass(frozen=True)
class Settings:
    """As `gateway.settings.LedgerSettings`, with small figures."""

    shards: tuple[str, ...]
    synchronous: str = "NORMAL"
    checkpoint_entries: int = 1_000_000
    stall_refuse_s: float = 2.0
    stall_exit_s: float = 10.0
    reserve_bytes: int = 8_192
    retry_memory_h: int = 20


def settings_in(directory: Path, shards: int = 1, **others: object) -> Settings:
    names = tuple(f"sqlite:{directory}/ledger-{number}.db" for number in range(shards))
    return Settings(names, **others)  # type: ignore[arg-type]


class Deaths(list[str]):
    """What `on_death` was told."""

    def __call__(self, why: str) -> None:
        self.append(why)


async def open_in(
    directory: Path,
    *,
    clock: HandClock | None = None,
    shards: int = 1,
    on_death: Callable[[str], None] | None = None,
    through: Callable[[Store], Store] = lambda store: store,
    **others: object,
) -> Ledger:
    return await Ledger.open(
        settings_in(directory, shards, **others),
        clock or HandClock(NOON_US),
        on_death=on_death if on_death is not None else Deaths(),
        through=through,
    )


class FaultyStore:
    """A real store that fails when told to, the way a disk does: before anything was written, or,
    with `after`, when it was and nobody can know. faults: one for each append to come; None: it
    goes well. gate: appends wait for it."""

    def __init__(self, store: Store) -> None:
        self.real = store
        self.faults: list[BaseException | None] = []
        self.always: BaseException | None = None
        self.after = False
        self.reserve_fault: BaseException | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()
        self.log: list[str] = []

    def append(self, entries: int, body: bytes) -> None:
        self.reached.set()
        self.gate.wait()
        fault = self.faults.pop(0) if self.faults else self.always
        if fault is not None and (not self.after or isinstance(fault, StoreFull)):
            self.log.append("failed")
            raise fault
        self.real.append(entries, body)
        self.log.append("append")
        if fault is not None:
            raise fault

    def move_log(self) -> None:
        self.real.move_log()

    def tidy(self) -> bool:
        return self.real.tidy()

    def free_reserve(self) -> None:
        self.log.append("free")
        if isinstance(self.reserve_fault, OSError):
            raise self.reserve_fault
        self.real.free_reserve()

    def keep_reserve(self) -> None:
        self.log.append("keep")
        if self.reserve_fault is not None:
            raise self.reserve_fault
        self.real.keep_reserve()

    def close(self) -> None:
        self.real.close()


class Faults:
    """Collects the faulty stores of a ledger: `through=faults`."""

    def __init__(self) -> None:
        self.stores: list[FaultyStore] = []

    def __call__(self, store: Store) -> FaultyStore:
        self.stores.append(FaultyStore(store))
        return self.stores[-1]

    @property
    def only(self) -> FaultyStore:
        [store] = self.stores
        return store


def full() -> StoreFull:
    return StoreFull("no room (ordered)")


async def funded(ledger: Ledger, micros: int = 1_000, **terms: object) -> int:
    return await ledger.open_account(BudgetTerms(daily_micros=micros, **terms))  # type: ignore[arg-type]


def crash_image(directory: Path, to: Path, ledger: Ledger | None = None) -> Path:
    """The directory as a SIGKILL would leave it now: every file as it lies at one moment, the logs
    included. ledger: the one that writes there."""
    with contextlib.ExitStack() as still:
        for store in ledger._layout.stores if ledger is not None else ():
            still.enter_context(store._lock)
        shutil.copytree(directory, to, ignore=shutil.ignore_patterns("*.reserve"))
    return to


def tamper(path: Path, statement: str, *values: object) -> None:
    """Change a journal behind the ledger's back."""
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute(statement, values)
    conn.close()
