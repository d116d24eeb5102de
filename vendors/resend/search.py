"""Finding out what became of a mail in doubt, by reading only.

Resend shows no idempotency keys. What it lists of each mail are its addresses, its subject and when
it was made; so a call leaves a trace, two short digests of its `to` and of its subject, and a
listed mail with the same ones may be the call's, however late it was made: a retry may have carried
the call out hours after its hold, a large body takes its time, and a machine that slept in between
sends when it wakes. It may also be another, alike call's: a match is never exact. A mail made from
a template may have its subject there; then its addresses alone are looked for. A batch leaves no
trace: its mails are listed one by one.

The listing begins with the latest. It is conclusive when it reaches back beyond the call: that is,
when it shows an older mail, or when it is all there is and the call is younger than what Resend
forgets first (a free plan keeps mails for a day). What day it is there, the answer's Date says.
"""

from __future__ import annotations

import datetime
import hashlib
import unicodedata
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple

from vendors.contract import Answer, Doubt, End, Findings, Lookup, Outcome, Reading
from vendors.resend.answers import UUID, Page, Unclear, read_id, read_page
from vendors.resend.reading import SEND
from vendors.resend.settle import CANCELED

PAGES_MAX: Final = 5
PAGE: Final = 100
EARLIER_US: Final = 120_000_000
"""How far Resend's clock may be behind ours."""
REMEMBERED_US: Final = 20 * 3_600_000_000

_DIGITS: Final = 16
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)


class _Listed(NamedTuple):
    """One mail of the listing."""

    at_us: int
    mail: dict[str, Any]


def trace(reading: Reading) -> str:
    """`<digest of to>.<digest of the subject, or nothing>`; '' for what cannot be found again."""
    if reading.operation.name != SEND:
        return ""
    to = [text for name, text in reading.fields.items() if name.startswith("to[")]
    if not to:
        return ""
    subject = reading.fields.get("subject")
    return f"{_digest_of_addresses(to)}.{_digest_of_subject(subject) if subject else ''}"


def search(doubt: Doubt, found: Sequence[Answer]) -> Lookup | Findings | None:
    """None: the call left no trace."""
    if doubt.operation != SEND or "." not in doubt.trace:
        return None
    listed: list[_Listed] = []
    since_us = doubt.at_us - EARLIER_US
    try:
        for answer in found:
            page = read_page(answer)
            listed += _read(page)
            if _reaches(listed, since_us) or not page.more:
                return _findings(doubt, listed, answer, complete=not page.more)
    except Unclear as exc:
        return Findings((), exact=False, conclusive=False, how=f"sent mails: {exc}")
    if len(found) == PAGES_MAX:
        return _findings(doubt, listed, found[-1], complete=False)
    after = f"&after={read_page(found[-1]).last}" if found else ""
    return Lookup(f"/emails?limit={PAGE}{after}", "mails like the one in doubt")


def _findings(doubt: Doubt, listed: Sequence[_Listed], last: Answer, *, complete: bool) -> Findings:
    since_us = doubt.at_us - EARLIER_US
    near = [one for one in sorted(listed, key=_when) if since_us <= one.at_us]
    matches = tuple(_outcome(doubt, one.mail) for one in near if _alike(doubt.trace, one.mail))
    young = complete and _age_us(doubt, last) <= REMEMBERED_US
    covers = young or _reaches(listed, since_us)
    how = f"{len(listed)} sent mails listed, {len(matches)} with the same recipients and subject"
    return Findings(matches, exact=False, conclusive=covers, how=how)


def _outcome(doubt: Doubt, mail: dict[str, Any]) -> Outcome:
    """At what was held: the listing may leave copies out."""
    email_id = read_id(mail).lower()
    event = mail.get("last_event")
    if event == CANCELED:
        return Outcome(End.RELEASED, label=email_id)
    if event == "scheduled" and UUID.fullmatch(email_id) is not None:
        return Outcome(End.STANDING, 0, doubt.amount_micros, email_id, label=email_id)
    return Outcome(End.SETTLED, doubt.amount_micros, label=email_id)


def _alike(trace: str, mail: dict[str, Any]) -> bool:
    of_addresses, _, of_subject = trace.partition(".")
    to, subject = mail.get("to"), mail.get("subject")
    listed = [to] if isinstance(to, str) else to
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        return False
    if _digest_of_addresses(listed) != of_addresses:
        return False
    return not of_subject or _digest_of_subject(subject) == of_subject


def _read(page: Page) -> list[_Listed]:
    """Raises Unclear for a mail without a time or an id."""
    return [_Listed(_made_us(mail.get("created_at")), mail) for mail in page.items if read_id(mail)]


def _when(one: _Listed) -> int:
    return one.at_us


def _reaches(listed: Sequence[_Listed], since_us: int) -> bool:
    return any(one.at_us < since_us for one in listed)


def _made_us(text: Any) -> int:
    """`2023-04-03 22:13:42.674981+00` or RFC 3339. Raises Unclear."""
    try:
        return _us(datetime.datetime.fromisoformat(text))
    except (TypeError, ValueError):
        raise Unclear("a mail does not say when it was made") from None


def _age_us(doubt: Doubt, answer: Answer) -> int:
    """How long ago the call was, by the vendor's clock; beyond all memory if that is not told."""
    try:
        now = parsedate_to_datetime(answer.headers.get(b"date", b"").decode("ascii"))
        return _us(now) - doubt.at_us
    except (TypeError, ValueError, OverflowError):
        return REMEMBERED_US + 1


def _us(when: datetime.datetime) -> int:
    """Microseconds since 1970-01-01 UTC; without a zone it is UTC."""
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    return (when - _EPOCH) // _MICROSECOND


def _digest_of_addresses(texts: Sequence[str]) -> str:
    """Of the bare addresses, whatever their order and case."""
    return _digest("\n".join(sorted([_bare(text) for text in texts])))


def _digest_of_subject(subject: Any) -> str:
    return _digest(unicodedata.normalize("NFC", " ".join(str(subject).split())))


def _bare(text: str) -> str:
    """`a@example.com` of `Name <A@example.com>`."""
    return text.rpartition("<")[2].strip("> ").lower()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:_DIGITS]
