"""From what the vendor says to entries for the ledger."""

from __future__ import annotations

import orjson
import pytest

from gateway.call.remarks import Remark
from gateway.reconcile import plans
from gateway.reconcile.plans import Plan, aged, at_least_held, released, single
from ledger import Ending, Hold, HoldState, Shed
from ledger.entries import Ended, Held
from vendors.contract import End, Outcome
from vendors.rates import USD

TAG = "stripe/default/pi_1"
MEMO = orjson.dumps({"reconciled": {}})


def hold(
    number: int,
    amount: int,
    state: HoldState,
    *,
    account: int = 1,
    parent: int | None = None,
    tag: str = TAG,
    base: int = 0,
    shed: bool = False,
) -> Hold:
    remark = Remark(USD, base).text()
    held = Held(
        number, account, parent, 0, None if parent is None else 0, number, amount, 2, False,
        f"call_{number}", tag, remark, b"", None,
    )  # fmt: skip
    made = Hold(held)
    made.go_on(Ended(number, state, 0, amount, 0, "", b""))
    made.shed = shed
    return made


def whole(outcome: Outcome, known: list[Hold], doubts: list[Hold], tag: str, memo: bytes) -> Plan:
    """As `plans.whole`, with the issuer that any of a budget's holds names."""
    parents = {
        one.account_id: one.parent_id for one in (*known, *doubts) if one.parent_id is not None
    }
    return plans.whole(outcome, known, doubts, tag, memo, parents.get)


def shown(plan: Plan) -> list[tuple[int, str, int, int]]:
    """Every ending: the hold, its state, settled, standing."""
    return [
        (e.hold_id, e.state.value, e.settled_micros, e.standing_micros)
        for e in (*plan.first, *plan.then)
        if isinstance(e, Ending)
    ]


def settled(micros: int) -> Outcome:
    return Outcome(End.SETTLED, micros, 0, "pi_1")


STANDING, DOUBT, PENDING = HoldState.STANDING, HoldState.IN_DOUBT, HoldState.PENDING


def test_what_stands_is_settled_at_what_moved() -> None:
    plan = whole(settled(15), [hold(1, 10, STANDING), hold(2, 10, STANDING)], [], TAG, MEMO)
    assert shown(plan) == [(1, "settled", 10, 0), (2, "settled", 5, 0)]
    assert {e.memo for e in plan.first if isinstance(e, Ending)} == {MEMO}
    assert plan.drift_micros == 0


def test_what_is_as_before_makes_no_entry() -> None:
    outcome = Outcome(End.STANDING, 0, 10, "pi_1")
    assert whole(outcome, [hold(1, 10, STANDING)], [], TAG, MEMO) == Plan(())


def test_what_lapsed_is_released() -> None:
    outcome = Outcome(End.RELEASED, object_id="pi_1")
    plan = whole(outcome, [hold(1, 10, STANDING), hold(2, 5, PENDING)], [], TAG, MEMO)
    assert shown(plan) == [(1, "released", 0, 0), (2, "released", 0, 0)]


def test_what_the_vendor_takes_above_all_holds_is_drift() -> None:
    plan = whole(settled(25), [hold(1, 10, PENDING)], [], TAG, MEMO)
    assert shown(plan) == [(1, "settled", 25, 0)]
    assert plan.drift_micros == 15


def test_what_was_there_before_us_is_taken_off() -> None:
    plan = whole(settled(25), [hold(1, 10, STANDING, base=17)], [], TAG, MEMO)
    assert shown(plan) == [(1, "settled", 8, 0)]


def test_a_pending_hold_goes_on_pending() -> None:
    outcome = Outcome(End.PENDING, 0, 7, "SM1")
    assert shown(whole(outcome, [hold(1, 10, PENDING)], [], TAG, MEMO)) == [(1, "pending", 0, 7)]
    plan = whole(outcome, [hold(1, 4, PENDING)], [hold(2, 3, DOUBT)], TAG, MEMO)
    assert shown(plan) == [(2, "pending", 0, 3)]


def test_a_doubt_ends_with_its_object() -> None:
    """The capture left, and nobody knows; the intent says that it is through."""
    known, doubts = [hold(1, 20, STANDING)], [hold(2, 0, DOUBT)]
    plan = whole(settled(20), known, doubts, TAG, MEMO)
    assert shown(plan) == [(1, "settled", 20, 0), (2, "settled", 0, 0)]


def test_all_doubts_of_one_budget_end_together() -> None:
    outcome = Outcome(End.STANDING, 0, 25, "pi_1")
    doubts = [hold(2, 5, DOUBT), hold(3, 10, DOUBT)]
    plan = whole(outcome, [hold(1, 20, STANDING)], doubts, TAG, MEMO)
    assert shown(plan) == [(2, "standing", 0, 5), (3, "released", 0, 0)]


