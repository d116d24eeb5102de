"""Rows, entries and journals in memory that keep the real ones' promises to the audit log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from ledger.entries import Ended, Entry, Held, HoldState, Parted, Restored
from ledger.history import CallRow
from ledger.hold import Hold

AT_US = 1_790_000_000_000_000


def row(n: int, **facts: Any) -> CallRow:
    """A call, n microseconds after the first."""
    plain: dict[str, Any] = {
        "id": f"call_{n:08d}",
        "at_us": AT_US + n,
        "key_id": "vk_1",
        "label": "make-billing/1",
        "run": "make-billing/8f31",
        "scenario": "make-billing",
        "vendor": "stripe",
        "account": "default",
        "method": "POST",
        "path": "/v1/charges",
        "operation": "PostCharges",
    }
    return CallRow(**(plain | facts))


def held(n: int, amount_micros: int = 5_000_000, **facts: Any) -> Held:
    """The hold n of call n."""
    memo = {
        "id": f"call_{n:08d}",
        "at_us": AT_US + n,
        "key_id": "vk_1",
        "label": "make-billing/1",
        "run": "make-billing/8f31",
        "vendor": "stripe",
        "account": "default",
        "method": "POST",
        "path": "/v1/charges",
        "operation": "PostCharges",
        "quote_micros": amount_micros,
    }
    plain: dict[str, Any] = {
        "hold_id": n,
        "account_id": 1,
        "parent_id": None,
        "day": 20_717,
        "parent_day": None,
        "at_us": AT_US + n,
        "amount_micros": amount_micros,
        "units": 1,
        "restorable": False,
        "call_id": f"call_{n:08d}",
        "tag": "",
        "remark": "",
        "memo": orjson.dumps(memo),
        "retry": None,
    }
    return Held(**(plain | facts))


def ended(n: int, state: HoldState, settled: int = 0, standing: int = 0, **memo: Any) -> Ended:
    return Ended(n, state, settled, standing, AT_US + n, "", orjson.dumps(memo) if memo else b"")


def parted(n: int) -> Parted:
    return Parted(n, AT_US + n)


def restored(n: int, refund_id: str, amount_micros: int) -> Restored:
    return Restored(n, 1, 20_717, amount_micros, refund_id, AT_US + n)


class MemoryJournals:
    """Entry groups by shard, and the holds that follow from them."""

    def __init__(self, shards: int = 1) -> None:
        self.groups: list[list[list[Entry]]] = [[] for _ in range(shards)]
        self.holds: dict[int, Hold] = {}
        self.reads: list[tuple[int, int]] = []
        self.stumbles: list[Exception] = []

    def add(self, *entries: Entry, shard: int = 0) -> None:
        self.groups[shard].append(list(entries))
        for entry in entries:
            if isinstance(entry, Held):
                self.holds[entry.hold_id] = Hold(entry)
            elif isinstance(entry, Ended):
                self.holds[entry.hold_id].go_on(entry)
            elif isinstance(entry, Parted):
                self.holds[entry.hold_id].shed = True

    def shards(self) -> tuple[int, ...]:
        return tuple(range(len(self.groups)))

    def last_seq(self, shard: int) -> int:
        if len(self.stumbles) > 0:
            raise self.stumbles.pop()
        return len(self.groups[shard])

    def read_entries(self, shard: int, after_seq: int) -> Iterator[tuple[int, list[Entry]]]:
        self.reads.append((shard, after_seq))
        yield from list(enumerate(self.groups[shard], 1))[after_seq:]

    def open_holds(self, *states: HoldState) -> Iterator[Hold]:
        living = (hold for hold in self.holds.values() if not hold.final)
        return (hold for hold in living if not states or hold.state in states)
