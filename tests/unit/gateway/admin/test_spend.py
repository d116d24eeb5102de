"""`GET /vault/spend`: groups as people see them, and the span that bounds the work."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.admin.span import day_end_us
from ledger.history import Line, Overview, Series
from tests.unit.gateway.admin.side import Side

DAY_US = 86_400_000_000


def group(name: Any) -> dict[str, Any]:
    return {
        "group": name,
        "calls": 3,
        "refused": 1,
        "cost_micros": 12_000_000,
        "standing_micros": 0,
        "pending_micros": 8_300,
        "in_doubt_micros": 1,
        "restored_micros": 0,
        "first_at_us": 1_790_000_000_000_000,
        "last_at_us": 1_790_000_000_500_000,
    }


@pytest.mark.parametrize(
    ("by", "name", "shown"),
    [
        ("account", "stripe/acme", {"vendor": "stripe", "account": "acme"}),
        ("vendor", "stripe", {"vendor": "stripe"}),
        ("key", "vk_1", {"key_id": "vk_1"}),
        ("operation", "stripe/PostCharges", {"vendor": "stripe", "operation": "PostCharges"}),
        ("scenario", "make-billing", {"scenario": "make-billing"}),
        ("day", 20_717, {"id": "2026-09-21", "day": "2026-09-21"}),
    ],
)
async def test_a_group_says_what_it_is(
    side: Side, by: str, name: Any, shown: dict[str, Any]
) -> None:
    side.history.spent_by[by] = [group(name)]
    _, page = await side.ask("GET", f"/vault/spend?by={by}")
    assert page["data"] == [
        {
            "object": "spend",
            "by": by,
            "id": name,
            **shown,
            "calls": 3,
            "refused": 1,
            "cost_usd": "12.00",
            "standing_usd": "0.00",
            "pending_usd": "0.0083",
            "in_doubt_usd": "0.000001",
            "restored_usd": "0.00",
            "first_at": "2026-09-21T14:13:20.000Z",
            "last_at": "2026-09-21T14:13:20.500Z",
        }
    ]
    assert (page["complete_since"], side.history.flushed) == (None, 1)


async def test_groups_say_since_when_they_tell_all(side: Side) -> None:
    side.history.spent_by["day"] = []
    side.history.complete_since_us = 20_717 * DAY_US
    _, page = await side.ask("GET", "/vault/spend?by=day")
    assert page["complete_since"] == "2026-09-21T00:00:00.000Z"


async def test_thirty_days_by_account_unless_it_is_asked_otherwise(side: Side) -> None:
    side.history.spent_by = {"account": [group("stripe/default")] * 3, "day": []}
    _, page = await side.ask("GET", "/vault/spend?limit=2")
    assert (len(page["data"]), page["has_more"]) == (2, True)
    by, since_us, until_us, _ = side.history.asked_spend[-1]
    now_us = side.clock.now_us()
    assert (by, since_us, until_us) == ("account", now_us + 1 - 30 * DAY_US, day_end_us(now_us))
    await side.ask(
        "GET",
        "/vault/spend?by=day&since=2026-09-01T00:00:00Z&until=2026-09-02T00:00:00Z"
        "&vendor=stripe&account=acme&starting_after=2026-09-02",
    )
    by, since_us, until_us, wishes = side.history.asked_spend[-1]
    assert (by, until_us - since_us) == ("day", DAY_US)
    assert wishes == {"vendor": "stripe", "account": "acme", "starting_after": 20_698}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("by=account&starting_after=nobody", "starting_after"),
        ("by=day&starting_after=yesterday", "starting_after"),
        ("by=week", "by"),
        ("since=2020-01-01T00:00:00Z", "since"),
        ("currency=usd", "currency"),
    ],
)
async def test_what_cannot_be_asked(side: Side, query: str, field: str) -> None:
    side.history.spent_by = {"account": [], "day": []}
    status, told = await side.ask("GET", f"/vault/spend?{query}")
    assert (status, [m["field"] for m in told["errors"]]) == (400, [field])


async def test_step_by_step(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    async def series(*wishes: Any) -> Series:
        asked.append(wishes)
        lines = (Line("stripe", (1, 0), (1, 0), (8_300, 0)), Line(None, (0, 2), (0, 0), (0, 0)))
        at_us = (20_717 * DAY_US, 20_718 * DAY_US)
        return Series(DAY_US, at_us, lines, complete_since_us=20_718 * DAY_US)

    monkeypatch.setattr(side.history, "series", series)
    _, told = await side.ask("GET", "/vault/spend/series?by=vendor&top=1")
    assert told == {
        "object": "spend_series",
        "by": "vendor",
        "step": "day",
        "steps": ["2026-09-21T00:00:00.000Z", "2026-09-22T00:00:00.000Z"],
        "complete_since": "2026-09-22T00:00:00.000Z",
        "lines": [
            {"id": "stripe", "calls": [1, 0], "refused": [1, 0], "cost_usd": ["0.0083", "0.00"]},
            {"id": None, "calls": [0, 2], "refused": [0, 0], "cost_usd": ["0.00", "0.00"]},
        ],
    }
    await side.ask("GET", "/vault/spend/series?step=hour")
    (by, since_us, until_us, step, top), (none, first_us, end_us, hour, default) = asked
    assert (by, until_us - since_us, step, top) == ("vendor", 30 * DAY_US, "day", 1)
    assert (none, end_us - first_us, hour, default) == (None, 2 * DAY_US, "hour", 5)


async def test_all_together(side: Side) -> None:
    side.history.seen = Overview(
        *(3, 1, 12_000_000, 4_000_000, 0, 8_000_000, 0, 1, None, 1_790_000_000_000_000),
        (("rate_limited", 1),),
    )
    _, told = await side.ask("GET", "/vault/spend/overview")
    assert (told["cost_usd"], told["settled_usd"], told["first_at"]) == ("12.00", "4.00", None)
    assert told["by_code"] == [{"code": "rate_limited", "calls": 1}]


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ("series?step=hour&since=2026-01-01T00:00:00Z&until=2026-03-01T00:00:00Z", "since"),
        ("series?by=day", "by"),
        ("series?step=minute", "step"),
        ("series?top=1000", "top"),
        ("overview?since=2020-01-01T00:00:00Z", "since"),
    ],
)
async def test_what_cannot_be_shown(side: Side, target: str, field: str) -> None:
    status, told = await side.ask("GET", f"/vault/spend/{target}")
    assert (status, [m["field"] for m in told["errors"]]) == (400, [field])
