"""A reconciler in a small house: real books, a vendor that says what a test tells it, looks made by
hand.

The vendor module is a toy with the real ones' shape: an object is read at `/o/{id}`, a call is
searched for at `/list?key=…&trace=…`; what the answers say is taken as it stands. `Told` is the
vendor: it keeps what was asked, and answers from a table.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import orjson

from gateway.call.remarks import Remark
from gateway.reconcile.crew import Reconcilers
from gateway.reconcile.reconciler import Reconciler
from gateway.settings import ReconcilerSettings
from gateway.upstream.order import Order
from ledger import Ending, Hold, HoldState, RetryKey
from ledger.history import CallRow, Filters, History, Trouble
from tests.calls import USD, Calls, Holder, calls_in
from tests.ledgers import Faults
from vendors.contract import Answer, Doubt, End, Findings, GivesBack, Lookup, Outcome
from vendors.rates import USD as USD_RATE
from vendors.rates import Rate
from vendors.stripe import Stripe

Said = tuple[int, Any, Iterable[tuple[bytes, bytes]]]
TRACE = "to=+15550100"


class Told:
    """answers: target -> (status, tree), or an exception to raise. asked: every target, in
    order. accounts: for which connected account each was asked, b'' for our own."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any] | Exception] = {}
        self.headers: list[tuple[bytes, bytes]] = []
        self.asked: list[str] = []
        self.accounts: list[bytes] = []

    def __call__(self, order: Order) -> Said:
        target = order.target.decode()
        self.asked.append(target)
        self.accounts.append(dict(order.headers).get(b"stripe-account", b""))
        said = self.answers.get(target, (404, {}))
        if isinstance(said, Exception):
            raise said
        return said[0], said[1], self.headers

    def object(self, object_id: str, end: str, settled: int = 0, standing: int = 0) -> None:
        """What it is now, in micros."""
        tree = {"end": end, "settled": settled, "standing": standing, "id": object_id}
        self.answers[f"/o/{object_id}"] = (200, tree)

    def listing(
        self,
        *matches: dict[str, Any],
        key: str = "",
        exact: bool = False,
        conclusive: bool = True,
        status: int = 200,
    ) -> None:
        """What calls with this key, or without one, turn out to be."""
        tree = {"matches": matches, "exact": exact, "conclusive": conclusive}
        self.answers[f"/list?key={key}"] = (status, tree)


def _outcome(tree: dict[str, Any]) -> Outcome:
    gives = tree.get("gives")
    return Outcome(
        End(tree["end"]),
        tree.get("settled", 0),
        tree.get("standing", 0),
        tree.get("id"),
        why=tree.get("why", ""),
        label=tree.get("label", ""),
        gives_back=None if gives is None else GivesBack(("pi_9",), "re_9", gives),
    )


@dataclass(frozen=True, slots=True)
class Toy(Stripe):
    """searchable: can calls be searched for at all?"""

    searchable: bool = True
    steps: int = 1

    def object_lookup(self, object_id: str) -> Lookup | None:
        return None if object_id.startswith("xx_") else Lookup(f"/o/{object_id}", "read again")

    def reread(
        self, object_id: str, rate: Rate | None, counted_micros: int, answer: Answer
    ) -> Outcome:
        if answer.status != 200:
            return Outcome(End.IN_DOUBT, why=f"HTTP {answer.status} to a read")
        return _outcome(orjson.loads(answer.body))

    def search(self, doubt: Doubt, found: Sequence[Answer]) -> Lookup | Findings | None:
        if not self.searchable:
            return None
        if len(found) < self.steps:
            return Lookup(f"/list?key={doubt.vendor_key}", "what became of it")
        tree = orjson.loads(found[-1].body)
        matches = tuple(map(_outcome, tree["matches"]))
        return Findings(matches, tree["exact"], tree["conclusive"], "a listing")


class ReadableHistory:
    """An audit log in memory that can be asked."""

    def __init__(self) -> None:
        self.rows: dict[str, CallRow] = {}
        self.given_back: list[tuple[int, str, int]] = []
        self.trouble: Trouble | None = None

    def record(self, row: CallRow) -> None:
        self.rows[row.id] = row

    def follow(self, endings: Iterable[Ending]) -> None:
        """The books say it all."""

    def give_back(self, hold_id: int, refund_id: str, micros: int) -> None:
        self.given_back.append((hold_id, refund_id, micros))

    async def flush(self) -> bool:
        if self.trouble is not None:
            raise self.trouble
        return True

    async def call(self, call_id: str) -> dict[str, Any] | None:
        row = self.rows.get(call_id)
        return None if row is None else row._asdict()

    async def calls(self, filters: Filters, limit: int) -> list[dict[str, Any]]:
        return [row._asdict() for row in self.rows.values() if row.object_id == filters.object_id][
            :limit
        ]


