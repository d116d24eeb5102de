"""A look at a call in doubt that belongs to no object yet: did it run, and what did it come to?

Where the vendor shows which call made what (an exact match), the call is booked from what it made;
unless another call did, or may have: a caller's key that is used again, a day later, is a new call
under the same name, and nothing tells which of the two is shown.
Where it shows alike calls only, all alike doubts are looked at together (`alike.py`). Nothing is
released but by two conclusive listings a gap apart; age settles, and never releases. Right before
a booking the hold is looked at again: a retry may be on its way, or a person may have resolved it.
"""

from __future__ import annotations

from gateway.call import objects
from gateway.call.remarks import Remark, remark_of
from gateway.reconcile import alike, plans
from gateway.reconcile.alike import Listed
from gateway.reconcile.asking import Unanswered
from gateway.reconcile.cases import Case, Cases
from gateway.reconcile.desk import ROWS_MAX, UNANSWERED, Desk, Evidence, Looked, said
from gateway.reconcile.flights import alike_under_way, being_retried
from gateway.reconcile.schedule import Kind
from gateway.reconcile.searching import Doubted, Round, doubted, search
from ledger import Hold, HoldState
from ledger.history import Filters
from vendors.contract import End, Findings, Outcome

Group = dict[str, tuple[Case, Doubted, Findings]]
"""Alike doubts, by call id."""
UNDER_WAY = Looked("it is too young, or is being retried", again=True)


