"""The journal's facts, and the values that callers hand in.

An entry is something that happened; the books are what follows from all entries in order. Entries
are NamedTuples and not dataclasses: thousands are made a second, and a frozen dataclass of fifteen
fields costs three times as much to make. `AFTER` is the whole life of a hold.

Units: *_micros are micro-USD, *_us are microseconds since 1970-01-01 UTC, a day is days since
1970-01-01 in its budget's zone. Account and hold ids carry their shard in the bits above
`SHARD_SHIFT`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

SHARD_SHIFT: Final = 40


class HoldState(Enum):
    OPEN = "open"
    """The call is in flight; the whole quote counts."""
    STANDING = "standing"
    """Committed but not (all) moved: a settled part and a standing part count."""
    PENDING = "pending"
    """The call succeeded, its price comes later; the standing part is what counts."""
    IN_DOUBT = "in_doubt"
    """Nobody knows; counts in full."""
    SETTLED = "settled"
    RELEASED = "released"

    # Members are singletons. Enum's own hash is a Python call, felt in tables looked up per call.
    __hash__ = object.__hash__


_OPEN_ENDS: Final = frozenset(
    {
        HoldState.STANDING,
        HoldState.PENDING,
        HoldState.IN_DOUBT,
        HoldState.SETTLED,
        HoldState.RELEASED,
    }
)

AFTER: Final[Mapping[HoldState, frozenset[HoldState]]] = {
    HoldState.OPEN: _OPEN_ENDS,
    HoldState.STANDING: frozenset(
        {HoldState.STANDING, HoldState.IN_DOUBT, HoldState.SETTLED, HoldState.RELEASED}
    ),
    HoldState.PENDING: frozenset({HoldState.PENDING, HoldState.SETTLED, HoldState.RELEASED}),
    HoldState.IN_DOUBT: _OPEN_ENDS - {HoldState.IN_DOUBT},
    # Only upwards: drift that the vendor declared after all.
    HoldState.SETTLED: frozenset({HoldState.SETTLED}),
    HoldState.RELEASED: frozenset(),
}

FINAL: Final = frozenset({HoldState.SETTLED, HoldState.RELEASED})


@dataclass(frozen=True, slots=True)
class BudgetTerms:
    """An account's caps; None: no such cap. zone: IANA name, fixed when the account is opened.
    enforce False: the account's own caps only report (its parent's still refuse)."""

    zone: str = "UTC"
    daily_micros: int | None = None
    total_micros: int | None = None
    daily_units: int | None = None
    enforce: bool = True


@dataclass(frozen=True, slots=True)
class RetryKey:
    """Under which a call can be asked for again, and what exactly it was. 16 bytes each."""

    key: bytes
    digest: bytes


class Ending(NamedTuple):
    """How a hold goes on. SETTLED(settled), STANDING(settled, standing), PENDING(standing = what
    counts), IN_DOUBT (amounts ignored), RELEASED (likewise). tag: the object the hold belongs to
    from now on, where that is known only now; '' leaves it as it is. units: how many the call
    turned out to be, never more than were held; None leaves them as they are."""

    hold_id: int
    state: HoldState
    settled_micros: int = 0
    standing_micros: int = 0
    memo: bytes = b""
    tag: str = ""
    units: int | None = None


@dataclass(frozen=True, slots=True)
class Shed:
    """The account's own leg leaves this hold, the parent's leg stays: another account's hold took
    it over."""

    hold_id: int


class Note(NamedTuple):
    """A record of the caller's, kept by kind and name. blob None removes it."""

    kind: str
    name: str
    blob: bytes | None


class Opened(NamedTuple):
    """A budget begins."""

    account_id: int
    parent_id: int | None
    terms: BudgetTerms
    at_us: int


class Amended(NamedTuple):
    """A budget's caps are other ones from here on."""

    account_id: int
    terms: BudgetTerms
    at_us: int


class ToppedUp(NamedTuple):
    """For one day, or until a moment of it, a budget's daily cap is higher."""

    account_id: int
    amount_micros: int
    day: int
    until_us: int | None
    at_us: int


class Noted(NamedTuple):
    kind: str
    name: str
    blob: bytes | None
    at_us: int


class Held(NamedTuple):
    """Money set aside before a call goes out: the most it can cost. Two legs, both or neither,
    where parent_id is set. memo: the caller's record of the call."""

    hold_id: int
    account_id: int
    parent_id: int | None
    day: int
    parent_day: int | None
    at_us: int
    amount_micros: int
    units: int
    restorable: bool
    call_id: str
    tag: str
    remark: str
    memo: bytes
    retry: RetryKey | None


class Ended(NamedTuple):
    """A hold went on: see `Ending`."""

    hold_id: int
    state: HoldState
    settled_micros: int
    standing_micros: int
    at_us: int
    tag: str
    memo: bytes
    units: int | None = None


class Parted(NamedTuple):
    """A hold lost its own leg: see `Shed`."""

    hold_id: int
    at_us: int


class Restored(NamedTuple):
    """A refund gave back to a day's cap (or, negative, turned out not to have)."""

    hold_id: int
    account_id: int
    day: int
    amount_micros: int
    refund_id: str
    at_us: int


Entry = Opened | Amended | ToppedUp | Noted | Held | Ended | Parted | Restored
