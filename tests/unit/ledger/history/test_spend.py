"""Spend in a span of time, group by group."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ledger.history.file import File, Statement
from ledger.history.reader import LIMIT_MAX, NoSuchCall, Record
from ledger.history.schema import CallRow, insertion
from ledger.history.spend import GROUPS, STEPS_MAX, Line, Overview, Spend
from ledger.history.tallies import DAY_US, HOUR_US, SUM
from tests.unit.ledger.history.journals import AT_US, row

END_US = AT_US + 10 * DAY_US
TODAY = AT_US // DAY_US


class Shelf:
    def __init__(self, file: File, reading: File) -> None:
        self.file = file
        self.reading = reading

    async def put(self, *rows: CallRow) -> None:
        await self.file.transact([Statement(*insertion(rows))])

    async def spend(self, by: str, limit: int = 100, **wishes: Any) -> list[Record]:
        since_us, until_us = wishes.pop("span", (AT_US, END_US))
        return await Spend(self.reading).spend(by, since_us, until_us, limit, **wishes)

    async def groups(self, by: str, limit: int = 100, **wishes: Any) -> dict[Any, int]:
        return {
            record["group"]: record["cost_micros"]
            for record in await self.spend(by, limit, **wishes)
        }


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    file = await File.writing(tmp_path / "audit.db")
    reading = await File.reading(tmp_path / "audit.db")
    shelf = Shelf(file, reading)
    await shelf.put(
        row(1, cost_micros=5, own_cost_micros=1, state="settled", day=TODAY),
        row(2, cost_micros=7, state="in_doubt", day=TODAY, account="acme", key_id="vk_2"),
        row(3, cost_micros=2, state="pending", day=TODAY + 1, vendor="twilio", operation="Create"),
        row(4, decision="refused", operation=None, count=9, scenario=None),
        row(5, cost_micros=1, state="standing", day=TODAY + 1, at_us=AT_US + DAY_US),
    )
    await file.transact([Statement(SUM)])
    yield shelf
    await reading.close()
    await file.close()


@pytest.mark.parametrize(
    ("by", "told"),
    [
        ("vendor", {"stripe": 14, "twilio": 2}),
        ("account", {"stripe/default": 7, "stripe/acme": 7, "twilio/default": 2}),
        ("key", {"vk_1": 9, "vk_2": 7}),
        ("operation", {"stripe/PostCharges": 14, "twilio/Create": 2}),
        ("scenario", {"make-billing": 16}),
        ("day", {TODAY + 1: 3, TODAY: 13}),
    ],
)
async def test_the_dearest_first_and_the_latest_day_first(
    shelf: Shelf, by: str, told: dict[Any, int]
) -> None:
    assert list((await shelf.groups(by)).items()) == list(told.items())


async def test_all_that_is_told_of_a_group(shelf: Shelf) -> None:
    stripe, twilio = await shelf.spend("vendor")
    assert stripe == {
        "group": "stripe",
        "calls": 12,
        "refused": 9,
        "cost_micros": 14,
        "standing_micros": 1,
        "pending_micros": 0,
        "in_doubt_micros": 7,
        "restored_micros": 0,
        "first_at_us": AT_US + 1,
        "last_at_us": AT_US + DAY_US,
    }
    assert (twilio["pending_micros"], twilio["refused"]) == (2, 0)


async def test_only_of_an_account_a_vendor_a_span(shelf: Shelf) -> None:
    assert await shelf.groups("key", account="acme") == {"vk_2": 7}
    assert await shelf.groups("account", vendor="twilio") == {"twilio/default": 2}
    assert await shelf.groups("key", vendor="twilio", account="acme") == {}
    assert await shelf.groups("vendor", span=(AT_US + 2, AT_US + 3)) == {"stripe": 7}


@pytest.mark.parametrize("by", sorted(GROUPS))
async def test_pages_go_on_where_the_last_one_ended(shelf: Shelf, by: str) -> None:
    whole = list(await shelf.groups(by))
    paged: list[Any] = []
    while page := list(
        await shelf.groups(by, 1, **({"starting_after": paged[-1]} if paged else {}))
    ):
        paged += page
    assert paged == whole


async def test_a_group_that_is_not_there(shelf: Shelf) -> None:
    with pytest.raises(NoSuchCall):
        await shelf.spend("key", starting_after="vk_9")
    with pytest.raises(NoSuchCall):
        await shelf.spend("day", starting_after=7)


async def test_a_page_has_an_end(shelf: Shelf) -> None:
    assert len(await shelf.spend("key", LIMIT_MAX + 1)) == 2


async def test_all_of_a_span_at_a_glance(shelf: Shelf) -> None:
    spend = Spend(shelf.reading)
    await shelf.put(row(6, decision="refused", code="rate_limited", count=2))
    assert await spend.overview(AT_US, END_US) == Overview(
        calls=15,
        refused=11,
        cost_micros=16,
        settled_micros=6,
        standing_micros=1,
        pending_micros=2,
        in_doubt_micros=7,
        restored_micros=0,
        first_at_us=AT_US + 1,
        last_at_us=AT_US + DAY_US,
        codes=(("rate_limited", 2),),
    )
    assert await spend.overview(0, 1) == Overview(0, 0, 0, 0, 0, 0, 0, 0, None, None, ())


async def test_a_line_for_the_dearest_and_one_for_the_rest(shelf: Shelf) -> None:
    spend = Spend(shelf.reading)
    await shelf.put(row(6, account="third", cost_micros=1))
    days = await spend.series("account", AT_US, AT_US + 2 * DAY_US, "day", 1)
    first_us = TODAY * DAY_US
    assert days.at_us == (first_us, first_us + DAY_US, first_us + 2 * DAY_US)
    assert days.lines == (
        Line("stripe/default", (10, 1, 0), (9, 0, 0), (6, 1, 0)),
        Line(None, (3, 0, 0), (0, 0, 0), (10, 0, 0)),
    )
    whole = await spend.series(None, AT_US, AT_US + 1, "hour")
    assert (whole.step_us, len(whole.at_us)) == (HOUR_US, 1)
    assert whole.lines == (Line("", (13,), (9,), (16,)),)
    untold = Statement("UPDATE summed SET complete_since_us = ?", (1 << 62,))
    await shelf.file.transact([Statement("UPDATE unsummed SET upto = 100"), untold])
    again = await spend.series("account", AT_US, AT_US + 2 * DAY_US, "day", 1)
    assert again == days, "while the sums are filled in it is counted from the calls"
    none = await spend.series("key", 0, 1, "day")
    assert (none.at_us, none.lines) == ((0,), ())


async def test_a_series_has_an_end(shelf: Shelf) -> None:
    spend = Spend(shelf.reading)
    long = await spend.series("vendor", 0, END_US, "hour", 10**9)
    assert (len(long.at_us), [line.name for line in long.lines]) == (
        STEPS_MAX,
        ["stripe", "twilio"],
    )
    assert long.at_us[-1] < END_US <= long.at_us[-1] + HOUR_US
