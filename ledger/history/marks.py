"""How far into each journal the audit log is known to reach, so that a start need not read it
whole.

A live call's row is written when the call ends, and nobody knows its place in the journal. So from
time to time the journals' ends are looked at, together with the holds in flight at that moment.
Once each of these has its row, everything up to there is reflected, and the mark may move: in the
same transaction that writes the last of the rows. A call whose row was turned away stops the marks
for good, and the next start reads its entries again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

from ledger.entries import Entry, HoldState
from ledger.history.schema import CallRow
from ledger.hold import Hold

MARK_EVERY_S: Final = 10.0
"""Between two looks: at 1,000 calls a second a start after a crash reads some 20,000 entries."""


class Journals(Protocol):
    """What the audit log needs of the ledger."""

    def shards(self) -> Sequence[int]: ...

    def last_seq(self, shard: int) -> int:
        """Of the newest entry group that is durable."""

    def read_entries(self, shard: int, after_seq: int) -> Iterator[tuple[int, list[Entry]]]:
        """The groups after after_seq, in order, from the archives on. May wait for the disk: it is
        read in a thread of its own, while the journal goes on."""

    def open_holds(self, *states: HoldState) -> Iterator[Hold]:
        """Holds in these states; without any, all that are not final."""


class Marks:
    """Living. `reached` before each write, `wrote` after it."""

    __slots__ = ("_awaited", "_due_s", "_journals", "_seen", "stopped")

    def __init__(self) -> None:
        self._journals: Journals | None = None
        self._seen: list[tuple[int, int]] = []
        self._awaited: set[int | None] = set()
        self._due_s = 0.0
        self.stopped = False

    def follow(self, journals: Journals, now_s: float) -> None:
        """The log has caught up with these journals and follows them from here."""
        self._journals = journals
        self._due_s = now_s + MARK_EVERY_S

    def hurry(self) -> None:
        """Look again at the next write: it is the last one."""
        self._seen = []
        self._due_s = 0.0

    def reached(self, rows: Iterable[CallRow], now_s: float) -> list[tuple[int, int]]:
        """(shard, seq) to write together with these rows, which are all that have gathered."""
        if self._journals is None or self.stopped:
            return []
        if self._seen:
            self._awaited -= {hold for row in rows for hold in (row.hold_id, row.own_hold_id)}
        elif now_s >= self._due_s:
            journals = self._journals
            self._seen = [(shard, journals.last_seq(shard)) for shard in journals.shards()]
            self._awaited = {hold.hold_id for hold in journals.open_holds(HoldState.OPEN)}
        return [] if self._awaited else self._seen

    def wrote(self, now_s: float) -> None:
        self._seen = []
        self._due_s = now_s + MARK_EVERY_S
