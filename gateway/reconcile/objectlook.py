"""A look at an object: what stands, what is pending and what is in doubt about it, from one read.

The vendor's word on an object speaks for all of it, so it is booked over all its holds as a call's
answer would be, in the object's turn. A call in doubt about the object ends with it: the object is
as it is, whether or not that call ran. Where the object cannot be read, its calls in doubt are
searched for one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.call import objects
from gateway.reconcile import plans
from gateway.reconcile.alike import name_of
from gateway.reconcile.asking import Unanswered
from gateway.reconcile.desk import UNANSWERED, Desk, Evidence, Looked, said
from gateway.reconcile.flights import being_retried
from gateway.reconcile.schedule import KIND_OF, Kind
from gateway.reconcile.searching import Round, doubted, search
from ledger import Hold, HoldState
from vendors.contract import End, Lookup, Outcome

UNDER_WAY = Looked("a call in doubt about it is too young, or is being retried", again=True)


class ObjectLook:
    """One account's."""

    __slots__ = ("_desk",)

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def look(self, tag: str) -> Looked | None:
        """None: nothing of it is open any more."""
        turns = self._desk.doors.turns
        await turns.take(tag)
        try:
            return await self._in_turn(tag)
        finally:
            turns.give(tag)

    async def _in_turn(self, tag: str) -> Looked | None:
        known, doubts = self._desk.holds(tag)
        if not known and not doubts:
            return None
        if self._under_way(doubts):
            return UNDER_WAY
        looked = await self._read(tag)
        return await self._let_age(tag, looked)

    async def _read(self, tag: str) -> Looked:
        desk, object_id = self._desk, tag.rpartition("/")[2]
        known, doubts = desk.holds(tag)
        asked = Round(headers=objects.account_headers((*known, *doubts)))
        lookup = desk.vendor.object_lookup(object_id)
        if lookup is None:
            return await self._search(tag, "the vendor offers no way to read it again", asked)
        try:
            answer = await desk.asker.ask(lookup, asked.headers)
        except Unanswered as exc:
            return Looked(str(exc), UNANSWERED, answered=False, again=True)
        known, doubts = desk.holds(tag)  # a retry of the call that made it takes no turn
        if self._under_way(doubts):
            return UNDER_WAY
        if not known and not doubts:
            return Looked("it is over")
        counted = sum(objects.counted(hold) for hold in (*known, *doubts) if not hold.shed)
        rate = objects.kept_rate(known or doubts)
        outcome = desk.vendor.reread(object_id, rate, counted, answer)
        if outcome.end is End.IN_DOUBT:
            why = outcome.why or f"HTTP {answer.status} says nothing new"
            asked.answers[lookup] = answer
            return await self._search(tag, why, asked)
        return await self._book(tag, outcome, lookup, answer.status)

    async def _book(self, tag: str, outcome: Outcome, lookup: Lookup, status: int) -> Looked:
        """The holds are looked at in the step in which they are booked. A call in doubt is given
        its object's name: whoever asks who has booked the object finds it by that."""
        desk, name = self._desk, name_of(outcome)
        elsewhere = await desk.settled(name) if self._goes_above(tag, outcome) else 0
        known, doubts = desk.holds(tag)
        if self._under_way(doubts) or not (known or doubts):
            return UNDER_WAY
        outcome = plans.beside(outcome, (*known, *doubts), elsewhere)
        how = said(outcome, lookup.why)
        evidence = Evidence(how, lookup.target, status, name if doubts else "")
        plan = desk.whole(outcome, known, doubts, tag, evidence.memo(desk.now_us()))
        if not plan.first and not plan.then:
            return Looked(f"as before: {how}")
        if (why := await desk.book(plan, evidence)) is not None:
            return Looked(why, again=True)
        return Looked(how, outcome.end.value)

    def _goes_above(self, tag: str, outcome: Outcome) -> bool:
        """Did the object come to more than its holds count for?"""
        known, doubts = self._desk.holds(tag)
        return plans.beside(outcome, (*known, *doubts), 1) is not outcome

    async def _search(self, tag: str, why: str, asked: Round) -> Looked:
        """For each call in doubt about an object that does not speak for itself."""
        looked = Looked(why)
        for call_id in dict.fromkeys(hold.memo_ref for hold in self._desk.holds(tag)[1]):
            looked = await self._search_one(tag, call_id, why, asked)
        return looked

    async def _search_one(self, tag: str, call_id: str, why: str, asked: Round) -> Looked:
        """Only an exact match is believed: an object's calls are told apart by their key alone."""
        desk = self._desk
        call = await doubted(desk, [h for h in desk.holds(tag)[1] if h.memo_ref == call_id])
        if call is None:
            return Looked(f"{why}; the audit log does not know the call")
        try:
            findings = await search(desk, call.doubt, asked)
        except Unanswered as exc:
            return Looked(str(exc), UNANSWERED, answered=False, again=True)
        known, doubts = desk.holds(tag)
        holds = [hold for hold in doubts if hold.memo_ref == call_id]
        if isinstance(findings, str):
            return Looked(f"{why}; {findings}")
        match = next((one for one in findings.matches if one.end is not End.IN_DOUBT), None)
        if match is None or not findings.exact:
            return Looked(f"{why}; {findings.how}")
        if not holds or self._under_way(doubts):
            return UNDER_WAY
        evidence = Evidence(said(match, findings.how), asked.target, 200, name_of(match))
        memo = evidence.memo(desk.now_us())
        if match.object_id is not None and desk.tag(match.object_id) == tag:
            plan = desk.whole(match, known, doubts, tag, memo)
        else:
            plan = plans.single(match, holds, "", memo)
        if (told := await desk.book(plan, evidence)) is not None:
            return Looked(told, again=True)
        desk.give_back(match.gives_back, holds[-1])
        return Looked(evidence.how, match.end.value)

    async def _let_age(self, tag: str, looked: Looked) -> Looked:
        """What has waited for too long is settled at what it counts; a pending price waits a while
        longer for a vendor that does not answer."""
        desk, now_us = self._desk, self._desk.now_us()
        known, doubts = desk.holds(tag)
        old = [h for h in doubts if desk.schedule.too_old(Kind.IN_DOUBT, h.at_us, now_us)]
        kind = Kind.PENDING if looked.answered else Kind.IN_DOUBT
        pending = (h for h in known if KIND_OF[h.state] is Kind.PENDING)
        old += [h for h in pending if desk.schedule.too_old(kind, h.at_us, now_us)]
        if not old or self._under_way(old):
            return looked
        evidence = Evidence(f"settled at what it counts, for its age ({looked.found})")
        why = await desk.book(plans.aged(old, evidence.memo(now_us)), evidence)
        return Looked(evidence.how, "aged") if why is None else Looked(why, again=True)

    def _under_way(self, holds: Sequence[Hold]) -> bool:
        """May a call in doubt among them still be running, at the vendor or as a retry?"""
        desk, now_us = self._desk, self._desk.now_us()
        return any(
            hold.state is HoldState.IN_DOUBT
            and (
                desk.schedule.too_young(hold.at_us, now_us)
                or being_retried(desk.doors.retries, hold)
            )
            for hold in holds
        )
