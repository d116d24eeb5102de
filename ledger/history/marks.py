"""How far into each journal the audit log is known to reach, so that a start need not read it all.

A live call's row is written when the call ends, and nobody knows its place in the journal. So from
time to time the ends of the journals are looked at, and then the holds in flight. Once each of
these has its row on file, everything up to those ends is reflected, and the marks may move there.
That is left to the next look, half a minute later: a call that was booked but not yet written down
when the first look was taken has its row by then, or the process has ended over its stalled
journal.

A call whose row was turned away stops the marks for good: the next start reads its entries again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from ledger.entries import Entry, HoldState
from ledger.history.schema import CallRow
from ledger.hold import Hold

MARK_EVERY_S: Final = 30.0
"""Between two looks: a start after a crash reads what a minute or two has left in the journals."""


class Journals(Protocol):
    """What the audit log needs of the ledger."""

    def shards(self) -> Sequence[int]: ...

    def last_seq(self, shard: int) -> int:
        """The number of the newest row on disk."""

    def read_entries(self, shard: int, after_seq: int) -> Iterator[tuple[int, list[Entry]]]:
        """The rows after after_seq that are on disk, in order, from the archives on. It waits for
        the disk, so it is read in another thread, while the journal goes on."""

    def open_holds(self, *states: HoldState) -> Iterator[Hold]:
        """Holds in these states; without any, all that are not final."""


class Marks:
    """Living. stopped: a row is missing, they stay."""

    __slots__ = ("_awaited", "_ends", "_journals", "_reached", "stopped")

    def __init__(self) -> None:
        self._journals: Journals | None = None
        self._reached: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._awaited: set[int | None] = set()
        self.stopped = False

    def follow(self, journals: Journals, reached: dict[int, int]) -> None:
        """The log has caught up with these journals to here, by shard."""
        self._journals = journals
        self._reached = reached

    def wrote(self, rows: Iterable[CallRow]) -> None:
        """These are on file."""
        if self._awaited:
            self._awaited -= {hold for row in rows for hold in (row.hold_id, row.own_hold_id)}

    def due(self) -> list[tuple[int, int]]:
        """(shard, seq) of the marks that may move now: all rows up to there are on file."""
        if self.stopped or self._awaited:
            return []
        due = [(shard, end) for shard, end in self._ends.items() if end > self._reached[shard]]
        self._reached |= self._ends
        return due

    def look(self) -> None:
        """Where the journals end now, and which calls in flight are to have their rows first."""
        journals = self._journals
        if journals is not None and not self._awaited:
            self._ends = {shard: journals.last_seq(shard) for shard in journals.shards()}
            self._awaited = {hold.hold_id for hold in journals.open_holds(HoldState.OPEN)}
