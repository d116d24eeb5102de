from __future__ import annotations

from typing import Any

import pytest

from tests.unit.gateway.admin.side import Side


def spend(at_us: int, **named: str) -> dict[str, Any]:
    return {
        **named,
        "calls": 3,
        "refused": 1,
        "cost_micros": 12_000_000,
        "in_doubt_micros": 0,
        "restored_micros": 0,
        "first_at_us": at_us - 5,
        "last_at_us": at_us,
    }


async def test_runs_are_listed_with_their_spend(side: Side) -> None:
    now_us = side.clock.now_us()
    side.history.spent = [spend(now_us - n, run=f"scn/{n}") for n in range(3)]
    side.history.spent.append(spend(now_us - 31 * 86_400_000_000, run="scn/old"))
    _, page = await side.ask("GET", "/vault/runs?limit=2")
    assert ([run["run"] for run in page["data"]], page["has_more"]) == (["scn/0", "scn/1"], True)
    run = page["data"][0]
    assert (run["cost_usd"], run["calls"], run["revoked"]) == ("12.00", 3, False)
    _, page = await side.ask("GET", "/vault/runs?since=2001-01-01T00:00:00Z")
    assert page["data"][-1]["run"] == "scn/old"


async def test_a_list_says_since_when_it_tells_all(side: Side) -> None:
    for at_us, shown in ((None, None), (20_717 * 86_400_000_000, "2026-09-21T00:00:00.000Z")):
        side.history.complete_since_us = at_us
        _, page = await side.ask("GET", "/vault/runs")
        assert page["complete_since"] == shown


async def test_a_revoked_run_and_scenario_say_so(side: Side) -> None:
    now_us = side.clock.now_us()
    side.history.spent = [
        spend(now_us, run="scn/1"),
        spend(now_us, run="scn/2"),
        spend(now_us, scenario="scn"),
        spend(now_us, scenario="other"),
    ]
    await side.ask("POST", "/vault/runs/revoke", {"label": "scn/1"})
    _, page = await side.ask("GET", "/vault/runs")
    assert [run["revoked"] for run in page["data"]] == [True, False]
    await side.ask("POST", "/vault/runs/revoke", {"prefix": "scn/"})
    _, page = await side.ask("GET", "/vault/runs?by=scenario")
    assert [run["revoked"] for run in page["data"]] == [True, False]
    assert page["data"][0]["revoked_at"] is not None


async def test_one_run_in_detail(side: Side) -> None:
    key = await side.key(agent_run_label="scn/1")
    parts: dict[str, list[object]] = {f"by_{name}": [] for name in ("code", "state", "key_id")}
    by_operation = [{"operation": "PostCharges", "calls": 3, "cost_micros": 5}]
    side.history.run_of["scn/1"] = {
        **spend(5, run="scn/1", scenario="scn"),
        "by_operation": by_operation,
        **parts,
    }
    _, run = await side.ask("GET", "/vault/runs/detail?label=scn/1")
    assert run["keys"] == [key["id"]]
    assert run["by_operation"] == [{"operation": "PostCharges", "calls": 3, "cost_usd": "0.000005"}]


async def test_a_run_without_calls_has_its_keys(side: Side) -> None:
    key = await side.key(agent_run_label="scn/2")
    _, run = await side.ask("GET", "/vault/runs/detail?label=scn/2")
    assert (run["run"], run["keys"]) == ("scn/2", [key["id"]])
    status, _ = await side.ask("GET", "/vault/runs/detail?label=scn/3")
    assert status == 404


@pytest.mark.parametrize("target", ["runs/detail", "runs?by=vendor", "runs?starting_after=nobody"])
async def test_mistakes_are_told(side: Side, target: str) -> None:
    status, _ = await side.ask("GET", f"/vault/{target}")
    assert status == 400
