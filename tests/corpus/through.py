"""The corpus through a balancer, beside honest callers who use the same one.

Nobody knows what a balancer makes of an entry: it refuses, repairs or passes on. So nothing is
awaited here but an end: the honest request behind the entry is answered, the connection closes, or
nothing more comes for a while. What is held against anybody is only an answer to somebody else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.corpus.caller import (
    ANSWER_TIMEOUT_S,
    AT_ONCE,
    Line,
    Manner,
    Said,
    Unanswered,
    honest_bytes,
    nonce_of,
)
from tests.corpus.entries import NONCE_CHARS, Entry

QUIET_S = 4.0
"""Who waits for more of a body says nothing; that is an end as well."""
ANSWERS_MAX = 40
NEIGHBOURS = 4


@dataclass(slots=True)
class Round:
    """What came of sending the corpus. mixed_up: answers that were somebody else's. served: honest
    requests that were answered behind an entry, on its connection. neighbours: how often each
    honest caller beside them was answered."""

    mixed_up: list[str] = field(default_factory=list)
    served: int = 0
    neighbours: list[int] = field(default_factory=list)


async def attack(
    front: str, entries: Iterable[tuple[int, Entry]], words: Mapping[str, str]
) -> Round:
    """Send all entries through the balancer at this address."""
    told = Round()
    over = asyncio.Event()
    beside = [
        asyncio.ensure_future(_neighbour(front, number, words, told, over))
        for number in range(NEIGHBOURS)
    ]
    room = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, entry: Entry) -> None:
        async with room:
            await _send(front, number, entry, words, told)

    await asyncio.gather(*(one(number, entry) for number, entry in entries))
    over.set()
    told.neighbours = await asyncio.gather(*beside)
    return told


async def _send(
    front: str, number: int, entry: Entry, words: Mapping[str, str], told: Round
) -> None:
    """The entry and an honest request in one piece; once that is answered, another one."""
    own = nonce_of(number, Manner.GLUED)
    first = nonce_of(number, Manner.GLUED, honest=True)
    second = nonce_of(number, Manner.WHOLE, honest=True)
    line = await Line.open(front, number)
    try:
        raw = entry.raw({**words, "NONCE": own})
        await line.say([raw + honest_bytes(words, first)])
        if await _listen(line, entry, (own, first), first, told):
            await line.say([honest_bytes(words, second)])
            was_served = await _listen(line, entry, (own, first, second), second, told)
            told.served += was_served
    except (Unanswered, TimeoutError):
        pass
    finally:
        line.close()


async def _listen(line: Line, entry: Entry, own: tuple[str, ...], until: str, told: Round) -> bool:
    """To the answer to `until`. Raises Unanswered, TimeoutError."""
    for at in range(ANSWERS_MAX):
        to_head = entry.text.startswith("HEAD ") and at == 0 and until == own[1]
        async with asyncio.timeout(QUIET_S):
            said = await line.answer(bodiless=to_head)
        if said.nonce not in (None, *own):
            told.mixed_up.append(f"{entry.id}: an answer to {said.nonce}")
        if said.nonce == until:
            return True
    return False


async def _neighbour(
    front: str, number: int, words: Mapping[str, str], told: Round, over: asyncio.Event
) -> int:
    """An honest caller with one connection, who asks on and on. How often it was answered."""
    answered = asked = 0
    line: Line | None = None
    while not over.is_set():
        asked += 1
        nonce = f"m{number}{asked:09}".ljust(NONCE_CHARS, "0")
        line = line or await Line.open(front, 60_000 + number)
        await line.say([honest_bytes(words, nonce)])
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                said = await line.answer()
        except Unanswered:  # after so many requests a balancer closes
            line.close()
            line = None
            continue
        answered += 1
        if not _is_right(said, nonce):
            told.mixed_up.append(f"an honest caller, {nonce}: {said} for {said.nonce}")
    if line is not None:
        line.close()
    return answered


def _is_right(said: Said, nonce: str) -> bool:
    return said.status == 200 and said.nonce == nonce
