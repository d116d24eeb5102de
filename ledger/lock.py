"""One process owns a ledger's directory: an exclusive lock on the directory itself, which ends with
the process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ledger.errors import LedgerRefused


class Lock:
    __slots__ = ("_fd",)

    def __init__(self, directory: Path) -> None:
        """Raises LedgerRefused if another process has it, or the directory cannot be opened."""
        try:
            self._fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as exc:
            raise LedgerRefused(f"the ledger's directory {directory}: {exc.strerror}") from exc
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(self._fd)
            raise LedgerRefused(
                f"the ledger in {directory} is in use by another process: stop it first"
            ) from exc

    def release(self) -> None:
        os.close(self._fd)
