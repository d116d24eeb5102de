"""Pages, filters, runs: what people ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ledger.history import reader as module
from ledger.history.file import File, Statement
from ledger.history.reader import EXPORT_ROWS, LIMIT_MAX, Filters, NoSuchCall, Place, Reader
from ledger.history.schema import FILTERS, CallRow, insertion
from tests.unit.ledger.history.journals import AT_US, row


class Shelf:
    """A file with rows in it, and its reader."""

    def __init__(self, file: File, reading: File) -> None:
        self.file = file
        self.reading = reading
        self.reader = Reader(reading)

    async def put(self, *rows: CallRow) -> None:
        for first in range(0, len(rows), 256):
            await self.file.transact([Statement(*insertion(rows[first : first + 256]))])


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[Shelf]:
    file = await File.writing(tmp_path / "audit.db")
    reading = await File.reading(tmp_path / "audit.db")
    yield Shelf(file, reading)
    await reading.close()
    await file.close()


async def ids(shelf: Shelf, filters: Filters, limit: int = 100, **place: str) -> list[int]:
    records = await shelf.reader.calls(filters, limit, **place)
    return [int(record["id"].removeprefix("call_")) for record in records]


async def test_a_record_as_people_see_it(shelf: Shelf) -> None:
    facts = {"cost_micros": 3, "own_cost_micros": 4, "livemode": True, "lookups": '["/v1/x"]'}
    await shelf.put(row(1, **facts), row(2))
    first = await shelf.reader.call(row(1).id)
    assert first is not None
    assert (first["cost_micros"], first["livemode"], first["lookups"]) == (7, True, ["/v1/x"])
    assert "own_cost_micros" not in first
    second = await shelf.reader.call(row(2).id)
    assert second is not None
    assert (second["livemode"], second["lookups"], second["restored_micros"]) == (None, [], 0)
    assert await shelf.reader.call("call_nowhere") is None


async def test_newest_first_and_page_by_page(shelf: Shelf) -> None:
    await shelf.put(*(row(n) for n in (3, 1, 5, 2, 4)))
    assert await ids(shelf, Filters(), 2) == [5, 4]
    assert await ids(shelf, Filters(), 2, starting_after=row(4).id) == [3, 2]
    assert await ids(shelf, Filters(), 2, starting_after=row(1).id) == []
    assert await ids(shelf, Filters(), 2, ending_before=row(2).id) == [4, 3]
    assert await ids(shelf, Filters(), 9, ending_before=row(2).id) == [5, 4, 3]


async def test_calls_of_one_moment_keep_their_order(shelf: Shelf) -> None:
    await shelf.put(*(row(n)._replace(at_us=AT_US) for n in range(6)))
    assert await ids(shelf, Filters(), 3) == [5, 4, 3]
    assert await ids(shelf, Filters(), 3, starting_after=row(3).id) == [2, 1, 0]


async def test_no_such_place(shelf: Shelf) -> None:
    with pytest.raises(NoSuchCall):
        await ids(shelf, Filters(), starting_after="call_nowhere")


@pytest.mark.parametrize("name", FILTERS)
async def test_each_filter(shelf: Shelf, name: str) -> None:
    x: dict[str, Any] = {name: "x"}
    await shelf.put(row(1, **x), row(2), row(3, **x), row(4, **{name: "y"}))
    assert await ids(shelf, Filters(**x)) == [3, 1]
    assert await ids(shelf, Filters(**x, since_us=AT_US + 2)) == [3]
    assert await ids(shelf, Filters(**x, until_us=AT_US + 3)) == [1]
    assert await ids(shelf, Filters(**x), starting_after=row(3).id) == [1]


async def test_filters_together(shelf: Shelf) -> None:
    await shelf.put(row(1, key_id="a", code="c"), row(2, key_id="a"), row(3, key_id="b", code="c"))
    assert await ids(shelf, Filters(key_id="a", code="c")) == [1]


async def test_a_page_has_an_end(shelf: Shelf) -> None:
    await shelf.put(*(row(n) for n in range(LIMIT_MAX + 5)))
    assert len(await ids(shelf, Filters(), 1_000_000)) == LIMIT_MAX


async def test_an_export_is_everything_in_pages(shelf: Shelf) -> None:
    count = EXPORT_ROWS * 2 + 1
    await shelf.put(*(row(n, key_id="vk_2" if n % 2 else "vk_1") for n in range(count)))
    found = [record["id"] async for record in shelf.reader.export(Filters())]
    assert found == [row(n).id for n in reversed(range(count))]
    odd = [record["id"] async for record in shelf.reader.export(Filters(key_id="vk_2"))]
    assert len(odd) == EXPORT_ROWS


async def found(
    shelf: Shelf, filters: Filters, limit: int, **place: Any
) -> tuple[list[int], Place | None, bool]:
    search = await shelf.reader.search(filters, limit, **place)
    numbers = [int(record["id"].removeprefix("call_")) for record in search.records]
    return numbers, search.reached, search.cut


async def test_a_search_says_where_to_go_on(shelf: Shelf) -> None:
    await shelf.put(*(row(n, code="c") for n in range(5)))
    numbers, reached, cut = await found(shelf, Filters(code="c"), 3)
    assert (numbers, reached, cut) == ([4, 3, 2], Place(AT_US + 2, 3), False)
    assert await found(shelf, Filters(code="c"), 3, before=reached) == ([1, 0], None, False)
    after = await found(shelf, Filters(code="c"), 2, starting_after=row(2).id)
    assert after == ([1, 0], None, False)
    with pytest.raises(NoSuchCall):
        await found(shelf, Filters(), 3, starting_after="call_nowhere")


@pytest.mark.parametrize(("seconds", "walked"), [(60.0, 14), (-1.0, 2)])
async def test_a_search_looks_twice_as_far_each_time_and_on_a_slow_disk_no_further(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, seconds: float, walked: int
) -> None:
    monkeypatch.setattr(module, "LOOK_ENTRIES", 14)
    monkeypatch.setattr(module, "FIRST_ENTRIES", 2)
    monkeypatch.setattr(module, "SEARCH_S", seconds)
    await shelf.put(*(row(n, key_id="a", code="c" if n % 8 == 7 else "d") for n in range(40)))
    await shelf.put(*(row(n, key_id="b", code="c") for n in range(40, 80)))
    numbers, reached, cut = await found(shelf, Filters(key_id="a", code="c"), 9)
    assert (numbers, cut) == ([39, 31][: 1 + (walked > 8)], True)
    assert reached is not None
    assert reached.at_us == row(40 - walked).at_us


async def test_a_search_is_over_after_so_many_entries(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it found by then; `calls` looks on."""
    monkeypatch.setattr(module, "LOOK_ENTRIES", 4)
    await shelf.put(*(row(n, key_id="a" if n < 2 else "b", code="c") for n in range(10)))
    await shelf.put(*(row(n, key_id="a") for n in range(10, 15)))
    wanted = Filters(key_id="a", code="c")
    numbers, reached, cut = await found(shelf, wanted, 5)
    assert (numbers, cut) == ([], True)
    steps = 0
    while reached is not None:
        numbers, reached, cut = await found(shelf, wanted, 5, before=reached)
        steps += 1
    assert (numbers, cut, steps) == ([1, 0], False, 1)
    assert await ids(shelf, wanted, 1) == [1]
    assert await ids(shelf, wanted, 5) == [1, 0]
    assert await ids(shelf, wanted, 5, ending_before=row(0).id) == [1]
    assert [record["id"] async for record in shelf.reader.export(wanted)] == [row(1).id, row(0).id]


