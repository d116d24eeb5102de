"""What became of a call that nobody answered: Twilio's listings, read only.

Twilio knows no idempotency key, so a call in doubt is looked for by whom it was for, when, and what
it said: `trace` writes that down before it leaves, digested where it is private. The listing of
messages or calls to that address is read, newest first, page by page until it reaches back to
before the call was made; whatever fits may be it, or another, alike call's.

A text is compared after smart encoding, which Twilio may apply; one that Twilio writes anew (a
template, short links) is not compared at all, so that more fits rather than less.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus

from vendors.contract import Answer, Doubt, End, Findings, Lookup, Outcome, Reading
from vendors.twilio.catalogue import KINDS
from vendors.twilio.mailtime import read_mail_time
from vendors.twilio.messages import is_on
from vendors.twilio.prices import Prices
from vendors.twilio.quote import hidden
from vendors.twilio.segments import smart
from vendors.twilio.settle import of_thing, pending
from vendors.twilio.things import Tree, Unclear, read_tree, split_id

PAGE_SIZE: Final = 50
"""The longest texts, escaped, stay within the 1 MiB of an answer that is read whole."""
PAGES_MAX: Final = 10
BEFORE_US: Final = 120_000_000
"""Twilio's clock and ours may differ by so much."""
ACCOUNT: Final = "{account}"
"""Stands in a target for the account's real SID, which this module is not told; the gateway puts it
there."""

_ANY: Final = "-"
_HIDDEN: Final = re.compile(r"[0-9]{1,12}", re.ASCII)
_TRACE_CHARS_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Trace:
    """to: as it was sent. sender, text: digests, `-` where none is compared. hidden: micros that
    the listing does not show (`vendors.twilio.quote.hidden`)."""

    to: str
    sender: str
    text: str
    hidden: str

    @classmethod
    def parse(cls, written: str) -> Trace | None:
        parts = written.split(" ")
        return cls(*parts) if len(parts) == 4 and _HIDDEN.fullmatch(parts[3]) else None

    def __str__(self) -> str:
        return f"{self.to} {self.sender} {self.text} {self.hidden}"

    def fits(self, item: Tree) -> bool:
        if item.get("to") != self.to:
            return False
        senders = {digest(item.get(name)) for name in ("from", "messaging_service_sid")}
        if self.sender not in (_ANY, *senders):
            return False
        return self.text == _ANY or self.text == _text_digest(item.get("body"))


def trace(reading: Reading, prices: Prices) -> str:
    """For messages and calls that have a price; '' for anything else."""
    kind = KINDS.get(reading.operation.name)
    fields = reading.fields
    if kind not in ("message", "call") or "To" not in fields:
        return ""
    unseen = hidden(reading, prices)
    if unseen is None:
        return ""
    sender = fields.get("MessagingServiceSid") or fields.get("From")
    text = _ANY
    if kind == "message" and "ContentSid" not in fields and not is_on(fields, "ShortenUrls"):
        text = _text_digest(fields.get("Body", ""))
    written = str(Trace(fields["To"], digest(sender) if sender else _ANY, text, str(unseen)))
    return written if len(written) <= _TRACE_CHARS_MAX and "|" not in written else ""


def search(doubt: Doubt, found: Sequence[Answer], prices: Prices) -> Lookup | Findings | None:
    """The next page to read, or what the pages show. None: there is no way."""
    wanted = Trace.parse(doubt.trace)
    kind = KINDS.get(doubt.operation)
    if wanted is None or kind not in ("message", "call"):
        return None
    listing = "Messages" if kind == "message" else "Calls"
    if not found:
        query = f"To={quote_plus(wanted.to)}&PageSize={PAGE_SIZE}"
        return Lookup(f"/2010-04-01/Accounts/{ACCOUNT}/{listing}.json?{query}", _WHY)
    try:
        pages = [_Page.read(answer, listing.lower()) for answer in found]
    except Unclear as exc:
        return Findings((), exact=False, conclusive=False, how=str(exc))
    since = doubt.at_us - BEFORE_US
    reaches = pages[-1].reaches(since)
    if not reaches and pages[-1].next and len(pages) < PAGES_MAX:
        return Lookup(pages[-1].next, _WHY)
    items = _once_each(pages)
    fit = [item for item in items if _in_time(item, doubt.at_us) and wanted.fits(item)]
    matches = [_outcome(item, wanted, doubt, prices) for item in sorted(fit, key=_made_us)]
    how = f"{len(items)} {listing.lower()} to the same address, {len(matches)} of them alike"
    return Findings(tuple(matches), exact=False, conclusive=reaches, how=how)


_WHY: Final = "whether the call ran"


@dataclass(frozen=True, slots=True)
class _Page:
    """One page of a listing, newest first. next: the next one's target, '' if it is the last."""

    items: list[dict[str, Any]]
    next: str

    @classmethod
    def read(cls, answer: Answer, name: str) -> _Page:
        """Raises Unclear."""
        tree = read_tree(answer.body)
        items = tree.get(name)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise Unclear("the answer is no such listing")
        if any(read_mail_time(item.get("date_created")) is None for item in items):
            raise Unclear("an entry of the listing has no date")
        following = tree.get("next_page_uri")
        if following is not None and not isinstance(following, str):
            raise Unclear("the listing's next page is no address")
        if following and not following.startswith("/2010-04-01/Accounts/"):
            raise Unclear("the listing's next page is elsewhere")
        return cls(items, following or "")

    def reaches(self, since_us: int) -> bool:
        """Is everything that was made since on this page or on one before it?"""
        return not self.next or any(_made_us(item) < since_us for item in self.items)


def _once_each(pages: list[_Page]) -> list[Tree]:
    """What arrives while the pages are read moves an entry to the next one, where it comes again.
    Those without an id are kept, each for itself."""
    found: dict[object, Tree] = {}
    for page in pages:
        for item in page.items:
            sid = item.get("sid")
            found[sid if isinstance(sid, str) else id(item)] = item
    return list(found.values())


def _made_us(item: Tree) -> int:
    return read_mail_time(item.get("date_created")) or 0


def _in_time(item: Tree, at_us: int) -> bool:
    """However late: a machine that slept between hold and first byte sends when it wakes."""
    return at_us - BEFORE_US <= _made_us(item)


def _outcome(item: Tree, wanted: Trace, doubt: Doubt, prices: Prices) -> Outcome:
    """At its price if that is known, else as a call that was answered."""
    sid = item.get("sid")
    if not isinstance(sid, str) or split_id(sid) != (sid, 0):
        return Outcome(End.IN_DOUBT, why="an entry without an id")
    unseen = int(wanted.hidden)
    try:
        final = of_thing(item, sid, unseen, prices)
    except Unclear:
        final = None
    return final or pending(sid, unseen, doubt.amount_micros)


def digest(value: object) -> str:
    text = value if isinstance(value, str) else ""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _text_digest(value: object) -> str:
    return digest(smart(value).strip() if isinstance(value, str) else "")