class DoubtLook:
    """One account's. given: names of what was given to doubts since the start: they are explained,
    also before the audit log knows."""

    __slots__ = ("_cases", "_desk", "_given")

    def __init__(self, desk: Desk, cases: Cases, given: dict[str, str]) -> None:
        self._desk = desk
        self._cases = cases
        self._given = given

    async def look(self, case: Case) -> Looked | None:
        """None: it is no longer in doubt."""
        hold = self._hold(case)
        if hold is None:
            return None
        if self._under_way(hold):
            return UNDER_WAY
        looked = await self._ask(case, hold)
        return await self._let_age(hold, looked)

    async def _ask(self, case: Case, hold: Hold) -> Looked:
        call = await doubted(self._desk, [hold])
        if call is None:
            return Looked("the audit log does not know the call")
        asked = Round(headers=remark_of(call.hold).account_headers())
        began_us = self._desk.now_us()
        try:
            findings = await search(self._desk, call.doubt, asked)
            if isinstance(findings, str):
                return Looked(findings)
            if findings.exact:
                return await self._exact(case, call, findings, asked, began_us)
            return await self._together(case, call, findings, asked, began_us)
        except Unanswered as exc:
            return Looked(str(exc), UNANSWERED, answered=False, again=True)

    # -- the vendor says which call made what ----------------------------------------------------

    async def _exact(
        self, case: Case, call: Doubted, findings: Findings, asked: Round, began_us: int
    ) -> Looked:
        match = next((one for one in findings.matches if one.end is not End.IN_DOUBT), None)
        if match is not None:
            if self._used_again(call):
                return Looked(f"{findings.how}: it may be a later call's, under the same key")
            name = alike.name_of(match)
            makers = await self._makers(name, match, call.doubt.operation) if name else set()
            if makers - {call.doubt.call_id}:
                return Looked(f"{findings.how}: what shows is another call's, under the same key")
            return await self._found(call, match, findings.how, asked)
        if findings.matches:
            return Looked(f"{findings.how}: {findings.matches[0].why}")
        listed = _listed(case, call, findings)
        return await self._missing(case, call, listed, findings.how, asked, began_us)

    def _used_again(self, call: Doubted) -> bool:
        """Is there a younger call under the same key that is not over, or in doubt itself? It is
        looked at first: what shows since its own moment is its own."""
        its = remark_of(call.hold)
        for hold in self._desk.doors.ledger.open_holds(HoldState.OPEN, HoldState.IN_DOUBT):
            if hold.at_us <= call.hold.at_us or hold.memo_ref == call.hold.memo_ref:
                continue
            other = remark_of(hold)
            if (other.vendor_key, other.acts_for) == (its.vendor_key, its.acts_for) and (
                its.vendor_key
            ):
                return True
        return False

    # -- alike calls -----------------------------------------------------------------------------

    async def _together(
        self, case: Case, call: Doubted, findings: Findings, asked: Round, began_us: int
    ) -> Looked:
        """All doubts like this one, each with what the vendor shows for it."""
        desk, doubt = self._desk, call.doubt
        group: Group = {doubt.call_id: (case, call, findings)}
        for other in self._others(case, remark_of(call.hold)):
            hold = self._hold(other)
            like = None if hold is None else await doubted(desk, [hold])
            if like is None or like.doubt.operation != doubt.operation:
                continue
            shown = await search(desk, like.doubt, asked)
            if isinstance(shown, Findings) and not shown.exact:
                group[like.doubt.call_id] = (other, like, shown)
        explained, own = await self._explained(group)
        trace = remark_of(call.hold).trace
        if alike_under_way(desk.doors.registry, desk.vendor.name, desk.account, trace):
            return Looked("a call like it is under way", again=True)
        if self._dearer_waits(group, remark_of(call.hold)):
            return Looked("a dearer call like it cannot be looked at yet", again=True)
        listings = {name: _listed(*one) for name, one in group.items()}
        given = alike.allot(tuple(listings.values()), explained, own)
        for name, match in given.items():
            self._given[alike.name_of(match)] = name
        told: dict[str, Looked] = {}
        stuck = False  # what is given is booked before anything goes free for it
        for name in sorted(group, key=lambda name: name not in given):
            one, like, shown = group[name]
            if name in given:
                told[name] = await self._found(like, given[name], shown.how, asked)
                stuck = stuck or told[name].again
                if told[name] is UNDER_WAY:
                    del self._given[alike.name_of(given[name])]
            elif stuck:
                told[name] = Looked("what a call like it made is not booked yet", again=True)
            else:
                told[name] = await self._missing(
                    one, like, listings[name], shown.how, asked, began_us
                )
            one.found = told[name].found
        return told[doubt.call_id]

    def _others(self, case: Case, remark: Remark) -> list[Case]:
        """Calls in doubt with the same trace, for the same account, that may be looked at now."""
        found = []
        for other in self._cases:
            hold = self._hold(other) if other is not case and other.key.what == "call" else None
            if hold is None or self._under_way(hold):
                continue
            its = remark_of(hold)
            if (its.trace, its.acts_for) == (remark.trace, remark.acts_for):
                found.append(other)
        return found

    def _dearer_waits(self, group: Group, remark: Remark) -> bool:
        """Is there a doubt like these that counts for more and is not among them? What the vendor
        shows may be that one's."""
        if not any(shown.matches for _, _, shown in group.values()):
            return False
        desk = self._desk
        least = min(call.doubt.amount_micros for _, call, _ in group.values())
        for hold in desk.doors.ledger.open_holds(HoldState.IN_DOUBT):
            if hold.amount_micros <= least or hold.tag or hold.memo_ref in group:
                continue
            its, owner = remark_of(hold), desk.owners.of(hold.account_id)
            if (its.trace, its.acts_for) == (remark.trace, remark.acts_for) and (
                (owner.vendor, owner.account) == (desk.vendor.name, desk.account)
            ):
                return True
        return False

    async def _explained(self, group: Group) -> tuple[set[str], dict[str, str]]:
        """Names of matches that other calls account for, and those that are known to be a doubt's
        own."""
        matches = {
            alike.name_of(match): match for _, _, found in group.values() for match in found.matches
        }
        operation = next(iter(group.values()))[1].doubt.operation
        explained: set[str] = set()
        own: dict[str, str] = {}
        await self._desk.doors.history.flush()
        for name, match in sorted(matches.items()):
            makers = await self._makers(name, match, operation)
            mine = makers & group.keys()
            if makers - group.keys():
                explained.add(name)
            elif mine:
                own[name] = min(mine)
        return explained, own

    async def _makers(self, name: str, match: Outcome, operation: str) -> set[str]:
        """The calls that may have made what has this name: those of the same operation that the
        audit log, the ledger or this run knows it under. A call that changed it later made
        nothing; nor did one without a hold: it got the stored answer of a call that was settled,
        and whose ending a crash may have lost since."""
        desk, history = self._desk, self._desk.doors.history
        known = {self._given[name]} if name in self._given else set()
        filters = Filters(object_id=name, vendor=desk.vendor.name, account=desk.account)
        rows = await history.calls(filters, ROWS_MAX)
        made = [row for row in rows if row["operation"] == operation]
        known |= {row["retry_of"] or row["id"] for row in made if row["retry_of"] or row["hold_id"]}
        held = desk.doors.ledger.tagged(desk.tag(match.object_id)) if match.object_id else ()
        for hold in held:
            record = await history.call(hold.memo_ref)
            if record is None or record["operation"] == operation:
                known.add(hold.memo_ref)
        return known

    # -- booking ---------------------------------------------------------------------------------

    async def _found(self, call: Doubted, match: Outcome, how: str, asked: Round) -> Looked:
        """It ran, and this is what it came to."""
        if call.fixed:
            match = plans.at_least_held(match, call.holds)
        if match.object_id is None:
            return await self._book_single(call, match, how, asked)
        turns, tag = self._desk.doors.turns, self._desk.tag(match.object_id)
        await turns.take(tag)
        try:
            return await self._book_object(call, match, tag, how, asked)
        finally:
            turns.give(tag)

    async def _book_single(self, call: Doubted, match: Outcome, how: str, asked: Round) -> Looked:
        if not self._still_open(call):
            return UNDER_WAY
        evidence = Evidence(said(match, how), asked.target, 200, match.label)
        memo = evidence.memo(self._desk.now_us())
        why = await self._desk.book(plans.single(match, call.holds, "", memo), evidence)
        if why is not None:
            return Looked(why, again=True)
        self._desk.give_back(match.gives_back, call.hold)
        return Looked(evidence.how, match.end.value)

    async def _book_object(
        self, call: Doubted, match: Outcome, tag: str, how: str, asked: Round
    ) -> Looked:
        """What was listed may be old news: the object itself is asked what it is now."""
        desk, object_id = self._desk, match.object_id
        assert object_id is not None
        lookup = desk.vendor.object_lookup(object_id)
        target, name = asked.target, alike.name_of(match)
        if lookup is not None:
            answer = await desk.asker.ask(lookup, asked.headers)
            fresh = desk.vendor.reread(object_id, call.doubt.rate, call.doubt.amount_micros, answer)
            if fresh.end is not End.IN_DOUBT:
                match, target = fresh, lookup.target
        settled = await desk.settled(name)
        if not self._still_open(call):
            return UNDER_WAY
        evidence = Evidence(said(match, how), target, 200, name)
        memo = evidence.memo(desk.now_us())
        known, others = desk.holds(tag)
        elsewhere = settled + sum(map(objects.counted, others))
        match = plans.beside(match, (*known, *call.holds), elsewhere)
        if known:
            plan = desk.whole(match, known, call.holds, tag, memo)
        else:
            plan = plans.single(match, call.holds, tag, memo)
        if (why := await desk.book(plan, evidence)) is not None:
            return Looked(why, again=True)
        desk.give_back(match.gives_back, call.hold)
        return Looked(evidence.how, match.end.value)

    async def _missing(
        self, case: Case, call: Doubted, listed: Listed, how: str, asked: Round, began_us: int
    ) -> Looked:
        """The vendor does not show it. The second conclusive listing to say so releases."""
        desk = self._desk
        if alike.never_ran(listed, began_us, desk.schedule.listing_gap_us):
            if not self._still_open(call):
                return UNDER_WAY
            evidence = Evidence(f"two listings do not show it: {how}", asked.target, 200)
            plan = plans.released(call.holds, evidence.memo(desk.now_us()))
            why = await desk.book(plan, evidence)
            return Looked(evidence.how, "released") if why is None else Looked(why, again=True)
        case.listed_us = alike.first_listed(listed, desk.now_us())
        return Looked(f"not shown: {how}")

    async def _let_age(self, hold: Hold, looked: Looked) -> Looked:
        desk, now_us = self._desk, self._desk.now_us()
        if hold.state is not HoldState.IN_DOUBT or self._under_way(hold):
            return looked
        if not desk.schedule.too_old(Kind.IN_DOUBT, hold.at_us, now_us):
            return looked
        evidence = Evidence(f"settled at its quote, for its age ({looked.found})")
        why = await desk.book(plans.aged([hold], evidence.memo(now_us)), evidence)
        return Looked(evidence.how, "aged") if why is None else Looked(why, again=True)

    def _hold(self, case: Case) -> Hold | None:
        """A call without an object has one hold."""
        found = (self._desk.doors.ledger.find(hold_id) for hold_id in case.holds)
        return next((h for h in found if h is not None and h.state is HoldState.IN_DOUBT), None)

    def _still_open(self, call: Doubted) -> bool:
        return not any(
            hold.state is not HoldState.IN_DOUBT or self._under_way(hold) for hold in call.holds
        )

    def _under_way(self, hold: Hold) -> bool:
        desk = self._desk
        return desk.schedule.too_young(hold.at_us, desk.now_us()) or being_retried(
            desk.doors.retries, hold
        )


def _listed(case: Case, call: Doubted, findings: Findings) -> Listed:
    conclusive = findings.conclusive and not call.elsewhere
    return Listed(
        call.doubt.call_id,
        call.hold.at_us,
        findings.matches,
        conclusive,
        case.listed_us,
        call.doubt.amount_micros,
    )
