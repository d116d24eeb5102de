"""How a row follows from journal entries: what `writer.py` does with live calls, done again from
the books.

Entries are applied in their order to the rows they speak of. Applying some of them twice, or to
rows that live calls wrote already, changes nothing in the end: a hold that a row knows tells
nothing new, states are absolute, and a refund gives back under its own id. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from ledger.entries import Ended, Ending, Entry, Held, HoldState, Parted, Restored, Shed
from ledger.history.schema import COLUMNS, CallRow, scenario

TAKEN_OVER: Final = "taken_over"
_HEAD: Final = frozenset(
    {
        *("at_us", "key_id", "label", "run", "step", "reason", "run_url", "vendor", "account"),
        *("method", "path", "operation", "quote_micros", "idempotency_key", "retry_of"),
        *("would_refuse", "lookups"),
    }
)
_OUTCOME: Final = frozenset(
    {
        *("decision", "code", "rule", "status", "vendor_request_id", "object_id", "livemode"),
        "duration_ms",
    }
)
"""The columns that memos may tell. The others are the journal's own to say."""

_NAMED: Final = frozenset({"object_id"})

Draft = dict[str, Any]
Change = tuple[str, int | None, int, str | None]
"""A hold's new state, what it counts for now (None: all it set aside), its id, and the object that
it turned out to be about (None: nothing new)."""
GiveBack = tuple[str, int, int]
"""A refund's id, what it gives back now (0: undone), the id of the hold whose cap gets it."""


def change(ending: Ending | Ended | Shed | Parted) -> Change:
    """What an ending means for the row of the call that made the hold."""
    if isinstance(ending, (Shed, Parted)):
        return TAKEN_OVER, 0, ending.hold_id, None
    object_id = _told(ending.memo, _NAMED).get("object_id") if ending.memo else None
    if ending.state is HoldState.IN_DOUBT:
        return ending.state.value, None, ending.hold_id, object_id
    released = ending.state is HoldState.RELEASED
    counts = 0 if released else ending.settled_micros + ending.standing_micros
    return ending.state.value, counts, ending.hold_id, object_id


def concerned(entries: Iterable[Entry]) -> tuple[list[str], list[int]]:
    """The call ids and hold ids whose rows must be at hand to apply these entries."""
    calls: list[str] = []
    holds: list[int] = []
    for entry in entries:
        if isinstance(entry, Held):
            calls.append(entry.call_id)
        elif isinstance(entry, (Ended, Parted)):
            holds.append(entry.hold_id)
    return calls, holds


class Rebuild:
    """Rows as they are, entries in order, rows as they become."""

    __slots__ = ("_by_hold", "_calls", "restored", "touched")

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._calls: dict[str, Draft] = {}
        self._by_hold: dict[int, Draft] = {}
        self.touched: dict[str, Draft] = {}
        self.restored: list[GiveBack] = []
        for row in rows:
            draft = dict(zip(COLUMNS, row, strict=True))
            self._calls[draft["id"]] = draft
            for hold_id in (draft["hold_id"], draft["own_hold_id"]):
                if hold_id is not None:
                    self._by_hold[hold_id] = draft

    def rows(self) -> list[CallRow]:
        return [CallRow(**draft) for draft in self.touched.values()]

    def apply(self, entry: Entry) -> None:
        if isinstance(entry, Held):
            self._held(entry)
        elif isinstance(entry, (Ended, Parted)):
            self._ended(entry)
        elif isinstance(entry, Restored):
            gives = max(0, entry.amount_micros)
            self.restored.append((entry.refund_id, gives, entry.hold_id))

    def _held(self, held: Held) -> None:
        if not held.call_id or held.hold_id in self._by_hold:
            return
        draft = self._calls.get(held.call_id)
        if draft is None:
            draft = self._calls[held.call_id] = _begun(held)
        else:
            _second_hold(draft, held)
        self._by_hold[held.hold_id] = self.touched[held.call_id] = draft

    def _ended(self, entry: Ended | Parted) -> None:
        draft = self._by_hold.get(entry.hold_id)
        if draft is None:
            return
        state, counts, hold_id, _ = change(entry)
        if hold_id == draft["own_hold_id"]:
            if counts is not None:
                draft["own_cost_micros"] = counts
        elif draft["state"] != TAKEN_OVER:
            draft["state"] = state
            doubted = max(draft["held_micros"], draft["cost_micros"])
            draft["cost_micros"] = doubted if counts is None else counts
        if isinstance(entry, Ended):
            draft.update(_told(entry.memo, _OUTCOME))
        self.touched[draft["id"]] = draft


def _begun(held: Held) -> Draft:
    draft = CallRow(held.call_id, held.at_us, "")._asdict()
    _carry(draft, held)
    return draft


def _second_hold(draft: Draft, held: Held) -> None:
    """The call had a hold already: that was the one on the key's own budget alone, made first."""
    if draft["hold_id"] is not None:
        draft["own_hold_id"] = draft["hold_id"]
        draft["own_cost_micros"] = draft["cost_micros"]
    _carry(draft, held)


def _carry(draft: Draft, held: Held) -> None:
    draft.update(_told(held.memo, _HEAD))
    draft["scenario"] = scenario(draft["run"])
    draft["hold_id"] = held.hold_id
    draft["day"] = held.day
    draft["state"] = HoldState.OPEN.value
    draft["held_micros"] = draft["cost_micros"] = held.amount_micros


def _told(memo: bytes, columns: frozenset[str]) -> Draft:
    """What a memo tells for these columns. A memo that is not ours tells nothing."""
    try:
        facts = orjson.loads(memo) if memo else {}
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(facts, dict):
        return {}
    told = {name: facts[name] for name in columns & facts.keys() if facts[name] not in (None, "")}
    if "lookups" in told:
        told["lookups"] = orjson.dumps(told["lookups"]).decode()
    return told
