"""Rows follow from entries, as often as they are applied."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from ledger.entries import BudgetTerms, Ending, Entry, HoldState, Opened, Shed
from ledger.history.rebuild import Rebuild, change, concerned
from ledger.history.schema import CallRow
from tests.unit.ledger.history.journals import AT_US, ended, held, parted, restored, row


def rebuilt(*entries: Entry, known: tuple[CallRow, ...] = ()) -> list[CallRow]:
    rebuild = Rebuild(known)
    for entry in entries:
        rebuild.apply(entry)
    return rebuild.rows()


OUTCOME: dict[str, Any] = {
    "decision": "allowed",
    "status": 200,
    "object_id": "ch_1",
    "livemode": False,
    "vendor_request_id": "req_1",
    "duration_ms": 12,
}


def test_a_call_from_its_hold_to_its_end() -> None:
    settled = ended(1, HoldState.SETTLED, 4_000_000, **OUTCOME)
    assert rebuilt(held(1), settled) == [
        row(
            1,
            quote_micros=5_000_000,
            held_micros=5_000_000,
            cost_micros=4_000_000,
            state="settled",
            day=20_717,
            hold_id=1,
            **OUTCOME,
        )
    ]


def test_a_refusal_after_the_hold_keeps_its_rule() -> None:
    """A mail that turned out too dear while it passed."""
    said: dict[str, Any] = {
        "decision": "refused",
        "code": "policy_refused",
        "rule": "per_call_usd_max",
    }
    (found,) = rebuilt(held(1), ended(1, HoldState.RELEASED, **said))
    assert (found.decision, found.code, found.rule) == tuple(said.values())


def test_a_hold_without_an_end_is_open_and_counts_in_full() -> None:
    (found,) = rebuilt(held(1))
    assert (found.state, found.cost_micros, found.status) == ("open", 5_000_000, None)


@pytest.mark.parametrize(
    ("entry", "state", "cost"),
    [
        (ended(1, HoldState.STANDING, 1, 2), "standing", 3),
        (ended(1, HoldState.PENDING, 0, 7), "pending", 7),
        (ended(1, HoldState.IN_DOUBT), "in_doubt", 5_000_000),
        (ended(1, HoldState.RELEASED), "released", 0),
        (parted(1), "taken_over", 0),
    ],
)
def test_each_way_to_go_on(entry: Entry, state: str, cost: int) -> None:
    (found,) = rebuilt(held(1), entry)
    assert (found.state, found.cost_micros) == (state, cost)


def test_doubt_counts_the_greater_of_hold_and_cost() -> None:
    entries = (held(1, 10), ended(1, HoldState.STANDING, 0, 30), ended(1, HoldState.IN_DOUBT))
    assert rebuilt(*entries)[0].cost_micros == 30


def test_taken_over_is_for_good() -> None:
    (found,) = rebuilt(held(1), parted(1), ended(1, HoldState.SETTLED, 5))
    assert (found.state, found.cost_micros) == ("taken_over", 0)


def test_a_second_hold_leaves_the_first_to_the_own_budget() -> None:
    second = held(2, 3_000_000, call_id=held(1).call_id)
    entries = (
        held(1, 1_000_000, memo=b""),
        second,
        ended(1, HoldState.STANDING, 0, 900_000),
        ended(2, HoldState.SETTLED, 3_000_000),
        ended(1, HoldState.IN_DOUBT),
    )
    (found,) = rebuilt(*entries)
    assert (found.hold_id, found.own_hold_id) == (2, 1)
    assert (found.key_id, found.scenario) == ("vk_1", "make-billing")
    assert (found.cost_micros, found.own_cost_micros) == (3_000_000, 900_000)
    assert found.state == "settled"


def test_a_row_without_a_hold_gets_the_one_that_the_journal_knows() -> None:
    (found,) = rebuilt(held(1), known=(row(1, status=200),))
    assert (found.hold_id, found.own_hold_id, found.status) == (1, None, 200)


def test_a_row_that_knows_its_holds_is_not_touched_by_them() -> None:
    live = row(2, hold_id=2, own_hold_id=1, state="settled", cost_micros=3)
    second = held(2, call_id=live.id)
    assert rebuilt(held(1, call_id=live.id), second, known=(live,)) == []


def test_an_end_after_the_row_was_written() -> None:
    live = row(1, hold_id=1, state="in_doubt", held_micros=5, cost_micros=5, status=504)
    (found,) = rebuilt(ended(1, HoldState.RELEASED), known=(live,))
    assert found == live._replace(state="released", cost_micros=0)


def test_twice_is_once() -> None:
    entries = (held(1), ended(1, HoldState.SETTLED, 4, **OUTCOME))
    once = rebuilt(*entries)
    assert rebuilt(*entries, known=tuple(once)) == once


def test_what_is_no_call_leaves_no_row() -> None:
    opened = Opened(1, None, BudgetTerms(), AT_US)
    assert rebuilt(opened, held(1, call_id=""), ended(9, HoldState.SETTLED, 1)) == []


def test_refunds_give_back_under_their_id() -> None:
    rebuild = Rebuild(())
    rebuild.apply(restored(1, "re_1", 500))
    rebuild.apply(restored(1, "re_1", -500))
    assert rebuild.restored == [("re_1", 500, 1), ("re_1", 0, 1)]


@pytest.mark.parametrize("memo", [b"", b"\xff", b"[1]", b"null", b'{"surprise": 1, "label": ""}'])
def test_a_memo_that_tells_nothing(memo: bytes) -> None:
    (found,) = rebuilt(held(1, memo=memo))
    assert found == CallRow(
        "call_00000001",
        AT_US + 1,
        "",
        held_micros=5_000_000,
        cost_micros=5_000_000,
        state="open",
        day=20_717,
        hold_id=1,
    )


def test_a_memo_cannot_tell_what_is_the_journals_to_say() -> None:
    memo = orjson.dumps({"state": "settled", "cost_micros": 0, "hold_id": 9, "key_id": "vk_9"})
    (found,) = rebuilt(held(1, memo=memo))
    assert (found.state, found.cost_micros, found.hold_id) == ("open", 5_000_000, 1)
    assert found.key_id == "vk_9"


def test_lookups_stay_a_list() -> None:
    memo = orjson.dumps({"lookups": ["/v1/prices/price_1"]})
    (found,) = rebuilt(held(1, memo=memo))
    assert found.lookups == '["/v1/prices/price_1"]'


def test_whose_rows_are_needed() -> None:
    opened = Opened(1, None, BudgetTerms(), AT_US)
    entries = (opened, held(1), ended(2, HoldState.SETTLED), parted(3), restored(4, "re", 1))
    assert concerned(entries) == (["call_00000001"], [2, 3])


def test_live_endings_read_the_same() -> None:
    assert change(Ending(1, HoldState.STANDING, 1, 2)) == ("standing", 3, 1, None)
    assert change(Ending(1, HoldState.RELEASED, 1, 2)) == ("released", 0, 1, None)
    assert change(Ending(1, HoldState.IN_DOUBT)) == ("in_doubt", None, 1, None)
    named = Ending(1, HoldState.SETTLED, 1, memo=b'{"object_id": "pi_1"}')
    assert change(named) == ("settled", 1, 1, "pi_1")
    assert change(Shed(1)) == ("taken_over", 0, 1, None)
