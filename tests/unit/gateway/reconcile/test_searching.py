"""Finding out what became of a call in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import cast

import pytest

from gateway.call.pricing import FIXED
from gateway.reconcile.searching import FAST_US, LOOKUPS_MAX, Round, doubted, search
from ledger import HoldState
from tests.calls import USD
from tests.reconciling import TRACE, Scene, scene_in
from vendors.contract import Answer, Doubt, End, Findings, Outcome, Vendor
from vendors.rates import USD as USD_RATE

IN_DOUBT = HoldState.IN_DOUBT


async def test_a_doubt_is_told_from_its_hold_and_its_row(scene: Scene) -> None:
    hold = await scene.open(
        IN_DOUBT, 5 * USD, tag="pi_1", vendor_key="kb-1", operation="PostX", status=500
    )
    call = await doubted(scene.mate._desk, [hold])
    assert call is not None
    assert call.doubt == Doubt(
        "call_1", "PostX", hold.at_us, "kb-1", TRACE, "pi_1", 5 * USD, USD_RATE, 500
    )
    assert (call.hold, call.fixed) == (hold, False)


async def test_a_status_of_ours_is_no_answer_of_the_vendors(scene: Scene) -> None:
    hold = await scene.open(IN_DOUBT, status=504, code="vendor_timeout", trace=FIXED)
    call = await doubted(scene.mate._desk, [hold])
    assert call is not None
    assert (call.doubt.answered, call.doubt.trace, call.fixed) == (None, "", True)


async def test_what_was_asked_in_this_round_is_not_asked_again(scene: Scene) -> None:
    scene.told.listing()
    asked, doubt = Round(), Doubt("call_1", "PostX", 1)
    for _ in range(2):
        assert isinstance(await search(scene.mate._desk, doubt, asked), Findings)
    assert (scene.told.asked, asked.target) == (["/list?key="], "/list?key=")


@pytest.mark.parametrize(("steps", "ends"), [(LOOKUPS_MAX, True), (LOOKUPS_MAX + 1, False)])
async def test_a_search_has_an_end(tmp_path: Path, steps: int, ends: bool) -> None:
    async with scene_in(tmp_path, steps=steps) as scene:
        scene.told.listing()
        found = await search(scene.mate._desk, Doubt("call_1", "PostX", 1), Round())
        if ends:
            assert isinstance(found, Findings)
        else:
            assert found == "it takes more look-ups than are made"


@pytest.mark.parametrize(
    ("date", "conclusive"),
    [
        (0, True),
        (-29, True),
        (29, True),
        (-31, False),
        (31, False),
        ("yesterday", False),
    ],
)
async def test_by_another_clock_nothing_is_shown_to_be_missing(
    scene: Scene, date: int | str, conclusive: bool
) -> None:
    """A listing since a minute before the call begins after it, where our clock is ahead."""
    if isinstance(date, int):
        date = formatdate(scene.calls.clock.now_us() // 1_000_000 + date, usegmt=True)
    scene.told.headers = [(b"date", date.encode())]
    scene.told.listing()
    found = await search(scene.mate._desk, Doubt("call_1", "PostX", 1), Round())
    assert isinstance(found, Findings)
    assert found.conclusive is conclusive


class Lister:
    """A vendor that shows what was made since a minute before a call. made_us: by its clock."""

    def __init__(self, made_us: int, *, exact: bool) -> None:
        self.made_us = made_us
        self.exact = exact
        self.since: list[int] = []

    def search(self, doubt: Doubt, found: Sequence[Answer]) -> Findings:
        self.since.append(doubt.at_us)
        shown = self.made_us >= doubt.at_us - 60_000_000
        match = Outcome(End.SETTLED, settled_micros=5, label="x")
        return Findings((match,) if shown else (), self.exact, True, "a listing")


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    ("behind_us", "found"),
    [(0, True), (59_000_000, True), (3 * 3_600_000_000, True), (FAST_US + 61_000_000, False)],
)
async def test_a_clock_that_was_fast_in_an_earlier_life_hides_nothing(
    scene: Scene, behind_us: int, found: bool, exact: bool
) -> None:
    """It was put right since, so by the Date of today's answers nothing is wrong."""
    at_us = scene.mate._desk.began_us - 1
    vendor = Lister(at_us - behind_us, exact=exact)
    desk = replace(scene.mate._desk, vendor=cast("Vendor", vendor))
    shown = await search(desk, Doubt("call_1", "PostX", at_us), Round())
    assert isinstance(shown, Findings)
    assert (bool(shown.matches), shown.conclusive) == (found, True)


class Pages:
    """A vendor that shows a match of each moment since a call's, or wants ever more pages."""

    def __init__(self, shows_earlier: bool) -> None:
        self.shows_earlier = shows_earlier
        self.latest_us = 0

    def search(self, doubt: Doubt, found: Sequence[Answer]) -> Findings | None:
        self.latest_us = max(self.latest_us, doubt.at_us)
        own = Outcome(End.SETTLED, settled_micros=5, label="own")
        older = Outcome(End.SETTLED, settled_micros=1, label="older")
        if doubt.at_us == self.latest_us:
            return Findings((own,), False, True, "a listing")
        return Findings((older, own), False, True, "more of it") if self.shows_earlier else None


@pytest.mark.parametrize("shows_earlier", [False, True])
async def test_what_shows_since_its_moment_comes_first(scene: Scene, shows_earlier: bool) -> None:
    """An alike one of hours before is given only where nothing else is, and where nobody can look
    so far back, nothing is shown to be missing."""
    vendor = cast("Vendor", Pages(shows_earlier))
    desk = replace(scene.mate._desk, vendor=vendor)
    shown = await search(desk, Doubt("call_1", "PostX", desk.began_us - 1), Round())
    assert isinstance(shown, Findings)
    labels = [match.label for match in shown.matches]
    assert labels == (["own", "older"] if shows_earlier else ["own"])
    assert shown.conclusive is shows_earlier


async def test_in_this_life_a_call_is_as_old_as_it_says(scene: Scene) -> None:
    """A renewed desk remembers when that began."""
    desk = scene.mate._desk
    scene.wait(5)
    scene.mate.renew()
    assert scene.mate._desk.began_us == desk.began_us
    vendor = Lister(0, exact=False)
    desk = replace(desk, vendor=cast("Vendor", vendor))
    doubt = Doubt("call_1", "PostX", desk.began_us)
    assert isinstance(await search(desk, doubt, Round()), Findings)
    assert vendor.since == [desk.began_us]
