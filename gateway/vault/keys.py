"""A vault key as it lives: its terms, whether it was revoked, its pace, and the calls it has in
flight.

The event loop alone touches a key, and nothing here awaits. Terms are replaced as a whole when they
are amended. The pace is exact: no more than `rate_per_minute` calls are admitted in any 60 seconds,
wherever the minute begins, because the moment of the call that many calls ago is kept.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final, Protocol

from gateway.vault.terms import Mode, Terms
from ledger import BudgetTerms

MINUTE_US: Final = 60_000_000
_NONE_YET: Final[deque[int]] = deque()


class Flight(Protocol):
    """A call on its way. label: its effective run label."""

    @property
    def key(self) -> Key: ...

    @property
    def label(self) -> str: ...

    @property
    def call_id(self) -> str: ...

    def abort(self) -> bool:
        """End it now. True if its last byte had not left, so that it will be released."""


class Key:
    """One vault key. digest: SHA-256 of its secret. account_id: its budget in the ledger, which an
    issuer's keys with one label share; 0 until it is opened. parent_id: its issuer's budget. *_us:
    microseconds since 1970-01-01 UTC; last_used_us is 0 before first use."""

    __slots__ = (
        "__weakref__",
        "_admitted",
        "account_id",
        "digest",
        "in_flight",
        "last_used_us",
        "parent_id",
        "revoked_at_us",
        "terms",
    )

    def __init__(self, terms: Terms, digest: bytes, account_id: int = 0) -> None:
        self.terms = terms
        self.digest = digest
        self.account_id = account_id
        self.parent_id: int | None = None
        self.revoked_at_us: int | None = None
        self.last_used_us = 0
        self.in_flight: set[Flight] = set()
        self._admitted: deque[int] | None = None

    def expired(self, now_us: int) -> bool:
        end_us = self.terms.expires_at_us
        return end_us is not None and now_us >= end_us

    def alive(self, now_us: int) -> bool:
        return self.revoked_at_us is None and not self.expired(now_us)

    def admit_rate(self, now_us: int) -> int | None:
        """Count one call against `rate_per_minute`. None: it may go on. Otherwise nothing was
        counted, and the answer is the whole seconds, at least 1, until a call would be admitted
        again."""
        if self.terms.rate_per_minute is None:
            return None
        if self._admitted is None:
            self._admitted = deque()
        wait_s = self.rate_wait_s(now_us)
        if wait_s is None:
            self._admitted.append(now_us)
        return wait_s

    def rate_wait_s(self, now_us: int) -> int | None:
        """The same answer, counting nothing."""
        limit = self.terms.rate_per_minute
        if limit is None:
            return None
        admitted, since_us = self._admitted or _NONE_YET, now_us - MINUTE_US
        while admitted and admitted[0] <= since_us:
            admitted.popleft()
        if len(admitted) >= limit:
            # The limit may have been lowered: wait for as many to age as are too many, and one
            # more.
            return -((since_us - admitted[len(admitted) - limit]) // 1_000_000)
        return None


def budget_of(terms: Terms) -> BudgetTerms:
    """The caps of a key's own account. A key in shadow mode counts and is never refused."""
    return BudgetTerms(
        zone=terms.timezone,
        daily_micros=terms.daily_cap_micros,
        total_micros=terms.total_cap_micros,
        daily_units=terms.daily_call_cap,
        enforce=terms.mode is Mode.ENFORCE,
    )


def on_budget(terms: Terms, budget: Terms) -> Terms:
    """Terms of a key on another key's budget: what belongs to the budget is the other's."""
    return replace(
        terms,
        account=budget.account,
        daily_cap_micros=budget.daily_cap_micros,
        total_cap_micros=budget.total_cap_micros,
        daily_call_cap=budget.daily_call_cap,
        timezone=budget.timezone,
        mode=budget.mode,
    )
