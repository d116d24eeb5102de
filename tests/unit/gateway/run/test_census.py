"""What is open, counted a piece at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.metrics import Page
from gateway.run.census import Census
from ledger import HoldState
from tests.calls import USD
from tests.reconciling import Scene, scene_in


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene_in(tmp_path) as made:
        yield made


def census_of(scene: Scene) -> Census:
    doors = scene.calls.doors
    return Census(doors.ledger, doors.registry, doors.clock)


async def test_holds_by_vendor_and_state(scene: Scene) -> None:
    await scene.open(HoldState.PENDING, 3 * USD, tag="SM1")
    scene.wait(60)
    await scene.open(HoldState.PENDING, 4 * USD, tag="SM2")
    await scene.open(HoldState.IN_DOUBT, 5)
    ended = await scene.open(HoldState.STANDING, 6, tag="pi_1")
    scene.end(ended, HoldState.SETTLED, 6)
    held = await scene.calls.ledger.hold(scene.key.key.account_id, 7 * USD)
    census, page = census_of(scene), Page()
    census.show(page)
    assert b"keybrake_open_holds{" not in page.render()
    census.count()
    lines = page.render().decode().splitlines()
    shown = [line for line in lines if not line.startswith("#")]
    assert shown[:6] == [
        'keybrake_open_holds{vendor="stripe",state="held"} 1',
        'keybrake_open_holds{vendor="stripe",state="in_doubt"} 1',
        'keybrake_open_holds{vendor="stripe",state="pending"} 2',
        'keybrake_open_usd{vendor="stripe",state="held"} 7.000000',
        'keybrake_open_usd{vendor="stripe",state="in_doubt"} 0.000005',
        'keybrake_open_usd{vendor="stripe",state="pending"} 7.000000',
    ]
    scene.end(held, HoldState.RELEASED)
    ages = [float(line.rpartition(" ")[2]) for line in shown[6:]]
    assert ages[0] < ages[1] < 60 <= ages[2]


async def test_a_round_takes_as_many_pieces_as_it_needs(scene: Scene) -> None:
    """Until it is over, the figures are those of the round before."""
    for number in range(5):
        await scene.open(HoldState.PENDING, tag=f"SM{number}")
    census = census_of(scene)
    seen = []
    for _ in range(3):
        census.count(holds_max=2)
        seen.append(sum(tally.holds for tally in census.latest.values()))
    assert seen == [0, 0, 5]
