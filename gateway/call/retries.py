"""A retry is not a second charge: which hold a call with an Idempotency-Key continues.

The caller's key is bound to what it asked for, in a namespace: the issuer and account for issued
keys (a re-run under a fresh key is the same call), else the key itself, or a scope that joins keys.
The ledger remembers the binding with the hold; this file decides what a second request with the
same key may do, and keeps a second one waiting while the first is on its way."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Final

from gateway.call.journey import Journey
from gateway.call.record import hashed
from gateway.errors import IdempotencyConflict, IdempotencyInProgress, RequestMalformed
from gateway.vault.terms import Terms
from ledger import HoldState, Ledger, Retried, RetryKey
from vendors.contract import Money, Reading

_KEY_CHARS_MAX = 255
_HEADER: Final = b"idempotency-key"
"""Where the vendor has none of its own."""


def caller_key(value: bytes) -> str:
    """The Idempotency-Key as sent: 1 to 255 printable ASCII characters. Raises RequestMalformed."""
    text = value.decode("latin-1")
    if not (0 < len(text) <= _KEY_CHARS_MAX and text.isascii() and text.isprintable()):
        raise RequestMalformed("Idempotency-Key must be 1 to 255 printable ASCII characters.")
    return text


def vendor_key(terms: Terms, key: str) -> str:
    """The key as the vendor sees it: two agents on one real account can never meet in it."""
    return "kb-" + hashlib.sha256(f"{_namespace(terms)}\0{key}".encode()).hexdigest()[:48]


def name(journey: Journey) -> None:
    """Every money-moving call carries an idempotency key where the vendor heeds them: the caller's,
    in a namespace, or one of ours. Raises RequestMalformed."""
    vendor, terms = journey.vendor, journey.key.terms
    named = vendor.idempotency_header is not None
    value = journey.request.headers.get(vendor.idempotency_header or _HEADER)
    if value is not None:
        key = journey.idempotency_key = caller_key(value)
        journey.vendor_key = vendor_key(terms, key) if named else None
        journey.record.idempotency_key = hashed(key, terms.key_id)
    elif named and journey.operation.money is not Money.FREE:
        journey.vendor_key = "kb-" + journey.call_id


def counts_less(first: Retried | None) -> bool:
    """Was the first call, on an object that still stands, found to count for less than it set
    aside? It may never have run, and its retry may: that one holds what is missing. Where it did
    run, the vendor knows the retry by its key, and nothing is missing."""
    hold = None if first is None else first.hold
    if hold is None or hold.state is not HoldState.STANDING:
        return False
    return hold.settled_micros + hold.standing_micros < hold.amount_micros


def bind(terms: Terms, key: str, reading: Reading, acts_for: str) -> RetryKey:
    """The binding of a key to its request. acts_for: the account headers that go with it."""
    name = hashlib.sha256(f"retry\0{_namespace(terms)}\0{key}".encode()).digest()[:16]
    asked = "\0".join((reading.operation.method, reading.path, reading.query, acts_for)).encode()
    return RetryKey(name, hashlib.sha256(asked + b"\0" + reading.body).digest()[:16])


class Retries:
    """The calls with an Idempotency-Key that are on their way now, so that their retries wait."""

    __slots__ = ("_ledger", "_loop", "_running", "_wait_s")

    def __init__(
        self, ledger: Ledger, loop: asyncio.AbstractEventLoop, *, wait_s: float = 30.0
    ) -> None:
        self._ledger = ledger
        self._loop = loop
        self._wait_s = wait_s
        self._running: dict[bytes, tuple[bytes, asyncio.Future[None]]] = {}

    async def begin(self, retry: RetryKey) -> Retried | None:
        """Take this key's turn; `end` gives it back. The hold to continue, or None to hold afresh.
        Raises IdempotencyConflict, IdempotencyInProgress."""
        give_up_at = self._loop.time() + self._wait_s
        while (running := self._running.get(retry.key)) is not None:
            digest, done = running
            if digest != retry.digest:
                raise IdempotencyConflict()
            await self._wait(done, give_up_at)
        before = self._ledger.retried(retry.key)
        if before is not None and before.digest != retry.digest:
            raise IdempotencyConflict()
        self._running[retry.key] = (retry.digest, self._loop.create_future())
        return None if before is None or before.state is HoldState.RELEASED else before

    def end(self, retry: RetryKey) -> None:
        _, done = self._running.pop(retry.key)
        done.set_result(None)

    def is_running(self, key: bytes) -> bool:
        """Is a call under this key on its way now? Its hold is that call's to end."""
        return key in self._running

    async def _wait(self, done: asyncio.Future[None], give_up_at: float) -> None:
        left_s = give_up_at - self._loop.time()
        if left_s <= 0 or not (await asyncio.wait((done,), timeout=left_s))[0]:
            raise IdempotencyInProgress()


def _namespace(terms: Terms) -> str:
    if terms.idempotency_scope:
        account = f"{terms.vendor}\0{terms.account}\0{terms.issuer_id or ''}"
        return f"scope\0{account}\0{terms.idempotency_scope}"
    if terms.issuer_id is not None:
        return f"issuer\0{terms.issuer_id}\0{terms.vendor}\0{terms.account}"
    return f"key\0{terms.key_id}"