@dataclass
class Scene:
    """A house with one reconciler at work, `mate`; nothing runs but what a test calls."""

    calls: Calls
    told: Told
    history: ReadableHistory
    crew: Reconcilers
    key: Holder
    made: int = field(default=0)

    @property
    def mate(self) -> Reconciler:
        return self.crew._mates["stripe", "default"]

    async def open(
        self,
        state: HoldState,
        micros: int = 10 * USD,
        *,
        tag: str = "",
        vendor_key: str = "",
        trace: str = TRACE,
        acts_for: str = "",
        key: Holder | None = None,
        operation: str = "CreateMessage",
        retry: RetryKey | None = None,
        restorable: bool = False,
        row: bool = True,
        **facts: Any,
    ) -> Hold:
        """A call whose hold is open in this state. tag: the id of its object. row: the audit log
        knows it."""
        self.made += 1
        call_id = f"call_{self.made}"
        hold = await self.calls.ledger.hold(
            (key or self.key).key.account_id,
            micros,
            call_id=call_id,
            tag=f"stripe/default/{tag}" if tag else "",
            remark=Remark(USD_RATE, 0, vendor_key, trace, acts_for).text(),
            retry=retry,
            restorable=restorable,
        )
        self.end(hold, state, micros if state is HoldState.SETTLED else 0)
        if row:
            told: dict[str, Any] = {"operation": operation, "vendor": "stripe"}
            told["state"] = state.value
            told |= {"account": "default", "hold_id": hold.hold_id, **facts}
            key_id = (key or self.key).key.terms.key_id
            self.history.record(CallRow(call_id, hold.at_us, key_id, **told))
        self.calls.clock.advance(0.001)
        return hold

    async def through(self, micros: int, name: str) -> None:
        """A call that changed this object and saw it through."""
        facts: dict[str, Any] = {"object_id": name, "cost_micros": micros}
        await self.open(HoldState.SETTLED, micros, tag=name, operation="UpdateMessage", **facts)

    def end(self, hold: Hold, state: HoldState, settled: int = 0) -> None:
        standing = 0 if state in (HoldState.SETTLED, HoldState.RELEASED) else hold.amount_micros
        ending = Ending(hold.hold_id, state, settled, standing)
        self.calls.ledger.book([ending], now_us=self.calls.clock.now_us())

    def wait(self, seconds: float) -> None:
        self.calls.clock.advance(seconds)

    async def looks(self) -> int:
        """Scan, then look at all that is due. How many looks that were."""
        self.crew.scan()
        self.crew.scan()
        count = 0
        while await self.mate.turn():
            count += 1
        return count

    def stands(self, hold: Hold) -> tuple[str, int, int]:
        return hold.state.value, hold.settled_micros, hold.standing_micros

    async def evidence(self, hold: Hold) -> list[dict[str, Any]]:
        """What the journal tells of why the hold went on."""
        ledger, told = self.calls.ledger, []
        for shard in ledger.shards():
            for _, entries in ledger.read_entries(shard):
                for entry in entries:
                    if getattr(entry, "hold_id", 0) == hold.hold_id and getattr(entry, "memo", b""):
                        facts = orjson.loads(cast("Any", entry).memo)
                        told += [facts] if "reconciled" in facts else []
        return told


@asynccontextmanager
async def scene_in(
    directory: Path, *, searchable: bool = True, steps: int = 1, **settings: Any
) -> AsyncIterator[Scene]:
    """settings: of the reconciler. Looks are as fast as they are asked for."""
    told = Told()
    async with calls_in(directory, told) as calls:
        crew, history = built(calls, searchable=searchable, steps=steps, **settings)
        yield Scene(calls, told, history, crew, await calls.key(refunds_restore_cap=True))


def built(
    calls: Calls, *, searchable: bool = True, steps: int = 1, **settings: Any
) -> tuple[Reconcilers, ReadableHistory]:
    """What a start builds on the books as they are."""
    history = ReadableHistory()
    doors = replace(
        calls.doors,
        settings=replace(
            calls.doors.settings,
            vendors={"stripe": calls.doors.settings.vendors["stripe"]},
            reconciler=ReconcilerSettings(calls_per_second_max=1_000, **settings),
        ),
        vendors={"stripe": Toy(searchable=searchable, steps=steps)},
        history=cast("History", history),
    )
    return Reconcilers(doors), history


@asynccontextmanager
async def scene_on_a_full_disk(directory: Path) -> AsyncIterator[tuple[Scene, Faults]]:
    """One shard; the disk fills up when the test says so."""
    faults, told = Faults(), Told()
    async with calls_in(directory, told, through=faults, shards=1) as calls:
        crew, history = built(calls)
        key = await calls.key(refunds_restore_cap=True)
        yield Scene(calls, told, history, crew, key), faults
        faults.only.always = None