def test_doubts_of_other_budgets_count_for_nothing_where_the_last_one_carries_all() -> None:
    doubts = [hold(1, 20, DOUBT, account=1), hold(2, 20, DOUBT, account=2)]
    plan = whole(settled(20), [], doubts, TAG, MEMO)
    assert shown(plan) == [(2, "settled", 20, 0), (1, "settled", 0, 0)]
    assert plan.drift_micros == 0


@pytest.mark.parametrize("base", [0, 3])
def test_a_doubt_that_set_aside_less_takes_nothing_over(base: int) -> None:
    """A later call of another budget raised it and had an answer: the one in doubt became its
    carrier, with more than it ever held, and went above its cap."""
    known = [
        hold(1, 22, STANDING, account=1, base=base),
        hold(3, 599, STANDING, account=3, parent=9),
    ]
    doubt = hold(2, 193, DOUBT, account=2, parent=9)
    stands = Outcome(End.STANDING, 0, base + 621, "pi_1")
    plan = whole(stands, known, [doubt], TAG, MEMO)
    assert shown(plan) == [(2, "released", 0, 0)]
    through = Outcome(End.SETTLED, base + 621, 0, "pi_1")
    plan = whole(through, known, [doubt], TAG, MEMO)
    assert shown(plan) == [(1, "settled", 22, 0), (3, "settled", 599, 0), (2, "settled", 0, 0)]


def test_of_two_doubts_the_one_that_set_enough_aside_takes_over() -> None:
    known = [hold(1, 22, STANDING)]
    doubts = [hold(2, 621, DOUBT, account=2), hold(3, 193, DOUBT, account=3)]
    plan = whole(Outcome(End.STANDING, 0, 621, "pi_1"), known, doubts, TAG, MEMO)
    assert sorted(shown(plan)) == [
        (1, "released", 0, 0), (2, "standing", 0, 621), (3, "released", 0, 0),
    ]  # fmt: skip


def test_a_take_over_in_doubt_frees_the_first_budget() -> None:
    """Both have one issuer: it counts the object once."""
    known = [hold(1, 20, STANDING, account=1, parent=9)]
    doubts = [hold(2, 20, DOUBT, account=2), hold(3, 0, DOUBT, account=2, parent=9)]
    plan = whole(settled(20), known, doubts, TAG, MEMO)
    assert plan.first[0] == Shed(1)
    assert shown(plan) == [
        (2, "settled", 20, 0),
        (3, "settled", 0, 0),
        (1, "settled", 20, 0),
    ]


def test_an_object_of_nobodys_issuer_frees_what_an_issuer_counted() -> None:
    """A key without an issuer went on with it after two keys of one issuer had."""
    known = [
        hold(1, 10, STANDING, account=1, parent=9, shed=True),
        hold(2, 10, STANDING, account=2),
        hold(3, 10, STANDING, account=3),
    ]
    outcome = Outcome(End.STANDING, 0, 10, "pi_1")
    parents = {1: 9, 2: 9, 3: None}
    plan = plans.whole(outcome, known, [], TAG, MEMO, parents.get)
    assert (plan.first, shown(plan)) == ((), [(2, "released", 0, 0), (1, "released", 0, 0)])


def test_a_take_over_of_another_issuers_object_frees_it_afterwards() -> None:
    known = [hold(1, 20, STANDING, account=1)]
    plan = whole(settled(20), known, [hold(2, 20, DOUBT, account=2)], TAG, MEMO)
    assert [e.hold_id for e in plan.then] == [1]
    assert shown(plan) == [(2, "settled", 20, 0), (1, "released", 0, 0)]


def test_an_object_that_was_seen_through_is_not_booked_again() -> None:
    """A second confirm settled the object's own hold; the first one had set nothing aside."""
    assert shown(whole(settled(20), [], [hold(2, 0, DOUBT)], TAG, MEMO)) == [(2, "settled", 0, 0)]
    raised = whole(settled(30), [], [hold(2, 10, DOUBT)], TAG, MEMO)
    assert (shown(raised), raised.drift_micros) == ([(2, "settled", 10, 0)], 0)


def test_an_object_that_stands_is_carried_in_full() -> None:
    outcome = Outcome(End.STANDING, 0, 30, "pi_1")
    plan = whole(outcome, [], [hold(2, 10, DOUBT)], TAG, MEMO)
    assert (shown(plan), plan.drift_micros) == ([(2, "standing", 0, 30)], 20)


def test_a_doubt_that_belonged_to_no_object_may_drift() -> None:
    plan = whole(settled(30), [], [hold(2, 10, DOUBT, tag="")], TAG, MEMO)
    assert (shown(plan), plan.drift_micros) == ([(2, "settled", 30, 0)], 20)
    assert isinstance(plan.first[0], Ending)
    assert plan.first[0].tag == TAG


