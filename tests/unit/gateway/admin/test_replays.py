from __future__ import annotations

import pytest

from gateway.admin import replays
from gateway.admin.replays import MEMORY_US, Replays
from gateway.clock import HandClock
from gateway.errors import AdminConflict, IdempotencyAnswerLost
from gateway.http.message import Response
from ledger import SHARD_SHIFT, BudgetTerms
from tests.fakes import FakeLedger

DONE = Response(201, [], b"{}")


@pytest.fixture
def ledger() -> FakeLedger:
    return FakeLedger(HandClock().now_us)


def made(ledger: FakeLedger) -> Replays:
    return Replays(ledger, {"vk_1": 1, "vk_2": 1 << SHARD_SHIFT}.get)


async def test_a_slot_is_filled_once(ledger: FakeLedger) -> None:
    found = made(ledger)
    kept, mine = found.begin("n", "d", 0)
    assert mine
    assert found.begin("n", "d", 0) == (kept, False)
    found.finish("n", kept, DONE)
    again, mine = found.begin("n", "d", 1)
    assert (again.answer.result(), mine) == (DONE, False)
    with pytest.raises(AdminConflict):
        found.begin("n", "other", 1)


async def test_a_refusal_empties_the_slot_and_tells_who_waited(ledger: FakeLedger) -> None:
    found = made(ledger)
    kept, _ = found.begin("n", "d", 0)
    found.finish("n", kept, Response(400, []))
    assert kept.answer.result().status == 400
    assert found.begin("n", "d", 0)[1]


async def test_the_oldest_answers_go_first(
    ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "ANSWERS_MAX", 2)
    found = made(ledger)
    for name in ("a", "b", "c"):
        kept, _ = found.begin(name, "d", 0)
        found.finish(name, kept, DONE)
    assert not found.begin("c", "d", 0)[1]
    assert found.begin("a", "d", 0)[1]


async def test_one_on_its_way_is_not_forgotten(ledger: FakeLedger) -> None:
    found = made(ledger)
    found.begin("n", "d", 0)
    assert not found.begin("n", "d", MEMORY_US)[1]


async def test_an_answer_that_was_dropped_is_still_bound(
    ledger: FakeLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replays, "ANSWERS_MAX", 1)
    found = made(ledger)
    kept, _ = found.begin("a", "d", 0)
    found.binding("a", kept, "vk_1")
    found.finish("a", kept, DONE)
    found.begin("b", "d", 0)
    with pytest.raises(IdempotencyAnswerLost) as lost:
        found.begin("a", "d", 0)
    assert lost.value.facts == {"id": "vk_1"}


async def test_old_notes_are_removed_from_the_shard_they_lie_in(ledger: FakeLedger) -> None:
    await ledger.open_account(BudgetTerms())
    found = made(ledger)
    for name, identifier in (("a", "vk_1"), ("b", "vk_2"), ("c", "vk_gone")):
        kept, _ = found.begin(name, "d", 0)
        await ledger.note(found.binding(name, kept, identifier), account_id=1)
        found.finish(name, kept, DONE)
    assert len(made(ledger)._bound) == 3
    before = len(ledger.groups)
    await found.sweep(MEMORY_US - 1)
    assert len(ledger.groups) == before
    await found.sweep(MEMORY_US)
    assert len(ledger.groups) == before + 2
    assert [note.name for note in ledger.notes("answer")] == ["c"]
