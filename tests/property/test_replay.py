"""A replay of the journal gives the live books, from the beginning or from any checkpoint."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import codec
from ledger.entries import (
    AFTER,
    BudgetTerms,
    Ended,
    Entry,
    Held,
    HoldState,
    Noted,
    Opened,
    Parted,
    RetryKey,
    ToppedUp,
)
from ledger.errors import ImpossibleEntry
from ledger.snapshot import dump, load
from ledger.state import State
from tests.ledgers import DAY_US, NOON_US

HOUR_US = DAY_US // 24
AMOUNTS = st.integers(0, 1_000)
KEYS = st.none() | st.integers(0, 3).map(lambda n: RetryKey(bytes([n]) * 16, bytes(16)))
TEXTS = st.sampled_from(["", "pi_1", "pi_2", "é"])
BLOBS = st.binary(max_size=8)


class Writer:
    """Draws a life of a shard: applies each entry live and keeps it encoded, as a journal would."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.live = State(0)
        self.now_us = NOON_US
        self.rows: list[bytes] = []
        for account_id, parent_id in ((1, None), (2, 1), (3, None)):
            zone = ("Asia/Tokyo", "America/New_York", "UTC")[account_id - 1]
            self.write(Opened(account_id, parent_id, BudgetTerms(zone), self.now_us))

    def draw(self, strategy: st.SearchStrategy[Any]) -> Any:
        return self.data.draw(strategy)

    def write(self, entry: Entry) -> None:
        row = codec.body_of([codec.encode(entry)])
        self.live.apply(entry)
        self.rows.append(row)

    def step(self) -> None:
        self.now_us += self.draw(st.integers(0, 30)) * HOUR_US
        steps = (self.hold, self.hold, self.end, self.end, self.shed, self.note, self.restore)
        self.draw(st.sampled_from((*steps, self.top_up, self.checkpoint, self.undone)))()

    def held(self) -> Held:
        account_id = self.draw(st.sampled_from([2, 3]))
        parent_id = 1 if account_id == 2 else None
        day, parent_day = (
            None if each is None else self.live.accounts[each].calendar.day_at(self.now_us)
            for each in (account_id, parent_id)
        )
        assert day is not None
        legs = (account_id, parent_id, day, parent_day, self.now_us, self.draw(AMOUNTS))
        names = ("call", self.draw(TEXTS), "remark", self.draw(BLOBS), self.draw(KEYS))
        return Held(self.live.last_hold + 1, *legs, 1, self.draw(st.booleans()), *names)

    def hold(self) -> None:
        self.write(self.held())

    def undone(self) -> None:
        """Applied, and then there was no room: it is in no journal."""
        self.live.take_back([self.live.apply_held(self.held())])

    def some_hold(self) -> int | None:
        return self.draw(st.sampled_from(sorted(self.live.holds))) if self.live.holds else None

    def end(self) -> None:
        hold_id = self.some_hold()
        if hold_id is None:
            return
        hold = self.live.holds[hold_id]
        state = self.draw(st.sampled_from(sorted(AFTER[hold.state], key=lambda s: s.value)))
        settled, rest = self.draw(AMOUNTS), self.draw(AMOUNTS)
        if state is HoldState.SETTLED:
            settled, rest = settled + hold.settled_micros, 0
        tag, memo = self.draw(TEXTS), self.draw(BLOBS)
        self.write(Ended(hold_id, state, settled, rest, self.now_us, tag, memo))

    def shed(self) -> None:
        hold_id = self.some_hold()
        if hold_id is not None:
            hold = self.live.holds[hold_id]
            if hold.parent_id is not None and not hold.shed:
                self.write(Parted(hold_id, self.now_us))

    def note(self) -> None:
        blob = self.draw(st.none() | BLOBS)
        self.write(Noted(self.draw(TEXTS), self.draw(TEXTS), blob, self.now_us))

    def restore(self) -> None:
        hold_id = self.some_hold()
        if hold_id is not None:
            amount, refund_id = self.draw(st.integers(-5, 500)), self.draw(TEXTS)
            try:
                entry = self.live.restoring(hold_id, amount, refund_id, self.now_us)
            except ImpossibleEntry:  # nothing is settled yet
                return
            if entry is not None:
                self.write(entry)

    def top_up(self) -> None:
        until_us = self.draw(st.none() | st.integers(NOON_US, NOON_US + 9 * DAY_US))
        day = self.now_us // DAY_US
        self.write(ToppedUp(3, self.draw(AMOUNTS), day, until_us, self.now_us))

    def checkpoint(self) -> None:
        memory_us = self.draw(st.integers(1, 48)) * HOUR_US
        self.live.forget(self.now_us, memory_us)
        self.live.at_us = max(self.live.at_us, self.now_us)
        self.rows.append(codec.encode_checkpoint(self.now_us, memory_us, dump(self.live)))


def is_checkpoint(row: bytes) -> bool:
    return row.startswith(b'[1,["C"')


def written(state: State) -> bytes:
    """But for the last moment: a hold that was taken back may be later than any journaled."""
    return orjson.dumps(dump(state))


def replay(rows: list[bytes], *, believe_checkpoints: bool) -> State:
    """As a start does, from one checkpoint on; or as `verify` does, through all of them."""
    state = State(0)
    for row in rows:
        if not is_checkpoint(row):
            for entry in codec.decode(row):
                state.apply(entry)
            continue
        at_us, memory_us, books = codec.decode_checkpoint(row)
        if believe_checkpoints:
            state = load(0, at_us, books)
        else:
            state.forget(at_us, memory_us)
            state.at_us = max(state.at_us, at_us)
            assert orjson.dumps(dump(state)) == orjson.dumps(books)
    return state


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_replay_gives_the_live_books(data: st.DataObject) -> None:
    writer = Writer(data)
    for _ in range(data.draw(st.integers(0, 40))):
        writer.step()
    live = written(writer.live)
    assert written(replay(writer.rows, believe_checkpoints=False)) == live
    for start, row in enumerate(writer.rows):
        if is_checkpoint(row):
            assert written(replay(writer.rows[start:], believe_checkpoints=True)) == live
