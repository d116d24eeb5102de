"""A transport without a socket, for a client's connection that is fed by hand."""

from __future__ import annotations

import asyncio


class Wire(asyncio.Transport):
    """Keeps what is written, and knows whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        return

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        return

    def resume_reading(self) -> None:
        return

    def write_eof(self) -> None:
        return

    def close(self) -> None:
        self.closed = True

    abort = close
