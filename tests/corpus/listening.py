"""Listening sockets in a thread of their own, for whoever plays a part beside a blocking test."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Final, Self

START_TIMEOUT_S: Final = 30.0
LINE_BYTES_MAX: Final = 1 << 23
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listening(ABC):
    """Serves while it is entered; `doors` is asked once for who serves, by name. ports: by name."""

    def __init__(self) -> None:
        self.ports: dict[str, int] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @abstractmethod
    def doors(self) -> dict[str, Serve]:
        """Who serves, by name; each gets a port."""

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(START_TIMEOUT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(START_TIMEOUT_S)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        servers = []
        for name, serve in self.doors().items():
            server = await asyncio.start_server(
                self._in_a_task(serve), "127.0.0.1", 0, limit=LINE_BYTES_MAX
            )
            self.ports[name] = server.sockets[0].getsockname()[1]
            servers.append(server)
        self._ready.set()
        await self._over.wait()
        for server in servers:
            server.close()
        await asyncio.sleep(0)
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
            await asyncio.sleep(0)

    def _in_a_task(self, serve: Serve) -> Callable[..., None]:
        """Each connection has a task that ends with the house."""

        def began(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = self._loop.create_task(self._serve(serve, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return began

    async def _serve(
        self, serve: Serve, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
