"""An issuer: who may hand out vault keys without the admin key, and how far it may go.

Its template bounds every key it makes; its account in the ledger is the parent of theirs, so that
its daily cap holds over all of them together. Where a request is silent the template speaks. What
loosens the gateway's hold (shadow mode, minting, unpriced operations, other accounts, keys without
an end) is the admin's alone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from gateway.errors import PolicyRefused, RateLimited
from gateway.vault.allowlist import Allowlist
from gateway.vault.terms import Mode, Terms
from ledger import BudgetTerms
from vendors.money import show_usd

HOUR_US: Final = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Template:
    """What an issued key may be at most. account: the one account its keys use; None: each vendor's
    default. *_max None: no such bound."""

    vendors: frozenset[str]
    allowed: Allowlist
    daily_cap_micros_max: int
    expires_s_max: int
    account: str | None = None
    total_cap_micros_max: int | None = None
    per_call_micros_max: int | None = None
    daily_call_cap_max: int | None = None


@dataclass(frozen=True, slots=True)
class IssuerTerms:
    """The record of an issuer. daily_cap_micros: over all its keys, in the day of its own zone."""

    issuer_id: str
    template: Template
    daily_cap_micros: int
    created_at_us: int
    name: str = ""
    keys_per_hour: int | None = None
    timezone: str = "UTC"


class Issuer:
    """One issuer as it lives. issued_us: when its keys of the last hour were made. making: held
    while a key is made, so that two requests with one label find one budget. budgets: the names of
    vendor and label, hashed -> the account that their keys share."""

    __slots__ = ("account_id", "budgets", "digest", "issued_us", "making", "revoked_at_us", "terms")

    def __init__(self, terms: IssuerTerms, digest: bytes, account_id: int = 0) -> None:
        self.terms = terms
        self.digest = digest
        self.account_id = account_id
        self.revoked_at_us: int | None = None
        self.issued_us: deque[int] = deque()
        self.making = asyncio.Lock()
        self.budgets: dict[bytes, int] = {}

    def knows(self, vendor: str, label: str, account_id: int, made_at_us: int) -> None:
        """One of its keys exists. Keys come in the order they were made."""
        self.issued_us.append(made_at_us)
        while self.issued_us[0] <= made_at_us - HOUR_US:
            self.issued_us.popleft()
        self.budgets.setdefault(_budget_name(vendor, label), account_id)

    def judge_pace(self, now_us: int) -> None:
        """May one more key be made this hour? Raises RateLimited."""
        issued, since_us = self.issued_us, now_us - HOUR_US
        while issued and issued[0] <= since_us:
            issued.popleft()
        limit = self.terms.keys_per_hour
        if limit is not None and len(issued) >= limit:
            # The limit may be 0, or have been lowered: then the newest has to age.
            oldest_us = issued[len(issued) - max(1, limit)] if issued else now_us
            raise RateLimited(
                f"This issuer may make {limit} keys an hour.",
                retry_after_s=-((since_us - oldest_us) // 1_000_000),
                limit=limit,
            )

    def first_budget(self, terms: Terms) -> int | None:
        """The account whose budget a new key with these terms joins."""
        return self.budgets.get(_budget_name(terms.vendor, terms.label))


def _budget_name(vendor: str, label: str) -> bytes:
    """Sixteen bytes instead of a label of up to 200 characters, a million times."""
    return blake2b(f"{vendor}/{label}".encode(), digest_size=16).digest()


def issuer_budget(terms: IssuerTerms) -> BudgetTerms:
    return BudgetTerms(
        zone=terms.timezone,
        daily_micros=terms.daily_cap_micros,
        total_micros=None,
        daily_units=None,
    )


def judge_template(terms: Terms, template: Template, home: str | None) -> None:
    """Do these terms stay inside the template? home: the vendor's default account, if it has one.
    Raises PolicyRefused with all that does not."""
    mistakes = [
        {"field": name, "problem": problem}
        for name, problem in (*_beyond(terms, template, home), *_loosened(terms))
    ]
    if mistakes:
        named = "; ".join(f"{m['field']} {m['problem']}" for m in mistakes)
        raise PolicyRefused(
            f"The issuer's template does not allow this key: {named}.",
            rule="issuer_template",
            errors=mistakes,
        )


def _beyond(terms: Terms, template: Template, home: str | None) -> Iterator[tuple[str, str]]:
    if terms.vendor not in template.vendors:
        yield "vendor", f"must be one of {', '.join(sorted(template.vendors))}"
    account = template.account or home
    if terms.account != account:
        yield "account", f"must be {account or 'named in the template'}"
    outside = template.allowed.uncovered(terms.allowed)
    if outside:
        yield "allowed_endpoints", f"goes beyond the template with {', '.join(outside)}"
    bounds = (
        ("daily_usd_cap", terms.daily_cap_micros, template.daily_cap_micros_max),
        ("total_usd_cap", terms.total_cap_micros, template.total_cap_micros_max),
        ("per_call_usd_max", terms.per_call_micros_max, template.per_call_micros_max),
    )
    for name, asked, most in bounds:
        if most is not None and (asked is None or asked > most):
            yield name, f"must be at most {show_usd(most)}"
    calls, calls_max = terms.daily_call_cap, template.daily_call_cap_max
    if calls_max is not None and (calls is None or calls > calls_max):
        yield "daily_call_cap", f"must be at most {calls_max}"
    end_us = terms.expires_at_us
    most_us = template.expires_s_max * 1_000_000
    if end_us is None or end_us - terms.created_at_us > most_us:
        yield "expires_in", f"must be at most {template.expires_s_max}s"


def _loosened(terms: Terms) -> Iterator[tuple[str, str]]:
    """What only the admin key may put on a key."""
    loose = {
        "mode": terms.mode is not Mode.ENFORCE,
        "vendor_accounts": bool(terms.vendor_accounts),
        "mint_endpoints": terms.mint_endpoints is not None,
        "allow_unpriced": bool(terms.allow_unpriced),
        "refunds_restore_cap": terms.refunds_restore_cap,
        "idempotency_scope": bool(terms.idempotency_scope),
        "count_test_mode": not terms.count_test_mode,
    }
    for name, is_loose in loose.items():
        if is_loose:
            yield name, "is the admin's to grant"
