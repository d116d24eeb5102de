"""Past a minute's allowance, alike refusals are one row with a count."""

from __future__ import annotations

import pytest

from ledger.history import folding as folding_module
from ledger.history.folding import ROWS_PER_MINUTE, Folding
from ledger.history.schema import CallRow
from tests.unit.ledger.history.journals import row

MINUTE_US = 60_000_000


def refusal(n: int, minute: int = 0, **facts: str) -> CallRow:
    plain = row(n, decision="refused", code="daily_cap_exceeded")
    return plain._replace(at_us=minute * MINUTE_US + n, **facts)  # type: ignore[arg-type]


def grown(folding: Folding) -> list[CallRow]:
    return [minute.row() for minute in folding.grown()]


def test_the_first_of_a_minute_are_rows_of_their_own() -> None:
    folding = Folding()
    assert all(folding.take(refusal(n)) for n in range(ROWS_PER_MINUTE))
    assert grown(folding) == []


def test_the_rest_is_one_row_that_grows() -> None:
    folding = Folding()
    taken = [folding.take(refusal(n)) for n in range(ROWS_PER_MINUTE + 3)]
    assert taken.count(False) == 3
    first = refusal(ROWS_PER_MINUTE)
    assert grown(folding) == [first._replace(count=3)]
    assert grown(folding) == []
    folding.take(refusal(99))
    assert grown(folding) == [first._replace(count=4)]


def test_each_key_code_and_rule_has_its_own_allowance() -> None:
    folding = Folding()
    for n in range(ROWS_PER_MINUTE + 1):
        folding.take(refusal(n))
    assert folding.take(refusal(1, key_id="vk_2"))
    assert folding.take(refusal(1, code="rate_limited"))
    assert folding.take(refusal(1, rule="key_daily"))
    assert not folding.take(refusal(2))


def test_a_new_minute_begins_afresh_and_loses_nothing_of_the_old() -> None:
    folding = Folding()
    for n in range(ROWS_PER_MINUTE + 2):
        folding.take(refusal(n))
    assert folding.take(refusal(1, minute=1))
    assert [r.count for r in grown(folding)] == [2]


def test_minutes_that_are_over_are_forgotten() -> None:
    folding = Folding()
    for key in range(50):
        folding.take(refusal(1, key_id=f"vk_{key}"))
    folding.take(refusal(1, minute=1))
    folding.grown()
    assert len(folding._minutes) == 1


def test_what_could_not_be_written_is_told_again() -> None:
    folding = Folding()
    for n in range(ROWS_PER_MINUTE + 1):
        folding.take(refusal(n))
    told = folding.grown()
    folding.take(refusal(99))
    folding.untold(told)
    assert [r.count for r in grown(folding)] == [2]


def test_while_nothing_can_be_written_so_many_minutes_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(folding_module, "GROWN_MAX", 2)
    folding = Folding()
    for minute in range(4):
        for n in range(ROWS_PER_MINUTE + 3):
            folding.take(refusal(minute * 1_000 + n, minute))
    assert ([row.count for row in grown(folding)], folding.dropped) == ([3, 3], 6)
    assert not folding.take(refusal(3_999, 3))
    assert [row.count for row in grown(folding)] == [1], "there is room again"
