"""What one Resend team owns and has sent; its limits; and the sandbox's own clock.

A mail is a recipient address: fifty in `to` are fifty mails. What is scheduled counts once it goes
out; what is canceled before never does. Objects are replaced, never changed in place. Memory is
bounded: beyond `keep` objects of a kind the oldest are forgotten; counters never are.
"""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Final

from bench.sandbox.resend.errors import ResendError, not_found
from bench.sandbox.standin import Log
from bench.sandbox.wire import Answer, Obj

MAIL_MICROS: Final = 900
"""0.90 USD per 1,000 mails beyond what a plan includes (resend.com/pricing, read 2026-10)."""
REMEMBERED_S: Final = 86_400
KINDS: Final = {
    "email": "Email", "contact": "Contact", "segment": "Segment", "broadcast": "Broadcast",
    "domain": "Domain", "api_key": "API key", "template": "Template", "topic": "Topic",
    "automation": "Automation", "event": "Event", "webhook": "Webhook",
    "suppression": "Suppression",
}  # fmt: skip
SECOND_US: Final = 1_000_000

_random = random.Random()


class Clock:
    """Real time and what a test added to it. Seconds since 1970."""

    __slots__ = ("ahead_s",)

    def __init__(self) -> None:
        self.ahead_s = 0

    def now(self) -> float:
        return time.time() + self.ahead_s

    def stamp(self) -> str:
        return stamp(self.now())

    def date(self) -> bytes:
        """As an answer's head says it: who reads a listing learns from it what time it is here."""
        return formatdate(self.now(), usegmt=True).encode("ascii")


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")


@dataclass(slots=True)
class Limits:
    """per_second None: not enforced (10 is shown). daily: the free plan's; monthly: any plan's."""

    per_second: int | None = None
    window_s: float = 1.0
    daily: int | None = None
    monthly: int | None = None


@dataclass(slots=True)
class Remembered:
    """One idempotency key. answer None: the first request is still running."""

    digest: bytes
    at: float
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """An API key's rights. permission: full_access or sending_access. domain: the only one that a
    sending key may send from."""

    token: str
    permission: str = "full_access"
    domain: str | None = None


@dataclass(slots=True)
class Sent:
    """One mail that went out (or is scheduled to)."""

    email_id: str
    recipients: tuple[str, ...]
    at: float


@dataclass(slots=True)
class Counts:
    """mails: recipients that were sent to. canceled: recipients that never were."""

    mails: int = 0
    canceled: int = 0
    requests: int = 0
    by_day: Counter[str] = field(default_factory=Counter)


class World:
    """One team. due: scheduled mails by id, with when they go out."""

    def __init__(self, name: str, clock: Clock, *, keep: int, log: Log) -> None:
        self.name = name
        self.clock = clock
        self.keep = keep
        self.log = log
        self.limits = Limits()
        self.counts = Counts()
        self.keys: dict[str, Key] = {}
        self.tables: dict[str, dict[str, Obj]] = {kind: {} for kind in KINDS}
        self.remembered: dict[str, Remembered] = {}
        self.due: dict[str, Sent] = {}
        self.sent: list[Sent] = []
        self.verified: set[str] | None = None
        self._window = (0.0, 0)

    # Objects.

    def put(self, kind: str, item: Obj) -> Obj:
        table = self.tables[kind]
        table[item["id"]] = item
        if len(table) > self.keep:
            del table[next(iter(table))]
        return item

    def get(self, kind: str, object_id: object) -> Obj:
        """object_id: as it came, from a path or from JSON. Raises ResendError 404."""
        item = self.tables[kind].get(object_id) if isinstance(object_id, str) else None
        if item is None:
            raise not_found(KINDS[kind])
        return item

    def newest_first(self, kind: str) -> Iterator[Obj]:
        return reversed(self.tables[kind].values())

    # Mail.

    def send(self, email_id: str, recipients: tuple[str, ...], at: float | None = None) -> None:
        """Send now, or at a moment to come."""
        mail = Sent(email_id, recipients, self.clock.now() if at is None else at)
        if at is None:
            self._go_out(mail)
        else:
            self.due[email_id] = mail

    def _go_out(self, mail: Sent) -> None:
        count = len(mail.recipients)
        self.counts.mails += count
        self.counts.by_day[_day(mail.at)] += count
        self.sent.append(mail)
        if len(self.sent) > self.keep:
            del self.sent[0]
        subject = {"id": mail.email_id, "currency": "usd_micros"}
        self.log("mail", subject, count * MAIL_MICROS)

    def catch_up(self) -> None:
        """What was scheduled for a moment that is past goes out."""
        now = self.clock.now()
        for email_id in [i for i, mail in self.due.items() if mail.at <= now]:
            self._go_out(self.due.pop(email_id))
            email = self.tables["email"].get(email_id)
            if email is not None:
                self.put("email", {**email, "last_event": "sent"})
            broadcast = self.tables["broadcast"].get(email_id)
            if broadcast is not None:
                self.put("broadcast", {**broadcast, "status": "sent", "sent_at": stamp(now)})

    def call_back(self, email_id: str) -> None:
        """A scheduled mail is canceled. Raises ResendError when it is too late."""
        mail = self.due.pop(email_id, None)
        if mail is None:
            raise ResendError(422, "validation_error", "Only scheduled emails can be canceled")
        self.counts.canceled += len(mail.recipients)

    # Limits.

    def used_today(self) -> int:
        return self.counts.by_day[_day(self.clock.now())]

    def used_this_month(self) -> int:
        month = _day(self.clock.now())[:7]
        return sum(n for day, n in self.counts.by_day.items() if day.startswith(month))

    def check_quota(self, mails: int) -> None:
        limits = self.limits
        if limits.daily is not None and self.used_today() + mails > limits.daily:
            raise ResendError(
                429, "daily_quota_exceeded", "You have reached your daily email sending quota."
            )
        if limits.monthly is not None and self.used_this_month() + mails > limits.monthly:
            raise ResendError(
                429, "monthly_quota_exceeded", "You have reached your monthly email sending quota."
            )

    def count_request(self) -> tuple[int, bool]:
        """One more request in the present window: what is left of it, and whether it is over."""
        now, (start, count) = self.clock.now(), self._window
        if now - start >= self.limits.window_s:
            start, count = now, 0
        self._window = (start, count + 1)
        self.counts.requests += 1
        shown = self.limits.per_second or 10
        left = max(0, shown - count - 1)
        return left, self.limits.per_second is not None and count >= self.limits.per_second

    def remember(self, key: str, entry: Remembered) -> None:
        self.remembered[key] = entry
        if len(self.remembered) > self.keep:
            del self.remembered[next(iter(self.remembered))]

    def recalled(self, key: str) -> Remembered | None:
        """What is known of an idempotency key; after 24 hours nothing."""
        entry = self.remembered.get(key)
        if entry is not None and self.clock.now() - entry.at >= REMEMBERED_S:
            del self.remembered[key]
            return None
        return entry


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def new_id() -> str:
    return str(uuid.UUID(int=_random.getrandbits(128), version=4))


def new_token() -> str:
    """A key that looks like a real one."""
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"
    head = "".join(_random.choices(letters, k=8))
    return f"re_{head}_{''.join(_random.choices(letters, k=24))}"
