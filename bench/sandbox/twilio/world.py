"""What one Twilio account owns, what it was billed, and how time passes for it.

Time is the clock's plus what a test added (`/_sandbox/advance`). What happens later (a message is
delivered, a price becomes known, a call ends) is a step with a due time; `catch_up` runs all that
are due, in order, each seeing its own due time as now. It is called before every request and before
anything is shown to a test, so no timer runs. Memory is bounded: beyond `keep` objects of a kind
the oldest are forgotten.
"""

from __future__ import annotations

import hashlib
import heapq
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

from bench.sandbox.standin import Log
from bench.sandbox.twilio import errors

SECOND_US: Final = 1_000_000
_random = random.Random()


@dataclass(slots=True)
class Pace:
    """How fast and how dear this Twilio is; a test may change each field (`/_sandbox/pace`).

    settle_ms: from the creation of a message or call to its end. price_ms: from there until the
    price shows. settle_fetches: a message is over, and its price shows, when it is fetched for the
    so manieth time, if that comes first. drift_percent: of the list price that is billed.
    requests_per_second: of one account; more get 429. code: what Verify sends."""

    settle_ms: int = 2_000
    price_ms: int = 1_000
    settle_fetches: int | None = None
    drift_percent: int = 100
    requests_per_second: int | None = None
    code: str = "123456"


class Clock:
    """Microseconds since 1970, and the time that a test skipped."""

    __slots__ = ("_ahead_us", "_pinned_us")

    def __init__(self) -> None:
        self._ahead_us = 0
        self._pinned_us: int | None = None

    def now_us(self) -> int:
        if self._pinned_us is not None:
            return self._pinned_us
        return time.time_ns() // 1_000 + self._ahead_us

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("time does not go back")
        self._ahead_us += int(seconds * SECOND_US)

    def pin(self, at_us: int | None) -> None:
        """Let it be this moment, until told otherwise."""
        self._pinned_us = at_us


@dataclass(slots=True)
class Town:
    """What all accounts of a sandbox share. content: text and media of templates that a test set.
    steps: due time, a number to break ties, what to do."""

    pace: Pace
    keep: int
    log: Log
    clock: Clock = field(default_factory=Clock)
    content: dict[str, tuple[str, bool]] = field(default_factory=dict)
    steps: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    counted: int = 0

    def later(self, due_us: int, step: Callable[[], None]) -> None:
        self.counted += 1
        heapq.heappush(self.steps, (due_us, self.counted, step))

    def catch_up(self) -> None:
        now_us = self.clock.now_us()
        while self.steps and self.steps[0][0] <= now_us:
            due_us, _, step = heapq.heappop(self.steps)
            self.clock.pin(due_us)
            try:
                step()
            finally:
                self.clock.pin(None)


class World:
    """One account. tables: kind -> sid -> object; keys: `SK…` -> its secret."""

    __slots__ = (
        "_recent", "charged", "created_us", "friendly_name", "keys", "parent", "sid", "status",
        "tables", "token", "town", "units",
    )  # fmt: skip

    def __init__(self, town: Town, sid: str, token: str, parent: World | None = None) -> None:
        self.town = town
        self.sid = sid
        self.token = token
        self.parent = parent
        self.friendly_name = f"Sandbox {sid[-4:]}"
        self.status = "active"
        self.created_us = town.clock.now_us()
        self.keys: dict[str, str] = {}
        self.tables: dict[str, dict[str, Any]] = {}
        self.charged: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        self._recent: deque[int] = deque()

    # Objects.

    def table(self, kind: str) -> dict[str, Any]:
        return self.tables.setdefault(kind, {})

    def put(self, kind: str, sid: str, item: Any) -> None:
        table = self.table(kind)
        table[sid] = item
        if len(table) > self.town.keep:
            del table[next(iter(table))]

    def get(self, kind: str, sid: str, path: str) -> Any:
        """path: what the 404 names."""
        item = self.table(kind).get(sid)
        if item is None:
            raise errors.not_found(path)
        return item

    def newest_first(self, kind: str) -> Iterator[Any]:
        return reversed(self.table(kind).values())

    # Money.

    def bill(self, kind: str, sid: str, list_micros: int, units: int = 1) -> int:
        """Money that the account owes from now on, the pace's drift upon it; what it came to, in
        whole tens of micros, since a price is shown with five decimals."""
        micros = -(-list_micros * self.town.pace.drift_percent // 1_000) * 10
        self.adjust(kind, sid, micros, units)
        return micros

    def adjust(self, kind: str, sid: str, micros: int, units: int = 0) -> None:
        """The same with an exact figure, which may be negative: a bill put right."""
        self.units[kind] += units
        if micros:
            self.charged[kind] += micros
            self.town.log(kind, {"id": sid, "currency": "usd_micros"}, micros)

    # Time.

    @property
    def now_us(self) -> int:
        return self.town.clock.now_us()

    def is_hurried(self) -> bool:
        """One more request; is that more than the pace allows in this second?"""
        limit = self.town.pace.requests_per_second
        if limit is None:
            return False
        now_us, recent = self.now_us, self._recent
        while recent and recent[0] <= now_us - SECOND_US:
            recent.popleft()
        if len(recent) >= limit:
            return True
        recent.append(now_us)
        return False


def new_sid(prefix: str) -> str:
    """`SM` and 32 hexadecimal digits."""
    return f"{prefix}{_random.getrandbits(128):032x}"


def fixed_sid(prefix: str, of: str) -> str:
    """The same sid for the same thing, always."""
    return prefix + hashlib.md5(of.encode(), usedforsecurity=False).hexdigest()


def rfc2822(at_us: int | None) -> str | None:
    """`Thu, 24 Aug 2023 05:01:45 +0000`, as the 2010 API writes times."""
    return None if at_us is None else format_datetime(_time(at_us))


def iso8601(at_us: int | None) -> str | None:
    """`2015-07-30T20:00:00Z`, as the newer products do."""
    return None if at_us is None else _time(at_us).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us // SECOND_US, UTC)
