"""The promise every vendor module keeps, in plain values: what is sent goes in, what it costs comes
out.

A vendor module decides and never waits. The gateway hands it one request (`Sent`), gets back the
one reading of it (`Reading`: exactly what will be forwarded), asks for a `Quote` (the most the call
can cost; it may first ask for a `Lookup`, a GET made with the real key), and after the vendor's
answer asks what it did cost (`Outcome`). Money is an int of micro-USD; quotes round up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, runtime_checkable

from vendors.rates import Rate, Rates


class Money(Enum):
    """What an operation does with money, as the catalogue classes it."""

    FREE = "free"
    """Reads, and writes that are known to move and commit nothing."""
    PRICED = "priced"
    """`quote` finds the most it can cost."""
    UNPRICED = "unpriced"
    """Moves or commits money, or may, and no bound is known: refused unless the key gives it a
    hold."""
    MINTS = "mints"
    """Hands out a credential or a way around the gateway: refused unless the key names it."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of a vendor's catalogue. name: the vendor's own operation id, '' for an unlisted
    read. pattern: the path template (`/v1/charges/{charge}/capture`), the path itself for an
    unlisted one. note: why it is classed so, for people. object_id: the id of the object that the
    path names, if any."""

    name: str
    method: str
    pattern: str
    money: Money
    note: str = ""
    object_id: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it came in, its path already canonical. query: without '?', '' if none.
    content_type: the header's whole value, '' if none. body: all of it. headers: lower-case
    names. strict: the key has rules on named fields, so a call that costs nothing is read as
    closely as one that does: what the rules are judged on must be what the vendor sees."""

    method: str
    path: str
    query: str
    content_type: str
    body: bytes
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """The one reading of a request: what is priced is what is forwarded.

    query, content_type, body: to be sent in this form, byte for byte. fields: every parameter under
    its canonical name (`items[0][price]`), for the rules on named fields."""

    operation: Operation
    path: str
    query: str
    content_type: str
    body: bytes
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Lookup:
    """The price is at the vendor: GET this target (path and query) with the real key, then ask
    again."""

    target: str
    why: str


@dataclass(frozen=True, slots=True)
class Quote:
    """The most a call can cost.

    amount_micros: for a call that belongs to an object (object_id set): the most that object can
    have cost *in total* afterwards, what is already held or settled for it included; otherwise the
    most this call can cost. before_micros: what the object had cost before this call, as a lookup
    showed it; taken off when the object is one that we do not know. how: one sentence for people.
    units: what counts against a cap on calls. amount_minor, currency, rate: the figure before
    conversion, kept for settling at the same rate."""

    amount_micros: int
    how: str
    currency: str = "usd"
    amount_minor: int = 0
    rate: Rate | None = None
    object_id: str | None = None
    before_micros: int = 0
    units: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """A vendor's answer as far as it was read. body: decoded, whole (an answer too long to be read
    whole is never shown to a vendor module). headers: lower-case names."""

    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


class End(Enum):
    """How a hold goes on after the vendor answered."""

    SETTLED = "settled"
    STANDING = "standing"
    PENDING = "pending"
    RELEASED = "released"
    IN_DOUBT = "in_doubt"


