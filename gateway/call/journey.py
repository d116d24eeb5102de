"""One vendor call on its way: what has been found out so far, and the grip that a revoke has on it.

A journey begins when its key is known, is filled in by the steps of `proxy.py` in order, and is
closed once: what it took (a place at the vendor's entrance, its turn on an object, its
Idempotency-Key) is given back then, in reverse order, whatever happened. An attribute without a
default is set by the step that its comment names; no step reads it earlier."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from gateway.call.record import CallRecord
from gateway.call.routes import Route
from gateway.call.turnstile import Turnstile
from gateway.errors import Refusal
from gateway.http.message import Request
from gateway.upstream.pool import Upstream, Watch
from gateway.vault.registry import Key
from ledger import Hold, Retried, RetryKey
from vendors.contract import Money, Operation, Quote, Reading, Sent, StreamReader, Vendor

if TYPE_CHECKING:
    from gateway.call.looking import Eyes

_UNCOUNTED: Final = frozenset({Money.FREE, Money.MINTS})


class Journey:
    """Living; touched by its own task, and by `abort` from a revoke."""

    __slots__ = (
        "_give_back",
        "account_headers",
        "allow_path",
        "base_micros",
        "call_id",
        "called",
        "cost_micros",
        "estimated",
        "eyes",
        "fixed",
        "idempotency_key",
        "key",
        "known",
        "label",
        "lookups",
        "made",
        "operation",
        "passing",
        "path",
        "place",
        "quote",
        "reading",
        "record",
        "request",
        "retried",
        "retry",
        "route",
        "started_us",
        "took_us",
        "turnstile",
        "upstream",
        "vendor",
        "vendor_key",
        "vendor_us",
        "watch",
        "would_refuse",
    )

    label: str  # admit: the effective label, what a run revoke acts on
    path: str  # admit: canonical, as the vendor gets it
    allow_path: (
        str  # admit: as allowlists see it (another host of the vendor's begins with its name)
    )
    operation: Operation  # admit
    account_headers: dict[bytes, bytes]  # admit: those that act for another account, allowed
    record: CallRecord  # admit
    upstream: Upstream  # admit, before the path is judged
    turnstile: Turnstile  # admit: the entrance of its account
    reading: Reading  # read; of a body that passes: its head, and all of it before its last byte
    quote: Quote  # price

    def __init__(
        self,
        call_id: str,
        request: Request,
        key: Key,
        vendor: Vendor,
        route: Route,
        started_us: int,
    ) -> None:
        self.call_id = call_id
        self.request = request
        self.key = key
        self.vendor = vendor
        self.route = route
        self.started_us = started_us
        self.idempotency_key: str | None = None  # the caller's own
        self.vendor_key: str | None = None  # what the vendor gets for it
        self.passing: StreamReader | None = None  # reads the body while it passes
        self.retry: RetryKey | None = None
        self.retried: Retried | None = None  # the hold that a retry continues
        self.known: list[Hold] = []  # of its object, made by earlier calls
        self.made: list[Hold] = []  # by this call; the one that both budgets carry comes last
        self.base_micros = 0  # what the object had cost before we knew it
        self.cost_micros = 0
        self.called = ""  # what the caller calls the account in paths, where the vendor's name it
        self.fixed = False  # is the quote the fixed hold of the key's allow_unpriced?
        self.estimated = False
        self.eyes: Eyes | None = None  # what prices are looked up through, where not the upstream
        self.lookups: list[str] = []
        self.took_us = 0  # from its head to its answer, once that is known
        self.vendor_us = 0  # of it, spent waiting for the vendor
        self.watch: Watch | None = None
        self.would_refuse: Refusal | None = None
        self.place: Callable[[], None] | None = None  # leaves the vendor's entrance
        self._give_back: list[Callable[[], None]] = []

    @property
    def metered(self) -> bool:
        """Does this call count? Reads do not, nor does test-mode money where the key says so."""
        if self.operation.money in _UNCOUNTED:
            return False
        return self.key.terms.count_test_mode or self.upstream.livemode is not False

    def must_read(self, content_type: str) -> bool:
        """Must its body be read before it is sent?"""
        return (
            self.operation.money is not Money.FREE
            or bool(self.key.terms.params)
            or self.vendor.needs_body(self.operation, content_type)
        )

    def sent(self, content_type: str, body: bytes) -> Sent:
        """The request as its vendor module reads it."""
        request, terms = self.request, self.key.terms
        return Sent(
            request.method,
            self.path,
            request.query,
            content_type,
            body,
            request.headers,
            bool(terms.params),
            terms.call_time_limit_s,
        )

    @property
    def heeds_keys(self) -> bool:
        """Would the vendor know a retry of this call by its idempotency key?"""
        vendor = self.vendor
        return vendor.idempotency_header is not None and vendor.idempotent(self.operation)

    def on_close(self, give_back: Callable[[], None]) -> None:
        self._give_back.append(give_back)

    def close(self) -> None:
        """Give back what was taken. The watch goes too: it looks at the journey, and two that hold
        each other are garbage that only a collection finds."""
        while self._give_back:
            self._give_back.pop()()
        if self.place is not None:
            self.place()
            self.place = None
        self.watch = None

    def abort(self) -> bool:
        """A revoke that does not wait. True if the call's last byte had not left: it never ran."""
        return self.watch is None or self.watch.abort()
