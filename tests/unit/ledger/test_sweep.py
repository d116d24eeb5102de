"""Pieces of the books, and the books from the pieces. What happens in between is drawn in
tests/property/test_sweep.py."""

from __future__ import annotations

import orjson
import pytest

from ledger import sweep
from ledger.entries import (
    Amended,
    BudgetTerms,
    Ended,
    Held,
    HoldState,
    Noted,
    Opened,
    Parted,
    ToppedUp,
)
from ledger.errors import ImpossibleEntry
from ledger.memory import REFUND_MEMORY_US
from ledger.snapshot import dump
from ledger.state import State
from ledger.sweep import Reading, Sweep
from tests.ledgers import DAY_US, NOON_US
from tests.unit.ledger.test_snapshot import KEY, OTHER_KEY, rich_books

HOUR_US = 3_600_000_000


def pieces_of(walk: Sweep) -> list[bytes]:
    found = []
    while not walk.over:
        found += walk.pieces()
    return found


def read(state: State, pieces: list[bytes]) -> State:
    reading = Reading(state.shard, state.at_us, (state.last_account, state.last_hold))
    for piece in pieces:
        reading.add(orjson.loads(piece))
    return reading.books()


def told(state: State) -> bytes:
    return orjson.dumps(dump(state))


@pytest.mark.parametrize("copied_max", [100, 2])
def test_all_pieces_are_the_books(copied_max: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "COPIED_MAX", copied_max)
    state = rich_books(0)
    pieces = pieces_of(Sweep(state, NOON_US + 4, DAY_US))
    assert sorted(orjson.loads(piece)[0] for piece in pieces) == ["a", "d", "f", "h", "h", "h", "r"]
    back = read(state, pieces)
    assert told(back) == told(state)
    assert told(read(state, list(reversed(pieces)))) == told(state)
    assert (back.at_us, state.sweep) == (state.at_us, None)
    assert [hold.hold_id for hold in back.tagged("pi_1")] == [1, 4]


@pytest.mark.parametrize("later_us", [HOUR_US, 3 * DAY_US, REFUND_MEMORY_US + DAY_US])
def test_it_forgets_what_forget_would(later_us: int) -> None:
    state, other = rich_books(0), rich_books(0)
    now_us = NOON_US + later_us
    pieces = pieces_of(Sweep(state, now_us, 2 * DAY_US))
    other.forget(now_us, 2 * DAY_US)
    other.at_us = now_us
    assert told(state) == told(other)
    assert told(read(state, pieces)) == told(other)


def test_a_forgotten_hold_leaves_its_retry_key() -> None:
    state = rich_books(0)
    pieces = pieces_of(Sweep(state, NOON_US + DAY_US, 2 * DAY_US))
    back = read(state, pieces)
    assert 1 not in back.holds
    found = back.retried(KEY.key)
    assert found is not None
    assert (found.hold, found.hold_id) == (None, 1)
    assert back.retried(OTHER_KEY.key) is not None


def test_the_latest_of_several_under_one_key_is_remembered() -> None:
    reading = Reading(0, 0, (0, 0))
    for hold_id in (5, 7, 6):
        reading.add(["r", [[KEY.key.hex(), hold_id, KEY.digest.hex(), 1, 2]]])
    found = reading.books().retried(KEY.key)
    assert found is not None
    assert found.hold_id == 7


