"""Spend over time: the chart's numbers, the same as a table, and what each group came to."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.dashboard.spans import DAY_US
from gateway.dashboard.spend import REST, chart_of
from ledger.history import Line, Series, spans
from tests.unit.gateway.dashboard.logs import HOSTILE, SUMMING_UP, Logged, browsing, sum_up_half

pytestmark = pytest.mark.anyio
AT_US = (0, DAY_US, 2 * DAY_US)


def line(name: str | None, *costs: int) -> Line:
    return Line(name, (1,) * len(costs), (0,) * len(costs), costs)


def data(browser: Logged) -> Any:
    found = re.search(r'id="spend-data">(.+?)</script>', browser.page)
    assert found
    return orjson.loads(found[1])


def test_what_has_no_line_is_one_more_so_that_steps_add_up() -> None:
    groups = Series(DAY_US, AT_US, (line("a", 5, 0, 1), line("b", 0, 0, 0), line(None, 1, 0, 0)))
    chart = chart_of(groups, Series(DAY_US, AT_US, (line("", 9, 0, 1),)), str.upper)
    assert [(found.label, found.costs) for found in chart.lines] == [
        ("A", (5, 0, 1)),
        (REST, (4, 0, 0)),
    ]
    assert (chart.total, chart.totals) == (10, (9, 0, 1))
    assert [row["label"] for row in chart.rows] == ["3 Jan 1970", "1 Jan 1970"]
    assert chart.rows[1]["costs"] == ["0.000005", "0.000004"]
    assert chart.rows[0]["query"] == {"from": "1970-01-03", "to": "1970-01-03"}
    assert chart.data["lines"][1] == {"label": REST, "costs": (4, 0, 0), "rest": True}


def test_nothing_is_no_line() -> None:
    nothing = Series(DAY_US, AT_US, ())
    chart = chart_of(nothing, nothing, str)
    assert (chart.lines, chart.rows, chart.total) == ((), [], 0)


@pytest.mark.parametrize("by", ["vendor", "account", "operation", "scenario", "key", "x"])
async def test_chart_tables_and_total_say_the_same(tmp_path: Path, by: str) -> None:
    async with browsing(tmp_path) as browser:
        for number in range(12):
            run, key = f"scenario {number % 9}/1", f"vk_{number % 9}"
            await browser.called(run=run, key_id=key, cost_micros=(number + 1) * 10_000)
        await browser.called(run=None, label=None, scenario=None, operation=None)
        await browser.get(f"/dashboard/spend?by={by}&range=24h")
        drawn = data(browser)
        total = sum(sum(found["costs"]) for found in drawn["lines"])
        assert total == 12_000_000 + 780_000
        assert "$12.78" in browser.page
        assert len(drawn["lines"]) <= 8
        assert drawn["step"] == 3_600
        steps = browser.page[browser.page.index('id="steps"') :]
        assert "$12.78" in steps or "$12.00" in steps


async def test_a_group_leads_to_its_calls(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        key = await browser.side.key(name="May")
        await browser.called(key_id=key["id"], state="pending")
        links = {
            "vendor": "vendor=stripe",
            "account": "account=default&vendor=stripe",
            "operation": "operation=PostPaymentIntents&vendor=stripe",
            "scenario": "scenario=billing",
            "key": f"key_id={key['id']}",
        }
        for by, query in links.items():
            await browser.get(f"/dashboard/spend?by={by}&range=7d")
            wanted = html.escape(f"/dashboard/calls?{query}&range=7d")
            assert f'href="{wanted}"' in browser.page, by
            assert "100.0 %" in browser.page
        assert "<bdi>May</bdi>" in browser.page


async def test_groups_have_pages(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        for number in range(60):
            await browser.called(key_id=f"vk_{number:02}", cost_micros=1_000_000 + number)
        await browser.get("/dashboard/spend?by=key")
        assert "vk_59" in browser.page
        older = re.search(r'id="older" href="([^"]+)"', browser.page)
        assert older
        await browser.get(html.unescape(older[1]))
        assert "« Dearest" in browser.page
        assert "<bdi>vk_00</bdi>" in browser.page
        assert (await browser.get("/dashboard/spend?by=key&after=nobody")).status == 200
        assert "<bdi>vk_59</bdi>" in browser.page


async def test_names_are_text_in_the_page_and_in_its_data(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        await browser.called(run=f"{HOSTILE}/1", scenario=HOSTILE)
        await browser.get("/dashboard/spend?by=scenario")
        assert "<script>alert" not in browser.page
        assert data(browser)["lines"][0]["label"] == HOSTILE


async def test_without_a_call_it_says_what_to_do(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        await browser.get("/dashboard/spend")
        assert "Nothing was called in this span." in browser.page
        assert "/dashboard/keys/new" in browser.page


async def test_while_an_older_log_is_summed_up_it_says_since_when_it_tells_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spans, "COUNTED_MAX", 0)
    async with browsing(tmp_path) as browser:
        made = [await browser.called(cost_micros=1_000_000) for _ in range(3)]
        await browser.get("/dashboard/spend?range=7d")
        assert SUMMING_UP not in browser.page
        assert "$3.00" in browser.page
        await sum_up_half(browser, made[1].at_us)
        await browser.get("/dashboard/spend?range=7d")
        assert SUMMING_UP in browser.page
        assert "$2.00" in browser.page
        await browser.get("/dashboard/spend?from=2020-01-01&to=2020-01-02")
        assert SUMMING_UP not in browser.page, "no call came in then"
