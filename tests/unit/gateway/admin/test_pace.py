"""Who must not be noticed goes fast while nobody else does anything, and slowly otherwise."""

from __future__ import annotations

import asyncio

import pytest

from gateway.admin.pace import BUSY_AT, LOOK_S, SHARE_FIRST, SHARE_MAX, SHARE_MIN, STALE_S, Pace

pytestmark = pytest.mark.anyio


class Clocks:
    cpu_s = 0.0
    now_s = 0.0

    def pace(self) -> Pace:
        return Pace(lambda: self.cpu_s, lambda: self.now_s)

    def busy(self, cores: float, *, for_s: float = 2 * LOOK_S) -> None:
        self.now_s += for_s
        self.cpu_s += cores * for_s


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was rested."""
    rested: list[float] = []
    turn = asyncio.sleep

    async def sleep(delay_s: float) -> None:
        rested.append(delay_s)
        await turn(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return rested


@pytest.mark.parametrize(
    ("cores", "share"), [(0.0, SHARE_MAX), (BUSY_AT / 2, SHARE_MAX / 2), (BUSY_AT, SHARE_MIN)]
)
async def test_the_share_is_what_others_leave(cores: float, share: float) -> None:
    clocks = Clocks()
    made = clocks.pace()
    made.look()
    clocks.busy(cores)
    made.look()
    assert made.share == pytest.approx(share)


@pytest.mark.usefixtures("rests")
async def test_what_it_spends_itself_makes_no_house_busy() -> None:
    clocks = Clocks()
    made = clocks.pace()
    made.look()
    clocks.busy(0.5)
    await made.rest(0.5 * 2 * LOOK_S)
    assert made.share == pytest.approx(SHARE_MAX)


async def test_an_old_look_says_nothing() -> None:
    clocks = Clocks()
    made = clocks.pace()
    made.look()
    clocks.busy(0.0, for_s=STALE_S)
    made.look()
    assert made.share == SHARE_FIRST


async def test_it_is_not_looked_again_at_once() -> None:
    clocks = Clocks()
    made = clocks.pace()
    made.look()
    clocks.busy(4.0, for_s=LOOK_S / 2)
    made.look()
    assert made.share == SHARE_FIRST


async def test_a_rest_makes_the_work_last(rests: list[float]) -> None:
    made = Clocks().pace()
    await made.rest(0.001)
    assert rests == [pytest.approx(0.001 * (1 / SHARE_FIRST - 1))]


async def test_two_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    resting, most, turn = 0, 0, asyncio.sleep

    async def sleep(_: float) -> None:
        nonlocal resting, most
        resting += 1
        most = max(most, resting)
        await turn(0)
        resting -= 1

    monkeypatch.setattr(asyncio, "sleep", sleep)
    made = Clocks().pace()
    await asyncio.gather(*(made.rest(0.001) for _ in range(3)))
    assert most == 1
