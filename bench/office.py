"""A busy office before the dashboard: what `bench.reads` lets loose on a gateway under load.

    python -m bench.office ADDRESS COOKIE [--live PATH …] [--page PATH …] [--page-every-s 1.0]
                           [--exports 1]

Three kinds of readers, all as browsers are. A live page hears `news` and asks for itself again, as
`static/keybrake.js` lets htmx do: at once, then not within two seconds. One person opens a page
each second, one after the other. An export is read as fast as it comes, and begun again at its end.

A line on stdin begins (`go`) or ends (`stop`) office hours; after `stop` comes one JSON line with
what was read: per page its times, bytes and answers that were not 200. The end of stdin ends all.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any, Final

THROTTLE_S: Final = 2.0
"""`hx-trigger="news from:body throttle:2s"`, as live pages have it."""
EXPORT: Final = "/calls/export?format=csv&range=90d"
_PIECE_BYTES: Final = 65_536


@dataclass(slots=True)
class Read:
    """What was read of one page. seconds: to its last byte, each time."""

    seconds: list[float] = field(default_factory=list)
    size_bytes: int = 0
    wrong: int = 0


@dataclass(slots=True)
class Hours:
    """Living: from `go` to `stop`. news: how often any page was told of some."""

    pages: dict[str, Read] = field(default_factory=dict)
    news: int = 0
    exported_bytes: int = 0

    def told(self) -> dict[str, Any]:
        return {
            "news": self.news,
            "exported_bytes": self.exported_bytes,
            "pages": {
                path: {"seconds": read.seconds, "size_bytes": read.size_bytes, "wrong": read.wrong}
                for path, read in self.pages.items()
            },
        }


class Office:
    """All readers of one gateway."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self._pages = cycle(given.page)
        self._tasks: list[asyncio.Task[None]] = []
        self._hours = Hours()

    def open(self) -> None:
        self._hours = Hours()
        given = self._given
        readers: list[Awaitable[None]] = [self._live(path) for path in given.live]
        readers += [self._export() for _ in range(given.exports)]
        readers += [self._person()] if given.page else []
        self._tasks = [asyncio.ensure_future(reader) for reader in readers]

    async def close(self) -> Hours:
        """What was read until now. A reader that failed raises here."""
        failed = [task.exception() for task in self._tasks if task.done()]
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for exc in filter(None, failed):
            raise exc
        return self._hours

    # -- the readers -----------------------------------------------------------------------------

    async def _live(self, path: str) -> None:
        """One open page: its stream of news, and itself again."""
        await self._read(path, fragment=False)
        async with _asked(self._given, "/live") as (reader, status):
            if status != 200:
                raise RuntimeError(f"no news: {status}")
            next_s = 0.0
            while line := await reader.readline():
                if line.startswith(b"event: news"):
                    self._hours.news += 1
                    if time.perf_counter() >= next_s:
                        next_s = time.perf_counter() + THROTTLE_S
                        await self._read(path, fragment=True)

    async def _person(self) -> None:
        due_s = time.perf_counter()
        for path in self._pages:
            await self._read(path, fragment=False)
            due_s = max(due_s + self._given.page_every_s, time.perf_counter())
            await asyncio.sleep(due_s - time.perf_counter())

    async def _export(self) -> None:
        while True:
            async with _asked(self._given, EXPORT) as (reader, _):
                while piece := await reader.read(_PIECE_BYTES):
                    self._hours.exported_bytes += len(piece)
                    if piece.endswith(b"\r\n0\r\n\r\n"):
                        break

    async def _read(self, path: str, *, fragment: bool) -> None:
        began_s = time.perf_counter()
        async with _asked(self._given, path, fragment=fragment) as (reader, status):
            size = 0
            while piece := await reader.read(_PIECE_BYTES):
                size += len(piece)
        read = self._hours.pages.setdefault(path, Read())
        read.seconds.append(time.perf_counter() - began_s)
        read.size_bytes = size
        read.wrong += status != 200


@contextlib.asynccontextmanager
async def _asked(
    given: argparse.Namespace, path: str, *, fragment: bool = False
) -> Any:  # an async context manager of (reader, status)
    """A connection on which a page was asked for; it ends with the page, or with the block."""
    host, _, port = given.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        is_stream = path in ("/live", EXPORT)
        lines = [f"GET /dashboard{path} HTTP/1.1", "Host: office", f"Cookie: {given.cookie}"]
        lines += [] if is_stream else ["Connection: close"]
        lines += ["HX-Request: true"] if fragment else []
        writer.write("\r\n".join([*lines, "", ""]).encode())
        head = await reader.readuntil(b"\r\n\r\n")
        yield reader, int(head[9:12])
    finally:
        writer.close()


async def work(given: argparse.Namespace) -> None:
    office = Office(given)
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    doors: dict[bytes, Callable[[], None]] = {b"go": office.open}
    while order := (await orders.readline()).strip():
        if order in doors:
            doors[order]()
        else:
            print(json.dumps((await office.close()).told()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.office",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("address", help="host:port of the gateway")
    parser.add_argument("cookie", help="of somebody who is signed in: name=value")
    parser.add_argument("--live", nargs="*", default=[], metavar="PATH")
    parser.add_argument("--page", nargs="*", default=[], metavar="PATH")
    parser.add_argument("--page-every-s", type=float, default=1.0)
    parser.add_argument("--exports", type=int, default=1)
    asyncio.run(work(parser.parse_args()))


if __name__ == "__main__":
    os.nice(19)  # browsers are on machines of their own: beside the load, they wait for it
    main()
