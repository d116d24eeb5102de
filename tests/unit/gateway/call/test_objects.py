"""Objects remember: what is held on top, and how an answer is poured into an object's holds."""

from __future__ import annotations

from dataclasses import replace

from gateway.call.objects import (
    Need,
    alive,
    beside,
    counted,
    is_old_news,
    kept_rate,
    need,
    retold,
    spread,
)
from gateway.call.remarks import Remark
from ledger import Ending, Hold, HoldState, Shed
from ledger.entries import Ended, Held
from vendors.contract import End, Outcome, Quote
from vendors.rates import USD

KEY_A, KEY_B, KEY_C, ISSUER = 1, 2, 3, 9


def made_hold(
    hold_id: int,
    amount: int,
    account: int = KEY_A,
    parent: int | None = None,
    *,
    state: HoldState = HoldState.OPEN,
    settled: int = 0,
    standing: int = 0,
    shed: bool = False,
    base: int = 0,
) -> Hold:
    held = Held(
        hold_id,
        account,
        parent,
        20_000,
        None if parent is None else 20_000,
        0,
        amount,
        1,
        False,
        "",
        "stripe/default/pi_1",
        Remark(USD, base).text(),
        b"",
        None,
    )
    hold = Hold(held)
    if state is not HoldState.OPEN:
        hold.go_on(Ended(hold_id, state, settled, standing, 0, "", b""))
    hold.shed = shed
    return hold


def standing(hold_id: int, amount: int, account: int = KEY_A, parent: int | None = None) -> Hold:
    return made_hold(hold_id, amount, account, parent, state=HoldState.STANDING, standing=amount)


def quote(amount: int, before: int = 0) -> Quote:
    return Quote(amount, "", object_id="pi_1", before_micros=before)


def stands(amount: int, settled: int = 0) -> Outcome:
    return Outcome(End.STANDING, settled, amount, object_id="pi_1")


def settles(amount: int) -> Outcome:
    return Outcome(End.SETTLED, amount, 0, object_id="pi_1")


def test_a_new_object_is_held_whole() -> None:
    assert need(quote(1200), [], KEY_A, None) == Need(1200, 0, 0)


def test_an_object_met_late_is_held_without_what_it_cost_before() -> None:
    assert need(quote(1200, before=500), [], KEY_A, None) == Need(700, 0, 500)


def test_the_same_budget_holds_only_the_difference() -> None:
    assert need(quote(1500), [standing(1, 1000)], KEY_A, None) == Need(500, 0, 0)
    assert need(quote(800), [standing(1, 1000)], KEY_A, None) == Need(0, 0, 0)


def test_the_base_is_the_first_holds_and_not_the_lookups() -> None:
    known = [made_hold(1, 300, state=HoldState.STANDING, standing=300, base=500)]
    assert need(quote(1000, before=600), known, KEY_A, None) == Need(200, 0, 500)


def test_another_key_without_the_issuer_holds_all_of_it() -> None:
    assert need(quote(1000), [standing(1, 1000)], KEY_B, None) == Need(1000, 0, 0)


def test_another_key_of_the_same_issuer_holds_it_on_its_own_leg_only() -> None:
    known = [standing(1, 1000, KEY_A, ISSUER)]
    assert need(quote(1000), known, KEY_B, ISSUER) == Need(0, 1000, 0)
    assert need(quote(1300), known, KEY_B, ISSUER) == Need(300, 1000, 0)


def test_confirming_settles_the_first_hold_and_books_nothing_twice() -> None:
    known, made = [standing(1, 1000)], [made_hold(2, 0)]
    result = spread(settles(1000), known, made, KEY_A, None, b"memo")
    assert result.first == (
        Ending(1, HoldState.SETTLED, 1000, 0),
        Ending(2, HoldState.SETTLED, 0, 0, b"memo"),
    )
    assert (result.then, result.drift_micros) == ((), 0)


