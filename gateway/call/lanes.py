"""Whose call goes on next, when more is ready at once than the loop does in a moment.

One loop carries all calls, and what is ready together makes everybody wait: a key that sends 512
calls at once makes each turn of the loop 512 steps long. A call takes some eight turns from its
first byte to its answer, so a quiet key beside it would wait as long as the flood does. Therefore a
call has three steps, each the work between two waits: to begin, to be sent, to be settled. A key
does FREE of them in a turn of the loop; what more is ready waits in a lane of its own, and each
turn lets PER_TURN go on from all lanes together, one of each lane after the other. In a lane
whoever is further goes first: so calls are finished before others are begun, and do not move in
convoys.

Each of these turns is as long as what all do in it. So while a guest is in the house, a key that
had no lane lately, a turn takes no more steps from the lanes than were taken without one, and one
at least: a guest waits for as much as it asks for itself, and where many ask a little, who asks
much keeps half. Who had a lane takes no step without one meanwhile.

All who bear no key that we know share one lane. While a single key calls there is nobody to be fair
to, and nobody waits. Beside a guest a flood gets a quarter to a third less done: smaller turns and
commits take more CPU a call. No lane is longer than there are connections: each has one call."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from enum import IntEnum
from typing import Final

STRANGERS: Final = ""
"""The lane of whoever bears no known key."""
FREE: Final = 16
"""Steps of one key in one turn of the loop without a lane: more than a scenario ever takes."""
PER_TURN: Final = 16
"""Steps from all lanes together in one turn: some 1.5 ms of work. Fewer take more CPU a call."""
SHARED_S: Final = 1.0
"""For so long after another key's call the house is shared, and a guest in it after its own. Who
calls less often may find some turns of a flood before it, and none after that."""


class Step(IntEnum):
    """How far a call is."""

    BEGIN = 0
    SEND = 1
    SETTLE = 2


Line = tuple[deque[asyncio.Future[None]], ...]
"""Who waits, by step."""


class Lanes:
    """Living: who waits to go on, and who had to lately."""

    __slots__ = (
        "_crowded_until_s",
        "_guest",
        "_guest_until_s",
        "_latest",
        "_lines",
        "_loop",
        "_shared_until_s",
        "_taken",
        "_turning",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lines: OrderedDict[str, Line] = OrderedDict()
        self._taken: dict[str, int] = {}
        self._turning = False
        self._latest: str | None = None
        self._shared_until_s = 0.0
        self._guest: str | None = None
        self._guest_until_s = 0.0
        self._crowded_until_s: dict[str, float] = {}  # who had a lane, the first to be over first

    @property
    def waiting(self) -> int:
        return sum(len(each) for line in self._lines.values() for each in line)

    def try_step(self, who: str) -> bool:
        """At once, if it is alone or has taken few steps in this turn."""
        if who != self._latest:
            if self._latest is not None:
                self._shared_until_s = self._loop.time() + SHARED_S
            self._latest = who
        if not self._lines and self._loop.time() >= self._shared_until_s:
            return True
        taken = self._taken.get(who, 0)
        if taken >= FREE or who in self._lines:
            return False
        now_s = self._loop.time()
        if self._crowded_until_s.get(who, 0.0) <= now_s:
            self._guest, self._guest_until_s = who, now_s + SHARED_S
        elif now_s < self._guest_until_s:
            return False
        self._taken[who] = taken + 1
        self._turn_later()
        return True

    async def step(self, who: str, step: Step) -> None:
        """When it is its turn."""
        if self.try_step(who):
            return
        turn: asyncio.Future[None] = self._loop.create_future()
        line = self._lines.get(who)
        if line is None:
            line = self._lines[who] = tuple(deque() for _ in Step)
            if who == self._guest:
                self._guest_until_s = 0.0
        line[step].append(turn)
        self._turn_later()
        await turn

    def _turn_later(self) -> None:
        if not self._turning:
            self._turning = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        """The loop has come round: its sockets were read since."""
        self._turning = False
        left = self._steps_of_turn()
        self._taken.clear()
        while self._lines and left:
            who, line = next(iter(self._lines.items()))
            turn = _furthest(line)
            if turn is None:
                del self._lines[who]
                self._was_crowded(who)
                continue
            self._lines.move_to_end(who)
            if not turn.done():  # else its call was cancelled: the process ends
                turn.set_result(None)
                left -= 1
        if self._lines:
            self._turn_later()

    def _steps_of_turn(self) -> int:
        """From all lanes together."""
        if not self._lines or self._loop.time() >= self._guest_until_s:
            return PER_TURN
        return min(PER_TURN, max(1, sum(self._taken.values())))

    def _was_crowded(self, who: str) -> None:
        """Whose lane is empty now is no guest for a while; lanes that it has in that time make it
        no longer."""
        now_s, until_s = self._loop.time(), self._crowded_until_s
        while until_s and next(iter(until_s.values())) <= now_s:
            del until_s[next(iter(until_s))]
        until_s.setdefault(who, now_s + SHARED_S)


def _furthest(line: Line) -> asyncio.Future[None] | None:
    """Taken out; None where nobody is left."""
    for waiting in reversed(line):
        if waiting:
            return waiting.popleft()
    return None
