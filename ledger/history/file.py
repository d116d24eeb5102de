"""The audit log's SQLite file through aiosqlite: one connection that writes, others only read.

Each `await` on aiosqlite is a hop to its thread and back, so statements carry whole batches. A
transaction is shielded: whoever waits for it may be cancelled, it is carried through or undone
before the next one begins and before the file is closed. Its last statement keeps the sums in step
(`tallies.py`), so that no way of writing can leave them behind.
Each connection has a thread, and these step back where a core is short: what is read or written
here waits for calls, never the other way round.
Only the writing connection checkpoints; others are opened read-only, and what they read in one go
is bounded, since a checkpoint waits for whoever still reads what it would overwrite.

Errors become ours here: `Unwritable` is a value's fault and would fail again, `Trouble` is the
disk's and may pass.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiosqlite

from ledger.history.schema import CALLS_HAS, VERSION, additions, creation
from ledger.history.tallies import BEGIN_EMPTY, SETTLE, TABLES, TRIGGERS

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -4096",
    "PRAGMA journal_size_limit = 67108864",
)
WRITING_NICE: Final = 4
READING_NICE: Final = 10
"""Of the threads, beside the loop's 0: on a core that all share, a writer gets two fifths of what
the loop does, and a reader a tenth. Not less: a queue of rows has to come to its end."""
_NONE_OF: Final[dict[None, None]] = {}
sqlite3.register_adapter(type(None), _NONE_OF.get)
sqlite3.register_adapter(bool, int)
"""What they are bound as anyway. Without an adapter of its own, `sqlite3` looks for one in four
places each time that it binds a None or a bool, and a call's row has a dozen of them."""
_READ_CACHE: Final = "PRAGMA cache_size = -16384"
_VALUES_FAULT: Final = (
    ValueError,
    OverflowError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)
"""A lone surrogate, a number past 64 bits, a type that SQLite has not. Any other is the disk's."""


class Trouble(Exception):
    """The file does not take or give anything at the moment. The text says why, in one line."""


class Damaged(Trouble):
    """The file is no database, or a broken one."""


class Unwritable(Exception):
    """A value that no column can hold."""


class Statement(NamedTuple):
    """many: params is a list of parameter lists, and the statement runs for each."""

    sql: str
    params: Sequence[Any] = ()
    many: bool = False


Params = Sequence[Any] | Mapping[str, Any]
Fetch = Callable[[str, Params], Awaitable[list[Any]]]
"""All rows of a bounded query. Raises Trouble, Unwritable."""


class File:
    """Living: one connection. Who reads waits for who writes, and for who reads before."""

    __slots__ = ("_alone", "_db")

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db
        self._alone = asyncio.Lock()

    @classmethod
    async def writing(cls, path: Path) -> File:
        """Make the file where it is missing, readable by its owner only. Raises Trouble,
        Damaged."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as exc:
            raise Trouble(f"{path}: {exc.strerror}") from exc
        file = cls(await aiosqlite.connect(path, isolation_level=None))
        try:
            await file._step_back(WRITING_NICE)
            await file._prepare(path)
        except BaseException:
            await file.close()
            raise
        return file

    @classmethod
    async def reading(cls, path: Path) -> File:
        """The file must be there. Raises Trouble."""
        try:
            db = await aiosqlite.connect(_read_only(path), uri=True, isolation_level=None)
        except sqlite3.Error as exc:
            raise _ours(exc) from exc
        file = cls(db)
        await file._step_back(READING_NICE)
        await file.fetch(_READ_CACHE)
        return file

    async def transact(self, statements: Sequence[Statement]) -> None:
        """All of them or none. Raises Trouble, Unwritable."""
        task = asyncio.get_running_loop().create_task(self._in_turn(statements))
        await asyncio.shield(task)

    async def fetch(self, sql: str, params: Params = ()) -> list[Any]:
        """All rows of a bounded query. Raises Trouble, Unwritable."""
        async with self._alone:
            return await self._fetch(sql, params)

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Fetch]:
        """Several bounded queries that see the file as it is at one moment. Raises Trouble."""
        async with self._alone:
            try:
                await self._fetch("BEGIN")
                yield self._fetch
            finally:  # what was queued is carried out, even if nobody waits for it any more
                with contextlib.suppress(Trouble):
                    await self._fetch("ROLLBACK")

    async def close(self) -> None:
        async with self._alone:
            await self._db.close()

    async def _fetch(self, sql: str, params: Params = ()) -> list[Any]:
        try:
            return list(await self._db.execute_fetchall(sql, params))
        except _VALUES_FAULT as exc:
            raise Unwritable(str(exc)) from exc
        except sqlite3.Error as exc:
            raise _ours(exc) from exc

    async def _step_back(self, nice: int) -> None:
        """What SQLite calls, it calls in the connection's own thread. Linux has a priority for each
        thread; elsewhere the process would have it, so nothing is done there."""
        if sys.platform == "linux":
            await self._db.create_function("step_back", 1, _step_back)
            await self.fetch("SELECT step_back(?)", (nice,))

    async def _prepare(self, path: Path) -> None:
        for pragma in _PRAGMAS:
            await self.fetch(pragma)
        ((version,),) = await self.fetch("PRAGMA user_version")
        if not 0 <= version <= VERSION:
            raise Trouble(f"{path}: made by another version of the product ({version})")
        has = [name for (name,) in await self.fetch(CALLS_HAS)]
        calls = (*additions(has), *creation())
        tables = (*calls, *TABLES, *TRIGGERS, *BEGIN_EMPTY, f"PRAGMA user_version = {VERSION}")
        await self.transact([Statement(sql) for sql in tables])

    async def _in_turn(self, statements: Sequence[Statement]) -> None:
        async with self._alone:
            await self._transact(statements)

    async def _transact(self, statements: Sequence[Statement]) -> None:
        try:
            await self._db.execute("BEGIN IMMEDIATE")
            for sql, params, many in statements:
                if many:
                    await self._db.executemany(sql, params)
                else:
                    await self._db.execute(sql, params)
            await self._db.execute(SETTLE)
            await self._db.execute("COMMIT")
        except (*_VALUES_FAULT, sqlite3.Error) as exc:
            with contextlib.suppress(sqlite3.Error):  # the error may have undone it already
                await self._db.execute("ROLLBACK")
            if isinstance(exc, _VALUES_FAULT):
                raise Unwritable(str(exc)) from exc
            raise _ours(exc) from exc


def _step_back(nice: int) -> None:
    """Where a sandbox forbids it, all threads are alike, and calls wait a little longer for
    readers: no reason to be without an audit log."""
    with contextlib.suppress(OSError):
        os.nice(nice)


def _ours(exc: sqlite3.Error) -> Trouble:
    if isinstance(exc, sqlite3.OperationalError):
        return Trouble(str(exc))
    return Damaged(str(exc))


def _read_only(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=ro"
