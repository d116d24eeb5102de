"""What is remembered of holds that are gone, and for how long."""

from __future__ import annotations

from ledger.entries import HoldState, Restored
from ledger.memory import REFUND_MEMORY_US, Refunds, Remembered, Settled

NOON_US = 43_200_000_000


def test_a_retry_key_is_forgotten_after_its_time() -> None:
    remembered = Remembered()
    remembered.put(b"old", Settled(1, b"d", NOON_US, 7))
    remembered.put(b"new", Settled(2, b"d", NOON_US + 1, 7))
    remembered.forget(NOON_US)
    assert remembered.get(b"old") is None
    kept = remembered.get(b"new")
    assert kept is not None
    told = kept.told()
    assert (told.hold, told.hold_id, told.state) == (None, 2, HoldState.SETTLED)


def test_a_refund_stands_until_it_is_taken_back_and_is_forgotten_later() -> None:
    refunds = Refunds()
    refunds.put("re_1", Restored(1, 7, 0, 30, "re_1", NOON_US))
    refunds.put("re_2", Restored(1, 7, 0, -20, "re_2", NOON_US + 1))
    assert [refund.refund_id for refund in refunds.standing()] == ["re_1"]
    refunds.forget(NOON_US + REFUND_MEMORY_US)
    assert refunds.get("re_1") is None
    assert refunds.get("re_2") is not None
