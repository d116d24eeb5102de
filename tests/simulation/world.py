"""The world of one story: the timeline, the disks, the vendors, whoever calls, and the house in it.

It plays the story's steps on the real house, one process after the other, and checks after every
event what must be true. What the steps mean is in `deeds.py`, what must hold of the rows in
`truth.py`; here is what can be seen at the house's borders:

    I2   first_byte()    no write leaves before its hold is on the disk
    I3   compare()       the books in memory are the fold of the rows on the disk
    I5   first_byte()    one request in, at most one write out
    I8   answered()      a 2xx means that the vendor did it and that its hold is on the disk
    I9   recorded()      one row in the audit log for each call, and no call stays open
    I10  first_byte()    the vendor never sees a vault key, the caller never the real one
    DESIGN 8             nothing of a revoked key leaves; a retry is no second charge; memory
                         stays within its caps at every event
"""

from __future__ import annotations

import asyncio
import gc
import logging
import zlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from gateway.http.message import ClientGone, Response
from gateway.upstream.order import Aborted, NotSent, Order, OutcomeUnknown
from ledger import HoldState, LedgerRefused
from ledger.chain import Row
from ledger.codec import decode
from ledger.entries import Ended, Entry, Held
from ledger.history import CallRow
from ledger.shard import Shard
from tests.simulation import deeds
from tests.simulation.callers import Caller, Holder, asked_by, read_answer, request_of
from tests.simulation.disk import Disk
from tests.simulation.life import Life, SimHistory, error_of, furnished
from tests.simulation.models import REPLAYED, Answered, Model, Thing, Vendors
from tests.simulation.story import Step, Story, words
from tests.simulation.timeline import Timeline
from tests.simulation.truth import Books, Untrue
from tests.simulation.wire import SECRETS, Way

CURRENT: ContextVar[Caller] = ContextVar("the call that a task carries")
COMPARE_EVERY: Final = 16
RETRY_MEMORY_US: Final = 17 * 3_600_000_000
"""For so long a retry is none of its own, whatever the clocks did."""
ROUNDS_S: Final = (70, 960, 960, 7_200, 86_000, 180_000, 90_000)
"""After the story: so far apart all that is open is looked at."""
EVENTS_MAX: Final = 1_000_000


@dataclass
class Played:
    """How a story went. untrue: the rule that was broken, '' for none. how: in words, with what
    happened last. trace: a sum over all events, the same for the same story."""

    untrue: str
    how: str
    events: int
    trace: int
    counts: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)


def play(story: Story, *, telling: bool = False) -> Played:
    """telling: keep what happens, in words."""
    world = World(story, telling=telling)
    quiet = logging.getLogger("keybrake").isEnabledFor(logging.CRITICAL)
    logging.disable(logging.CRITICAL)
    try:
        with furnished(world):
            world.play()
    finally:
        if quiet:
            logging.disable(logging.NOTSET)
    untrue = world.untrue
    rule = untrue.rule if untrue is not None else ""
    how = str(untrue) if untrue is not None else ""
    return Played(rule, how, world.events, world.trace, world.counts, world.told)


