"""Many alike refusals become one row with a count: a caller in a loop cannot fill the disk.

The first refusals of a key with one code, by one rule, in one minute are rows of their own; from
then on the minute's rest is one more row, whose count grows. Minutes that are over are forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ledger.history.schema import CallRow

ROWS_PER_MINUTE: Final = 60
"""Of one key, code and rule, before they are folded: enough to see each call of a person or a
scenario."""
GROWN_MAX: Final = 10_000
"""Minutes with a count that waits to be written. Beyond it (a file that takes nothing, for hours)
further refusals are only counted: `dropped`."""
_MINUTE_US: Final = 60_000_000


class Minute:
    """One key's refusals with one code, by one rule, in one minute. rest: the first that was
    folded."""

    __slots__ = ("folded", "minute", "rest", "seen")

    def __init__(self, minute: int) -> None:
        self.minute = minute
        self.seen = 0
        self.folded = 0
        self.rest: CallRow | None = None

    def row(self) -> CallRow:
        assert self.rest is not None
        return self.rest._replace(count=self.folded)


class Folding:
    """Living: the minutes under way. `take` each refusal; `grown` at each write."""

    __slots__ = ("_grown", "_latest", "_minutes", "dropped")

    def __init__(self) -> None:
        self.dropped = 0
        self._minutes: dict[tuple[str, str | None, str | None], Minute] = {}
        self._grown: dict[str, Minute] = {}
        self._latest = 0

    def take(self, row: CallRow) -> bool:
        """True: the row is to be written itself. False: it is counted, and `grown` will tell."""
        minute = row.at_us // _MINUTE_US
        name = (row.key_id, row.code, row.rule)
        seen = self._minutes.get(name)
        if seen is None or seen.minute < minute:
            seen = self._minutes[name] = Minute(minute)
            self._latest = max(self._latest, minute)
        seen.seen += 1
        if seen.seen <= ROWS_PER_MINUTE:
            return True
        if seen.rest is None and len(self._grown) >= GROWN_MAX:
            self.dropped += 1
            return False
        seen.rest = seen.rest or row
        seen.folded += 1
        self._grown[seen.rest.id] = seen
        return False

    def grown(self) -> list[Minute]:
        """The minutes whose folded row has grown since the last time. Forgets those that are
        over."""
        grown = list(self._grown.values())
        self._grown.clear()
        for name, seen in list(self._minutes.items()):
            if seen.minute < self._latest:
                del self._minutes[name]
        return grown

    def untold(self, minutes: Iterable[Minute]) -> None:
        """They could not be written: `grown` tells of them again."""
        for seen in minutes:
            self._grown[seen.row().id] = seen