def test_a_raise_stays_on_the_day_it_was_made() -> None:
    known, made = [standing(1, 1000)], [made_hold(2, 500)]
    result = spread(stands(1500), known, made, KEY_A, None, b"")
    assert result.first == (Ending(2, HoldState.STANDING, 0, 500),)


def test_a_partial_capture_frees_the_rest() -> None:
    known, made = [standing(1, 1000), standing(2, 500)], [made_hold(3, 0)]
    result = spread(settles(700), known, made, KEY_A, None, b"")
    assert result.first == (
        Ending(1, HoldState.SETTLED, 700, 0),
        Ending(2, HoldState.SETTLED, 0, 0),
        Ending(3, HoldState.SETTLED, 0, 0),
    )


def test_several_captures_move_standing_money_to_settled() -> None:
    known = [made_hold(1, 1000, state=HoldState.STANDING, settled=300, standing=700)]
    result = spread(stands(400, settled=600), known, [made_hold(2, 0)], KEY_A, None, b"")
    assert result.first[0] == Ending(1, HoldState.STANDING, 600, 400)


def test_what_nobody_held_is_drift_on_the_last_hold() -> None:
    result = spread(settles(1300), [standing(1, 1000)], [made_hold(2, 0)], KEY_A, None, b"")
    assert result.first[-1] == Ending(2, HoldState.SETTLED, 300, 0)
    assert result.drift_micros == 300


def test_taking_over_sheds_the_old_keys_leg_and_keeps_the_issuers() -> None:
    known, made = (
        [standing(1, 1000, KEY_A, ISSUER)],
        [made_hold(2, 1000, KEY_B), made_hold(3, 0, KEY_B, ISSUER)],
    )
    result = spread(settles(1000), known, made, KEY_B, ISSUER, b"")
    assert result.first == (
        Shed(1),
        Ending(2, HoldState.SETTLED, 1000, 0),
        Ending(3, HoldState.SETTLED, 0, 0),
        Ending(1, HoldState.SETTLED, 1000, 0),
    )
    assert result.then == ()


def test_taking_over_without_a_shared_issuer_frees_the_old_hold_afterwards() -> None:
    known, made = [standing(1, 1000, KEY_A, ISSUER)], [made_hold(2, 1000, KEY_B)]
    result = spread(stands(1000), known, made, KEY_B, None, b"")
    assert result.first == (Ending(2, HoldState.STANDING, 0, 1000),)
    assert result.then == (Ending(1, HoldState.RELEASED),)


def test_a_shed_hold_goes_on_with_the_issuers_money() -> None:
    shed = made_hold(1, 1000, KEY_A, ISSUER, state=HoldState.STANDING, standing=1000, shed=True)
    own = standing(2, 1000, KEY_B)
    call = made_hold(3, 500, KEY_B, ISSUER)
    result = spread(settles(1200), [shed, own], [call], KEY_B, ISSUER, b"")
    assert result.first == (
        Ending(2, HoldState.SETTLED, 1000, 0),
        Ending(3, HoldState.SETTLED, 200, 0),
        Ending(1, HoldState.SETTLED, 1000, 0),
    )


def test_cancelling_frees_everything() -> None:
    result = spread(settles(0), [standing(1, 1000)], [made_hold(2, 0)], KEY_A, None, b"")
    assert result.first[0] == Ending(1, HoldState.SETTLED, 0, 0)


def test_a_cancel_by_another_key_leaves_what_moved_with_the_key_that_moved_it() -> None:
    theirs = made_hold(1, 1000, state=HoldState.STANDING, settled=300, standing=700)
    result = spread(settles(300), [theirs], [made_hold(2, 0, KEY_B)], KEY_B, None, b"memo")
    assert result.first == (Ending(2, HoldState.SETTLED, 0, 0, b"memo"),)
    assert result.then == (Ending(1, HoldState.SETTLED, 300, 0),)
    assert result.drift_micros == 0