@dataclass(frozen=True, slots=True)
class GivesBack:
    """A refund that succeeded: of which objects (`pi_…`, `ch_…`), under which id of its own, how
    much."""

    objects: tuple[str, ...]
    refund_id: str
    amount_micros: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an answer means for the books. settled_micros and standing_micros speak for the whole
    object when object_id is set, otherwise for this call. why: for people, set whenever end is
    IN_DOUBT. label: the object's id for the audit log, also where nothing is remembered under
    it."""

    end: End
    settled_micros: int = 0
    standing_micros: int = 0
    object_id: str | None = None
    why: str = ""
    label: str = ""
    livemode: bool | None = None
    request_id: str = ""
    replayed: bool = False
    gives_back: GivesBack | None = None


class Unreadable(Exception):
    """A parameter that decides the price cannot be read without doubt. field: its name as sent."""

    def __init__(self, field_name: str, why: str) -> None:
        super().__init__(f"{field_name}: {why}")
        self.field_name = field_name
        self.why = why


class MediaTypeRefused(Exception):
    """The body's media type, charset or encoding is not one that can be priced as the vendor reads
    it."""


class Unpriced(Exception):
    """Moves money, and nobody can say how much. The text says what was missing."""


class RuleRefused(Exception):
    """A money rule of the house says no. rule: its name (`currency`, `rates_age`, …)."""

    def __init__(self, rule: str, why: str) -> None:
        super().__init__(why)
        self.rule = rule
        self.why = why


class Vendor(Protocol):
    """What a vendor module offers. One frozen instance per vendor, in `vendors.VENDORS`."""

    @property
    def name(self) -> str: ...

    @property
    def base_url(self) -> str:
        """Where the vendor's API lives, `https://api.stripe.com`."""

    @property
    def products(self) -> Mapping[str, str]:
        """Other hosts of the vendor: name in our path (`files`) -> base URL."""

    @property
    def bare_roots(self) -> frozenset[str]:
        """First path segments that lead to this vendor without a prefix (`v1`, `v2`)."""

    @property
    def request_headers(self) -> frozenset[bytes]:
        """Lower-case names of the caller's headers that are forwarded. Anything else is dropped."""

    @property
    def answer_headers(self) -> frozenset[bytes]:
        """Lower-case names of the vendor's headers that are relayed."""

    @property
    def account_headers(self) -> tuple[bytes, ...]:
        """Lower-case names of headers that act for another account (`stripe-account`)."""

    @property
    def idempotency_header(self) -> bytes | None:
        """Lower-case name, `idempotency-key`; None where the vendor has no such thing."""

    def secret_mistake(self, secret: str) -> str | None:
        """What is wrong with a real credential's form, for the settings check; None if nothing."""

    def livemode(self, secret: str) -> bool | None:
        """Does this real credential move real money? None if it cannot be told."""

    def authorization(self, secret: str) -> bytes:
        """The Authorization header's value that the vendor gets."""

    def operation(self, method: str, path: str, product: str) -> Operation:
        """The catalogue's row for a canonical path; product '' is the main API host. Never fails:
        an unlisted read is FREE, an unlisted write UNPRICED."""

    def needs_body(self, operation: Operation, content_type: str) -> bool:
        """Must the body be read whole before sending (to be priced or turned into another
        encoding)? If not, it streams through untouched and `read` is called with an empty body."""

    def read(self, operation: Operation, sent: Sent) -> Reading:
        """Raises Unreadable, MediaTypeRefused."""

    def quote(
        self, reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
    ) -> Quote | Lookup:
        """For PRICED operations. found: answers (status 200) to the lookups asked for so far, in
        order. kept: the rate that the object's earlier hold was made at. Raises Unreadable,
        Unpriced, RuleRefused."""

    def settle(self, reading: Reading, quote: Quote, answer: Answer) -> Outcome:
        """What the answer means for the hold. Never raises: what cannot be read is IN_DOUBT, with a
        why."""

    def cancellation(self, object_id: str) -> str | None:
        """The path to POST to so that an open object is cancelled; None if it cannot be."""

    def shown_micros(self, answer: Answer, rates: Rates) -> int:
        """The largest amount that the answer of an unpriced operation shows; 0 if it shows none."""

    def is_sdk(self, headers: Mapping[bytes, bytes]) -> bool:
        """Is the caller one of the vendor's official SDKs (which want the vendor's own error
        shape)?"""

    def refusal(
        self, status: int, code: str, message: str, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A refusal of ours in the vendor's own error shape, with our code inside."""


@runtime_checkable
class Remembers(Protocol):
    """What a vendor offers besides when its objects hold money between calls (an
    intent counts until the vendor says that it is through)."""

    def object_lookup(self, object_id: str) -> Lookup | None:
        """How such an object is read again; None for any other id."""

    def reread(self, object_id: str, rate: Rate, answer: Answer) -> Outcome:
        """What the answer to that look-up means for the object's holds. rate: of its hold.
        IN_DOUBT: nothing new is known, the books stay as they are."""
