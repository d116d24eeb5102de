"""A span of time in whole days, whole hours and what is left at its edges."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.history import spans as module
from ledger.history.file import File, Statement
from ledger.history.schema import insertion
from ledger.history.spans import Cover, cover, covered
from ledger.history.tallies import DAY_US, HOUR_US, SUM
from tests.unit.ledger.history.journals import row


@pytest.mark.parametrize(
    ("since_us", "until_us", "found"),
    [
        (0, 2 * DAY_US, Cover(((0, 2),), (), ())),
        (HOUR_US, 3 * DAY_US - HOUR_US, Cover(((1, 2),), ((1, 24), (48, 71)), ())),
        (
            1,
            2 * DAY_US + 1,
            Cover(((1, 2),), ((1, 24),), ((1, HOUR_US), (2 * DAY_US, 2 * DAY_US + 1))),
        ),
        (HOUR_US, 5 * HOUR_US, Cover((), ((1, 5),), ())),
        (5, HOUR_US - 5, Cover((), (), ((5, HOUR_US - 5),))),
        (5, HOUR_US + 5, Cover((), (), ((5, HOUR_US), (HOUR_US, HOUR_US + 5)))),
        (7, 7, Cover((), (), ())),
    ],
)
def test_each_moment_once_in_the_largest_units(since_us: int, until_us: int, found: Cover) -> None:
    assert cover(since_us, until_us) == found


async def test_an_edge_beyond_which_there_is_no_call_is_none(tmp_path: Path) -> None:
    file = await File.writing(tmp_path / "audit.db")
    noon = DAY_US // 2
    rows = [row(1, at_us=noon + 60), row(2, at_us=noon + 2 * HOUR_US)]
    await file.transact([Statement(*insertion(rows)), Statement(SUM)])
    whole = await covered(file.fetch, noon + 60, noon + 2 * HOUR_US + 1)
    assert whole == Cover((), ((12, 15),), ())
    inside = await covered(file.fetch, noon + 61, noon + 2 * HOUR_US)
    assert inside == Cover((), ((13, 14),), ((noon + 61, noon + HOUR_US),))
    assert await covered(file.fetch, -5, 1 << 70) == Cover(
        ((0, (1 << 62) // DAY_US),), ((24 * ((1 << 62) // DAY_US), -(-(1 << 62) // HOUR_US)),), ()
    )
    assert await covered(file.fetch, 9, 3) == Cover((), (), ())
    await file.transact(
        [
            Statement("UPDATE unsummed SET upto = 2"),
            Statement(f"UPDATE summed SET complete_since_us = {2 * DAY_US}"),
        ]
    )
    assert await covered(file.fetch, 0, DAY_US) == Cover((), (), ((0, DAY_US),))
    await file.close()


async def test_what_the_sums_do_not_tell_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted where that is little, and left out where it is much."""
    file = await File.writing(tmp_path / "audit.db")
    noon = DAY_US // 2
    await file.transact([Statement(*insertion([row(n, at_us=noon + n) for n in range(3)]))])
    half = Statement("UPDATE summed SET upto = 2, complete_since_us = ?", (noon + 2,))
    await file.transact([Statement("UPDATE unsummed SET upto = 1"), half])
    later = Cover((), ((13, 24),), ((0, noon + HOUR_US),), 2)
    assert await covered(file.fetch, 0, DAY_US) == later
    monkeypatch.setattr(module, "COUNTED_MAX", 2)
    cut = Cover((), ((13, 24),), ((noon + 2, noon + HOUR_US),), 2, noon + 2)
    assert await covered(file.fetch, 0, DAY_US) == cut
    assert await covered(file.fetch, 0, noon + 1) == Cover((), (), ((0, noon + 1),), 2)
    monkeypatch.setattr(module, "COUNTED_MAX", 0)
    assert await covered(file.fetch, 0, noon + 1) == Cover((), (), (), 2, noon + 2)
    assert (await covered(file.fetch, noon + 2, DAY_US)).complete_since_us is None
    await file.close()