def test_such_a_cancel_reaches_the_leg_that_counts_for_the_issuer() -> None:
    state = HoldState.STANDING
    shed = made_hold(1, 1000, KEY_A, ISSUER, state=state, settled=300, standing=700, shed=True)
    theirs = made_hold(2, 1000, KEY_B, state=state, settled=300, standing=700)
    call = made_hold(3, 0, KEY_C, ISSUER)
    result = spread(settles(300), [shed, theirs], [call], KEY_C, ISSUER, b"")
    assert result.first == (Ending(3, HoldState.SETTLED, 0, 0),)
    assert result.then == (
        Ending(2, HoldState.SETTLED, 300, 0),
        Ending(1, HoldState.SETTLED, 300, 0),
    )


def test_a_key_of_elsewhere_frees_the_shed_leg_too() -> None:
    shed = made_hold(1, 1000, KEY_A, ISSUER, state=HoldState.STANDING, standing=1000, shed=True)
    known, made = [shed, standing(2, 1000, KEY_B)], [made_hold(3, 1000, KEY_C)]
    result = spread(settles(1000), known, made, KEY_C, None, b"")
    assert result.first == (Ending(3, HoldState.SETTLED, 1000, 0),)
    assert set(result.then) == {Ending(1, HoldState.RELEASED), Ending(2, HoldState.RELEASED)}


def test_what_goes_above_the_holds_may_be_counted_elsewhere() -> None:
    assert beside(settles(1500), 1000, 800) == settles(1000)
    assert beside(stands(1500), 1000, 200) == stands(1300)
    assert beside(settles(1500), 1000, 0) == settles(1500)
    assert beside(settles(900), 1000, 800) == settles(900)


def test_old_news_says_less_than_is_counted_already() -> None:
    known = [standing(1, 1000), standing(3, 800)]
    stored = replace(stands(1500), replayed=True)
    assert is_old_news(stored, known)
    assert not is_old_news(stored, known[:1])
    assert not is_old_news(stands(1500), known), "a fresh answer is never old"
    assert not is_old_news(replace(settles(1500), replayed=True), known), "nor is a last one"


def test_a_stored_answer_adds_no_more_than_was_set_aside() -> None:
    known = [standing(1, 421)]
    stored = replace(stands(1260), replayed=True)
    assert retold(stored, known, [made_hold(2, 0)]) is None, "lowered since"
    assert retold(stored, known, [made_hold(2, 839)]) == stored, "nobody had heard it"
    assert retold(stored, known, [made_hold(2, 100)]) == replace(stored, standing_micros=521)
    assert retold(stored, [standing(1, 2000)], [made_hold(2, 0)]) is None, "raised since"
    assert retold(stored, [standing(1, 421, KEY_B)], [made_hold(2, 421)]) is None
    assert retold(stored, [standing(1, 421, KEY_B)], [made_hold(2, 0)]) is None


def test_what_has_moved_and_what_is_heard_first_is_booked_in_full() -> None:
    known, made = [standing(1, 421)], [made_hold(2, 0)]
    for outcome in (stands(1260), replace(settles(1260), replayed=True)):
        assert retold(outcome, known, made) is outcome
    moved = replace(stands(260, settled=1000), replayed=True)
    assert retold(moved, known, made) is retold(moved, [], made) is moved
    some = replace(stands(600, settled=400), replayed=True)
    assert retold(some, known, [made_hold(2, 9)]) == replace(some, standing_micros=30)


def test_what_counts_alive_and_remembered() -> None:
    holds = [made_hold(1, 5), standing(2, 7), made_hold(3, 9, state=HoldState.IN_DOUBT)]
    assert [counted(h) for h in holds] == [5, 7, 9]
    assert alive(holds) == [holds[1]]
    assert kept_rate(holds) == USD
    assert kept_rate([]) is None