def test_where_only_the_issuer_counts_it_nothing_drifts() -> None:
    known = [hold(1, 20, STANDING, parent=9, shed=True)]
    plan = whole(settled(25), known, [], TAG, MEMO)
    assert (shown(plan), plan.drift_micros) == ([(1, "settled", 25, 0)], 0)


def test_budgets_side_by_side_count_it_once_between_them() -> None:
    """One key made it and nobody heard; another found it and went on with it."""
    known = [hold(2, 20, STANDING, account=2, parent=9)]
    doubts = [hold(1, 15, DOUBT, account=1, parent=9, tag="")]
    plan = whole(Outcome(End.STANDING, 5, 20, "pi_1"), known, doubts, TAG, MEMO)
    assert (plan.first, shown(plan)) == ((), [(1, "standing", 5, 10), (2, "standing", 0, 10)])
    dear = whole(settled(40), known, doubts, TAG, MEMO)
    assert shown(dear) == [(1, "settled", 15, 0), (2, "settled", 25, 0)]
    assert dear.drift_micros == 5
    two = [hold(1, 10, STANDING, account=1), hold(2, 10, STANDING, account=2)]
    assert whole(Outcome(End.STANDING, 0, 20, "pi_1"), two, [], TAG, MEMO) == Plan(())
    lapsed = whole(Outcome(End.RELEASED), two, [], TAG, MEMO)
    assert shown(lapsed) == [(1, "released", 0, 0), (2, "released", 0, 0)]


def test_a_call_that_speaks_for_itself() -> None:
    plan = single(Outcome(End.PENDING, 0, 8, "SM1", units=1), [hold(1, 10, DOUBT)], TAG, MEMO)
    assert plan.first == (Ending(1, PENDING, 0, 8, MEMO, TAG, 1),)
    assert plan.drift_micros == 0
    dear = single(Outcome(End.SETTLED, 12, units=9), [hold(1, 10, DOUBT)], "", MEMO)
    assert dear.first == (Ending(1, HoldState.SETTLED, 12, 0, MEMO, "", 2),)
    assert dear.drift_micros == 2


def test_two_holds_share_a_cost_each_up_to_its_own() -> None:
    holds = [hold(1, 10, DOUBT), hold(2, 5, DOUBT)]
    assert shown(single(settled(12), holds, "", MEMO)) == [
        (1, "settled", 10, 0),
        (2, "settled", 2, 0),
    ]
    stands = single(Outcome(End.STANDING, 4, 9), holds, "", MEMO)
    assert shown(stands) == [(1, "standing", 4, 6), (2, "standing", 0, 3)]


@pytest.mark.parametrize(
    ("end", "figures"), [(End.SETTLED, (3, 0)), (End.RELEASED, (1, 2))], ids=["settled", "released"]
)
def test_an_ending_never_stands(end: End, figures: tuple[int, int]) -> None:
    """What a released one says of amounts the ledger ignores."""
    [ending] = single(Outcome(end, 1, 2), [hold(1, 10, DOUBT)], "", MEMO).first
    assert ending == Ending(1, HoldState(end.value), *figures, MEMO)


def test_what_goes_above_the_holds_may_be_what_other_calls_made_of_it() -> None:
    """The call that made it was booked at what another budget's call, itself in doubt, had raised
    it to, and went above its cap."""
    stands, through = Outcome(End.STANDING, 0, 499, "pi_1"), settled(499)
    made = [hold(1, 364, DOUBT, tag="")]
    assert plans.beside(stands, made, 499) == Outcome(End.STANDING, 0, 364, "pi_1")
    assert plans.beside(through, made, 499) == settled(364)
    part = Outcome(End.STANDING, 400, 99, "pi_1")
    assert plans.beside(part, made, 499) == Outcome(End.STANDING, 364, 0, "pi_1")
    assert plans.beside(stands, made, 0) == stands
    assert plans.beside(stands, made, 100) == Outcome(End.STANDING, 0, 399, "pi_1")
    assert plans.beside(stands, [hold(1, 364, DOUBT, base=135)], 499) == stands


def test_what_never_ran_goes_back_and_what_is_old_stays_counted() -> None:
    assert shown(released([hold(1, 10, DOUBT)], MEMO)) == [(1, "released", 0, 0)]
    old = aged([hold(1, 10, DOUBT), hold(2, 5, PENDING)], MEMO)
    assert (old.first, shown(old)) == ((), [(1, "settled", 10, 0), (2, "settled", 5, 0)])


def test_what_nobody_prices_costs_its_fixed_hold_at_least() -> None:
    holds = [hold(1, 10, DOUBT)]
    assert at_least_held(Outcome(End.STANDING, 1, 2, "sub_1"), holds) == Outcome(
        End.SETTLED, 10, label="sub_1"
    )
    assert at_least_held(settled(12), holds).settled_micros == 12
