"""How keys are taken away: marked one after the other while calls have their turn, in force from
then on, and answered once all of it is on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final, Protocol

from gateway.vault import records
from gateway.vault.books import Books
from gateway.vault.keyring import Keyring
from gateway.vault.keys import Flight
from gateway.vault.records import Gist
from ledger import CannotRecord, Note

NOTES_AT_ONCE: Final = 256
"""A revoke of many keys is written in slices, so that holds come in between."""


class Clock(Protocol):
    def now_us(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Cut:
    """What a revoke did. keys: the ids of those it revoked, without those that were already.
    in_flight: calls that were on their way. aborted: those of them that were ended; in_doubt: those
    whose last byte had left."""

    keys: tuple[str, ...]
    in_flight: int
    aborted: int
    in_doubt: int


class Cuts:
    """What revokes of all kinds have in common."""

    __slots__ = ("_books", "_clock", "_keys")

    def __init__(self, books: Books, clock: Clock, keys: Keyring) -> None:
        self._books = books
        self._clock = clock
        self._keys = keys

    async def end_all(
        self, having: bytes, fits: Callable[[Gist], bool]
    ) -> tuple[list[str], list[str]]:
        """Revoke all keys that fit, while others have their turn. Returns the ids of those that
        were not revoked before, oldest first, and of all."""
        now_us, ended, every = self._clock.now_us(), [], []
        async for key_id in self._keys.gists(having, fits):
            if self._keys.end(key_id, now_us):
                ended.append(key_id)
            every.append(key_id)
        return ended[::-1], every

    async def make(
        self,
        ended: Sequence[str],
        every: Sequence[str],
        flights: set[Flight],
        notes: Sequence[Note],
        *,
        abort: bool,
    ) -> Cut:
        """What follows once keys are marked. every: those that were revoked before are written
        again: the write that they were revoked by may still be on its way, and this answer vouches
        for it too."""
        in_doubt = sum(not flight.abort() for flight in flights) if abort else 0
        aborted = len(flights) if abort else 0
        cut = Cut(tuple(ended), len(flights), aborted, in_doubt)
        dated = ((key_id, self._keys.ended_us(key_id)) for key_id in every)
        await self._write(chain(notes, (records.ended_note(key_id, at) for key_id, at in dated)))
        return cut

    async def _write(self, notes: Iterable[Note]) -> None:
        """All of them, each made when it is its turn: a million at once would be gigabytes. Also
        where some find no room: those keep their place in the queue."""
        refusal: CannotRecord | None = None
        left = iter(notes)
        while some := list(islice(left, NOTES_AT_ONCE)):
            try:
                await self._books.note(some)
            except CannotRecord as exc:
                refusal = exc
        if refusal is not None:
            raise refusal
