"""What must be true, and what is: a fold of the rows on the disk of our own, beside the vendors'.

`Books` reads every row the moment that it is on the disk, knows nothing of `ledger.account` or
`ledger.state`, and judges each entry in order: no hold passes its caps, no day is another than its
moment's, no hold goes a way it may not go. `weight_of` is what a set of lineages counts for, to be
held against what the vendors took for them. Money that hangs together (an object and every call
about it, a call and its retries) is one heap; a heap never weighs less than its things.

    I1 DESIGN 8   held()           at each admission all that counts + the quote <= the cap
    I3            heap checks      fold(durable rows) >= charged, at each charge and each ending
    I4            ended()          nothing falls below what the vendor took
    I6            AFTER            the ways of a hold
    I11           held()           the day is the day of its moment, in its budget's zone
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import orjson

from ledger.chain import Row
from ledger.codec import decode
from ledger.entries import (
    Amended,
    BudgetTerms,
    Ended,
    Held,
    HoldState,
    Noted,
    Opened,
    Parted,
    Restored,
    ToppedUp,
)
from tests.simulation.models import Thing

S = HoldState
OPEN_ENDS: Final = {S.STANDING, S.PENDING, S.IN_DOUBT, S.SETTLED, S.RELEASED}
AFTER: Final = {
    S.OPEN: OPEN_ENDS,
    S.STANDING: {S.STANDING, S.IN_DOUBT, S.SETTLED, S.RELEASED},
    S.PENDING: {S.PENDING, S.SETTLED, S.RELEASED},
    S.IN_DOUBT: OPEN_ENDS - {S.IN_DOUBT},
    S.SETTLED: {S.SETTLED},
    S.RELEASED: set(),
}
_EPOCH: Final = date(1970, 1, 1)


class Untrue(Exception):
    """rule: which one is broken, in a few words that stay the same. The text says how."""

    def __init__(self, rule: str, how: str) -> None:
        super().__init__(f"{rule}: {how}")
        self.rule = rule


@dataclass(slots=True)
class Hold:
    """A hold as the rows tell it."""

    held: Held
    state: HoldState = S.OPEN
    settled: int = 0
    standing: int = 0
    units: int = 0
    shed: bool = False
    restored: int = 0
    aged: bool = False
    tag: str = ""

    @property
    def weight(self) -> int:
        """What it counts for, whoever carries it."""
        return self.held.amount_micros if self.state is S.OPEN else self.settled + self.standing

    @property
    def own(self) -> int:
        """On its key's leg."""
        return 0 if self.shed else self.weight

    @property
    def names_nothing(self) -> bool:
        return self.state is S.IN_DOUBT and not self.tag

    @property
    def counted_units(self) -> int:
        return 0 if self.state is S.RELEASED else self.units

    def figures(self) -> tuple[int, int, int, int]:
        """What it counts for on its own leg and on its issuer's: micros and units of each."""
        weight, units = self.weight, self.counted_units
        return (0, 0, weight, units) if self.shed else (weight, units, weight, units)


@dataclass(slots=True)
class Account:
    """One budget. by_day: of each day the micros, the micros given back, and the units."""

    parent: int | None
    terms: BudgetTerms
    zone: tzinfo
    top_ups: list[ToppedUp] = field(default_factory=list)
    by_day: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0]))
    total: int = 0
    restored: int = 0
    may_be_over: bool = False
    """Its cap was lowered, a top-up has ended, or a vendor declared drift."""

    def day_of(self, at_us: int) -> int:
        return (datetime.fromtimestamp(at_us / 1_000_000, self.zone).date() - _EPOCH).days

    def cap_on(self, day: int, at_us: int) -> int | None:
        if self.terms.daily_micros is None:
            return None
        return self.terms.daily_micros + sum(
            t.amount_micros
            for t in self.top_ups
            if t.day == day and (t.until_us is None or at_us < t.until_us)
        )

    def add(self, day: int, micros: int, units: int) -> None:
        sums = self.by_day[day]
        sums[0] += micros
        sums[2] += units
        self.total += micros


