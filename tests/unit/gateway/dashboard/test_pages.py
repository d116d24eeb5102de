"""What a page costs the audit log, without a clock: transactions, rows, connections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.dashboard.calls import ROWS
from gateway.dashboard.runs import IN_ORDER_MAX
from ledger.history.file import File
from ledger.history.health import HEALTH_CALLS
from tests.unit.gateway.dashboard.logs import Logged, browsing
from tests.unit.gateway.dashboard.visits import header

pytestmark = pytest.mark.anyio

PAGES = (
    "",
    "/calls",
    "/calls?range=90d&vendor=stripe&state=settled",
    "/calls?run=billing/1",
    "/runs",
    "/runs?by=scenario&range=90d",
    "/runs/one?label=billing/1",
    "/runs/revoke?label=billing/1",
    *(f"/spend?by={by}&range=90d" for by in ("vendor", "account", "operation", "scenario", "key")),
    "/keys",
    "/open",
    "/vendors",
    "/issuers",
    "/settings",
)
LIVE = ("", "/calls", "/keys", "/runs", "/open")


class Watched:
    """transacted: of the log. fetched: rows of each question, by connection."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.transacted = 0
        self.fetched: list[tuple[File, int]] = []
        transact, fetch = File.transact, File._fetch

        async def transacting(file: File, statements: Any) -> None:
            self.transacted += 1
            await transact(file, statements)

        async def fetching(file: File, sql: str, params: Any = ()) -> list[Any]:
            rows = await fetch(file, sql, params)
            self.fetched.append((file, len(rows)))
            return rows

        patch.setattr(File, "transact", transacting)
        patch.setattr(File, "_fetch", fetching)


async def fill(browser: Logged, calls: int) -> None:
    for number in range(calls):
        await browser.called(key_id=f"vk_{number % 7}", operation=f"Post{number % 5}")
    await browser.log.flush()


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_writes_once_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async with browsing(tmp_path) as browser:
        await fill(browser, 30)
        await browser.called()
        watched = Watched(monkeypatch)
        assert (await browser.get(f"/dashboard{path}")).status == 200
        assert watched.transacted <= 1


@pytest.mark.parametrize("path", LIVE)
async def test_a_part_that_is_drawn_again_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async with browsing(tmp_path) as browser:
        await fill(browser, 3)
        await browser.called()
        watched = Watched(monkeypatch)
        assert (await browser.get(f"/dashboard{path}", hx_request="true")).status == 200
        assert watched.transacted == 0


@pytest.mark.parametrize("path", PAGES)
async def test_no_page_reads_more_rows_than_it_may_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    rows_max = {"/runs/one": 2 * IN_ORDER_MAX, "/vendors": HEALTH_CALLS}
    async with browsing(tmp_path) as browser:
        await fill(browser, 5 * ROWS)
        watched = Watched(monkeypatch)
        assert (await browser.get(f"/dashboard{path}")).status == 200
        read = sum(rows for _, rows in watched.fetched)
        assert read <= rows_max.get(path.partition("?")[0], 4 * (ROWS + 1))


async def test_an_export_and_a_page_are_read_by_different_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with browsing(tmp_path) as browser:
        await fill(browser, 3)
        watched = Watched(monkeypatch)
        await browser.get("/dashboard/calls")
        of_pages = {file for file, _ in watched.fetched}
        watched.fetched.clear()
        answer = await browser.get("/dashboard/calls/export?format=csv")
        assert header(answer, b"content-type").startswith("text/csv")
        assert answer.stream is not None
        assert b"".join([chunk async for chunk in answer.stream]).count(b"\n") == 4
        assert watched.fetched
        assert not of_pages & {file for file, _ in watched.fetched}
