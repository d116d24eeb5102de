"""A crowd of callers that is cut off in the middle of its work.

Each caller keeps to one key and sends its next call when it has its answer. When the crowd has
counted so many answers (or sent so many calls), it kills the gateway on the spot and comes back
with what every caller knows.

What may be over-counted after the kill follows from the order of things, without a clock. Holds and
endings of one key are journaled in the order they happen, and a caller's next hold happens after
its last answer. So a caller leaves one open hold at most: its last call's, or, if that was not
journaled yet, that of the call before, whose ending was then on its way to the disk.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from bench import load
from tests.crash.kills import CALL_ID, KILLED, Tally
from tests.house import Gateway, VaultKey
from tests.wishes import Wish, any_wish


@dataclass(slots=True)
class Call:
    """status 0: the gateway was killed over it."""

    wish: Wish
    key: VaultKey
    retry: str
    status: int = 0
    call_id: str | None = None

    def bytes(self) -> bytes:
        return self.wish.request(self.key, ("Idempotency-Key", self.retry))

    def answered(self, result: load.Result) -> None:
        self.status, self.call_id = result.status, result.header(CALL_ID)


@dataclass(frozen=True, slots=True)
class Cut:
    """When the crowd kills: at the nth answer, or right after the nth call was sent."""

    nth: int
    at_answer: bool


class Crowd:
    """Runs once."""

    def __init__(self, gateway: Gateway, dice: random.Random, cut: Cut) -> None:
        self._gateway = gateway
        self._dice = dice
        self._cut = cut
        self._sent = self._answered = 0
        self._killed = False

    async def run(self, keys: Sequence[VaultKey], callers: int) -> list[list[Call]]:
        """Every caller's calls, in order, the last one of each without an answer."""
        crowd = await load.connect(self._gateway.address, callers)
        told = await asyncio.gather(
            *(self._work(caller, keys[n % len(keys)]) for n, caller in enumerate(crowd))
        )
        assert self._gateway.wait() == KILLED
        return told

    async def _work(self, caller: load.Caller, key: VaultKey) -> list[Call]:
        calls: list[Call] = []
        loop = asyncio.get_running_loop()
        while True:
            call = Call(any_wish(self._dice), key, f"crowd-{self._dice.getrandbits(64):x}")
            calls.append(call)
            coming: asyncio.Future[load.Result] = loop.create_future()
            caller.send(call.bytes(), coming.set_result)
            self._sent += 1
            self._judge(self._sent, at_answer=False)
            call.answered(await coming)
            if not call.status:
                return calls
            self._answered += 1
            self._judge(self._answered, at_answer=True)

    def _judge(self, count: int, *, at_answer: bool) -> None:
        cut = self._cut
        if at_answer is cut.at_answer and count >= cut.nth and not self._killed:
            self._killed = True
            os.kill(self._gateway.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Broken:
    """Where a caller was cut off. undone: what the call before may count for again, in cents."""

    call: Call
    undone: int

    @property
    def over_count(self) -> int:
        """What it may leave in the books beyond what the caller was told."""
        return max(self.call.wish.cents, self.undone)


def broken_off(calls: Sequence[Call]) -> Broken:
    *answered, last = calls
    held = [call for call in answered if call.status != 429]
    undone = held[-1].wish.cents - held[-1].wish.counted(held[-1].status) if held else 0
    return Broken(last, undone)


def tell(tally: Tally, calls: Sequence[Call]) -> None:
    """Into the tally of these calls' key."""
    for call in calls:
        if call.status:
            tally.answered(call.wish, call.status, call.call_id)


async def retry(gateway: Gateway, calls: Sequence[Call]) -> None:
    """All of them again, at once, under the Idempotency-Keys that they had."""
    results = await load.burst(gateway.address, [call.bytes() for call in calls], len(calls))
    for call, result in zip(calls, results, strict=True):
        call.answered(result)