class Heaps:
    """Which lineages and things hang together: sets that only ever join."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}
        self.lineages: dict[str, set[str]] = {}
        self.things: dict[str, list[Thing]] = {}
        self._given: set[str] = set()
        self._owed: dict[str, list[set[str]]] = defaultdict(list)

    def of(self, lineage: str) -> str:
        while (above := self._above.get(lineage)) is not None:
            lineage = above
        return lineage

    def join(self, thing: Thing) -> str:
        """This thing belongs to all of its lineages. The heap's name."""
        roots = sorted({self.of(lineage) for lineage in thing.lineages})
        first = roots[0]
        for root in roots[1:]:
            self._above[root] = first
            self.members(first).update(self.members(root))
            self.things.setdefault(first, []).extend(self.things.pop(root, []))
        known = self.things.setdefault(first, [])
        if not any(each is thing for each in known):
            known.append(thing)
        return first

    def stay(self, thing: Thing) -> None:
        """A hold names it: nobody swaps it any more."""
        self._given.add(thing.vendor_id)

    def move(self, thing: Thing, lineage: str, *, room: bool) -> None:
        """It is this lineage's; what that one made itself goes to whoever made this, unless it has
        room for both: a key that is used again a day later is one lineage of two calls. What was
        given, or is named, stays."""
        donors = thing.lineages
        self._given.add(thing.vendor_id)
        if lineage in donors:
            return
        mine = () if room else self.things.get(self.of(lineage), ())
        swapped = [one for one in mine if one.vendor_id not in self._given]
        if not swapped:
            self._owed[lineage].append(set(donors))
        for known in self.things.values():
            known[:] = [one for one in known if one is not thing and one not in swapped]
        thing.lineages = {lineage}
        for other in swapped:
            other.lineages = set(donors)
        for each in (thing, *swapped):
            self.join(each)

    def repay(self, thing: Thing) -> str:
        """A call that still ran when another's thing was given to it made its own: that goes to
        whoever made the other. The heap's name, '' if nothing is owed."""
        for lineage in sorted(thing.lineages):
            if owed := self._owed.get(lineage):
                for known in self.things.values():
                    known[:] = [one for one in known if one is not thing]
                thing.lineages = owed.pop(0)
                return self.join(thing)
        return ""

    def members(self, root: str) -> set[str]:
        return self.lineages.setdefault(root, {root})

    def stake(self, root: str) -> int:
        return sum(thing.stake_micros for thing in self.things.get(root, ()))


