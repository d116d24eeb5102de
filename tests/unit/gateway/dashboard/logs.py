"""A browser on a real audit log: rows are written as calls end, and pages read them back."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from ledger.history import CallRow, History, scenario
from ledger.history.file import Statement
from tests.unit.gateway.admin.side import Side
from tests.unit.gateway.dashboard.visits import Browser

SUMMING_UP = "The audit log is still being summed up:"
HOSTILE = "\"><script>alert('1')</script>\u202e{{ 7*7 }}"


class Logged(Browser):
    """log: the real one, in place of the side's double."""

    def __init__(self, log: History) -> None:
        side = Side()
        side.history = cast("Any", log)
        side.restart()
        super().__init__(side)
        self.log = log
        self.numbers = iter(range(1, 10**6))

    async def called(self, **facts: Any) -> CallRow:
        """One more call, now, unless at_us says when."""
        run = facts.get("run", "billing/1")
        given: dict[str, Any] = {
            "id": f"call_{next(self.numbers):06d}",
            "at_us": self.side.clock.now_us(),
            "key_id": "vk_1",
            "label": run,
            "run": run,
            "scenario": scenario(run),
            "vendor": "stripe",
            "account": "default",
            "method": "POST",
            "path": "/v1/payment_intents",
            "operation": "PostPaymentIntents",
            "status": 200,
            "quote_micros": 12_000_000,
            "cost_micros": 12_000_000,
            "state": "settled",
            "duration_ms": 12,
        }
        row = CallRow(**{**given, **facts})
        self.log.record(row)
        self.side.clock.advance(1)
        return row


@asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[Logged]:
    """Somebody who is signed in."""
    log = await History.open(folder / "audit.db")
    try:
        browser = Logged(log)
        await browser.sign_in()
        yield browser
    finally:
        await log.close()


async def sum_up_half(browser: Logged, since_us: int, upto: int = 1) -> None:
    """As if the file were of an older version, and only what came in from since_us on were summed
    up: the rows up to upto are not."""
    await browser.log.flush()
    half = Statement("UPDATE summed SET upto = ?, complete_since_us = ?", (upto, since_us))
    await browser.log._file.transact([half, Statement("UPDATE unsummed SET upto = ?", (upto,))])


def shown(browser: Logged) -> list[str]:
    """The calls in the table, from the top."""
    return re.findall(r'data-call="(call_[0-9]+)"', browser.page)


def link(browser: Logged, name: str) -> str:
    found = re.search(rf'id="{name}"[^>]* href="([^"]+)"', browser.page)
    return found[1].replace("&amp;", "&") if found else ""
