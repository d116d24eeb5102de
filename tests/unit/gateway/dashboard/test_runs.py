"""Runs and scenarios in a list, and one run from its first call to its last."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from gateway.dashboard import runs
from gateway.dashboard.runs import tell
from ledger.history import CallRow, spans
from ledger.history import runs as runs_of_the_log
from tests.unit.gateway.dashboard.logs import (
    HOSTILE,
    SUMMING_UP,
    browsing,
    link,
    shown,
    sum_up_half,
)

pytestmark = pytest.mark.anyio
LABEL = HOSTILE.replace("\u202e", "")  # a label is printable


async def test_runs_are_listed_the_latest_first_page_by_page(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        for number in range(60):
            await browser.called(run=f"billing/{number}")
        await browser.get("/dashboard/runs")
        found = re.findall(r"<bdi>(billing/[0-9]+)</bdi>", browser.page)
        assert found == [f"billing/{number}" for number in range(59, 9, -1)]
        await browser.get(link(browser, "older"))
        found = re.findall(r"<bdi>(billing/[0-9]+)</bdi>", browser.page)
        assert found == [f"billing/{number}" for number in range(9, -1, -1)]
        assert "« Newest" in browser.page


async def test_scenarios_lead_to_their_calls_and_to_a_revoke_of_all(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        for number in range(3):
            await browser.called(run=f"billing/{number}")
        await browser.get("/dashboard/runs?by=scenario&after=nobody")
        assert "/dashboard/calls?scenario=billing&amp;range=30d" in browser.page
        assert "/dashboard/runs/revoke?prefix=billing%2F" in browser.page
        assert "$36.00" in browser.page


async def test_without_a_call_it_tells_what_a_run_is(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        assert (await browser.get("/dashboard/runs?by=x&range=24h")).status == 200
        assert "No run called in this span." in browser.page
        assert (await browser.get("/dashboard/runs/one?label=billing/9")).status == 404
        assert (await browser.get("/dashboard/runs/one")).status == 404


async def test_a_run_is_told_call_by_call_with_what_it_came_to(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        made = [
            await browser.called(step=f"charge {number}", reason="Order 7 is due.")
            for number in range(3)
        ]
        await browser.called(run="billing/2")
        await browser.get("/dashboard/runs/one?label=billing%2F1")
        assert shown(browser) == [row.id for row in made]
        wide = re.findall(r'<td class="number wide">(\$[0-9.]+)</td>', browser.page)
        assert wide == ["$12.00", "$24.00", "$36.00"]
        assert browser.page.count("Order 7 is due.") == 6, (
            "wide, and below the call where it is narrow"
        )
        assert "/dashboard/runs/revoke?label=billing%2F1" in browser.page


async def test_a_long_run_has_pages_and_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "IN_ORDER_MAX", 110)
    async with browsing(tmp_path) as browser:
        made = [(await browser.called()).id for _ in range(120)]
        pages = []
        for number in ("", "2", "3", "4", "x"):
            await browser.get(f"/dashboard/runs/one?label=billing/1&page={number}")
            pages.append(shown(browser))
        first, second, last = made[:50], made[50:100], made[100:110]
        assert pages == [first, second, last, last, first]
        assert "This run has more calls than are told in order" in browser.page


async def test_calls_of_one_moment_are_all_told(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        at_us = browser.side.clock.now_us()
        made = [(await browser.called(at_us=at_us)).id for _ in range(5)]
        await browser.get("/dashboard/runs/one?label=billing/1")
        assert sorted(shown(browser)) == made


async def test_what_a_run_wrote_is_text_and_its_page_a_link_only_by_http(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        await browser.called(run=LABEL, step=HOSTILE, reason=HOSTILE, run_url="javascript:x()")
        await browser.called(run=LABEL, run_url="https://eu1.make.com/2/logs/3")
        for target in (f"/dashboard/runs/one?label={quote(LABEL)}", "/dashboard/runs"):
            assert (await browser.get(target)).status == 200, browser.page
            assert "<script>alert" not in browser.page
            assert 'href="javascript:' not in browser.page
        await browser.get(f"/dashboard/runs/one?label={quote(LABEL)}")
        assert 'href="https://eu1.make.com/2/logs/3" rel="noreferrer noopener"' in browser.page


async def test_a_runs_keys_are_named_called_or_not(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        key = await browser.side.key(agent_run_label="billing/1", name="The May run")
        await browser.called(key_id="vk_gone")
        await browser.get("/dashboard/runs/one?label=billing/1")
        assert f'href="/dashboard/keys/{key["id"]}">The May run</a>' in browser.page
        assert 'href="/dashboard/keys/vk_gone">vk_gone</a>' in browser.page
        assert ">gone</span>" in browser.page
        silent = await browser.side.key(agent_run_label="billing/2")
        await browser.get("/dashboard/runs/one?label=billing/2")
        assert "No call was made under this label." in browser.page
        assert silent["id"] in browser.page


def test_the_running_total_adds_up_from_the_first_call_on_whatever_page_is_shown() -> None:
    nothing = dict.fromkeys((*CallRow._fields, "restored_micros"))
    calls = [
        nothing | {"at_us": 0, "quote_micros": 0, "cost_micros": cost, "restored_micros": 0}
        for cost in (900, 0, 12_500_000, 1_000_000)
    ]
    assert [line.total_usd for line in tell(calls, 0, 3)] == ["0.0009", "0.0009", "12.5009"]
    assert [line.total_usd for line in tell(calls, 2, 9)] == ["12.5009", "13.5009"]


@pytest.mark.parametrize("target", ["runs", "runs?by=scenario", "runs/one?label=billing/1"])
async def test_while_an_older_log_is_summed_up_it_says_since_when_it_tells_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    for module in (runs_of_the_log, spans):
        monkeypatch.setattr(module, "COUNTED_MAX", 0)
    async with browsing(tmp_path) as browser:
        made = [await browser.called() for _ in range(3)]
        await browser.get(f"/dashboard/{target}")
        assert SUMMING_UP not in browser.page
        await sum_up_half(browser, made[1].at_us)
        await browser.get(f"/dashboard/{target}")
        told = browser.page.partition(SUMMING_UP)[2]
        assert told.startswith(" complete since <time datetime=")
        assert 'class="strip warn" role="status">' in browser.page
