"""Figures off a page of metrics, and what stands above its cap."""

from __future__ import annotations

from bench.soak.watch import figures, over_cap

PAGE = """\
# HELP keybrake_open_holds Holds that are open.
keybrake_open_holds{vendor="stripe",state="standing"} 5
keybrake_open_holds{vendor="twilio",state="standing"} 2
keybrake_open_holds{vendor="twilio",state="in_doubt"} 1
keybrake_connections{listener="listen"} 12
keybrake_audit_waiting_rows 3
keybrake_calls_total{vendor="stripe",decision="allowed"} 1e+06
"""


def test_series_of_one_family_are_added_up() -> None:
    found = figures(PAGE)
    assert (found["standing"], found["in_doubt"], found["pending"]) == (7, 1, 0)
    assert (found["connections"], found["audit_waiting"]) == (12, 3)


def test_what_counts_and_what_is_held_are_within_the_cap() -> None:
    record = {"id": "vk_1", "day": "2026-11-23", "cap_usd": "5.00", "spent_usd": "4.00"}
    assert over_cap(record | {"held_usd": "1.00"}, {}) == ""
    assert over_cap(record | {"held_usd": "1.01"}, {}).startswith("vk_1 ")


def test_what_was_spent_of_a_top_up_stays_when_it_has_ended() -> None:
    record = {"id": "vk_1", "day": "2026-11-23", "cap_usd": "5.00", "spent_usd": "6.00"}
    record |= {"held_usd": "0.00"}
    assert over_cap(record, {("vk_1", "2026-11-23"): 1_000_000}) == ""
    assert over_cap(record, {("vk_1", "2026-11-23"): 999_999}) != ""
    assert over_cap(record, {("vk_1", "2026-11-22"): 9_000_000}) != ""
