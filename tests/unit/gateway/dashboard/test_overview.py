"""The first page, where it needs a real audit log; the rest is in tests/integration."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.history import spans
from tests.unit.gateway.dashboard.logs import SUMMING_UP, browsing, sum_up_half

pytestmark = pytest.mark.anyio


async def test_while_an_older_log_is_summed_up_it_says_since_when_it_tells_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spans, "COUNTED_MAX", 0)
    async with browsing(tmp_path) as browser:
        made = [await browser.called() for _ in range(3)]
        await browser.get("/dashboard")
        assert '<span class="card-figure">3</span>' in browser.page
        assert SUMMING_UP not in browser.page
        await sum_up_half(browser, made[1].at_us)
        await browser.get("/dashboard")
        assert '<span class="card-figure">2</span>' in browser.page
        part = browser.page[browser.page.index('<div id="today"') :]
        assert SUMMING_UP in part, "drawn again with the figures, so that it goes when it is over"
