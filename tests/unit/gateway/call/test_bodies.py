"""Large bodies share one room; small ones need none."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gateway.call.bodies import SMALL_BYTES_MAX, BodyRoom
from gateway.errors import RateLimited


@dataclass
class Announced:
    length: int | None

    async def read_all(self, bytes_max: int) -> bytes:
        return b"x" * min(self.length or 0, bytes_max)

    async def read(self) -> bytes:
        return b""


def test_small_bodies_are_always_read() -> None:
    room = BodyRoom(0, 1_000_000)
    assert room.take(Announced(SMALL_BYTES_MAX)) == 0
    room.give(0)


def test_large_ones_share_a_room_and_give_it_back() -> None:
    room = BodyRoom(1_000_000, 600_000)
    taken = room.take(Announced(600_000))
    with pytest.raises(RateLimited) as refused:
        room.take(Announced(500_000))
    assert refused.value.facts == {"retry_after_s": 1}
    room.give(taken)
    assert room.take(Announced(500_000)) == 500_000


def test_an_unannounced_one_takes_the_most_it_may_have() -> None:
    room = BodyRoom(1_000_000, 600_000)
    assert room.take(Announced(None)) == 600_000


def test_one_that_will_be_refused_for_its_size_takes_no_more_than_the_limit() -> None:
    assert BodyRoom(1_000_000, 600_000).take(Announced(10**12)) == 600_000


def test_another_size_remembers_what_was_taken() -> None:
    room = BodyRoom(1_000_000, 600_000)
    taken = room.take(Announced(600_000))
    room.renew(700_000, 200_000)
    with pytest.raises(RateLimited):
        room.take(Announced(200_000))
    room.give(taken)
    assert room.take(Announced(600_000)) == 200_000