def test_one_too_old_to_be_remembered_takes_no_other_along_that_was_settled_meanwhile() -> None:
    """Two holds under one key, the later one settled long ago, the earlier one since the walk
    began: a replay reads that one as open, and then that it was settled."""
    state = State(0)
    state.apply(Opened(1, None, BudgetTerms(), NOON_US))
    held = Held(1, 1, None, NOON_US // DAY_US, None, NOON_US, 9, 1, False, "c", "", "", b"", KEY)
    state.apply(held)
    state.apply(held._replace(hold_id=2, restorable=True))
    state.apply(Ended(2, HoldState.SETTLED, 1, 0, NOON_US, "", b""))
    walk = Sweep(state, NOON_US + 2 * DAY_US, HOUR_US)
    ending = Ended(1, HoldState.SETTLED, 1, 0, NOON_US + 2 * DAY_US, "", b"")
    state.apply(ending)
    back = read(state, pieces_of(walk))
    back.apply(ending)
    assert not state.holds
    assert told(state) == told(back)
    found = state.retried(KEY.key)
    assert found is not None
    assert found.hold_id == 1


def test_an_older_one_that_is_forgotten_takes_no_newer_one_along() -> None:
    state = rich_books(0)
    hold = state.holds[1]
    newer = state.holds[4]
    newer.retry = KEY
    newer.at_us = NOON_US + DAY_US
    newer.restorable = False
    state._retries[KEY.key].append(newer)
    state.apply(Ended(4, HoldState.SETTLED, 1, 0, NOON_US + DAY_US, "", b""))
    pieces = pieces_of(Sweep(state, NOON_US + DAY_US + 1, HOUR_US))
    assert hold.hold_id not in state.holds
    for books in (state, read(state, pieces)):
        found = books.retried(KEY.key)
        assert found is not None
        assert found.hold_id == 4


def test_what_is_over_cannot_be_changed_any_more_once_a_walk_began() -> None:
    state = rich_books(0)
    Sweep(state, NOON_US + DAY_US, 2 * DAY_US)
    assert 1 in state.holds
    assert [hold.hold_id for hold in state.tagged("pi_1")] == [4]
    found = state.retried(KEY.key)
    assert found is not None
    assert (found.hold, found.hold_id, state.find(1)) == (None, 1, None)
    with pytest.raises(ImpossibleEntry, match="no longer"):
        state.apply(Ended(1, HoldState.SETTLED, 80, 0, NOON_US + DAY_US, "", b""))


def test_a_change_comes_after_what_was_there() -> None:
    state = rich_books(0)
    before = told(state)
    walk = Sweep(state, NOON_US + 4, DAY_US)
    state.apply(Ended(3, HoldState.RELEASED, 0, 0, NOON_US + 5, "", b""))
    state.apply(Noted("key", "vk_1", None, NOON_US + 5))
    state.apply(Noted("new kind", "n", b"", NOON_US + 5))
    assert told(state) != before
    assert told(read(state, pieces_of(walk))) == before


def test_every_kind_of_change_comes_after_what_was_there() -> None:
    state = rich_books(0)
    before = told(state)
    walk = Sweep(state, NOON_US + 4, DAY_US)
    changes = (
        Amended(1, BudgetTerms("Europe/Berlin", 1), NOON_US + 5),
        ToppedUp(2, 5, 20_000, None, NOON_US + 5),
        Parted(4, NOON_US + 5),
    )
    for entry in changes:
        state.apply(entry)
    refund = state.restoring(1, -30, "re_1", NOON_US + 5)
    assert refund is not None
    state.apply(refund)
    state.apply(Ended(4, HoldState.SETTLED, 1, 0, NOON_US + 5, "", b""))
    assert told(read(state, pieces_of(walk))) == before


def test_an_account_that_is_new_since_the_beginning_is_not_written() -> None:
    state = rich_books(0)
    known = sorted(state.accounts)
    walk = Sweep(state, NOON_US + 4, DAY_US)
    state.apply(Opened(state.last_account + 1, None, BudgetTerms(), NOON_US + 5))
    state.apply(ToppedUp(state.last_account, 5, 20_000, None, NOON_US + 5))
    assert sorted(read(state, pieces_of(walk)).accounts) == known


def test_what_is_gone_before_it_is_reached_is_not_written_again() -> None:
    state = rich_books(0)
    walk = Sweep(state, NOON_US + 4, DAY_US)
    for hold_id in (3, 4):
        state.apply(Ended(hold_id, HoldState.RELEASED, 0, 0, NOON_US + 5, "", b""))
    hold = state.apply_held(rich_held(5))
    state.take_back([hold])
    pieces = [orjson.loads(piece) for piece in pieces_of(walk)]
    assert [piece[1][0] for piece in pieces if piece[0] == "h"] == [3, 4, 1]


def test_a_hold_that_is_taken_back_is_not_written() -> None:
    state = rich_books(0)
    hold = state.apply_held(rich_held(5))
    walk = Sweep(state, NOON_US + 4, DAY_US)
    state.take_back([hold])
    pieces = [orjson.loads(piece) for piece in pieces_of(walk)]
    assert [piece[1][0] for piece in pieces if piece[0] == "h"] == [1, 3, 4]


def test_a_hold_without_a_retry_key_leaves_nothing() -> None:
    state = rich_books(0)
    state.apply(Ended(4, HoldState.SETTLED, 1, 0, NOON_US + 5, "", b""))
    pieces_of(Sweep(state, NOON_US + DAY_US, DAY_US))
    assert sorted(state.holds) == [3]


def test_no_more_than_so_much_is_handed_over_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was changed, and so written, in one turn of the loop."""
    monkeypatch.setattr(sweep, "BYTES_MAX", 100)
    state = State(0)
    for number in range(50):
        state.apply(Noted("k", f"name {number}", bytes(40), NOON_US))
    walk = Sweep(state, NOON_US + 1, DAY_US)
    for number in range(50):
        state.apply(Noted("k", f"name {number}", None, NOON_US))
    handed = []
    while not walk.over:
        handed.append(walk.pieces())
    assert max(map(len, handed)) <= 2
    assert len(read(state, [piece for pieces in handed for piece in pieces]).notes["k"]) == 50


def test_larger_drawers_of_older_formats_are_read_and_tell_the_same() -> None:
    names = [f"vk_{number}" for number in range(9)]
    flat = [text for name in names for text in (name, f"text of {name}")]
    reading = Reading(0, 0, (0, 0))
    reading.add(["n", "key", flat])
    notes = reading.books().notes["key"]
    assert [notes.get(name) for name in names] == [f"text of {name}".encode() for name in names]
    pairs = [["d", "key", flat[at : at + 2]] for at in range(0, len(flat), 2)]
    assert [*sweep.told(["n", "key", flat])] == pairs
    assert [each for pair in pairs for each in sweep.told(pair)] == pairs
    assert [*sweep.told(["r", [[1], [2]]])] == [["r", [1]], ["r", [2]]]
    assert [*sweep.told(["h", [1, 2]])] == [["h", [1, 2]]]


def test_of_many_drawers_so_many_are_listed_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_LISTED_MAX", 2)
    state = State(0)
    for number in range(50):
        state.apply(Noted("k", f"name {number}", b"x", NOON_US))
    back = read(state, pieces_of(Sweep(state, NOON_US + 1, DAY_US)))
    assert told(back) == told(state)


def test_of_empty_books_nothing_is_written() -> None:
    assert pieces_of(Sweep(State(5), NOON_US, DAY_US)) == []


def rich_held(hold_id: int) -> Held:
    return Held(hold_id, 2, 1, 20_000, 20_000, NOON_US, 1, 1, False, "c", "", "", b"", KEY)


def test_a_silent_walk_only_forgets() -> None:
    state = rich_books(0)
    walk = Sweep(state, NOON_US + DAY_US, DAY_US)
    walk.silent = True
    assert pieces_of(walk) == []
    assert 1 not in state.holds


def test_what_was_used_and_is_empty_is_written_as_what_never_was() -> None:
    state = rich_books(0)
    account = state.accounts[1]
    account.total, account.days, account.top_ups = type(account.total)(), {}, ()
    [first, _] = orjson.loads(pieces_of(Sweep(state, NOON_US, DAY_US))[0])[2]
    assert len(first) == 3
