"""Finding out what became of a call in doubt: the vendor module says what to ask, up to ten times,
and then what the answers show.

The ledger remembers what the vendor module needs of a call (`gateway/call/remarks.py`); only which
operation it was, and which status came back, is in the audit log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Final

from gateway.call.pricing import FIXED
from gateway.call.remarks import remark_of
from gateway.reconcile.desk import Desk
from ledger import Hold
from vendors.contract import Answer, Doubt, Findings, Lookup

LOOKUPS_MAX: Final = 10
SKEW_MAX_US: Final = 30_000_000
"""Half of what vendor modules look back before the moment of a call."""
FAST_US: Final = 20 * 3_600_000_000
"""By so much our clock may have been fast in a life before this one, of which nobody knows whether
its clock was the vendor's; put right since, it would date a call later than the vendor does.
Within what vendors remember of an idempotency key, so that what shows is still the call's own."""


@dataclass(frozen=True, slots=True)
class Doubted:
    """A call in doubt. holds: its own, the one that both budgets carry last. fixed: its quote was
    the fixed hold of an operation that nobody prices. elsewhere: it may have been about another
    account than the one that look-ups are made for: that it is not shown says nothing."""

    doubt: Doubt
    holds: tuple[Hold, ...]
    fixed: bool
    elsewhere: bool

    @property
    def hold(self) -> Hold:
        return self.holds[-1]


@dataclass(slots=True)
class Round:
    """The look-ups of one look: alike doubts ask the same, and the vendor is asked once. headers:
    those of the account that all of them are made for. target: what was asked last. skewed: the
    vendor's clock is not ours, so that a listing since a moment of ours may begin too late."""

    answers: dict[Lookup, Answer] = field(default_factory=dict)
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    target: str = ""
    skewed: bool = False


async def doubted(desk: Desk, holds: Sequence[Hold]) -> Doubted | None:
    """holds: of one call, in doubt. None: the audit log does not know the call. Raises Trouble."""
    last = holds[-1]
    await desk.doors.history.flush()
    record = await desk.doors.history.call(last.memo_ref)
    if record is None or record["operation"] is None:
        return None
    remark = remark_of(last)
    fixed = remark.trace == FIXED
    doubt = Doubt(
        last.memo_ref,
        record["operation"],
        last.at_us,
        remark.vendor_key,
        "" if fixed else remark.trace,
        last.tag.rpartition("/")[2],
        sum(hold.amount_micros for hold in holds),
        remark.rate,
        record["status"] if record["code"] is None else None,
    )
    key = desk.doors.registry.key(record["key_id"])
    may_act_for = key is None or bool(key.terms.vendor_accounts)
    elsewhere = may_act_for and not remark.acts_for
    return Doubted(doubt, tuple(holds), fixed, elsewhere)


async def search(desk: Desk, doubt: Doubt, asked: Round) -> Findings | str:
    """What the vendor shows of it, or in words why that is nothing. Of a call from before this
    start it is looked for since much earlier, too, before it counts as not there; what shows only
    then comes last. Raises Unanswered."""
    shown = await _search(desk, doubt, asked)
    if isinstance(shown, str) or not shown.conclusive or (shown.exact and shown.matches):
        return shown
    if doubt.at_us >= desk.began_us:
        return shown
    earlier = await _search(desk, replace(doubt, at_us=doubt.at_us - FAST_US), asked)
    if isinstance(earlier, str):
        return replace(shown, conclusive=False)
    more = (match for match in earlier.matches if match not in shown.matches)
    return replace(earlier, matches=(*shown.matches, *more))


async def _search(desk: Desk, doubt: Doubt, asked: Round) -> Findings | str:
    found: list[Answer] = []
    while True:
        step = desk.vendor.search(doubt, found)
        if step is None:
            return "the vendor offers no way to look it up"
        if isinstance(step, Findings):
            return replace(step, conclusive=False) if asked.skewed else step
        if len(found) == LOOKUPS_MAX:
            return "it takes more look-ups than are made"
        answer = asked.answers.get(step)
        if answer is None:
            answer = asked.answers[step] = await desk.asker.ask(step, asked.headers)
            asked.skewed = asked.skewed or _is_skewed(answer, desk.now_us())
        asked.target = step.target
        if answer.status != 200:
            return f"HTTP {answer.status} to a read of {step.target}"
        found.append(answer)


def _is_skewed(answer: Answer, now_us: int) -> bool:
    """By its Date, where it has one. A clock that was put right while we run is not followed here,
    and moments of calls are told by ours."""
    date = answer.headers.get(b"date")
    if date is None:
        return False
    try:
        vendor_us = int(parsedate_to_datetime(date.decode("latin-1")).timestamp()) * 1_000_000
    except (ValueError, OverflowError):
        return True
    return abs(vendor_us - now_us) > SKEW_MAX_US
