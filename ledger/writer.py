"""The journal's threads. The first takes one job at a time, does it on the store, and tells the
loop how it went; what can wait until then comes afterwards. What it reports is judged on the loop;
it only ends when it is told to, or when the loop is gone.

The second looks now and then whether there are old rows to move to the archive. It moves them a
slice at a time, and after each one rests for three times as long as that took: a job may have to
wait for its share of a slice, which is short, and never for the archive's disk.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Final

from ledger.store import Store

LOOK_S: Final = 0.5
_RESTS: Final = 3

Work = Callable[[Store], None]
Back = Callable[[BaseException | None], None]


class Writer:
    """on_failure: called on the loop if something fails that nobody waits for."""

    __slots__ = ("_jobs", "_loop", "_on_failure", "_stopped", "_store", "_thread", "_tidier")

    def __init__(
        self, store: Store, loop: asyncio.AbstractEventLoop, on_failure: Back, *, name: str
    ) -> None:
        self._store = store
        self._loop = loop
        self._on_failure = on_failure
        self._jobs: queue.SimpleQueue[tuple[Work, Back] | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._tidier = threading.Thread(target=self._tidy_up, name=f"{name}-old", daemon=True)
        self._tidier.start()

    def do(self, work: Work, back: Back) -> None:
        """Do this after what was asked for before; `back` is called on the loop, with None or with
        what was raised."""
        self._jobs.put((work, back))

    def close(self, back: Back) -> None:
        """Let the store go once all jobs are done, and end."""
        self._stopped.set()
        self.do(self._close, back)
        self._jobs.put(None)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def _close(self, store: Store) -> None:
        self._tidier.join()
        store.close()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, back = job
            failure: BaseException | None = None
            try:
                work(self._store)
            except BaseException as exc:
                failure = exc
            if not self._tell(back, failure):
                return
            if failure is None:
                self._move_log()

    def _move_log(self) -> None:
        try:
            self._store.move_log()
        except BaseException as exc:
            self._tell(self._on_failure, exc)

    def _tidy_up(self) -> None:
        rest_s = LOOK_S
        try:
            while not self._stopped.wait(rest_s):
                began_s = time.monotonic()
                more = self._store.tidy()
                rest_s = _RESTS * (time.monotonic() - began_s) if more else LOOK_S
        except BaseException as exc:
            self._tell(self._on_failure, exc)

    def _tell(self, back: Back, failure: BaseException | None) -> bool:
        try:
            self._loop.call_soon_threadsafe(back, failure)
        except RuntimeError:  # the loop is closed: nobody is left to hear
            return False
        return True
