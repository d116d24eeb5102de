"""What is open at one vendor account, each with the moment of its next look: the visible queue.

A case is an object (all holds under its tag: what stands, what is pending, what is in doubt about
it), a call in doubt that belongs to no object yet, or a refund that gave back to a cap. Cases come
from the ledger and from nowhere else: at a start from all holds that are open, later from those
that a scan finds, and each is held against the ledger again when it comes up. What is over by then
falls out.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.reconcile.schedule import KIND_OF, Kind, Schedule
from ledger import Hold, HoldState, Restored


class CaseKey(NamedTuple):
    """what: `object` (name: the ledger's tag), `call` (a call id) or `refund` (its id)."""

    what: str
    name: str


@dataclass(slots=True, eq=False)
class Case:
    """Living. due_us, looked_us: budget time. found: the last look's outcome in words. listed_us:
    of a call in doubt, see `alike.Listed.first_us`. holds: their states when they were last seen.
    operation, answered: what the audit log knows of a call in doubt, once it was asked. restored:
    of a refund."""

    key: CaseKey
    kind: Kind
    born_us: int
    due_us: int
    looks: int = 0
    looked_us: int | None = None
    listed_us: int | None = None
    found: str = ""
    holds: dict[int, HoldState] = field(default_factory=dict)
    operation: str | None = None
    answered: int | None = None
    restored: Restored | None = None


def key_of(hold: Hold) -> CaseKey:
    return CaseKey("object", hold.tag) if hold.tag else CaseKey("call", hold.memo_ref)


class Cases:
    """The queue of one account, ordered by due time."""

    __slots__ = ("_by_key", "_heap", "_seen", "_serial", "schedule")

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self._by_key: dict[CaseKey, Case] = {}
        self._heap: list[tuple[int, int, Case]] = []
        self._seen: dict[int, HoldState] = {}
        self._serial = 0

    def __iter__(self) -> Iterator[Case]:
        return iter(tuple(self._by_key.values()))

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, key: CaseKey) -> Case | None:
        return self._by_key.get(key)

    def feed(self, hold: Hold) -> None:
        """An open hold was seen. One that is known in this state costs a look into a dictionary."""
        if self._seen.get(hold.hold_id) is hold.state:
            return
        self._seen[hold.hold_id] = hold.state
        key, kind = key_of(hold), KIND_OF[hold.state]
        case = self._by_key.get(key)
        looked_us = None if case is None else case.looked_us
        due_us = self.schedule.next_us(kind, hold.at_us, looked_us)
        if case is None:
            case = self._add(Case(key, kind, hold.at_us, due_us))
        elif due_us < case.due_us:
            case.kind, case.born_us = kind, hold.at_us
            self.put(case, due_us)
        case.holds[hold.hold_id] = hold.state

    def feed_refund(self, restored: Restored, now_us: int) -> None:
        """A refund that gave back to a cap was seen. After a restart its next look is the one that
        the ladder has next: the last one is taken to have been made."""
        key = CaseKey("refund", restored.refund_id)
        if key not in self._by_key:
            born_us = restored.at_us
            looked_us = now_us if now_us > born_us else None
            due_us = self.schedule.next_us(Kind.REFUND, born_us, looked_us)
            self._add(Case(key, Kind.REFUND, born_us, due_us, restored=restored))

    def put(self, case: Case, due_us: int) -> None:
        """This is when it comes up next."""
        case.due_us = due_us
        self._serial += 1
        heapq.heappush(self._heap, (due_us, self._serial, case))

    def due(self, now_us: int) -> Case | None:
        """The case that has been due for longest; it stays in the queue. None: nothing is due."""
        first_us = self.next_due_us()
        return self._heap[0][2] if first_us is not None and first_us <= now_us else None

    def next_due_us(self) -> int | None:
        """When the first case comes up; entries that were overtaken fall out here."""
        heap = self._heap
        while heap and not self._holds_good(*heap[0]):
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def drop(self, case: Case) -> None:
        """It is over."""
        if self._by_key.get(case.key) is case:
            del self._by_key[case.key]
            for hold_id in case.holds:
                self._seen.pop(hold_id, None)

    def _add(self, case: Case) -> Case:
        self._by_key[case.key] = case
        self.put(case, case.due_us)
        return case

    def _holds_good(self, due_us: int, _: int, case: Case) -> bool:
        return case.due_us == due_us and self._by_key.get(case.key) is case
