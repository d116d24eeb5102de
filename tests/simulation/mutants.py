"""Houses with one mistake in them: what the simulator must find.

Each puts another function in the place of a named one of the product, for as long as it is looked
at. `python -m tests.simulation.mutants` tells for each the first story that finds it, and which
rule it breaks; `test_mutants.py` plays those stories, with the mistake and without.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import gateway.call.books
import gateway.call.retries
import gateway.reconcile.alike
import gateway.reconcile.plans
import ledger.journal
from gateway.call.books import Books
from gateway.call.proxy import Proxy
from gateway.call.sending import Sender
from gateway.clock import SystemClock
from gateway.errors import VendorBrokeOff, VendorTimeout
from gateway.vault.keys import Key
from gateway.vault.registry import Registry
from ledger import Ending, HoldState, Ledger
from ledger.days import Calendar
from ledger.journal import Journal
from ledger.replay import Replay
from ledger.shard import Shard
from ledger.state import State
from tests.simulation.story import make_story
from tests.simulation.world import play
from vendors.contract import End, Outcome
from vendors.twilio import settle as twilio_settle

SEEDS_MAX: Final = 200
STEPS: Final = 150


@dataclass(frozen=True)
class Mutant:
    """about: the mistake. mix, seed: the first story of STEPS steps that finds it, of the mixes
    where it can be found. place, name, wrong: what is in the place of what."""

    about: str
    mix: str
    seed: int
    place: Any
    name: str
    wrong: Callable[[Any], Any]

    @contextlib.contextmanager
    def made(self) -> Iterator[None]:
        right = getattr(self.place, self.name)
        kept = vars(self.place).get(self.name, right)
        setattr(self.place, self.name, self.wrong(right))
        try:
            yield
        finally:
            setattr(self.place, self.name, kept)


def _nothing(right: Any) -> Any:
    return lambda *args, **kwargs: None


def _always(value: Any) -> Callable[[Any], Any]:
    return lambda right: lambda *args, **kwargs: value


def _before_sending(right: Any) -> Any:
    async def send(self: Sender, journey: Any, *others: Any) -> Any:
        if journey.made:
            self._books.release(journey)
            journey.made.clear()
        return await right(self, journey, *others)

    return send


def _float(right: Any) -> Any:
    async def hold(self: Ledger, account_id: int, amount_micros: int, **others: Any) -> Any:
        return await right(self, account_id, amount_micros / 1, **others)

    return hold


def _unsynced(right: Any) -> Any:
    async def hold(self: Ledger, *args: Any, **kwargs: Any) -> Any:
        task = asyncio.ensure_future(right(self, *args, **kwargs))
        before = self._shard(args[0]).state.last_hold
        await asyncio.sleep(0)
        if task.done():
            return task.result()
        task.add_done_callback(lambda done: done.exception())
        return self.find(before + 1) or await task

    return hold


def _not_one_step(right: Any) -> Any:
    async def hold(self: Ledger, account_id: int, amount_micros: int, **others: Any) -> Any:
        no = self.check(account_id, amount_micros, others.get("units", 1))
        if no is not None:
            raise no
        await asyncio.sleep(0.001)
        exceeded = Shard.exceeded
        Shard.exceeded = _nothing(None)  # type: ignore[method-assign]
        try:
            coroutine = right(self, account_id, amount_micros, **others)
            future = coroutine.send(None)
        finally:
            Shard.exceeded = exceeded  # type: ignore[method-assign]
        return await _rest(coroutine, future)

    return hold


async def _rest(coroutine: Any, future: Any) -> Any:
    """A coroutine that was begun by hand, to its end."""
    future._asyncio_future_blocking = False
    await asyncio.wait((future,))
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits for one thing")


def _after_sending(right: Any) -> Any:
    """In the place of `Proxy._settle`, where `_hold` holds nothing."""

    async def settle(self: Proxy, journey: Any, reply: Any) -> None:
        if journey.retried is None:
            await self._books.hold(journey)
        await right(self, journey, reply)

    return settle


def _hold_late(right: Any) -> Any:
    async def hold(self: Proxy, journey: Any) -> None:
        return None

    return hold


def _released_on_500(right: Any) -> Any:
    async def settle(self: Books, journey: Any, outcome: Outcome, memo: bytes) -> None:
        if (journey.record.status or 0) >= 500:
            outcome = Outcome(End.RELEASED)
        await right(self, journey, outcome, memo)

    return settle


def _sent_again(right: Any) -> Any:
    async def send(self: Sender, journey: Any, *others: Any) -> Any:
        try:
            return await right(self, journey, *others)
        except VendorBrokeOff:
            return await right(self, journey, *others)

    return send


def _clamped(right: Any) -> Any:
    def book(self: Ledger, endings: Any, *, now_us: int) -> Any:
        held = []
        for each in endings:
            hold = self.find(each.hold_id)
            if isinstance(each, Ending) and hold is not None and not hold.tag.startswith("stripe"):
                most = min(each.settled_micros, hold.amount_micros)
                each = each._replace(settled_micros=most)
            held.append(each)
        return right(self, held, now_us=now_us)

    return book


def _skipping(right: Any) -> Any:
    def apply(self: Replay, row: Any) -> None:
        if row.seq % 9:
            right(self, row)

    return apply


def _given_back_twice(right: Any) -> Any:
    def restore(self: Ledger, hold_id: int, amount_micros: int, refund_id: str) -> Any:
        right(self, hold_id, amount_micros, refund_id)
        return right(self, hold_id, amount_micros, f"again/{refund_id}")

    return restore


def _tomorrow(right: Any) -> Any:
    return lambda self, now_us: right(self, now_us) + 1


def _without_parent(right: Any) -> Any:
    def exceeded(self: Shard, *args: Any, with_parent: bool, all_caps: bool) -> Any:
        return right(self, *args, with_parent=False, all_caps=all_caps)

    return exceeded


def _forgets_to_doubt(right: Any) -> Any:
    return lambda self: self.book([], self._clock.now_us())


def _written_twice(right: Any) -> Any:
    def write_down(self: Proxy, journey: Any) -> None:
        right(self, journey)
        right(self, journey)

    return write_down


def _own_name(right: Any) -> Any:
    """Each retry goes out under a name of its own."""
    count = iter(range(1_000_000))
    return lambda terms, key: f"{right(terms, key)}-{next(count)}"


def _one_listing(right: Any) -> Any:
    return lambda doubt, now_us, gap_us: doubt.conclusive


def _follows_the_wall(right: Any) -> Any:
    return lambda self: right(self) + self.wall_step_us()


def _endings_lost(right: Any) -> Any:
    return lambda batches: []


def _doubt_counts_nothing(right: Any) -> Any:
    def doubt(self: Books, journey: Any, memo: bytes = b"") -> None:
        self._end_all(journey, HoldState.SETTLED, memo)

    return doubt


def _failure_unheard(right: Any) -> Any:
    """A batch that failed is told to be durable."""

    def judge(self: Journal, batch: Any, failure: Any) -> None:
        right(self, batch, None)

    return judge


def _forgotten_retry(right: Any) -> Any:
    return lambda self, key: None


def _timed_out_is_released(right: Any) -> Any:
    def doubt(self: Sender, journey: Any, refusal: Any) -> Any:
        if isinstance(refusal, VendorTimeout):
            self._release(journey, refusal)
        return right(self, journey, refusal)

    return doubt


def _empty(right: Any) -> Any:
    return frozenset()


MUTANTS: Final[tuple[Mutant, ...]] = (
    Mutant("a release is forgotten", "calm", 0, Books, "release", _nothing),
    Mutant("the hold goes before the call is sent", "calm", 0, Sender, "send", _before_sending),
    Mutant("an amount is a float", "calm", 0, Ledger, "hold", _float),
    Mutant("the day is tomorrow's", "calm", 0, Calendar, "day_at", _tomorrow),
    Mutant("nobody waits for the sync", "calm", 0, Ledger, "hold", _unsynced),
    Mutant("looking and setting aside are two steps", "storms", 2, Ledger, "hold", _not_one_step),
    Mutant("nothing is held before the call leaves", "calm", 0, Proxy, "_hold", _hold_late),
    Mutant("a 5xx releases", "vendor", 1, Books, "settle", _released_on_500),
    Mutant("a timeout releases", "vendor", 2, Sender, "_doubt", _timed_out_is_released),
    Mutant("in doubt counts nothing", "vendor", 0, Books, "doubt", _doubt_counts_nothing),
    Mutant("a call is sent again by itself", "vendor", 0, Sender, "send", _sent_again),
    Mutant("drift is not counted", "vendor", 3, Ledger, "book", _clamped),
    Mutant("a replay skips rows", "crashes", 0, Replay, "_apply", _skipping),
    Mutant(
        "what was open is not doubted", "crashes", 0, Shard, "doubt_open_holds", _forgets_to_doubt
    ),
    Mutant("a revoke is not looked at again", "storms", 12, Sender, "look_again", _nothing),
    Mutant("a revoke is looked at by nobody", "storms", 1, Registry, "no_longer", _nothing),
    Mutant("a key does not expire", "clock", 0, Key, "expired", _always(False)),
    Mutant("a refund gives back twice", "calm", 2, Ledger, "restore", _given_back_twice),
    Mutant("issuers are not asked", "calm", 0, Shard, "exceeded", _without_parent),
    Mutant("retries are forgotten", "storms", 0, Ledger, "retried", _forgotten_retry),
    Mutant("a retry has another name", "vendor", 5, gateway.call.retries, "vendor_key", _own_name),
    Mutant("what found no room stays held", "disk", 0, State, "take_back", _nothing),
    Mutant("a full disk loses endings", "disk", 0, ledger.journal, "_kept", _endings_lost),
    Mutant("a failed sync is taken for one", "disk", 0, Journal, "_judge", _failure_unheard),
    Mutant("one listing releases", "vendor", 5, gateway.reconcile.alike, "never_ran", _one_listing),
    Mutant(
        "a doubt takes all over",
        "vendor",
        171,
        gateway.reconcile.plans,
        "_carry_all",
        _always(False),
    ),
    Mutant("budget time follows the wall", "clock", 0, SystemClock, "now_us", _follows_the_wall),
    Mutant("a call is written down twice", "calm", 0, Proxy, "_write_down", _written_twice),
    Mutant("409 releases", "vendor", 0, twilio_settle, "_NEVER_RELEASES", _empty),
)


def first_story(mutant: Mutant, seeds_max: int = SEEDS_MAX) -> tuple[int, str] | None:
    """The seed that finds it, and the rule that is broken."""
    with mutant.made():
        for seed in range(seeds_max):
            played = play(make_story(seed, STEPS, mutant.mix))
            if played.untrue:
                return seed, played.untrue
    return None


def main() -> int:
    missed = 0
    for mutant in MUTANTS:
        began_s = time.process_time()
        found = first_story(mutant)
        took_s = time.process_time() - began_s
        missed += found is None
        told = "NOT FOUND" if found is None else f"seed {found[0]}: {found[1]}"
        print(f"{mutant.about:42} {mutant.mix:10} {took_s:6.1f} s  {told}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
