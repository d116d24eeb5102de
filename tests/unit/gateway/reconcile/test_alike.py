"""Calls in doubt that cannot be told apart."""

from __future__ import annotations

from gateway.reconcile.alike import Listed, allot, first_listed, name_of, never_ran
from vendors.contract import End, Outcome


def message(name: str, end: End = End.PENDING) -> Outcome:
    return Outcome(end, standing_micros=8_300, object_id=name)


def listed(call_id: str, at_us: int, *names: str, **others: bool) -> Listed:
    matches = tuple(message(name) for name in names)
    return Listed(call_id, at_us, matches, others.get("conclusive", True))


def names(given: dict[str, Outcome]) -> dict[str, str]:
    return {call_id: name_of(match) for call_id, match in given.items()}


def test_what_is_not_explained_goes_to_the_oldest_first() -> None:
    doubts = [listed("b", 2, "SM1", "SM2", "SM3"), listed("a", 1, "SM1", "SM2", "SM3")]
    assert names(allot(doubts, {"SM1"}, {})) == {"a": "SM2", "b": "SM3"}
    assert names(allot(doubts, {"SM1", "SM3"}, {})) == {"a": "SM2"}
    assert allot(doubts, {"SM1", "SM2", "SM3"}, {}) == {}


def test_each_gets_only_what_its_own_listing_shows() -> None:
    doubts = [listed("a", 1, "SM1"), listed("b", 2, "SM1"), listed("c", 3, "SM2")]
    assert names(allot(doubts, (), {})) == {"a": "SM1", "c": "SM2"}


def test_the_dearest_get_one_first() -> None:
    """One of two alike mails went out, to one person or to 150: who goes free is the cheap one."""
    cheap = Listed("a", 1, (message("SM1"),), True, amount_micros=900)
    dear = Listed("b", 2, (message("SM1"),), True, amount_micros=135_000)
    assert names(allot([cheap, dear], (), {})) == {"b": "SM1"}


def test_the_dearest_does_not_take_what_only_another_can_have() -> None:
    """Both ran: that one of them could be either's sets nobody free."""
    late = Listed("b", 2, (message("SM1"), message("SM2")), True, amount_micros=135_000)
    early = Listed("a", 1, (message("SM1"),), True, amount_micros=900)
    assert names(allot([early, late], (), {})) == {"a": "SM1", "b": "SM2"}
    between = Listed("c", 3, (message("SM2"), message("SM3")), True, amount_micros=5_000)
    assert names(allot([early, late, between], (), {})) == {"a": "SM1", "b": "SM2", "c": "SM3"}


def test_what_is_known_to_be_a_doubts_own_goes_to_it() -> None:
    doubts = [listed("a", 1, "SM1", "SM2"), listed("b", 2, "SM1", "SM2")]
    assert names(allot(doubts, (), {"SM1": "b"})) == {"a": "SM2", "b": "SM1"}
    assert names(allot(doubts, {"SM2"}, {"SM1": "b"})) == {"b": "SM1"}


def test_what_nobody_can_read_is_given_to_nobody() -> None:
    unclear = Listed("a", 1, (message("SM1", End.IN_DOUBT), Outcome(End.SETTLED, 5)), True, 0)
    assert allot([unclear], (), {}) == {}
    assert not never_ran(unclear, 10, 5)


def test_only_a_second_conclusive_listing_a_gap_later_says_that_it_never_ran() -> None:
    first = listed("a", 1)
    assert not never_ran(first, 100, 0)
    assert first_listed(first, 100) == 100
    second = Listed("a", 1, (), True, 100)
    assert first_listed(second, 150) == 100
    assert not never_ran(second, 149, 50)
    assert never_ran(second, 150, 50)
    unsure = Listed("a", 1, (), False, 100)
    assert not never_ran(unsure, 1_000, 50)
    assert first_listed(listed("a", 1, conclusive=False), 100) is None


def test_matches_that_others_account_for_do_not_keep_it() -> None:
    assert never_ran(Listed("a", 1, (message("SM1"),), True, 0), 50, 50)


def test_a_match_may_be_named_by_its_label() -> None:
    assert name_of(Outcome(End.SETTLED, 5, label="re_1")) == "re_1"
