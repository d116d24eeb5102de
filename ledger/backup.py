"""A copy of the books, made while they are written: in a folder of its own, and whole or not there.

    2026-11-23T08-19-23Z/               0700, every file 0600
        ledger-0.db                     the journal's rows, up to the moment of the copy
        ledger-0.archive-000001.db …    as they are: an archive never changes
        audit.db                        the audit log
        backup.json                     what is in here, and each shard's last row
        ledger.key                      only if it was asked for

The moment is one step of the event loop, in which every shard's last row on disk is noted. What
follows in one shard from an entry of another was booked after that entry was durable, so no shard
is ahead of another: a restored copy is as a crash at that moment.

It all happens in `NAME.partial`, in a thread of its own, and the copy is verified before it gets
its name. What fails is discarded; what a crash left is swept away by the next copy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from ledger.archive import cut_of
from ledger.copier import Copier, Order
from ledger.copies import MANIFEST, PARTIAL, Copied, verify_copy
from ledger.errors import CopyFailed, CopyRunning
from ledger.layout import open_layout
from ledger.settings import LedgerSettings
from ledger.store import Cut

__all__ = ["Backups", "Check", "Order", "back_up", "copies_in"]

Check = Callable[[Path, Path], Awaitable[None]]
"""Looks at a copy before it gets its name: its folder, and the ledger's key. Raises CopyFailed."""


class Backups:
    """Of a ledger that is open. One copy at a time; `close` ends it."""

    __slots__ = ("_copier", "_loop", "_task")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._copier: Copier | None = None
        self._task: asyncio.Task[Copied] | None = None

    async def make(
        self, order: Order, key: Path, now_us: int, cut: Callable[[], list[Cut]], check: Check
    ) -> Copied:
        """cut: takes the moment, in one step of the loop. Raises CopyRunning, CopyFailed."""
        if self._task is not None:
            raise CopyRunning("a copy is being made already")
        self._copier = Copier(order, key, now_us)
        self._task = task = self._loop.create_task(self._make(self._copier, cut, check))
        task.add_done_callback(self._done)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise CopyFailed("the copy was stopped") from None
            raise

    async def close(self) -> None:
        if self._task is not None and self._copier is not None:
            self._copier.stop()
            self._task.cancel()
            await asyncio.wait((self._task,))

    def _done(self, task: asyncio.Task[Copied]) -> None:
        self._task = self._copier = None
        if not task.cancelled():
            task.exception()  # whoever asked may be gone: then nobody else looks

    async def _make(self, copier: Copier, cut: Callable[[], list[Cut]], check: Check) -> Copied:
        with ThreadPoolExecutor(1, thread_name_prefix="ledger-copy") as thread:
            in_thread = partial(self._loop.run_in_executor, thread)
            try:
                await in_thread(copier.begin, [each.store.path for each in cut()])
                await in_thread(copier.write, cut())
                await check(copier.folder, copier.key)
                return await in_thread(copier.publish)
            except BaseException:
                copier.stop()
                await in_thread(copier.discard)  # after what the thread is at
                raise


def back_up(settings: LedgerSettings, order: Order, now_us: int) -> Copied:
    """The same of a ledger that nobody has open: lock it, copy it, verify the copy. Raises
    LedgerRefused if a gateway has it open, CopyFailed."""
    layout = open_layout(settings, read_only=True)
    copier = Copier(order, layout.key_path, now_us)
    try:
        copier.begin([store.path for store in layout.stores])
        copier.write([cut_of(store) for store in layout.stores])
        report = verify_copy(copier.folder, copier.key)
        if not report.ok:
            raise CopyFailed(f"the copy is not whole: {report.first_error}")
        return copier.publish()
    except BaseException:
        copier.discard()
        raise
    finally:
        layout.close()


def copies_in(backups: Path) -> list[Path]:
    """The copies that are kept here, oldest first."""
    found = (manifest.parent for manifest in backups.glob(f"*/{MANIFEST}"))
    return sorted(folder for folder in found if folder.suffix != PARTIAL)