class World:
    def __init__(self, story: Story, *, telling: bool = False) -> None:
        self.story = story
        self.timeline = Timeline()
        self.vendors = Vendors()
        self.books = Books(self.lineage_of, self.vendors.thing)
        self.disks = [Disk(shard, self._on_row) for shard in (0, 1)]
        self.history = SimHistory(self)
        self.holders: list[Holder] = []
        self.issuers: list[str] = []
        self.callers: dict[str, Caller] = {}
        self.asked: dict[int, Caller] = {}
        self.mails: dict[int, str] = {}
        self.busy: dict[str, set[bytes]] = {"stripe": set(), "twilio": set(), "resend": set()}
        self.out_until_s: dict[str, float] = {}
        self.minted = 0
        self.events = 0
        self.trace = 0
        self.counts: dict[str, int] = {}
        self.untrue: Untrue | None = None
        self.told: list[str] = []
        self.life: Life
        self._living = False
        self._telling = telling
        self._number = 0
        self._ended = False
        self._dying = False

    # -- playing -------------------------------------------------------------------------------

    def play(self) -> None:
        """To its end, or to the first thing that is untrue."""
        gc_was_on = gc.isenabled()
        gc.disable()
        try:
            self._begin_life()
            while not self._ended and self.untrue is None:
                if self._living:
                    self.life.loop.run_forever()
                else:
                    self._guarded(self.timeline.do_next)
        finally:
            if self._living:
                self._end_life(written=False)
            if gc_was_on:
                gc.enable()

    def _begin_life(self) -> None:
        self.life = Life(self)
        self._living, self._dying = True, False
        self.life.loop.create_task(self._start(self.life))

    async def _start(self, life: Life) -> None:
        first = not self.disks[0].rows
        try:
            await life.start()
            if first:
                await deeds.furnish(self)
                for step in self.story.steps:
                    self.timeline.at(step.at_s, partial(self._step, step))
                last_s = self.story.steps[-1].at_s if self.story.steps else 0.0
                self.timeline.at(last_s + 1, self._finale)
            self.compare()
        except LedgerRefused as exc:
            if "cannot be written" in str(exc) or "no room" in str(exc):
                self.crash(written=True, after_s=2)
            else:
                self.fail(Untrue("a house that fell stands up again", str(exc)))
        except Untrue as exc:
            self.fail(exc)
        except Exception as exc:
            self.fail(Untrue("a house that fell stands up again", repr(exc)))
        self.tell("the house is up")

    def crash(self, *, written: bool, after_s: float) -> None:
        """The process is gone, and another one starts."""
        self._end_life(written=written)
        self.history.after_crash()
        self.tell("the process is gone")
        self.timeline.after(after_s, self._begin_life)

    def ended_well(self) -> None:
        """A process ended by itself."""
        self._end_life(written=True)
        self.timeline.after(0.1, self._begin_life)

    def _end_life(self, *, written: bool) -> None:
        self._living = False
        self.life.loop.stop()
        try:
            self.life.die(written=written)
        except Untrue as exc:
            self.untrue = self.untrue or exc

    def ledger_died(self, why: str) -> None:
        """`on_death`: the process ends. What is on its way may still get there."""
        self.tell(f"the ledger gave up: {why}")
        self._dying = True
        life = self.life
        self.timeline.after(0.002, lambda: self._die(life))

    def _die(self, life: Life) -> None:
        if self._living and self.life is life:
            self.crash(written=True, after_s=0.5)

    def lives(self, loop: asyncio.AbstractEventLoop) -> bool:
        return self._living and self.life.loop is loop

    @property
    def open_for_calls(self) -> bool:
        return self._living and self.life.up and not self.life.stopping

    def fail(self, untrue: Untrue) -> None:
        if self.untrue is None:
            self.untrue = untrue
            self.tell(f"UNTRUE: {untrue}")
        if self._living:
            self.life.loop.stop()

    def odd(self, what: str, exc: BaseException | None) -> None:
        if isinstance(exc, Untrue):
            self.fail(exc)
        else:
            self.fail(Untrue("nothing fails inside the gateway", what))

    def _guarded(self, deed: Any) -> None:
        try:
            deed()
        except Untrue as exc:
            self.fail(exc)

    def _step(self, step: Step) -> None:
        self.happened(step.kind, None)
        if self._telling:
            self.tell(f"step {step.number}: {words(step)}")
        deeds.DEEDS[step.kind](self, step)

    def tell(self, what: str) -> None:
        if self._telling:
            self.told.append(f"{self.timeline.now_s:10.4f}  {what}")

    def happened(self, what: str, caller: Caller | None) -> None:
        """One event of the story; what must always be true is looked at."""
        self.events += 1
        self.counts[what] = self.counts.get(what, 0) + 1
        number = 0 if caller is None else caller.number
        sign = f"{what} {number} {self.timeline.now_s:.6f}"
        self.trace = zlib.crc32(sign.encode(), self.trace)
        if self.events > EVENTS_MAX:
            self.fail(Untrue("a story ends", f"{self.events} events"))
        if self.open_for_calls and not self._dying:
            self._guarded(self.compare if self.events % COMPARE_EVERY == 0 else self._check_caps)

    # -- calls ---------------------------------------------------------------------------------

    def call(self, step: Step, holder: Holder, like: Caller | None = None) -> None:
        """A call begins; like: the same request as that one's."""
        maker = self.asked.get(step.of)
        if not self.open_for_calls or (step.kind == "call" and maker and not maker.over):
            return  # nobody knows the name of an object before the call that made it is over
        self._number += 1
        asked = asked_by(step, self._mail_of) if like is None else like.asked
        once = like.step.once if like is not None else step.once
        lineage = f"{holder.namespace}:{once}" if once else f"#{self._number}"
        way = Way.of(step.fate, step.salt + self._number)
        caller = Caller(self._number, step, holder, way, lineage, asked, self.timeline.true_us)
        self.asked.setdefault(step.number, caller)
        if step.gone_s:
            self.timeline.after(step.gone_s, lambda: setattr(caller, "gone", True))
        life = self.life
        task = life.loop.create_task(self._carry(life, caller))
        life.calls.add(task)
        task.add_done_callback(life.calls.discard)

    def _mail_of(self, number: int) -> str:
        return self.mails.get(number, "00000000-0000-0000-0000-000000000000")

    async def _carry(self, life: Life, caller: Caller) -> None:
        CURRENT.set(caller)
        self.happened("call", caller)
        try:
            response = await life.proxy.answer(request_of(caller, life.loop.time()))
            caller.answer = await read_answer(caller, response)
        except (ClientGone, OutcomeUnknown, NotSent, Aborted):
            self.over(caller)
            return
        caller.status = response.status
        self.answered(caller, response)

    def caller_now(self) -> Caller:
        return CURRENT.get()

    def named(self, made: str) -> None:
        """The gateway gave something an id: a call, if one is under way."""
        caller = CURRENT.get(None)
        if caller is not None and not caller.call_id:
            caller.call_id = made
            self.callers[made] = caller

    def lineage_of(self, call_id: str) -> str:
        return self.callers[call_id].lineage

    def answered(self, caller: Caller, response: Response) -> None:
        caller.code = error_of(caller.answer) if response.status >= 400 else None
        if self._telling:
            said = f"{response.status} {caller.code or ''}"
            self.tell(f"call {caller.number} (step {caller.step.number}) is answered: {said}")
        if caller.code == "internal" and not self._dying:
            raise Untrue("nothing fails inside the gateway", f"call {caller.number}: 500")
        shown = caller.answer + b"".join(value for _, value in response.headers)
        if any(secret.partition(b" ")[2] in shown for secret in SECRETS.values()):
            raise Untrue("no caller sees the real key", f"call {caller.number}")
        if caller.writes and response.status < 300:
            self._check_done(caller)
        self.over(caller)
        self.happened("answered", caller)

    def _check_done(self, caller: Caller) -> None:
        lineage = caller.lineage
        if not self.books.by_lineage.get(lineage):
            raise Untrue("a 2xx has its hold on the disk", f"call {caller.number}")
        if not caller.out and not any(c.out for c in self.callers.values() if c.lineage == lineage):
            raise Untrue("a 2xx was the vendor's", f"call {caller.number}")
        if caller.step.what == "schedule":
            self.mails[caller.step.number] = _mail_id(caller.answer)

    def over(self, caller: Caller) -> None:
        """Its caller has what it gets: no hold of it is open, and it was written down once."""
        caller.over = True
        if self._dying or not self._living:
            return
        find = self.life.ledger.find
        for hold in self.books.by_call.get(caller.call_id, ()):
            known = find(hold.held.hold_id)
            if known is not None and known.state is HoldState.OPEN:
                raise Untrue("a call that is over holds nothing open", f"call {caller.number}")
        if caller.status and caller.records != 1:
            raise Untrue("a call is written down once", f"{caller.number}: {caller.records}")

    def recorded(self, row: CallRow) -> None:
        caller = self.callers[row.id]
        caller.records += 1
        if caller.records > 1:
            raise Untrue("a call is written down once", f"call {caller.number}")

    # -- the wire ------------------------------------------------------------------------------

    def first_byte(self, caller: Caller, order: Order) -> None:
        """Right after the gate, right before the first byte."""
        self.happened("leaves", caller)
        holder, lines = caller.holder, dict(order.headers)
        if holder.revoked:
            self.fail(Untrue("nothing of a revoked key leaves", holder.revoked))
        if holder.expires_us is not None and self.life.clock.now_us() >= holder.expires_us:
            self.fail(Untrue("nothing of an expired key leaves", f"call {caller.number}"))
        if lines[b"authorization"] != SECRETS[caller.step_vendor]:
            self.fail(Untrue("the vendor gets its own key", f"call {caller.number}"))
        body = order.body if isinstance(order.body, bytes) else b""
        seen = b"".join((order.target, body, *lines.values()))
        if holder.secret.encode() in seen:
            self.fail(Untrue("no vendor sees a vault key", f"call {caller.number}"))
        if caller.writes:
            self._check_durable(caller)

    def _check_durable(self, caller: Caller) -> None:
        caller.out += 1
        if caller.out > 1:
            self.fail(Untrue("one request in, at most one out", f"call {caller.number}"))
        holds = self.books.by_call.get(caller.call_id) or self.books.by_lineage.get(caller.lineage)
        if not any(hold.state is not HoldState.RELEASED for hold in holds or ()):
            self.fail(Untrue("a hold is on the disk before the first byte", f"{caller.number}"))

    def last_byte(self, caller: Caller, order: Order) -> None:
        if self._telling:
            self.tell(f"call {caller.number} has left")

    def is_out(self, vendor: str) -> bool:
        return self.timeline.now_s < self.out_until_s.get(vendor, 0.0)

    def vendor_does(self, model: Model, caller: Caller, order: Order, fate: str) -> Answered:
        now_us = self.timeline.true_us
        self.happened("vendor", caller)
        if order.method == b"GET":
            return model.read(order, now_us)
        said = fate if fate in ("no", "failed", "undelivered", "dear") else ""
        answer = model.write(order, caller.lineage, now_us, said=said)
        caller.replayed = answer[2] is REPLAYED
        if self._telling:
            things = [(thing.vendor_id, thing.stake_micros) for thing in model.touched]
            self.tell(f"the vendor does call {caller.number}: {answer[0]} {things}")
        try:
            for thing in model.touched:
                self._check_once(thing, caller, now_us)
                self.books.took(thing)
        except Untrue as exc:
            self.fail(exc)
        return answer

    def _check_once(self, thing: Thing, caller: Caller, now_us: int) -> None:
        """A second thing of the same request is a second charge."""
        lineage = caller.lineage
        if thing.made_us != now_us or thing.asked_us or lineage.startswith("#"):
            return
        thing.asked_us = caller.begun_us
        for other in self.books.heaps.things.get(self.books.heaps.of(lineage), ()):
            young = other.asked_us and now_us - other.asked_us < RETRY_MEMORY_US
            if other is not thing and young and other.made_by == lineage:
                raise Untrue("a retry is no second charge", f"{other.vendor_id}, then another")

    def vendor_shows(self, model: Model, order: Order) -> Answered:
        self.happened("shows", None)
        return model.read(order, self.timeline.true_us)

    # -- the books -----------------------------------------------------------------------------

    def _on_row(self, shard: int, row: Row) -> None:
        self.happened("row", None)
        if self._telling:
            for entry in decode(row.body) if row.entries > 0 else ():
                self.tell(f"row {shard}.{row.seq}: {_shown(entry)}")
        try:
            self.books.on_row(shard, row)
        except Untrue as exc:
            self.fail(exc)

    def _check_caps(self) -> None:
        """Memory, at this moment: what counts today is within the cap, but for a reason."""
        for shard in self._quiet_shards():
            for account in shard.state.accounts.values():
                cap, known = account.terms.daily_micros, self.books.accounts[account.account_id]
                if cap is None or known.may_be_over or known.top_ups:
                    continue
                for day, sums in account.days.items():
                    if sums.counts() > cap:
                        raise Untrue("no hold passes a cap", f"{sums.counts()} of {cap} on {day}")

    def _quiet_shards(self) -> Iterator[Shard]:
        """Those of which nothing is on its way to the disk."""
        for shard in self.life.ledger._by_number.values():
            journal = shard.journal
            if journal._in_flight is None and not journal.queued and journal.trouble is None:
                yield shard

    def compare(self) -> None:
        """Memory is the fold of the rows, wherever nothing is on its way to the disk."""
        for shard in self._quiet_shards():
            self._compare_shard(shard)

    def _compare_shard(self, shard: Shard) -> None:
        books = self.books
        for account in shard.state.accounts.values():
            known = books.accounts[account.account_id]
            total = account.total
            if (total.counts() + total.restored, total.restored) != (known.total, known.restored):
                raise Untrue("memory is the fold of the rows", f"{account.account_id}: total")
            today = account.calendar.day_at(self.life.clock.now_us())
            for day, sums in account.days.items():
                if day != today and not sums.is_open():
                    continue  # a day that was forgotten, and came up again
                mine = known.by_day[day]
                if [sums.counts() + sums.restored, sums.restored, sums.units] != mine:
                    told = f"{account.account_id} on {day}: {sums.as_tuple()} and {mine}"
                    raise Untrue("memory is the fold of the rows", told)
        for hold in shard.state.holds.values():
            mine_too = books.holds.get(hold.hold_id)
            if mine_too is None:
                raise Untrue("memory is the fold of the rows", f"{hold!r} has no row")
            is_so = (hold.state, hold.settled_micros, hold.standing_micros, hold.shed, hold.tag)
            m = mine_too
            if is_so != (m.state, m.settled, m.standing, m.shed, m.tag):
                raise Untrue("memory is the fold of the rows", f"{hold!r} and {m}")

    # -- the end -------------------------------------------------------------------------------

    def _finale(self) -> None:
        """Nothing goes wrong any more."""
        self.tell("the story is over; all that is open is looked at")
        for disk in self.disks:
            disk.full_until_s = disk.slow_until_s = 0.0
            disk.breaks = ""
        for vendor in self.vendors.all:
            vendor.lag_us = 0
        self.out_until_s.clear()
        self.timeline.after(150, self._all_over)

    def _all_over(self) -> None:
        if not self.open_for_calls:
            self.timeline.after(20, self._all_over)
            return
        if self.life.calls:
            self.fail(Untrue("every call ends", f"{len(self.life.calls)} do not"))
            return
        self.life.loop.create_task(self._look_at_all())

    async def _look_at_all(self) -> None:
        life = self.life
        try:
            for gap_s in ROUNDS_S:
                self.timeline.sleep(gap_s)
                await life.look()
            await asyncio.sleep(1.0)
            deeds.check_the_end(self)
            await life.stop()
            before = deeds.picture(life)
        except Untrue as exc:
            self.fail(exc)
            return
        self._end_life(written=True)
        self.life = Life(self)
        self._living = True
        self.life.loop.create_task(self._start_again(before))

    async def _start_again(self, before: Any) -> None:
        """replay(journal) equals the live books."""
        try:
            await self.life.start()
            self.compare()
            if deeds.picture(self.life) != before:
                raise Untrue("a replay gives the books that lived", "after a clean stop")
        except (Untrue, LedgerRefused) as exc:
            self.fail(exc if isinstance(exc, Untrue) else Untrue("it starts again", str(exc)))
        self._ended = True
        self.life.loop.stop()


def _shown(entry: Entry) -> str:
    """An entry in few words."""
    if isinstance(entry, Held):
        whose = f"account {entry.account_id}, {entry.call_id}"
        return f"hold {entry.hold_id} of {entry.amount_micros} for {whose} {entry.tag}"
    if isinstance(entry, Ended):
        figures = f"{entry.settled_micros} + {entry.standing_micros}"
        how = entry.memo.decode("latin-1") if b"reconciled" in entry.memo else ""
        return f"hold {entry.hold_id} is {entry.state.value}: {figures} {entry.tag} {how}"
    return repr(entry)[:150]


def _mail_id(answer: bytes) -> str:
    """The id in an answer of Resend's."""
    return answer.partition(b'"id":"')[2].partition(b'"')[0].decode()
