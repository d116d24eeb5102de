"""What a vault key may do: the frozen terms it was made with, as the call's journey reads them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gateway.vault.allowlist import Allowlist


class Mode(Enum):
    ENFORCE = "enforce"
    SHADOW = "shadow"


class ErrorStyle(Enum):
    AUTO = "auto"
    FLAT = "flat"
    VENDOR = "vendor"


@dataclass(frozen=True, slots=True)
class ParamRule:
    """One rule on a named field: it must equal, be one of, begin with, or be at most. An absent
    field fails `equals`, `one_of` and `prefix`, and passes `max`."""

    name: str
    equals: str | None = None
    one_of: tuple[str, ...] | None = None
    prefix: str | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """The record of a vault key. *_micros: micro-USD. *_us: microseconds since 1970-01-01 UTC;
    None: never."""

    key_id: str
    vendor: str
    account: str
    allowed: Allowlist
    daily_cap_micros: int
    created_at_us: int
    expires_at_us: int | None
    label: str = ""
    name: str = ""
    issuer_id: str | None = None
    total_cap_micros: int | None = None
    per_call_micros_max: int | None = None
    daily_call_cap: int | None = None
    rate_per_minute: int | None = None
    concurrency_max: int | None = None
    currencies: frozenset[str] | None = None
    countries: frozenset[str] | None = None
    params: tuple[ParamRule, ...] = ()
    timezone: str = "UTC"
    mode: Mode = Mode.ENFORCE
    vendor_accounts: frozenset[str] = frozenset()
    mint_endpoints: Allowlist | None = None
    allow_unpriced: tuple[tuple[Allowlist, int], ...] = ()
    refunds_restore_cap: bool = False
    call_time_limit_s: int | None = None
    idempotency_scope: str = ""
    count_test_mode: bool = True
    error_style: ErrorStyle = ErrorStyle.AUTO
    block_status: int = 429
    sandbox: bool = False
    """Made while its vendor was our own stand-in: it never works on real credentials."""
