"""What was answered under an `Idempotency-Key`, so that asking again does nothing twice.

| the first request            | the same again            | another one with that key   |
| ---------------------------- | ------------------------- | --------------------------- |
| is still on its way          | waits, gets its answer    | 409 `idempotency_conflict`  |
| was answered with 2xx        | gets that answer, 24 h    | 409 `idempotency_conflict`  |
| was refused                  | is a new request          | is a new request            |
| made something, then restart | 409, with the id          | 409 `idempotency_conflict`  |

Answers hold secrets and live in memory only. What survives a restart is a ledger note that binds
the key to the id of what was made; it is written together with it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from gateway.admin.routes import Bearer
from gateway.errors import AdminConflict, IdempotencyAnswerLost
from gateway.http.message import Response
from gateway.vault.books import Books
from ledger import SHARD_SHIFT, Note

KIND: Final = "answer"
MEMORY_US: Final = 24 * 3_600_000_000
ANSWERS_MAX: Final = 10_000
"""The oldest go first; what they made is still bound by its note."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What the note says: the id that was made, for which request, when."""

    id: str
    digest: str
    at_us: int


@dataclass(slots=True)
class Kept:
    """answer: set when the first request was answered. made: what it made, if anything."""

    digest: str
    at_us: int
    answer: asyncio.Future[Response]
    made: Bound | None = None


class Replays:
    """account_of: where the account of what was made lies, to remove its note from the same
    shard."""

    __slots__ = ("_account_of", "_books", "_bound", "_kept")

    def __init__(self, books: Books, account_of: Callable[[str], int | None]) -> None:
        self._books = books
        self._account_of = account_of
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._bound = {
            note.name: Bound(**orjson.loads(note.blob))
            for note in books.notes(KIND)
            if note.blob is not None
        }

    def begin(self, name: str, digest: str, now_us: int) -> tuple[Kept, bool]:
        """The slot of this key, and whether it is ours to fill. Raises AdminConflict,
        IdempotencyAnswerLost."""
        self._forget(now_us)
        first: Kept | Bound | None = self._kept.get(name) or self._bound.get(name)
        if first is not None and first.digest != digest:
            raise AdminConflict()
        if isinstance(first, Bound):
            raise IdempotencyAnswerLost(id=first.id)
        if first is not None:
            return first, False
        kept = Kept(digest, now_us, asyncio.get_running_loop().create_future())
        self._kept[name] = kept
        return kept, True

    def finish(self, name: str, kept: Kept, answer: Response) -> None:
        """The first request was answered; whoever waits gets the same."""
        kept.answer.set_result(answer)
        if not 200 <= answer.status < 300:
            self._kept.pop(name, None)
        elif kept.made is not None:
            self._bound[name] = kept.made

    def binding(self, name: str, kept: Kept, identifier: str) -> Sequence[Note]:
        """The note to be written together with what is made under this key."""
        kept.made = Bound(identifier, kept.digest, kept.at_us)
        return [Note(KIND, name, orjson.dumps(kept.made))]

    async def sweep(self, now_us: int) -> None:
        """Remove the notes that nobody can ask for any more."""
        by_shard: defaultdict[int, list[Note]] = defaultdict(list)
        accounts: dict[int, int] = {}
        for name in [n for n, b in self._bound.items() if b.at_us <= now_us - MEMORY_US]:
            account_id = self._account_of(self._bound.pop(name).id)
            if account_id is not None:
                shard = account_id >> SHARD_SHIFT
                accounts[shard] = account_id
                by_shard[shard].append(Note(KIND, name, None))
        for shard, notes in by_shard.items():
            await self._books.note(notes, account_id=accounts[shard])

    def _forget(self, now_us: int) -> None:
        while self._kept:
            name, oldest = next(iter(self._kept.items()))
            aged = oldest.at_us <= now_us - MEMORY_US or len(self._kept) >= ANSWERS_MAX
            if not (aged and oldest.answer.done()):
                return
            del self._kept[name]


def slot_name(bearer: Bearer, idempotency_key: str) -> str:
    """Two bearers with one key are two."""
    return hashlib.sha256(f"{bearer.name}\0{idempotency_key}".encode()).hexdigest()


def request_digest(method: str, path: str, body: bytes) -> str:
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()
