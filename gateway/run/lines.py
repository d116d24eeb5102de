"""Lines on their way to stderr: gathered, written in few large pieces, and never waited for.

A line per call is worth some microseconds and no more. So what it says is put down as it is, made
into text a few dozen at a time (in the midst of a call the same work finds cold caches, and takes
more than twice as long), gathers for a tenth of a second or 64 KiB, and goes out in one write. Any
other line goes out at once, with all that gathered before it, so their order stays. Whoever reads
our stderr may be slow, or stop: we write only what the system takes without making us wait, keep a
bounded rest, drop what does not fit and count it.

A pipe that is ready takes at least PIPE_BUF bytes without blocking (pipe(7)), and so do terminals
and the journal's socket; a file always takes all. The shared descriptor is left as it is:
O_NONBLOCK on it would surprise the shell that gave it to us.
"""

from __future__ import annotations

import asyncio
import os
import select
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, Final

GATHER_S: Final = 0.1
GATHER_BYTES: Final = 65_536
"""So long, or so much, gathers before it is written."""
BATCH_LINES: Final = 32
"""So many are made into text at once: a few dozen microseconds' work, in nobody's way."""
BUFFER_BYTES_MAX: Final = 1_048_576
"""What waits for a slow reader: some 2,500 calls. Beyond it lines are dropped."""
EXIT_PATIENCE_S: Final = 1.0
"""At the end of the process the reader is given so long."""


class Lines:
    """The way to one stream. Any thread may `write`; `gather` is the event loop's. A stream without
    a descriptor (a test's) takes everything."""

    __slots__ = (
        "_fd",
        "_lock",
        "_piece_bytes",
        "_poll",
        "_size",
        "_timer",
        "_unmade",
        "_waiting",
        "dropped",
    )

    def __init__(self, stream: IO[str]) -> None:
        self.dropped = 0
        self._lock = threading.Lock()
        self._unmade: list[tuple[Callable[[Any], bytes], Any]] = []
        self._waiting: list[bytes] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._fd = _descriptor(stream)
        self._poll = select.poll()
        self._piece_bytes = select.PIPE_BUF
        if isinstance(self._fd, int):
            self._poll.register(self._fd, select.POLLOUT)
            if stat.S_ISREG(os.fstat(self._fd).st_mode):
                self._piece_bytes = BUFFER_BYTES_MAX

    def gather(self, make: Callable[[Any], bytes], facts: Any) -> None:
        """make: gives the line, with its line end, of facts that change no more."""
        with self._lock:
            self._unmade.append((make, facts))
            if len(self._unmade) >= BATCH_LINES:
                self._make_lines()
                if self._size >= GATHER_BYTES:
                    self._write_out(0)
        if self._timer is None:
            self._come_back()

    def write(self, line: bytes) -> None:
        """At once, behind what has gathered."""
        with self._lock:
            self._make_lines()
            self._take(line)
            self._write_out(0)
        if self._waiting and self._timer is None:
            with suppress(RuntimeError):  # another thread's: the next line of the loop takes it on
                self._come_back()

    def flush(self, patience_s: float = EXIT_PATIENCE_S) -> None:
        """Write what waits. patience_s: how long the reader may let us wait each time."""
        with self._lock:
            self._make_lines()
            self._write_out(patience_s)

    def _on_time(self) -> None:
        self._timer = None
        self.flush(0)
        if self._waiting:
            self._come_back()

    def _come_back(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._on_time)

    def _make_lines(self) -> None:
        unmade, self._unmade = self._unmade, []
        for make, facts in unmade:
            try:
                self._take(make(facts))
            except Exception:  # no line is worth the call that comes by
                self.dropped += 1

    def _take(self, line: bytes) -> None:
        if self._size + len(line) > BUFFER_BYTES_MAX:
            self.dropped += 1
            return
        self._waiting.append(line)
        self._size += len(line)

    def _write_out(self, patience_s: float) -> None:
        """As much as is taken. The rest of a line that went out in part stays first."""
        if not self._waiting:
            return
        if not isinstance(self._fd, int):
            self._fd.write(b"".join(self._waiting).decode("utf-8", "replace"))
            self._left(b"")
            return
        if not self._is_ready(patience_s):
            return
        data = b"".join(self._waiting)
        at = 0
        try:
            while at < len(data) and (not at or self._is_ready(patience_s)):
                at += os.write(self._fd, data[at : at + self._piece_bytes])
        except OSError:  # nobody reads there any more, or the disk is full
            self.dropped += data.count(b"\n", at)
            at = len(data)
        self._left(data[at:])

    def _left(self, rest: bytes) -> None:
        self._waiting = [rest] if rest else []
        self._size = len(rest)

    def _is_ready(self, patience_s: float) -> bool:
        return bool(self._poll.poll(patience_s * 1000))


def _descriptor(stream: IO[str]) -> int | IO[str]:
    """What is written to: the stream's descriptor, or the stream itself if it has none."""
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return stream
