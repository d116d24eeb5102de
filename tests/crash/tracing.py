"""A gateway under strace: to read what it asks of the disk, or to have the disk refuse it.

strace is Debian's; `make test` installs it where it may. A machine may forbid to trace (some
containers do): `must_trace` says so aloud in the summary of a run, and nothing else is left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import pytest

from tests.house import Gateway

_HOW: Final = "on Debian: apt-get install strace, or make .venv/.tracer"


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
