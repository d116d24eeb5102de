"""Another program of the same user does not look into this one, and a crash leaves nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, os, resource, sys
from gateway.run.privacy import keep_memory
keep_memory({name: "1" for name in sys.argv[1:]})
fds = len(os.listdir("/proc/self/fd"))
print(ctypes.CDLL(None).prctl(3), resource.getrlimit(resource.RLIMIT_CORE), fds > 0)
"""


@pytest.mark.parametrize(("names", "dumpable"), [([], 0), (["KEYBRAKE_DEBUGGABLE"], 1)])
def test_memory_is_kept(names: list[str], dumpable: int) -> None:
    """In a process of its own: pytest's stays as it is."""
    command = [sys.executable, "-c", PROGRAM, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{dumpable} (0, 0) True\n"
