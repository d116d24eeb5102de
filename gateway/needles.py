"""Is a fixed text anywhere in a long one? The C library's memmem says so.

All that streams is looked through for credentials, and `in` takes as much CPU for that as a whole
proxy does: for a text of 32 characters 0.1 ms a megabyte and more. memmem takes a third to a fifth
of it. On a short text the call alone would take longer; there it is `find`, which is quicker than
`in` even so: that tries each time whether the needle is a number, and throws an exception away."""

from __future__ import annotations

import ctypes
from typing import Final

LONG_BYTES: Final = 8_192
"""From here on memmem is the faster one."""

_memmem: Final = ctypes.PyDLL(None).memmem
_memmem.restype = ctypes.c_void_p
_memmem.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t)


def holds(text: bytes, needle: bytes) -> bool:
    """The same as `needle in text`."""
    if len(text) < LONG_BYTES:
        return text.find(needle) >= 0
    return _memmem(text, len(text), needle, len(needle)) is not None
