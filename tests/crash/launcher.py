"""The gateway with a fuse in it: `launcher.py POINT NTH serve --config …` serves as usual, and
kills itself with SIGKILL the NTH time that it comes by a named point of a call's life.

The gateway's own code knows nothing of this: here its functions are wrapped before it starts. A
point on the journal's thread ends the whole process all the same. What must hold after each is said
in `test_points.py`.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.call.books import Books
from gateway.call.proxy import Proxy
from gateway.run import cli
from gateway.upstream.exchange import Exchange
from gateway.upstream.stream import VendorStream
from gateway.vault import records
from gateway.vault.registry import Registry
from ledger import Ledger, checkpoints, sweep
from ledger import store as store_module
from ledger.archive import Archiver, Part
from ledger.batch import Batch
from ledger.chain import BEGIN, PART
from ledger.codec import is_end
from ledger.copier import Copier
from ledger.replay import Replay
from ledger.shard import Shard
from ledger.store import SqliteStore

When = Callable[..., bool]


class Fuse:
    """Burns the nth time. passings: so often it was come by."""

    def __init__(self, nth: int) -> None:
        self._left = nth

    def passed(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def before(fuse: Fuse, owner: type, name: str, when: When) -> None:
    """Burn on the way in. when: judges the arguments."""
    inner = getattr(owner, name)

    @functools.wraps(inner)
    def wrapped(*args: Any, **named: Any) -> Any:
        if when(*args, **named):
            fuse.passed()
        return inner(*args, **named)

    setattr(owner, name, wrapped)


def after(fuse: Fuse, owner: type, name: str, when: When) -> None:
    """Burn on the way out of a plain function."""
    inner = getattr(owner, name)

    @functools.wraps(inner)
    def wrapped(*args: Any, **named: Any) -> Any:
        result = inner(*args, **named)
        if when(*args, **named):
            fuse.passed()
        return result

    setattr(owner, name, wrapped)


def after_awaiting(fuse: Fuse, owner: type, name: str, when: When) -> None:
    """Burn when a coroutine function has done its work."""
    inner = getattr(owner, name)

    @functools.wraps(inner)
    async def wrapped(*args: Any, **named: Any) -> Any:
        result = await inner(*args, **named)
        if when(*args, **named):
            fuse.passed()
        return result

    setattr(owner, name, wrapped)


def _always(*args: Any, **named: Any) -> bool:
    return True


def _has_holds(batch: Batch, *args: Any) -> bool:
    return bool(batch.holds)


def _has_endings(batch: Batch, *args: Any) -> bool:
    return not batch.holds and not batch.checkpoint


def _is_checkpoint(batch: Batch, *args: Any) -> bool:
    return batch.checkpoint


def _begins(batch: Batch, *args: Any) -> bool:
    return batch.mark == BEGIN


def _is_part(batch: Batch, *args: Any) -> bool:
    return batch.mark == PART


def _is_last(batch: Batch, *args: Any) -> bool:
    return batch.checkpoint and is_end(batch.parts[0])


def _is_post(exchange: Any, *args: Any) -> bool:
    return bool(exchange._order.method == b"POST")


def _revokes(ledger: Ledger, notes: Any, **named: Any) -> bool:
    return any(note.kind == records.ENDED for note in notes)


def _is_metered(proxy: Any, journey: Any, *args: Any) -> bool:
    return bool(journey.metered)


def _is_due(store: SqliteStore) -> bool:
    return bool(store._appended_bytes > store_module._WAL_BYTES_MAX)


def _was_moved(store: SqliteStore) -> bool:
    """It comes after an append, or after a slice."""
    return bool(store._appended_bytes == 0)


Place = tuple[Callable[[Fuse, type, str, When], None], type, str, When]

POINTS: Final[Mapping[str, Place]] = {
    # a call, in the order of its life
    "before the hold": (before, Ledger, "hold", _always),
    "before the hold is journaled": (before, Batch, "write", _has_holds),
    "hold on disk, loop not told": (after, Batch, "write", _has_holds),
    "hold durable": (after_awaiting, Books, "hold", _always),
    "connected, nothing sent": (before, Exchange, "_send", _is_post),
    "handed to the network, no answer": (after, Exchange, "_send", _is_post),
    "answer has come, not read": (before, VendorStream, "data_received", _always),
    "answer read, nothing booked": (before, Books, "settle", _always),
    "ending booked": (after_awaiting, Books, "settle", _always),
    "answer made, not sent": (after, Proxy, "_answer", _is_metered),
    "before endings alone are journaled": (before, Batch, "write", _has_endings),
    # SQLite's log moves into the database
    "before the log is moved": (before, SqliteStore, "move_log", _is_due),
    "the log was moved": (after, SqliteStore, "move_log", _was_moved),
    # a checkpoint, and the archive that follows it
    "before the checkpoint": (before, Batch, "write", _is_checkpoint),
    "checkpoint on disk": (after, Batch, "write", _is_checkpoint),
    "a slice is copied": (after, Part, "append", _always),
    "before the archive gets its name": (before, Part, "publish", _always),
    "the archive has its name": (after, Part, "publish", _always),
    "a slice is deleted": (after, Archiver, "_delete", _always),
    # the same in parts, between calls
    "before a checkpoint begins": (before, Batch, "write", _begins),
    "a checkpoint has begun": (after, Batch, "write", _begins),
    "before a part of a checkpoint": (before, Batch, "write", _is_part),
    "a part of a checkpoint is on disk": (after, Batch, "write", _is_part),
    "before a checkpoint ends": (before, Batch, "write", _is_last),
    "a checkpoint in parts is on disk": (after, Batch, "write", _is_last),
    # a backup
    "a piece of a backup is written": (after, Copier, "_copy_shard", _always),
    "before a backup gets its name": (before, Copier, "publish", _always),
    "a backup has its name": (after, Copier, "publish", _always),
    # a revoke
    "before the revoke": (before, Registry, "revoke", _always),
    "revoke in force, not journaled": (before, Ledger, "note", _revokes),
    "revoke durable": (after_awaiting, Ledger, "note", _revokes),
    # a start
    "a row is about to be replayed": (before, Replay, "take", _always),
    "a row was replayed": (after, Replay, "take", _always),
    "books replayed, nothing doubted": (before, Shard, "doubt_open_holds", _always),
    "open holds are in doubt": (after, Shard, "doubt_open_holds", _always),
}

IN_PARTS: Final = frozenset(
    {
        "before a checkpoint begins",
        "a checkpoint has begun",
        "before a part of a checkpoint",
        "a part of a checkpoint is on disk",
        "before a checkpoint ends",
        "a checkpoint in parts is on disk",
    }
)
"""At these even small books are written in parts, the smallest there can be."""


def light(point: str, nth: int) -> None:
    """Put the fuse in. From here on this process will not live long."""
    if point in IN_PARTS:
        checkpoints.WHOLE_MAX, sweep.BYTES_MAX = 0, 1  # type: ignore[misc]
    place, owner, name, when = POINTS[point]
    place(Fuse(nth), owner, name, when)


def main() -> int:
    point, nth, *command = sys.argv[1:]
    light(point, int(nth))
    return cli.main(command)


if __name__ == "__main__":
    sys.exit(main())
