"""What this process has in its memory, real credentials among it, is nobody else's to read.

A crash writes no core file (`RLIMIT_CORE`); and the process is marked so that neither another
program of its user may attach to it or read its environment, nor the kernel hand its memory to a
program that collects crashes, which the limit does not stop (`PR_SET_DUMPABLE`, prctl(2), core(5)).
Its own look at /proc/self goes on as before.
"""

from __future__ import annotations

import ctypes
import resource
from collections.abc import Mapping
from typing import Final

DEBUGGABLE: Final = "KEYBRAKE_DEBUGGABLE"
"""In the environment: profilers and debuggers of the same user may attach."""
_PR_SET_DUMPABLE: Final = 4


def keep_memory(environ: Mapping[str, str]) -> None:
    """From here on nobody but root looks in."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if DEBUGGABLE not in environ:
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
