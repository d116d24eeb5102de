"""A gateway that starts in a tenth of a second, so that it can be killed a thousand times.

Each start is a fork of this process, which has imported everything already; from there on it is
`keybrake serve` as anybody runs it, on the same directory and settings. A fuse (`launcher`) may be
put into it. Only for a process of one thread with no event loop running: `cycles` is one.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import traceback
from dataclasses import dataclass
from typing import Final

import gateway.run.app  # noqa: F401  here, once, and not in each start
from gateway.run import cli
from ledger import book, journal
from tests.crash.launcher import light
from tests.house import Gateway, GatewayEnded

_PR_SET_PDEATHSIG: Final = 1
TICK_S: Final = 0.05
"""So that checkpoints come while there are calls."""
SERVE: Final = ("serve", "--config", "gateway.toml")


@dataclass(slots=True)
class ForkedGateway(Gateway):
    """fuse: the point at which the next start kills itself, and at which passing. fresh: the next
    start is a process of its own, as users have it. linger_s: how long entries that nobody waits
    for keep off the disk, in all others."""

    fuse: tuple[str, int] | None = None
    fresh: bool = False
    linger_s: float = journal.LINGER_S
    _pid: int = 0

    @property
    def pid(self) -> int:
        return self._pid or self._running().pid

    @property
    def running(self) -> bool:
        return bool(self._pid) or self._process is not None

    def restart(self) -> None:
        """Raises GatewayEnded, also when the fuse burns before it is ready."""
        if self.fresh:
            Gateway.restart(self)  # no super(): slots make this another class than it was
            return
        reading, writing = os.pipe()
        gc.collect()
        gc.freeze()  # what is here is not for each child to look through
        self._pid = os.fork()
        if not self._pid:
            os.close(reading)
            self._become(writing)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            line = pipe.readline()
        if not line:
            raise GatewayEnded(self.wait(), self.said)
        ready = json.loads(line)
        self.address, self.admin_address = ready["address"], ready["admin_address"]

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def wait(self) -> int:
        if not self._pid:
            return Gateway.wait(self)
        pid, self._pid = self._pid, 0
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def stop(self) -> int:
        if not self._pid:
            return Gateway.stop(self)
        self.terminate()
        return self.wait()

    def __exit__(self, *about: object) -> None:
        if self.running:
            self.kill()

    def _become(self, ready_fd: int) -> None:
        """In the child: never returns."""
        try:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            os.chdir(self.directory)
            self._own_files(ready_fd)
            os.environ.clear()
            os.environ.update(self._environment())
            if self.fuse is not None:
                light(*self.fuse)
            book.TICK_S = TICK_S  # type: ignore[attr-defined]
            journal.LINGER_S = self.linger_s  # type: ignore[misc]
            os._exit(cli.main(SERVE))
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        os._exit(70)

    def _own_files(self, ready_fd: int) -> None:
        """What the process that it was forked from has open is not for it."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open("stdout.log", flags, 0o600), 1)
        os.dup2(os.open("stderr.log", flags, 0o600), 2)
        kept = os.dup2(ready_fd, 3)
        os.closerange(4, 4096)
        self.env["KEYBRAKE_READY_FD"] = str(kept)
