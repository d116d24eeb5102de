"""A gateway under strace: to read what it asks of the disk, or to have the disk refuse it.

strace is Debian's; `make test` installs it where it may. A machine may forbid to trace (some
containers do): `must_trace` says so aloud in the summary of a run, and nothing else is left out.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.house import Gateway

_HOW: Final = "on Debian: apt-get install strace, or make .venv/.tracer"
DETACH_S: Final = 5.0


def tool() -> str:
    found = shutil.which("strace")
    assert found is not None, f"the disk's failures are made with strace; {_HOW}"
    return found


def must_trace() -> None:
    """Skips the test where the kernel forbids it."""
    done = subprocess.run(
        [tool(), "-f", "-qq", "-e", "trace=none", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"this machine forbids to trace: {done.stderr.strip()}")


def put_under(gateway: Gateway, options: Sequence[str]) -> None:
    """From its next start on it runs under strace."""
    gateway.program = (*options, sys.executable, "-m", "gateway")
    gateway.python = tool()


def take_out(gateway: Gateway) -> None:
    gateway.python, gateway.program = sys.executable, ("-m", "gateway")


def traced_pid(gateway: Gateway) -> int:
    """The gateway's own, whose parent is strace."""
    with open(f"/proc/{gateway.pid}/task/{gateway.pid}/children") as told:
        return int(told.read().split()[0])


def signal_traced(gateway: Gateway, number: int) -> None:
    os.kill(traced_pid(gateway), number)


@contextlib.contextmanager
def failing(gateway: Gateway, *faults: str, files: Sequence[Path]) -> Iterator[None]:
    """As long as this lasts, the gateway's system calls on these files fail as ordered (strace's
    `inject`). It may end meanwhile."""
    orders = [word for fault in faults for word in ("-e", f"inject={fault}")]
    paths = [word for file in files for word in ("-P", str(file))]
    command = [tool(), "-f", "-p", str(gateway.pid), *orders, *paths, "-o", os.devnull]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as tracer:
        assert tracer.stderr is not None
        assert b"attached" in tracer.stderr.readline()
        try:
            yield
        finally:
            tracer.terminate()
            try:
                tracer.wait(DETACH_S)
            except subprocess.TimeoutExpired:  # it waits for a process that is gone
                tracer.kill()
