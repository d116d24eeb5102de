"""What the vendors charged beside what the log counts: what must not be is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.soak.truth import Account, compare, moved, over_ceilings

DAY = "2026-11-23"


def row(step: str, cost: str, **more: Any) -> dict[str, Any]:
    return {
        "step": step,
        "cost_usd": cost,
        "vendor": "stripe",
        "key_id": "vk_1",
        "day": DAY,
        "state": "settled",
        "decision": "allowed",
        "count": None,
        **more,
    }


def test_both_sides_agree() -> None:
    rows = [
        row("t1", "12.00"),
        row("t1", "0.00", state=None),  # its retry
        row("t2", "3.00", key_id="vk_2"),
        row("", "0.01", vendor="twilio"),
        row("t3", "0.00", day=None, state=None, decision="refused", count=7),
    ]
    found = compare(rows, {"ch_1": "t1", "ch_2": "t2"}, {"ch_1": 1_200, "ch_2": 300}, set())
    assert found.wrong == []
    assert (found.calls, found.counted["stripe"], found.counted["twilio"]) == (
        11,
        15_000_000,
        10_000,
    )
    assert found.by_key_day["vk_2", DAY] == Account(3_000_000, 3_000_000)


def test_what_was_charged_and_not_counted_is_told() -> None:
    tokens = {"ch_1": "t1", "ch_2": "t2"}
    found = compare([row("t1", "11.99")], tokens, {"ch_1": 1_200, "ch_2": 5, "ch_3": 1}, set())
    assert len(found.wrong) == 5, "ch_3, its call, t1, t2, the key on that day"
    for name in ("ch_3", "t1: ", "t2: ", "vk_1 on "):
        assert any(told.startswith(name) for told in found.wrong), name


def test_another_calls_surplus_makes_nothing_good() -> None:
    rows = [row("t1", "5.00"), row("t2", "20.00")]
    found = compare(rows, {"ch_1": "t1"}, {"ch_1": 1_200}, set())
    assert [told.partition(":")[0] for told in found.wrong] == ["t1"]


def test_what_was_charged_after_a_revoke_is_told() -> None:
    found = compare([row("t1", "12.00")], {"ch_1": "t1"}, {"ch_1": 1_200}, {"t1"})
    assert len(found.wrong) == 1
    assert "revoke" in found.wrong[0]


def test_a_day_above_its_cap_is_told() -> None:
    found = compare([row("t1", "12.00")], {}, {}, set())
    assert over_ceilings(found, {("vk_1", ""): 12_000_000}) == []
    assert over_ceilings(found, {("vk_1", ""): 11_000_000, ("vk_1", DAY): 1_000_000}) == []
    assert len(over_ceilings(found, {("vk_1", ""): 11_999_999})) == 1


def test_movements_are_added_up(tmp_path: Path) -> None:
    lines = [("charge", "ch_1", 5), ("charge", "ch_1", 7), ("refund", "re_1", 3)]
    told = [json.dumps({"kind": k, "id": i, "amount": a, "currency": "usd"}) for k, i, a in lines]
    (tmp_path / "stripe.money").write_text("\n".join(told))
    by_charge, kinds = moved(tmp_path / "stripe.money")
    assert (by_charge, kinds["charge"], kinds["refund"]) == ({"ch_1": 12}, 12, 3)
