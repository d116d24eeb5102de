"""Calls in doubt that cannot be told apart, and what a vendor's listings say of them together.

A vendor that shows no idempotency keys shows what was sent, not which call sent it. So alike calls
in doubt (same account, same operation, same trace) are looked at together: what other calls
account for is taken out, what is left is given to the doubts, the dearest first and of equally dear
ones the oldest: alike calls may differ in what they cost (a mail's copies are no part of its
trace), and what goes free must never be worth more than what did not run. A doubt that goes without
is not released yet: a listing may lag. Only when a second conclusive listing, a gap later, still
leaves it without, it never ran. The first listing's moment lives in memory only; a restart begins
anew.

Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from vendors.contract import End, Outcome


@dataclass(frozen=True, slots=True)
class Listed:
    """One doubt and what a listing shows of calls like it. matches: oldest first. conclusive: had
    it run, it would be among them. first_us: the first conclusive listing that left it without a
    match, None: none did yet. amount_micros: what counts for it."""

    call_id: str
    at_us: int
    matches: tuple[Outcome, ...]
    conclusive: bool
    first_us: int | None = None
    amount_micros: int = 0


def name_of(match: Outcome) -> str:
    """What a match is called at the vendor, and in the audit log; '' if it does not say. Its
    object_id may be more than that (`vendors.contract.Outcome`)."""
    return match.label or match.object_id or ""


def allot(
    doubts: Sequence[Listed], explained: Collection[str], own: Mapping[str, str]
) -> dict[str, Outcome]:
    """Which match each doubt gets, by call id; those that get none are missing. explained: names of
    matches that other calls account for. own: names of matches that are known to be a doubt's own
    -> its call id. No match is given twice, and one that cannot be read to nobody."""
    given: dict[str, Outcome] = {}
    taken = {*explained}
    oldest_first = sorted(doubts, key=lambda doubt: (doubt.at_us, doubt.call_id))
    for doubt in oldest_first:
        for match in doubt.matches:
            if own.get(name_of(match)) == doubt.call_id and _readable(match, taken):
                given[doubt.call_id] = match
                taken.add(name_of(match))
                break
    seats = _Seats(taken | own.keys())
    for doubt in sorted(oldest_first, key=lambda doubt: -doubt.amount_micros):
        if doubt.call_id not in given:
            seats.find(doubt, set())
    return given | seats.given


class _Seats:
    """Doubts with a match each. Who has one keeps one, if maybe another: so as many as can be have
    one, and first of all those who came first. taken: names that nobody gets."""

    __slots__ = ("_taken", "_who", "given")

    def __init__(self, taken: Collection[str]) -> None:
        self._taken = taken
        self._who: dict[str, Listed] = {}
        self.given: dict[str, Outcome] = {}

    def find(self, doubt: Listed, tried: set[str]) -> bool:
        """A match that is free, else one whose doubt can have another. tried: names of matches;
        each is tried once, which bounds how deep this goes."""
        left = [one for one in doubt.matches if _readable(one, self._taken)]
        for match in sorted(left, key=lambda one: name_of(one) in self._who):
            name = name_of(match)
            if name in tried:
                continue
            tried.add(name)
            sitting = self._who.get(name)
            if sitting is None or self.find(sitting, tried):
                self._who[name] = doubt
                self.given[doubt.call_id] = match
                return True
        return False


def never_ran(doubt: Listed, now_us: int, gap_us: int) -> bool:
    """Of a doubt that got no match from this listing, taken at now_us: is that the second
    conclusive listing in a row to say so, a gap after the first? A match that nobody can read, or
    that has no name, may be its own."""
    if not doubt.conclusive or doubt.first_us is None or now_us - doubt.first_us < gap_us:
        return False
    return not any(match.end is End.IN_DOUBT or not name_of(match) for match in doubt.matches)


def first_listed(doubt: Listed, now_us: int) -> int | None:
    """The moment to remember for a doubt that got no match from this listing."""
    if doubt.first_us is None and doubt.conclusive:
        return now_us
    return doubt.first_us


def _readable(match: Outcome, taken: Collection[str]) -> bool:
    return match.end is not End.IN_DOUBT and bool(name_of(match)) and name_of(match) not in taken
