"""The promise every vendor module keeps, in plain values: what is sent goes in, what it costs comes
out.

A vendor module decides and never waits. The gateway hands it one request (`Sent`), gets back the
one reading of it (`Reading`: exactly what will be forwarded), asks for a `Quote` (the most the call
can cost; it may first ask for a `Lookup`, a GET made with the real key), and after the vendor's
answer asks what it did cost (`Outcome`). Money is an int of micro-USD; quotes round up.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from vendors.rates import Rate, Rates
from vendors.values import (
    Answer,
    Credential,
    Doubt,
    End,
    Findings,
    GivesBack,
    Links,
    Lookup,
    MediaTypeRefused,
    Money,
    Operation,
    Outcome,
    PriceTableMistake,
    Quote,
    Reading,
    RuleRefused,
    Sent,
    Unpriced,
    Unreadable,
)

__all__ = [
    "Answer",
    "Credential",
    "Doubt",
    "End",
    "Findings",
    "GivesBack",
    "Links",
    "Lookup",
    "MediaTypeRefused",
    "Money",
    "Operation",
    "Outcome",
    "PriceTableMistake",
    "Quote",
    "Reading",
    "RuleRefused",
    "Sent",
    "StreamReader",
    "Unpriced",
    "Unreadable",
    "Vendor",
]


class StreamReader(Protocol):
    """Reads a body that is too large to be kept, strictly, while it passes to the vendor."""

    @property
    def bound(self) -> Quote:
        """The most that any body of this operation can cost: held before the first byte leaves."""

    def feed(self, piece: bytes) -> None:
        """The next bytes. Raises Unreadable."""

    def finish(self) -> Reading:
        """The body is over: what it said, to be priced exactly. Its body is empty. Raises
        Unreadable."""


class Vendor(Protocol):
    """What a vendor module offers: one frozen instance, in `vendors.VENDORS` or behind an entry
    point of the group `keybrake.vendors`. `vendors.plain.Plain` answers for what most have no need
    of."""

    # -- who it is, and how its key is worn ----------------------------------------------------

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

    @property
    def key_terms(self) -> frozenset[str]:
        """Which of the terms that only some vendors know a key may have: `currencies`, `countries`,
        `vendor_accounts`, `refunds_restore_cap`, `call_time_limit_s`."""

    @property
    def sandbox_credential(self) -> Credential:
        """What stands in for the real one where our own stand-in is the vendor."""

    def mistakes(self, credential: Credential) -> Mapping[str, str]:
        """What is wrong with a real credential's form, for the settings check: setting (`secret`,
        `account_sid`, `api_key_sid`) -> one sentence that never shows the secret."""

    def livemode(self, credential: Credential) -> bool | None:
        """Does this real credential move real money? None if it cannot be told."""

    def authorization(self, credential: Credential) -> bytes:
        """The Authorization header's value that the vendor gets."""

    def is_sdk(self, headers: Mapping[bytes, bytes]) -> bool:
        """Is the caller one of the vendor's official SDKs (which want the vendor's own error
        shape)?"""

    @property
    def sdk_takes_402_for_a_decline(self) -> bool:
        """Does its SDK tell a 402 as a declined card? Then it always gets 429 at a cap."""

    def refusal(
        self, status: int, code: str, message: str, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A refusal of ours in the vendor's own error shape, with our code inside."""

    # -- prices --------------------------------------------------------------------------------

    @property
    def prices_date(self) -> str:
        """The day of its table of prices (`2026-05-25`); '' if it has none."""

    def with_prices(self, table: str) -> Vendor:
        """The same vendor with an operator's table (JSON) in place of the one that ships. Raises
        PriceTableMistake, also where there is no such table."""

    # -- whose account a path names ------------------------------------------------------------

    def alias(self, key_id: str) -> str:
        """What a caller may call the account in paths, made from its key's id; '' where paths name
        none."""

    def own_path(
        self, path: str, product: str, account: str, names: Collection[str], others: Collection[str]
    ) -> tuple[str, str]:
        """The path as the vendor gets it, and what the caller called the account in it ('' if the
        path names none). names: what stands for the account (`account` itself always does). others:
        further accounts that the key may name. Raises RuleRefused("account")."""

    @property
    def link_bytes_max(self) -> int:
        """How long a link or a name that `relink` changes can be; 0: nothing ever is, and `relink`
        is not called."""

    def relink(self, text: bytes, links: Links) -> bytes:
        """A piece of an answer with the vendor's links and its name of the account become the
        caller's. Only what stands whole in the piece is changed; the gateway cuts so that all
        does."""

    # -- a call --------------------------------------------------------------------------------

    def operation(self, method: str, path: str, product: str) -> Operation:
        """The catalogue's row for a canonical path; product '' is the main API host. Never fails:
        an unlisted read is FREE, an unlisted write UNPRICED."""

    def listed(self) -> Sequence[str]:
        """The catalogue's operations as an allowlist names them (`POST /v1/charges/*/capture`), so
        that the nearest one can be told of a misspelt entry; empty where nobody can say."""

    def idempotent(self, operation: Operation) -> bool:
        """Does the vendor carry out a second call with the same idempotency key only once? If not,
        a retry is answered from what we kept, and never sent."""

    def needs_body(self, operation: Operation, content_type: str) -> bool:
        """Must the body be read whole before sending (to be priced or turned into another
        encoding)? If not, it streams through untouched and `read` is called with an empty body."""

    def read(self, operation: Operation, sent: Sent) -> Reading:
        """Raises Unreadable, MediaTypeRefused, RuleRefused."""

    def stream(self, operation: Operation, sent: Sent) -> StreamReader | None:
        """For a body beyond what is read whole: a reader that prices it while it passes; None if
        the operation's body cannot be that large. sent.body is empty. Raises Unreadable,
        MediaTypeRefused, RuleRefused."""

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

    # -- afterwards ----------------------------------------------------------------------------

    def object_lookup(self, object_id: str) -> Lookup | None:
        """How an object that holds money between calls (an open intent, a message whose price is
        still to come, a refund) is read again; None for any other id."""

    def reread(
        self, object_id: str, rate: Rate | None, counted_micros: int, answer: Answer
    ) -> Outcome:
        """What the answer to that look-up means for the object's holds. rate: of its hold.
        counted_micros: what it counts for now. IN_DOUBT: nothing new is known, the books stay as
        they are."""

    def trace(self, reading: Reading) -> str:
        """By what a call can be found again at a vendor that shows no idempotency key, in at most
        300 characters without `|`; '' where there is nothing to find it by."""

    def search(self, doubt: Doubt, found: Sequence[Answer]) -> Lookup | Findings | None:
        """How to find out what became of a call in doubt, by reading only. found: answers (status
        200) to the look-ups asked for so far, in order. None: there is no way."""
