"""Schedules bill their first or their next invoice, as previewed."""

from __future__ import annotations

from urllib.parse import parse_qsl

from tests.unit.vendors.stripe.billing.scenes import (
    CENT,
    next_lookup,
    preview,
    quoted,
    settled,
    unpriced,
    unreadable,
)
from vendors.contract import End

ALL = "/v1/subscription_schedules"
ONE = f"{ALL}/sub_sched_1"
PHASES = {"phases[0][items][0][price]": "price_1", "phases[0][items][0][quantity]": "2"}
NEW = {"customer": "cus_1", "start_date": "now", "end_behavior": "release", **PHASES}
SCHEDULE = {"object": "subscription_schedule", "id": "sub_sched_1", "status": "active"}


def test_a_new_one_is_previewed() -> None:
    form = {**NEW, "default_settings[description]": "d", "metadata[a]": "b"}
    lookup = next_lookup("POST", ALL, form)
    assert dict(parse_qsl((lookup.body or b"").decode())) == {
        "customer": "cus_1",
        "schedule_details[phases][0][start_date]": "now",
        "schedule_details[end_behavior]": "release",
        "schedule_details[phases][0][items][0][price]": "price_1",
        "schedule_details[phases][0][items][0][quantity]": "2",
    }
    quote = quoted("POST", ALL, form, preview(800))
    outcome = settled("POST", ALL, form, quote, SCHEDULE)
    assert (outcome.end, outcome.settled_micros) == (End.SETTLED, 800 * CENT)
    assert outcome.label == "sub_sched_1"
    assert settled("POST", ALL, form, quote, preview(5)).end is End.IN_DOUBT


def test_a_trial_lowers_nothing() -> None:
    """The first paid period follows it without another call."""
    trial = {"phases[0][trial]": "true", "phases[0][trial_end]": "1900000000"}
    assert next_lookup("POST", ALL, {**NEW, **trial}) == next_lookup("POST", ALL, NEW)


def test_settings_without_a_preview_are_named() -> None:
    taxed = {**NEW, "default_settings[automatic_tax][enabled]": "true"}
    assert "default_settings[automatic_tax][enabled]" in unpriced("POST", ALL, taxed)
    assert "odd" in unpriced("POST", ALL, {"from_subscription": "sub_1", "odd": "1"})


def test_one_from_a_subscription_bills_nothing() -> None:
    assert quoted("POST", ALL, {"from_subscription": "sub_1"}).amount_micros == 0


def test_an_update_bills_by_its_phases() -> None:
    assert quoted("POST", ONE, {"metadata[a]": "b"}).amount_micros == 0
    lookup = next_lookup("POST", ONE, PHASES)
    assert (lookup.body or b"").startswith(b"schedule=sub_sched_1&schedule_details[phases]")


def test_canceling_bills_unless_told_not_to() -> None:
    path = f"{ONE}/cancel"
    assert quoted("POST", path, {"invoice_now": "false"}).amount_micros == 0
    assert next_lookup("POST", path).target == ONE
    over = quoted("POST", path, None, {**SCHEDULE, "status": "not_started"})
    assert over.amount_micros == 0
    active = {**SCHEDULE, "subscription": "sub_1"}
    lookup = next_lookup("POST", path, None, active)
    assert (lookup.body or b"").startswith(b"subscription=sub_1&subscription_details[cancel_now]")
    assert quoted("POST", path, None, active, preview(70)).amount_minor == 70
    assert unreadable("POST", path, None, SCHEDULE) == "subscription"