class Books:
    """The rows, folded. lineage_of: a call's id -> its lineage. now_us: the house's own clock."""

    def __init__(
        self, lineage_of: Callable[[str], str], thing_of: Callable[[str], Thing | None]
    ) -> None:
        self.accounts: dict[int, Account] = {}
        self.holds: dict[int, Hold] = {}
        self.heaps = Heaps()
        self.refunds: dict[str, int] = {}
        self.notes: dict[tuple[int, str, str], bytes | None] = {}
        self.last_at_us = [0, 0]
        self.by_lineage: dict[str, list[Hold]] = defaultdict(list)
        self.by_call: dict[str, list[Hold]] = defaultdict(list)
        self.dear: set[str] = set()
        self._touched: list[str] = []
        self._grown: list[Hold] = []
        self._lineage_of = lineage_of
        self._thing_of = thing_of

    # -- rows ----------------------------------------------------------------------------------

    def on_row(self, shard: int, row: Row) -> None:
        """All of a row counts at once. Raises Untrue."""
        if row.entries <= 0:
            return
        self._touched.clear()
        self._grown.clear()
        for entry in decode(row.body):
            if isinstance(entry, Held):
                self._held(shard, entry)
            elif isinstance(entry, Ended):
                self._ended(entry)
            elif isinstance(entry, Opened):
                zone = UTC if entry.terms.zone == "UTC" else ZoneInfo(entry.terms.zone)
                self.accounts[entry.account_id] = Account(entry.parent_id, entry.terms, zone)
            elif isinstance(entry, Amended):
                self.accounts[entry.account_id].terms = entry.terms
                self.accounts[entry.account_id].may_be_over = True
            elif isinstance(entry, ToppedUp):
                self.accounts[entry.account_id].top_ups.append(entry)
            elif isinstance(entry, Parted):
                self._parted(entry)
            elif isinstance(entry, Restored):
                self._restored(entry)
            elif isinstance(entry, Noted):
                self.notes[shard, entry.kind, entry.name] = entry.blob
        self._weigh_touched()

    def _held(self, shard: int, held: Held) -> None:
        _must_be_ints(held.amount_micros, held.units, held.day)
        if held.hold_id in self.holds:
            raise Untrue("a hold is journaled once", f"hold {held.hold_id} comes twice")
        hold = self.holds[held.hold_id] = Hold(held, units=held.units, tag=held.tag)
        lineage = self._lineage_of(held.call_id)
        self.by_lineage[lineage].append(hold)
        self.by_call[held.call_id].append(hold)
        self._tag(hold)
        self._leg(held.account_id, held.day, held, own=True)
        if held.parent_id is not None:
            assert held.parent_day is not None
            self._leg(held.parent_id, held.parent_day, held, own=False)
        last_us = self.last_at_us[shard]
        if held.at_us < last_us:
            raise Untrue("time never goes back", f"{held.at_us} after {last_us}")
        self.last_at_us[shard] = held.at_us

    def _leg(self, account_id: int, day: int, held: Held, *, own: bool) -> None:
        account = self.accounts[account_id]
        if day != account.day_of(held.at_us):
            raise Untrue("the day is the day of the hold", f"{day} for {held.at_us}")
        account.add(day, held.amount_micros, held.units)
        sums, terms = account.by_day[day], account.terms
        if own and not terms.enforce:
            return
        cap = account.cap_on(day, held.at_us)
        if cap is not None and sums[0] - sums[1] > cap:
            raise Untrue("no hold passes a cap", f"account {account_id}: {sums} of {cap}")
        if terms.total_micros is not None and account.total - account.restored > terms.total_micros:
            raise Untrue("no hold passes a cap", f"account {account_id}: {account.total} in total")
        if terms.daily_units is not None and sums[2] > terms.daily_units:
            raise Untrue("no hold passes a cap", f"account {account_id}: {sums[2]} units")

    def _ended(self, entry: Ended) -> None:
        hold = self._hold(entry.hold_id)
        _must_be_ints(entry.settled_micros, entry.standing_micros)
        if entry.state not in AFTER[hold.state]:
            raise Untrue("a hold goes the ways it may", f"{hold.state} to {entry.state}")
        before = hold.figures()
        if entry.state is S.IN_DOUBT:
            hold.standing = max(hold.held.amount_micros, hold.settled + hold.standing)
            hold.standing -= hold.settled
        elif entry.state is S.RELEASED:
            hold.settled = hold.standing = 0
        else:
            hold.settled, hold.standing = entry.settled_micros, entry.standing_micros
        hold.state = entry.state
        if entry.units is not None:
            hold.units = entry.units
        about, hold.tag = hold.tag, entry.tag or hold.tag
        self._change(hold, before)
        if hold.own > before[0]:
            self._grown.append(hold)
        if b"reconciled" in entry.memo:
            told = orjson.loads(entry.memo)
            hold.aged = "for its age" in told["reconciled"]["how"]
            if not about:
                self._given(hold, told.get("object_id", ""))
        self._tag(hold)
        self._touched.append(self._lineage_of(hold.held.call_id))

    def _tag(self, hold: Hold) -> None:
        """A hold that names an object weighs for it."""
        thing = self._thing_of(hold.tag.rpartition("/")[2].partition("+")[0]) if hold.tag else None
        lineage = self._lineage_of(hold.held.call_id)
        if thing is not None:
            self.heaps.stay(thing)
        if thing is not None and lineage not in thing.lineages:
            thing.lineages.add(lineage)
            self.heaps.join(thing)

    def _given(self, hold: Hold, name: str) -> None:
        """Of alike calls in doubt nobody can tell which one made a thing: it is the one's that the
        reconciler gave it to."""
        thing, lineage = self._thing_of(name), self._lineage_of(hold.held.call_id)
        if thing is not None and not thing.vendor_id.startswith(("pi_", "ch_", "re_")):
            root = self.heaps.of(lineage)
            least = self.heaps.stake(root) + max(thing.stake_micros, thing.dear_micros)
            room = self.weight_of(self.heaps.members(root)) >= least
            self.heaps.move(thing, lineage, room=room)

    def _parted(self, entry: Parted) -> None:
        hold = self._hold(entry.hold_id)
        before = hold.figures()
        hold.shed = True
        self._change(hold, before)
        account = self.accounts[hold.held.account_id]
        account.by_day[hold.held.day][1] -= hold.restored
        account.restored -= hold.restored
        self._touched.append(self._lineage_of(hold.held.call_id))

    def _change(self, hold: Hold, before: tuple[int, int, int, int]) -> None:
        now, held = hold.figures(), hold.held
        own, own_units, weight, units = (n - b for n, b in zip(now, before, strict=True))
        account = self.accounts[held.account_id]
        account.add(held.day, own, own_units)
        account.may_be_over = account.may_be_over or own > 0
        if held.parent_id is not None and held.parent_day is not None:
            parent = self.accounts[held.parent_id]
            parent.add(held.parent_day, weight, units)
            parent.may_be_over = parent.may_be_over or weight > 0

    def _restored(self, entry: Restored) -> None:
        hold = self._hold(entry.hold_id)
        _must_be_ints(entry.amount_micros)
        name = entry.refund_id.rpartition("/")[2]
        given = self.refunds.get(name, 0)
        if entry.amount_micros > 0 and given:
            raise Untrue("a refund gives back once", f"{entry.refund_id} gives {given} already")
        self.refunds[name] = given + entry.amount_micros
        refund = self._thing_of(name)
        if refund is None or entry.amount_micros > refund.stake_micros:
            raise Untrue("a refund gives back what went back", f"{entry.amount_micros}: {refund}")
        hold.restored += entry.amount_micros
        if hold.restored > hold.settled:
            raise Untrue("a refund gives back what was spent", f"{hold.restored}")
        account = self.accounts[entry.account_id]
        account.by_day[entry.day][1] += entry.amount_micros
        account.restored += entry.amount_micros

    def _hold(self, hold_id: int) -> Hold:
        if hold_id not in self.holds:
            raise Untrue("a hold is journaled before what becomes of it", f"hold {hold_id}")
        return self.holds[hold_id]

    # -- heaps ---------------------------------------------------------------------------------

    def took(self, thing: Thing) -> None:
        """A vendor made or changed a thing. Raises Untrue."""
        root = self.heaps.join(thing)
        if self.weight_of(self.heaps.members(root)) < self.heaps.stake(root):
            root = self.heaps.repay(thing) or root
        self.weigh(root)

    def weigh(self, lineage: str) -> None:
        """Does the heap that this lineage belongs to weigh what the vendors took? Raises Untrue."""
        root = self.heaps.of(lineage)
        stake = self.heaps.stake(root)
        if stake and self.weight_of(self.heaps.members(root)) < stake:
            names = [thing.vendor_id for thing in self.heaps.things[root]]
            raise Untrue(
                "the books never say less than was charged",
                f"{self.weight_of(self.heaps.members(root))} for {stake} of {names}",
            )

    def _is_drift(self, hold: Hold) -> None:
        """A hold that counts for more than before: did the vendor take all that its heap
        weighs? Else it is what another call did. A call in doubt that names nothing counts in full
        beside all that is known: it may have made nothing. Raises Untrue."""
        root = self.heaps.of(self._lineage_of(hold.held.call_id))
        things = self.heaps.things.get(root, ())
        took = sum(max(thing.stake_micros, thing.dear_micros) for thing in things)
        members = self.heaps.members(root)
        beside = sum(one.own for one in self._holds_of(members) if one.names_nothing)
        if (weight := self.weight_of(members) - beside) > took:
            names = [thing.vendor_id for thing in things]
            raise Untrue(
                "a hold grows by what the vendor declared and nothing else",
                f"hold {hold.held.hold_id} to {hold.own}: {weight} for {took} of {names}",
            )

    def _weigh_touched(self) -> None:
        for lineage in self._touched:
            self.weigh(lineage)
        for hold in self._grown:
            self._is_drift(hold)

    def aged(self, lineages: Iterable[str]) -> bool:
        """Was one of them settled at what it counted, for its age alone?"""
        return any(hold.aged for hold in self._holds_of(lineages))

    def weight_of(self, lineages: Iterable[str]) -> int:
        return sum(hold.own for hold in self._holds_of(lineages))

    def _holds_of(self, lineages: Iterable[str]) -> Iterator[Hold]:
        return (hold for each in lineages for hold in self.by_lineage.get(each, ()))


def _must_be_ints(*values: object) -> None:
    for value in values:
        if type(value) is not int:
            raise Untrue("money is an int", repr(value))
