"""Lines gather, keep their order, and wait for no reader."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from gateway.run import lines as lines_module
from gateway.run.lines import BUFFER_BYTES_MAX, GATHER_BYTES, Lines


class Pipe:
    """A pipe with nobody who reads it but the test."""

    def __init__(self) -> None:
        self.reading, writing = os.pipe()
        os.set_blocking(self.reading, False)
        self.stream: IO[str] = os.fdopen(writing, "w")

    def read(self) -> bytes:
        """All that is in it now."""
        found = b""
        try:
            while piece := os.read(self.reading, 65_536):
                found += piece
        except BlockingIOError:
            pass
        return found

    def fill(self) -> int:
        """As full as it gets. Returns by how many bytes."""
        os.set_blocking(self.stream.fileno(), False)
        size = 0
        try:
            while True:
                size += os.write(self.stream.fileno(), b"x" * 4_096)
        except BlockingIOError:
            return size
        finally:
            os.set_blocking(self.stream.fileno(), True)


def gather(lines: Lines, line: bytes) -> None:
    lines.gather(lambda said: said, line)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    os.close(pipe.reading)
    pipe.stream.close()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "GATHER_S", 0.001)


async def next_read(pipe: Pipe) -> bytes:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(pipe.reading, ready.set)
    await ready.wait()
    loop.remove_reader(pipe.reading)
    return pipe.read()


async def test_lines_gather_and_go_out_together(pipe: Pipe, soon: None) -> None:
    lines = Lines(pipe.stream)
    for number in range(3):
        gather(lines, b"call %d\n" % number)
    assert pipe.read() == b""
    assert await next_read(pipe) == b"call 0\ncall 1\ncall 2\n"
    gather(lines, b"call 3\n")
    assert await next_read(pipe) == b"call 3\n"


async def test_any_other_line_goes_out_at_once_behind_them(pipe: Pipe) -> None:
    lines = Lines(pipe.stream)
    gather(lines, b"call\n")
    lines.write(b"warning\n")
    assert pipe.read() == b"call\nwarning\n"
    lines.flush()
    assert pipe.read() == b""


async def test_much_does_not_wait_for_the_time(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        lines = Lines(stream)
        for _ in range(GATHER_BYTES // 1_024):
            gather(lines, b"x" * 1_023 + b"\n")
        assert (tmp_path / "log").stat().st_size == GATHER_BYTES


async def test_a_reader_that_stops_costs_lines_and_no_time(pipe: Pipe, soon: None) -> None:
    lines = Lines(pipe.stream)
    filled = pipe.fill()
    line = b"y" * 1_023 + b"\n"
    room = BUFFER_BYTES_MAX // len(line)
    for _ in range(room + 7):
        gather(lines, line)
    lines.write(b"error\n" * 1_000)
    assert lines.dropped == 8
    got = await next_read(pipe)
    assert got == b"x" * filled
    while len(got) < filled + room * len(line):
        got += await next_read(pipe)
    assert got == b"x" * filled + line * room
    lines.write(b"again\n")
    assert pipe.read() == b"again\n"


async def test_a_line_that_went_out_in_part_is_finished_first(pipe: Pipe) -> None:
    lines = Lines(pipe.stream)
    long = b"a" * 200_000 + b"\n"
    lines.write(long)  # a pipe has room for 64 KiB
    lines.write(b"next\n")
    got = pipe.read()
    assert len(got) == 65_536
    while len(got) < len(long) + 5:
        lines.flush(0)
        got += pipe.read()
    assert got == long + b"next\n"
    assert lines.dropped == 0


async def test_nobody_reads_any_more(pipe: Pipe) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        lines = Lines(stream)
        os.close(reading)
        lines.write(b"one\ntwo\n")
        lines.write(b"three\n")
        assert lines.dropped == 3


def test_the_end_waits_a_little_for_its_reader(pipe: Pipe) -> None:
    lines = Lines(pipe.stream)
    pipe.fill()
    lines.write(b"last words\n")
    lines.flush(0.001)
    pipe.read()
    lines.flush()
    assert pipe.read() == b"last words\n"


async def test_a_stream_without_a_descriptor_takes_everything() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    gather(lines, "größer\n".encode())
    lines.flush()
    assert stream.getvalue() == "größer\n"


async def test_a_line_that_cannot_be_made_is_only_counted(pipe: Pipe) -> None:
    lines = Lines(pipe.stream)
    lines.gather(lambda number: b"%d\n" % (1 // number), 0)
    gather(lines, b"call\n")
    lines.flush()
    assert (pipe.read(), lines.dropped) == (b"call\n", 1)


async def test_what_a_slow_reader_left_over_is_tried_again_without_another_line(
    pipe: Pipe, soon: None
) -> None:
    lines = Lines(pipe.stream)
    filled = pipe.fill()
    lines.write(b"error\n")
    assert len(await next_read(pipe)) == filled
    assert await next_read(pipe) == b"error\n"
