"""The queue of one account."""

from __future__ import annotations

from gateway.reconcile.cases import CaseKey, Cases
from gateway.reconcile.schedule import DAY_US, MINUTE_US, SECOND_US, Kind, Schedule
from gateway.settings import ReconcilerSettings
from ledger import Hold, HoldState, Restored
from ledger.entries import Ended, Held

NOW_US = 1_790_000_000_000_000


def hold(number: int, state: HoldState, *, tag: str = "", at_us: int = NOW_US) -> Hold:
    held = Held(number, 1, None, 0, None, at_us, 10, 1, False, f"call_{number}", tag, "", b"", None)
    made = Hold(held)
    made.go_on(Ended(number, state, 0, 10, 0, "", b""))
    return made


def cases() -> Cases:
    return Cases(Schedule.of(ReconcilerSettings()))


def test_what_is_due_first_comes_up_first() -> None:
    queue = cases()
    queue.feed(hold(1, HoldState.IN_DOUBT))
    queue.feed(hold(2, HoldState.PENDING, tag="t/a/SM1"))
    queue.feed(hold(3, HoldState.STANDING, tag="s/a/pi_1"))
    assert len(queue) == 3
    assert queue.due(NOW_US) is None
    first = queue.due(NOW_US + 10 * SECOND_US)
    assert first is not None
    assert (first.key, first.kind) == (CaseKey("object", "t/a/SM1"), Kind.PENDING)
    queue.drop(first)
    then = queue.due(NOW_US + DAY_US)
    assert then is not None
    assert (then.key, then.kind) == (CaseKey("call", "call_1"), Kind.IN_DOUBT)
    queue.put(then, NOW_US + DAY_US)
    last = queue.due(NOW_US + 10 * MINUTE_US)
    assert last is not None
    assert last.key.name == "s/a/pi_1"


def test_a_hold_that_was_seen_changes_nothing() -> None:
    queue = cases()
    one = hold(1, HoldState.STANDING, tag="s/a/pi_1")
    queue.feed(one)
    [case] = queue
    queue.put(case, NOW_US + DAY_US)
    queue.feed(one)
    assert queue.next_due_us() == NOW_US + DAY_US


def test_a_new_hold_of_a_known_object_brings_it_up_sooner() -> None:
    queue = cases()
    queue.feed(hold(1, HoldState.STANDING, tag="s/a/pi_1", at_us=NOW_US - DAY_US))
    [case] = queue
    case.looked_us = NOW_US
    queue.put(case, NOW_US + DAY_US)
    queue.feed(hold(2, HoldState.IN_DOUBT, tag="s/a/pi_1"))
    assert (case.kind, case.due_us) == (Kind.IN_DOUBT, NOW_US + MINUTE_US)
    assert set(case.holds) == {1, 2}
    queue.feed(hold(3, HoldState.STANDING, tag="s/a/pi_1"))
    assert case.kind is Kind.IN_DOUBT
    assert queue.get(case.key) is case


def test_an_empty_queue_has_nothing_due() -> None:
    queue = cases()
    assert queue.next_due_us() is None
    one = hold(1, HoldState.STANDING, tag="s/a/pi_1")
    queue.feed(one)
    [case] = queue
    queue.drop(case)
    queue.drop(case)
    assert (len(queue), queue.due(NOW_US + DAY_US)) == (0, None)
    queue.feed(one)
    assert len(queue) == 1


def test_a_refund_comes_up_each_day_from_when_it_was_made() -> None:
    queue = cases()
    young = Restored(1, 1, 0, 5, "re_1", NOW_US)
    old = Restored(2, 1, 0, 5, "re_2", NOW_US - 2 * DAY_US - MINUTE_US)
    for restored in (young, old, old):
        queue.feed_refund(restored, NOW_US)
    due = {case.key.name: case.due_us for case in queue}
    assert due == {"re_1": NOW_US + DAY_US, "re_2": NOW_US + DAY_US - MINUTE_US}
