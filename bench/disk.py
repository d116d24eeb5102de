"""What one data sync costs on the ledger's disk: the least that anybody waits for durability."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import Final

BLOCK: Final = b"\x5a" * 4096


def data_sync_s(folder: Path, times: int = 200) -> float:
    """The median of so many overwrites of 4 KiB, each with its fdatasync, in a file of its own. The
    file has its size already, so that nothing but data is synced."""
    path = folder / "data-sync"
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.pwrite(fd, BLOCK, 0)
        os.fsync(fd)
        return statistics.median(_once_s(fd) for _ in range(times))
    finally:
        os.close(fd)
        path.unlink()


def _once_s(fd: int) -> float:
    started = time.perf_counter()
    os.pwrite(fd, BLOCK, 0)
    os.fdatasync(fd)
    return time.perf_counter() - started