async def test_the_filter_that_the_fewest_pass_leads(shelf: Shelf) -> None:
    await shelf.put(*(row(n, key_id="a", code="c" if n == 7 else None) for n in range(20)))
    asked: list[str] = []

    class Watched:
        async def fetch(self, sql: str, params: Any = ()) -> list[Any]:
            asked.append(sql)
            return await shelf.reading.fetch(sql, params)

    reader = Reader(Watched())  # type: ignore[arg-type]
    for wanted in (Filters(key_id="a", code="c"), Filters(key_id="b", code="c")):
        await reader.calls(wanted, 5)
    looks = [sql for sql in asked if "EXISTS" in sql]
    assert ["FROM calls INDEXED BY calls_by_code" in sql for sql in looks] == [True, False]


async def test_a_look_reads_indexes_alone(shelf: Shelf) -> None:
    plans: list[str] = []

    class Watched:
        async def fetch(self, sql: str, params: Any = ()) -> list[Any]:
            if "EXISTS" in sql:
                plans.extend(
                    step[3]
                    for step in await shelf.reading.fetch(f"EXPLAIN QUERY PLAN {sql}", params)
                )
            return await shelf.reading.fetch(sql, params)

    every: dict[str, Any] = dict.fromkeys(FILTERS, "x")
    await Reader(Watched()).search(Filters(**every, since_us=1, until_us=9), 5)  # type: ignore[arg-type]
    reads = [step for step in plans if "SEARCH" in step]
    assert len(reads) == len(FILTERS)
    assert all("COVERING INDEX" in step for step in reads), reads
    assert not [step for step in plans if "B-TREE" in step]


async def test_in_doubt(shelf: Shelf) -> None:
    await shelf.put(row(1, state="in_doubt"), row(2, state="settled"), row(3, state="in_doubt"))
    assert [r["id"] for r in await shelf.reader.in_doubt(1)] == [row(3).id]
    after = await shelf.reader.in_doubt(9, starting_after=row(3).id)
    assert [r["id"] for r in after] == [row(1).id]
