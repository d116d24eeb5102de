"""Every key with its budget as it stands, and how many calls are open, looked up so that calls do
not notice.

With thousands of keys one look at all of them would hold the event loop up for a call's whole
length, so it is taken in slices, shared by all pages that are open, and kept for a while: a hundred
times as long as it took, so that looking never takes more than a percent of a core. Keys of one
issuer that carry one label spend one budget: sums count each budget once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Final

from gateway.admin.house import House
from gateway.vault.keys import Key
from ledger import HoldState, Standing

SLICE_S: Final = 0.0003
"""So long keys are looked at in one turn of the loop: some 60 of them, or 20 that were asleep."""
HOLDS_SLICE: Final = 1_000
OPEN: Final = (HoldState.IN_DOUBT, HoldState.PENDING, HoldState.STANDING)
KEPT_S: Final = 0.5
KEPT_TIMES: Final = 100


@dataclass(frozen=True, slots=True)
class Line:
    """One key, and its budget on its own day."""

    key: Key
    standing: Standing


class Budgets:
    """Living: the latest look. open: calls by state, of that look."""

    __slots__ = ("_forgetting", "_house", "_keep_until_s", "_lines", "_looking", "open")

    def __init__(self, house: House) -> None:
        self._house = house
        self.open: Counter[HoldState] = Counter()
        self._lines: Sequence[Line] = ()
        self._keep_until_s = 0.0
        self._looking: asyncio.Task[Sequence[Line]] | None = None
        self._forgetting: asyncio.TimerHandle | None = None

    async def lines(self, *, fresh: bool = False) -> Sequence[Line]:
        """Newest key first. fresh: after something was changed by who asks."""
        loop = asyncio.get_running_loop()
        if not fresh and loop.time() < self._keep_until_s:
            return self._lines
        if self._looking is None or self._looking.done():
            self._looking = loop.create_task(self._look(), name="budgets")
        return await asyncio.shield(self._looking)

    async def _look(self) -> Sequence[Line]:
        house, lines = self._house, []
        before_s, began_s = 0.0, perf_counter()
        for key in house.registry.all_keys():
            lines.append(Line(key, house.ledger.standing(key.account_id, house.now_us())))
            if (slice_s := perf_counter() - began_s) > SLICE_S:
                before_s += slice_s
                await asyncio.sleep(0)
                began_s = perf_counter()
        took_s = before_s + perf_counter() - began_s
        took_s += await self._count_open()
        self._keep(lines, max(KEPT_S, took_s * KEPT_TIMES))
        return lines

    def _keep(self, lines: Sequence[Line], kept_s: float) -> None:
        """And let go of it then: of many keys most would go back to sleep."""
        if self._forgetting is not None:
            self._forgetting.cancel()
        loop = asyncio.get_running_loop()
        self._lines, self._keep_until_s = lines, loop.time() + kept_s
        self._forgetting = loop.call_later(kept_s, self._forget)

    def _forget(self) -> None:
        self._lines, self._keep_until_s = (), 0.0
        if self._looking is not None and self._looking.done():
            self._looking = None

    async def _count_open(self) -> float:
        """In slices as well. Returns the seconds that it took. A call that was split in two holds,
        because two keys share its object, counts once for each."""
        found: Counter[HoldState] = Counter()
        holds, took_s = self._house.ledger.open_holds(*OPEN), 0.0
        more = True
        while more:
            began_s = perf_counter()
            piece = [hold.state for hold in islice(holds, HOLDS_SLICE)]
            found.update(piece)
            more = len(piece) == HOLDS_SLICE
            took_s += perf_counter() - began_s
            await asyncio.sleep(0)
        self.open = found
        return took_s


def once_each(lines: Iterable[Line]) -> list[Line]:
    """Of keys that share a budget, the newest."""
    seen: dict[int, Line] = {}
    for line in lines:
        seen.setdefault(line.key.account_id, line)
    return list(seen.values())
