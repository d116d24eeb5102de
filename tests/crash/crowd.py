"""A crowd of callers that is cut off in the middle of its work.

Each caller keeps to one key and sends its next call when it has its answer; now and then it sends a
call again that it has an answer to, under the same Idempotency-Key, and that costs nothing more.
When the crowd has counted so many answers (or sent so many calls), it kills the gateway on the
spot, unless that has killed itself before, and comes back with what every caller knows.

What may be over-counted after the kill follows from the order of things, without a clock. Holds and
endings of one key are journaled in the order they happen, and a caller's next hold happens after
its last answer. So a caller leaves one open hold at most: its last call's, or, if that was not
journaled yet, that of the call before, whose ending was then on its way to the disk.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from bench import load
from tests.crash.kills import CALL_ID, Tally
from tests.house import Gateway, VaultKey
from tests.wishes import Wish, any_wish

AGAIN: Final = 0.15
"""How often a caller sends a call again."""
REFUSALS: Final = 5
"""In a row: then a caller has seen its cap hold, and leaves."""


@dataclass(slots=True)
class Call:
    """status 0: the gateway was killed over it. error: our code, of a refusal. again: a call that
    was answered and paid for is sent once more."""

    wish: Wish
    key: VaultKey
    retry: str
    again: bool = False
    status: int = 0
    error: str = ""
    call_id: str | None = None

    @property
    def cents(self) -> int:
        """The most it can add to the books."""
        return 0 if self.again else self.wish.cents

    @property
    def counted(self) -> int:
        """What it did add, by its answer."""
        return 0 if self.again else self.wish.counted(self.status)

    @property
    def undone(self) -> int:
        """What it may count for again, if a kill takes the ending of its hold."""
        return self.cents - self.counted if self.status not in (0, 429) else 0

    def bytes(self) -> bytes:
        """Whose it is stands in what the vendor keeps of it."""
        form = urlencode({**self.wish.form(), "description": self.key.id})
        target = f"/stripe{self.wish.path}"
        return load.form_post(target, self.key.secret, form, ("Idempotency-Key", self.retry))

    def answered(self, result: load.Result) -> None:
        self.status, self.call_id = result.status, result.header(CALL_ID)
        if self.status == 429:
            self.error = str(json.loads(result.body)["error"])

    def once_more(self) -> Call | None:
        """The same again, if that is known to change nothing."""
        paid = self.status == 200 and not self.wish.manual
        return Call(self.wish, self.key, self.retry, again=True) if paid else None


@dataclass(frozen=True, slots=True)
class Cut:
    """When the crowd kills: at the nth answer, or right after the nth call was sent."""

    nth: int
    at_answer: bool


class Crowd:
    """Runs once. killed: the cut came before the gateway's own end."""

    def __init__(self, gateway: Gateway, dice: random.Random, cut: Cut) -> None:
        self._gateway = gateway
        self._dice = dice
        self._cut = cut
        self._sent = self._answered = self._working = 0
        self.killed = False

    async def run(self, keys: Sequence[VaultKey], callers: int) -> list[list[Call]]:
        """Every caller's calls, in order, the last one of each without an answer, unless it had
        seen its cap hold. Then the gateway is dead, or about to be."""
        try:
            crowd = await load.connect(self._gateway.address, callers)
        except OSError:  # a fuse was quicker
            return []
        self._working = callers
        return await asyncio.gather(
            *(self._work(caller, keys[n % len(keys)]) for n, caller in enumerate(crowd))
        )

    async def _work(self, caller: load.Caller, key: VaultKey) -> list[Call]:
        calls: list[Call] = []
        loop = asyncio.get_running_loop()
        while True:
            call = self._next(key, calls)
            calls.append(call)
            coming: asyncio.Future[load.Result] = loop.create_future()
            caller.send(call.bytes(), coming.set_result)
            self._sent += 1
            self._judge(self._sent, at_answer=False)
            call.answered(await coming)
            if not call.status or all(c.status == 429 for c in calls[-REFUSALS:]):
                break
            self._answered += 1
            self._judge(self._answered, at_answer=True)
        self._working -= 1
        if not self._working and calls[-1].status:
            self._kill()
        return calls

    def _next(self, key: VaultKey, calls: Sequence[Call]) -> Call:
        again = calls[-1].once_more() if calls and self._dice.random() < AGAIN else None
        return again or Call(any_wish(self._dice), key, f"crowd-{self._dice.getrandbits(64):x}")

    def _judge(self, count: int, *, at_answer: bool) -> None:
        cut = self._cut
        if at_answer is cut.at_answer and count >= cut.nth:
            self._kill()

    def _kill(self) -> None:
        if not self.killed:
            self.killed = True
            os.kill(self._gateway.pid, signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Broken:
    """Where a caller was cut off. call: the one without an answer, if there is one. undone: what
    the call before may count for again, in cents."""

    key: VaultKey
    call: Call | None
    undone: int

    @property
    def paid(self) -> int:
        """What the vendor may have charged without the caller's knowing."""
        return 0 if self.call is None else self.call.cents

    @property
    def over_count(self) -> int:
        """What it may leave in the books beyond what the caller was told."""
        return max(self.paid, self.undone)


def broken_off(calls: Sequence[Call]) -> Broken:
    last = calls[-1]
    held = [call for call in calls if call.status not in (0, 429) and not call.again]
    undone = held[-1].undone if held else 0
    return Broken(last.key, None if last.status else last, undone)


def tell(tally: Tally, calls: Sequence[Call]) -> None:
    """Into the tally of these calls' key."""
    for call in calls:
        if call.again and call.status:
            assert call.status in (200, 409, 500, 502), call
        elif call.status:
            tally.answered(call.wish, call.status, call.call_id)


async def retry(gateway: Gateway, calls: Sequence[Call]) -> None:
    """All of them again, at once, under the Idempotency-Keys that they had."""
    results = await load.burst(gateway.address, [call.bytes() for call in calls], len(calls))
    for call, result in zip(calls, results, strict=True):
        call.answered(result)
