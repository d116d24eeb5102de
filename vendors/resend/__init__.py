"""Resend: `RESEND` is the vendor, as `vendors.contract.Vendor` promises it.

catalogue.py (operations.json) says what an operation does with money, reading.py reads a request
once and recipients.py counts whom it names; stream.py does the same for a mail that passes without
being kept. prices.py (prices.json) knows what one recipient costs, quote.py the most a call can
cost, settle.py what it did cost, search.py what became of a mail in doubt. answers.py reads what
Resend says, errors.py dresses our refusals. This file is the door, and knows how Resend's key is
worn and which headers pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from vendors.contract import (
    Answer,
    Credential,
    Doubt,
    Findings,
    Lookup,
    Operation,
    Outcome,
    Quote,
    Reading,
    Sent,
    StreamReader,
)
from vendors.pathtree import starred
from vendors.plain import Plain
from vendors.rates import Rate, Rates
from vendors.resend import errors, reading
from vendors.resend.answers import UUID
from vendors.resend.catalogue import CATALOGUE
from vendors.resend.prices import SHIPPED, Prices, read_prices
from vendors.resend.quote import quote
from vendors.resend.search import search, trace
from vendors.resend.settle import reread, settle
from vendors.resend.stream import MailStream

__all__ = ["RESEND", "Resend"]

_SECRET: Final = re.compile(r"re_[A-Za-z0-9_]+", re.ASCII)
_OTHER_KINDS: Final = {
    "whsec_": "a webhook's signing secret, not an API key",
    "vault_key_": "a vault key of a gateway, not a key of Resend's",
    "kb_": "an admin or issuer key of a gateway, not a key of Resend's",
}
_SDKS: Final = (b"resend-python:", b"resend-node:")

_REQUEST_HEADERS: Final = frozenset(
    b"accept accept-language content-type user-agent x-batch-validation".split()
)
_ANSWER_HEADERS: Final = frozenset(
    b"cache-control content-disposition content-language content-type ratelimit-limit "
    b"ratelimit-policy ratelimit-remaining ratelimit-reset retry-after x-resend-daily-quota "
    b"x-resend-monthly-quota".split()
)

_LISTED: Final = tuple(starred(row.method, row.pattern) for row in CATALOGUE.rows)


@dataclass(frozen=True, slots=True)
class Resend(Plain):
    """The door to this package. No state but its table of prices."""

    name: str = "resend"
    base_url: str = "https://api.resend.com"
    bare_roots: frozenset[str] = CATALOGUE.roots()
    request_headers: frozenset[bytes] = _REQUEST_HEADERS
    answer_headers: frozenset[bytes] = _ANSWER_HEADERS
    idempotency_header: bytes | None = b"idempotency-key"
    sandbox_credential: Credential = field(default=Credential("re_keybrakeSandboxOnly"))
    prices: Prices = SHIPPED

    def mistakes(self, credential: Credential) -> Mapping[str, str]:
        if _SECRET.fullmatch(credential.secret) is not None:
            return {}
        for prefix, what in _OTHER_KINDS.items():
            if credential.secret.startswith(prefix):
                return {"secret": what}
        return {"secret": "not a key of Resend's: it begins re_"}

    def livemode(self, credential: Credential) -> bool | None:
        """Resend's keys do not tell, and have no test mode."""
        return None

    def authorization(self, credential: Credential) -> bytes:
        return b"Bearer " + credential.secret.encode("ascii")

    def is_sdk(self, headers: Mapping[bytes, bytes]) -> bool:
        return headers.get(b"user-agent", b"").startswith(_SDKS)

    def refusal(
        self, status: int, code: str, message: str, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        return errors.refusal(status, code, message, facts)

    @property
    def prices_date(self) -> str:
        return self.prices.date

    def with_prices(self, table: str) -> Resend:
        return replace(self, prices=read_prices(table))

    def operation(self, method: str, path: str, product: str) -> Operation:
        return CATALOGUE.find(method, path)

    def listed(self) -> Sequence[str]:
        return _LISTED

    def idempotent(self, operation: Operation) -> bool:
        """Sending a mail or a batch, and nothing else."""
        return operation.name in (reading.SEND, reading.BATCH)

    def needs_body(self, operation: Operation, content_type: str) -> bool:
        return reading.needs_body(operation)

    def read(self, operation: Operation, sent: Sent) -> Reading:
        return reading.read(operation, sent)

    def stream(self, operation: Operation, sent: Sent) -> StreamReader | None:
        """Only a single mail has attachments."""
        if operation.name != reading.SEND:
            return None
        reading.check_coding(sent)
        reading.check_query(sent)
        reading.check_media(sent)
        return MailStream(operation, sent, self.prices)

    def quote(
        self, reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
    ) -> Quote | Lookup:
        return quote(reading, self.prices, found, kept)

    def settle(self, reading: Reading, quote: Quote, answer: Answer) -> Outcome:
        return settle(reading, quote, answer)

    def cancellation(self, object_id: str) -> str | None:
        """A scheduled mail can be cancelled until it goes."""
        return f"/emails/{object_id}/cancel" if UUID.fullmatch(object_id) else None

    def object_lookup(self, object_id: str) -> Lookup | None:
        if UUID.fullmatch(object_id) is None:
            return None
        return Lookup(f"/emails/{object_id}", "has the scheduled mail gone out?")

    def reread(
        self, object_id: str, rate: Rate | None, counted_micros: int, answer: Answer
    ) -> Outcome:
        return reread(object_id, counted_micros, answer)

    def trace(self, reading: Reading) -> str:
        return trace(reading)

    def search(self, doubt: Doubt, found: Sequence[Answer]) -> Lookup | Findings | None:
        return search(doubt, found)


RESEND: Final = Resend()
