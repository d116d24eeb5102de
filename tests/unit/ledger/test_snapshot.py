"""The books written whole and read back."""

from __future__ import annotations

import orjson

from ledger.entries import (
    BudgetTerms,
    Ended,
    Held,
    HoldState,
    Noted,
    Opened,
    Parted,
    RetryKey,
    ToppedUp,
)
from ledger.snapshot import dump, load
from ledger.state import State
from tests.ledgers import NOON_US

TODAY = 20_000
KEY = RetryKey(b"k" * 16, b"d" * 16)
OTHER_KEY = RetryKey(b"l" * 16, b"e" * 16)


def rich_books(shard: int = 3) -> State:
    """One of everything."""
    state = State(shard)
    state.apply(Opened(1, None, BudgetTerms("Europe/Berlin", 5_000, 9_000, 50), NOON_US))
    state.apply(Opened(2, 1, BudgetTerms(enforce=False), NOON_US))
    state.apply(ToppedUp(1, 5, TODAY, NOON_US + 9, NOON_US))
    state.apply(Noted("key", "vk_1", bytes(range(256)), NOON_US))
    plain = Held(1, 2, 1, TODAY, TODAY, NOON_US, 100, 1, True, "c", "pi_1", "r", b"m", KEY)
    state.apply(plain)
    state.apply(plain._replace(hold_id=2, retry=OTHER_KEY, tag="", restorable=False))
    state.apply(plain._replace(hold_id=3, retry=None, tag="pi_2"))
    state.apply(plain._replace(hold_id=4, retry=None))
    state.apply(Ended(1, HoldState.SETTLED, 70, 0, NOON_US + 1, "", b""))
    state.apply(Ended(2, HoldState.SETTLED, 70, 0, NOON_US + 1, "", b""))
    state.apply(Ended(3, HoldState.STANDING, 10, 20, NOON_US + 1, "", b""))
    state.apply(Parted(3, NOON_US + 2))
    refund = state.restoring(1, 30, "re_1", NOON_US + 3)
    assert refund is not None
    state.apply(refund)
    return state


def test_books_come_back_as_they_were() -> None:
    state = rich_books()
    written = orjson.dumps(dump(state))
    back = load(3, state.at_us, orjson.loads(written))
    assert orjson.dumps(dump(back)) == written
    assert (back.at_us, back.shard) == (state.at_us, 3)
    assert [hold.hold_id for hold in back.tagged("pi_1")] == [1, 4]
    assert back.tagged("pi_2")[0].shed
    assert back.account(1).standing(NOON_US) == state.account(1).standing(NOON_US)
    for key in (KEY, OTHER_KEY):
        found, known = back.retried(key.key), state.retried(key.key)
        assert found is not None
        assert known is not None
        assert (found.hold_id, found.digest, found.state) == (
            known.hold_id,
            known.digest,
            known.state,
        )


def test_equal_books_are_equal_bytes_whatever_the_order_they_came_in() -> None:
    one, other = State(0), State(0)
    for state, order in ((one, (1, 2)), (other, (2, 1))):
        for number in order:
            state.apply(Opened(number, None, BudgetTerms(), NOON_US))
            state.apply(Noted("k", str(number), b"", NOON_US))
    assert orjson.dumps(dump(one)) == orjson.dumps(dump(other))


def test_days_on_which_nothing_counts_are_not_written() -> None:
    state = State(0)
    state.apply(Opened(1, None, BudgetTerms(), NOON_US))
    before = dump(state)
    hold = state.apply_held(
        Held(1, 1, None, TODAY, None, NOON_US, 5, 1, False, "", "", "", b"", None)
    )
    state.take_back([hold])
    assert dump(state) == before
