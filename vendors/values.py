"""What goes in and out of a vendor module, in plain values: money is an int of micro-USD, what a
vendor refuses is an exception that says which field or rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from vendors.fact import fact
from vendors.rates import Rate


@dataclass(frozen=True, slots=True)
class Credential:
    """One set of real credentials. account: the account's own id where requests name it (Twilio's
    `AC…`), '' elsewhere. api_key: the id of the API key that the secret belongs to (Twilio's
    `SK…`), '' when the secret is the account's own."""

    secret: str = field(repr=False)
    account: str = ""
    api_key: str = ""


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

    # Members are singletons. Enum's own hash is a Python call, felt in tables looked up per call.
    __hash__ = object.__hash__


@fact
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


@fact
class Sent:
    """A request as it came in, its path already canonical. query: without '?', '' if none.
    content_type: the header's whole value, '' if none. body: all of it. headers: lower-case
    names. strict: the key has rules on named fields, so a call that costs nothing is read as
    closely as one that does: what the rules are judged on must be what the vendor sees.
    call_time_limit_s: the longest phone call that the key allows, None if it does not say."""

    method: str
    path: str
    query: str
    content_type: str
    body: bytes
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    strict: bool = False
    call_time_limit_s: int | None = None


@fact
class Reading:
    """The one reading of a request: what is priced is what is forwarded.

    query, content_type, body: to be sent in this form, byte for byte. fields: every parameter under
    its canonical name (`items[0][price]`), for the rules on named fields; one that may come several
    times is numbered (`to[0]`, `to[1]`), and a rule on `to` is a rule on each of them."""

    operation: Operation
    path: str
    query: str
    content_type: str
    body: bytes
    fields: Mapping[str, str]


@fact
class Lookup:
    """The answer is at the vendor: ask for this target (path and query) with the real key, then
    come again. body: of a POST that changes nothing (a preview), None for a GET. product: the
    vendor's host of that name, '' for its main one. headers: more of them, lower-case names (a
    version that the API insists on)."""

    target: str
    why: str
    product: str = ""
    body: bytes | None = None
    content_type: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()


@fact
class Quote:
    """The most a call can cost.

    amount_micros: for a call that belongs to an object (object_id set): the most that object can
    have cost *in total* afterwards, what is already held or settled for it included; otherwise the
    most this call can cost. before_micros: what the object had cost before this call, as a lookup
    showed it; taken off when the object is one that we do not know. how: one sentence for people.
    units: what counts against a cap on calls (messages, recipients). amount_minor, currency, rate:
    the figure before conversion, kept for settling at the same rate. countries: ISO codes of all
    places that the call may reach, `??` for one that is not known; empty where the vendor knows no
    such thing."""

    amount_micros: int
    how: str
    currency: str = "usd"
    amount_minor: int = 0
    rate: Rate | None = None
    object_id: str | None = None
    before_micros: int = 0
    units: int = 1
    countries: tuple[str, ...] = ()


@fact
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

    __hash__ = object.__hash__  # as above


@fact
class GivesBack:
    """A refund that succeeded: of which objects (`pi_…`, `ch_…`), under which id of its own, how
    much."""

    objects: tuple[str, ...]
    refund_id: str
    amount_micros: int


@fact
class Outcome:
    """What an answer means for the books. settled_micros and standing_micros speak for the whole
    object when object_id is set, otherwise for this call. why: for people, set whenever end is
    IN_DOUBT. label: the object's id for the audit log, also where nothing is remembered under it.
    PENDING: the price comes later, standing_micros counts until then, object_id is what to ask for
    it by. units: how many the call turned out to be where that is fewer than its quote's."""

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
    units: int | None = None


@dataclass(frozen=True, slots=True)
class Doubt:
    """A call that left and of which nobody knows what became. operation: its name in the catalogue.
    at_us: when it was held. vendor_key: the idempotency key that the vendor got, '' if none. trace:
    what `trace` said of its request. object_id: the object it was about, '' if none. amount_micros:
    what was held. rate: at which. answered: the status that the vendor gave, None if none came.
    Look-ups made for it carry the account headers of the call; the gateway sees to that."""

    call_id: str
    operation: str
    at_us: int
    vendor_key: str = ""
    trace: str = ""
    object_id: str = ""
    amount_micros: int = 0
    rate: Rate | None = None
    answered: int | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What the vendor shows of calls like one in doubt. matches: what each that may be it came to,
    oldest first, with its object_id or label. exact: the vendor says which call made it (its
    idempotency key is shown), so one match is the call itself; otherwise a match may be another,
    alike call's. conclusive: had the call run, it would be among them, so that finding too few says
    that it did not."""

    matches: tuple[Outcome, ...]
    exact: bool
    conclusive: bool
    how: str


@dataclass(frozen=True, slots=True)
class Links:
    """How a vendor's names become the caller's. account: the real account's id; called: what the
    caller calls it. base_url: how the caller reaches the vendor through us, without a slash at the
    end (`https://gw1.example.com/twilio`)."""

    account: str
    called: str
    base_url: str


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
    """Moves money, and nobody can say how much. The text says what was missing. countries: as in a
    quote, where it is known at least where the call goes."""

    def __init__(self, why: str, countries: tuple[str, ...] = ()) -> None:
        super().__init__(why)
        self.countries = countries


class RuleRefused(Exception):
    """A rule of the house or of the key says no. rule: its name (`currency`, `rates_age`,
    `account`, `destination_unpriced`, `call_time_limit_s`, …)."""

    def __init__(self, rule: str, why: str) -> None:
        super().__init__(why)
        self.rule = rule
        self.why = why


class PriceTableMistake(Exception):
    """A table of prices that cannot be used. One line: which field, and what it must be."""
