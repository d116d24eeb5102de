"""The journal's thread: it takes one job at a time, does it on the store, and tells the loop how it
went.

In the time between two jobs it moves old rows to the archive, a slice at a time, and after each one
rests for as long as that took: the journal has its half of the disk. What it reports is
judged on the loop; it only ends when it is told to, or when the loop is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable

from ledger.store import Store

Work = Callable[[Store], None]
Back = Callable[[BaseException | None], None]


class Writer:
    """on_failure: called on the loop if something fails that nobody waits for."""

    __slots__ = ("_jobs", "_loop", "_on_failure", "_store", "_thread")

    def __init__(
        self, store: Store, loop: asyncio.AbstractEventLoop, on_failure: Back, *, name: str
    ) -> None:
        self._store = store
        self._loop = loop
        self._on_failure = on_failure
        self._jobs: queue.SimpleQueue[tuple[Work, Back] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def do(self, work: Work, back: Back) -> None:
        """Do this after what was asked for before; `back` is called on the loop, with None or with
        what was raised."""
        self._jobs.put((work, back))

    def stop(self) -> None:
        """End once all jobs are done."""
        self._jobs.put(None)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        while (job := self._next()) is not None:
            work, back = job
            failure: BaseException | None = None
            try:
                work(self._store)
            except BaseException as exc:
                failure = exc
            if not self._tell(back, failure):
                return

    def _next(self) -> tuple[Work, Back] | None:
        try:
            while self._jobs.empty():
                began_s = time.monotonic()
                if not self._store.tidy():
                    break
                with contextlib.suppress(queue.Empty):
                    return self._jobs.get(timeout=time.monotonic() - began_s)
        except BaseException as exc:
            self._tell(self._on_failure, exc)
        return self._jobs.get()

    def _tell(self, back: Back, failure: BaseException | None) -> bool:
        try:
            self._loop.call_soon_threadsafe(back, failure)
        except RuntimeError:  # the loop is closed: nobody is left to hear
            return False
        return True
