"""The audit log's pages: what is shown, how one goes on, and that a file has the same rows."""

from __future__ import annotations

import csv
import html
import io
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from gateway.dashboard.meaning import STATES
from gateway.http.message import Response
from ledger.history import reader
from tests.unit.gateway.dashboard.logs import HOSTILE, browsing, link, shown
from tests.unit.gateway.dashboard.visits import header

pytestmark = pytest.mark.anyio


async def read(answer: Response) -> bytes:
    assert answer.stream is not None
    return b"".join([part async for part in answer.stream])


async def test_pages_are_gone_through_both_ways(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        made = [(await browser.called()).id for _ in range(120)][::-1]
        await browser.get("/dashboard/calls")
        assert shown(browser) == made[:50]
        assert 'hx-trigger="news' in browser.page
        pages = shown(browser)
        await browser.get(link(browser, "older"))
        assert 'hx-trigger="news' not in browser.page
        pages += shown(browser)
        await browser.get(link(browser, "older"))
        pages += shown(browser)
        assert pages == made
        assert not link(browser, "older")
        await browser.get(link(browser, "newer"))
        assert shown(browser) == made[50:100]
        await browser.called()
        await browser.get(link(browser, "newer"))
        assert len(shown(browser)) == 50
        assert link(browser, "newer") or "news from:body" in browser.page


async def test_a_place_that_is_gone_begins_anew(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        made = await browser.called()
        for place in ("after=call_gone", "before=call_gone", "after=%3Cscript%3E", "after=9-9-9"):
            assert (await browser.get(f"/dashboard/calls?{place}")).status == 200
            assert shown(browser) == [made.id]


async def test_filters_are_told_and_taken_away_one_by_one(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        hit = await browser.called(decision="refused", code="policy_refused", state=None)
        await browser.called()
        await browser.get("/dashboard/calls?decision=refused&code=policy_refused&range=7d")
        assert shown(browser) == [hit.id]
        assert 'href="/dashboard/calls?decision=refused&amp;range=7d"' in browser.page
        assert '<option value="refused" selected>' in browser.page
        await browser.get("/dashboard/calls?decision=refused&run=nobody")
        assert "No call fits." in browser.page


async def test_a_look_that_ends_early_says_so_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "LOOK_ENTRIES", 20)
    async with browsing(tmp_path) as browser:
        old = await browser.called(key_id="vk_2", decision="refused", state=None)
        for _ in range(60):
            await browser.called(key_id="vk_2")
            await browser.called(decision="refused", state=None)
        target, looks = "/dashboard/calls?key_id=vk_2&decision=refused", 0
        while not shown(browser):
            await browser.get(target)
            if not shown(browser):
                assert "Few calls fit" in browser.page
                target = link(browser, "older")
                looks += 1
        assert shown(browser) == [old.id]
        assert looks > 1


async def test_live_is_held_still_on_demand(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        await browser.called()
        await browser.get("/dashboard/calls?paused=1")
        assert "news from:body" not in browser.page
        assert link(browser, "resume") == "/dashboard/calls"
        await browser.get("/dashboard/calls?from=2026-01-01&to=2026-01-02")
        assert "news from:body" not in browser.page
        assert "No calls in this span." in browser.page


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
async def test_a_file_has_the_rows_and_values_of_the_table(tmp_path: Path, kind: str) -> None:
    async with browsing(tmp_path) as browser:
        for number in range(120):
            key = f"vk_{number % 3}"
            await browser.called(key_id=key, cost_micros=number * 1_000, reason=HOSTILE)
        await browser.get("/dashboard/calls?key_id=vk_1&range=24h")
        table = shown(browser)
        costs = re.findall(r'<td class="number">\$([0-9.]+)</td>', browser.page)
        answer = await browser.get(link(browser, f"export-{kind}"))
        assert header(answer, b"content-disposition").endswith(f'filename="calls.{kind}"')
        assert "default-src 'none'" in header(answer, b"content-security-policy")
        rows = parsed(kind, await read(answer))
        assert [row["id"] for row in rows] == table
        assert [row["cost_usd"] for row in rows] == costs


def parsed(kind: str, content: bytes) -> list[dict[str, Any]]:
    if kind == "csv":
        return list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    return [orjson.loads(line) for line in content.splitlines()]


async def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        assert (await browser.get("/dashboard/calls/export?format=exe")).status == 400


async def test_a_refused_call_says_why_and_what_to_do(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        made = await browser.called(
            decision="refused", code="daily_cap_exceeded", status=429, state=None, cost_micros=0
        )
        await browser.get(f"/dashboard/calls/{made.id}")
        assert "it could cost more than what is left today" in browser.page
        assert "wait for <code>resets_at</code>, or raise the cap" in browser.page


async def test_a_refused_call_names_the_rule_in_its_line_and_in_words(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        facts = {"decision": "refused", "code": "policy_refused", "state": None}
        made = await browser.called(**facts, rule="params:metadata[order]")
        await browser.get("/dashboard/calls")
        assert "<code>policy_refused</code> <span" in browser.page
        assert "(<bdi>params:metadata[order]</bdi>)" in browser.page
        await browser.get(f"/dashboard/calls/{made.id}")
        words = "a field does not fit the key's <code>params</code>"
        assert f"<code>params:metadata[order]</code></bdi> ({words})" in html.unescape(browser.page)
        older = await browser.called(**facts)
        for target in ("/dashboard/calls?range=24h", f"/dashboard/calls/{older.id}"):
            await browser.get(target)
            assert "None" not in browser.page


async def test_whose_cap_it_was_stands_on_the_page_alone(tmp_path: Path) -> None:
    """In a line its code says it."""
    async with browsing(tmp_path) as browser:
        facts = {"decision": "refused", "code": "issuer_cap_exceeded", "state": None}
        made = await browser.called(**facts, rule="issuer_daily")
        await browser.get("/dashboard/calls")
        assert "issuer_daily" not in browser.page
        await browser.get(f"/dashboard/calls/{made.id}")
        assert "Which cap" in browser.page
        assert "the issuer's, for a day, over all its keys" in html.unescape(browser.page)


async def test_what_a_shadow_key_was_spared_names_the_rule(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        made = await browser.called(would_refuse="policy_refused", rule="currency")
        await browser.get("/dashboard/calls")
        assert re.search(r"would refuse</span>\s*<span[^>]+>\(<bdi>currency", browser.page)
        await browser.get(f"/dashboard/calls/{made.id}")
        assert "by <bdi><code>currency</code></bdi> (its currency is not one of" in browser.page
        assert "Which rule" not in browser.page


@pytest.mark.parametrize("state", sorted(STATES))
async def test_a_call_says_how_it_stands(tmp_path: Path, state: str) -> None:
    async with browsing(tmp_path) as browser:
        made = await browser.called(state=state, would_refuse="policy_refused", retry_of="call_0")
        await browser.get(f"/dashboard/calls/{made.id}")
        assert STATES[state].partition("'")[0] in browser.page
        unsure = state in ("in_doubt", "pending", "standing")
        assert (f'href="/dashboard/open/{made.id}"' in browser.page) == unsure
        assert 'href="/dashboard/calls/call_0"' in browser.page
        assert "shadow mode" in browser.page


async def test_what_a_caller_wrote_is_text(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        said = dict.fromkeys(
            ("step", "reason", "label", "run", "scenario", "operation", "path", "object_id",
             "code", "rule", "account", "vendor", "vendor_request_id", "retry_of",
             "idempotency_key"),
            HOSTILE,
        )  # fmt: skip
        made = await browser.called(**said, run_url="javascript:alert(1)", lookups='["<b>"]')
        for target in ("/dashboard/calls", f"/dashboard/calls/{made.id}"):
            assert (await browser.get(target)).status == 200
            assert "<script>alert" not in browser.page
            assert "<b>" not in browser.page
            assert 'href="javascript:' not in browser.page
        await browser.get(f"/dashboard/calls?run={quote(HOSTILE)}&object_id={quote(HOSTILE)}")
        assert "<script>alert" not in browser.page
        assert shown(browser) == [made.id]


async def test_a_page_of_ones_own_is_a_link_and_a_long_reason_is_folded(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        made = await browser.called(run_url="https://eu1.make.com/2/logs/3", reason="why " * 900)
        await browser.get(f"/dashboard/calls/{made.id}")
        assert (
            '"https://eu1.make.com/2/logs/3" rel="noreferrer noopener">Open at eu1' in browser.page
        )
        assert '<details class="long">' in browser.page


async def test_a_call_that_is_not_there_has_no_page(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        assert (await browser.get("/dashboard/calls/call_none")).status == 404


async def test_a_span_too_wide_is_narrowed_and_goes_on_from_there(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        await browser.called()
        await browser.get("/dashboard/calls?from=2020-01-01&key_id=vk_1")
        assert "Narrowed to 400 days" in browser.page
        earlier = re.search(r'href="([^"]+)">Show what came before', browser.page)
        assert earlier
        assert "key_id=vk_1&amp;from=2020-01-01&amp;to=20" in earlier[1]


async def test_a_path_of_any_length_fits_its_place(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        made = await browser.called(operation=None, path="/v1/" + "x" * 5_000)
        await browser.get("/dashboard/calls")
        assert "x" * 100 not in browser.page
        await browser.get(f"/dashboard/calls/{made.id}")
        assert "x" * 5_000 in browser.page


async def test_a_call_leads_to_its_key_and_to_the_rules_that_it_meets(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        key = await browser.side.key(name="May")
        made = await browser.called(key_id=key["id"])
        await browser.get(f"/dashboard/calls/{made.id}")
        assert f'href="/dashboard/keys/{key["id"]}">May</a>' in browser.page
        where = f"/dashboard/keys/{key['id']}/what-if?entry=POST+%2Fv1%2Fpayment_intents"
        assert link(browser, "what-if") == where
        assert (await browser.get(where)).status == 200


async def test_a_call_that_was_too_dear_says_what_its_key_allows(tmp_path: Path) -> None:
    async with browsing(tmp_path) as browser:
        key = await browser.side.key(per_call_usd_max="20")
        facts = {"key_id": key["id"], "decision": "refused", "code": "policy_refused"}
        for quote_micros, is_why in ((99_000_000, True), (20_000_000, False)):
            row = await browser.called(**facts, state=None, quote_micros=quote_micros)
            await browser.get(f"/dashboard/calls/{row.id}")
            assert ("The key allows in one call</dt><dd>$20.00" in browser.page) is is_why
            assert link(browser, "to-key") == f"/dashboard/keys/{key['id']}"
        for rule, is_why in (("per_call_usd_max", True), ("currency", False)):
            row = await browser.called(**facts, state=None, quote_micros=99_000_000, rule=rule)
            await browser.get(f"/dashboard/calls/{row.id}")
            assert ("The key allows in one call</dt><dd>$20.00" in browser.page) is is_why
