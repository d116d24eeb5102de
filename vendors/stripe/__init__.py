"""Stripe: `STRIPE` is the vendor, as `vendors.contract.Vendor` promises it.

catalogue.py (operations.json) says what an operation does with money, reading.py reads a request
once, quote.py finds the most it can cost, settle.py what it did cost, search.py what became of one
that nobody answered. Each of these three merges the tables that the topics bring: intents.py,
charges.py, refunds.py, outflows.py, credit.py, terminal.py, v2money.py, definitions.py, billing/.
things.py reads Stripe's objects, currencies.py knows their decimals, errors.py dresses our
refusals, shown.py looks over unpriced answers. This file is the door, and knows how Stripe's key is
worn and which headers pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
)
from vendors.pathtree import starred
from vendors.plain import Plain
from vendors.rates import Rate, Rates
from vendors.stripe import errors, reading
from vendors.stripe.catalogue import CATALOGUE
from vendors.stripe.quote import quote
from vendors.stripe.search import search
from vendors.stripe.settle import object_lookup, reread, settle
from vendors.stripe.shown import shown_micros

__all__ = ["STRIPE", "Stripe"]

_SECRET: Final = re.compile(r"(?:sk|rk)_(live|test)_[A-Za-z0-9_]+", re.ASCII)
_OTHER_KINDS: Final = {
    "pk_": "a publishable key, for browsers; use a secret key (sk_…) or a restricted one (rk_…)",
    "whsec_": "a webhook's signing secret, not an API key",
    "sk_org_": "an organisation's key, which names no account; use a key of the account itself",
    "ek_": "an ephemeral key, which ends by itself",
    "vault_key_": "a vault key of a gateway, not a key of Stripe's",
    "kb_": "an admin or issuer key of a gateway, not a key of Stripe's",
}

_REQUEST_HEADERS: Final = frozenset(
    b"accept accept-language content-type stripe-account stripe-context stripe-version user-agent "
    b"x-stripe-client-telemetry x-stripe-client-user-agent".split()
)
_ANSWER_HEADERS: Final = frozenset(
    b"cache-control content-disposition content-language content-type idempotent-replayed "
    b"original-request request-id retry-after stripe-account stripe-context stripe-notice "
    b"stripe-rate-limited-reason stripe-should-retry stripe-version".split()
)

_LISTED: Final = tuple(starred(row.method, row.pattern) for row in CATALOGUE.rows)


@dataclass(frozen=True, slots=True)
class Stripe(Plain):
    """The door to this package. One instance, no state."""

    name: str = "stripe"
    base_url: str = "https://api.stripe.com"
    products: Mapping[str, str] = field(
        default_factory=lambda: {
            "files": "https://files.stripe.com",
            "connect": "https://connect.stripe.com",
            "meter-events": "https://meter-events.stripe.com",
        }
    )
    bare_roots: frozenset[str] = frozenset({"v1", "v2"})
    request_headers: frozenset[bytes] = _REQUEST_HEADERS
    answer_headers: frozenset[bytes] = _ANSWER_HEADERS
    account_headers: tuple[bytes, ...] = (b"stripe-account", b"stripe-context")
    idempotency_header: bytes | None = b"idempotency-key"
    key_terms: frozenset[str] = frozenset({"currencies", "refunds_restore_cap", "vendor_accounts"})
    sdk_takes_402_for_a_decline: bool = True
    sandbox_credential: Credential = field(default=Credential("sk_test_keybrakeSandboxOnly"))

    def mistakes(self, credential: Credential) -> Mapping[str, str]:
        if _SECRET.fullmatch(credential.secret) is not None:
            return {}
        for prefix, what in _OTHER_KINDS.items():
            if credential.secret.startswith(prefix):
                return {"secret": what}
        return {
            "secret": "not a key of Stripe's: it begins sk_live_, sk_test_, rk_live_ or rk_test_"
        }

    def livemode(self, credential: Credential) -> bool | None:
        match = _SECRET.fullmatch(credential.secret)
        return None if match is None else match[1] == "live"

    def authorization(self, credential: Credential) -> bytes:
        return b"Bearer " + credential.secret.encode("ascii")

    def operation(self, method: str, path: str, product: str) -> Operation:
        """One catalogue for all hosts: none of them is a way around a price."""
        return CATALOGUE.find(method, path)

    def listed(self) -> Sequence[str]:
        return _LISTED

    def idempotent(self, operation: Operation) -> bool:
        """Every POST. `/v1` keeps the first answer, whatever it was; `/v2` carries a failed call
        out again and never one that succeeded, a DELETE too."""
        return operation.method == "POST" or (
            operation.method == "DELETE" and operation.pattern.startswith("/v2/")
        )

    def needs_body(self, operation: Operation, content_type: str) -> bool:
        return reading.needs_body(operation, content_type)

    def read(self, operation: Operation, sent: Sent) -> Reading:
        return reading.read(operation, sent)

    def quote(
        self, reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
    ) -> Quote | Lookup:
        return quote(reading, rates, found, kept)

    def settle(self, reading: Reading, quote: Quote, answer: Answer) -> Outcome:
        return settle(reading, quote, answer)

    def cancellation(self, object_id: str) -> str | None:
        """An intent can be cancelled; an uncaptured charge only by a refund."""
        if object_id.startswith("pi_"):
            return f"/v1/payment_intents/{object_id}/cancel"
        return None

    def shown_micros(self, answer: Answer, rates: Rates) -> int:
        return shown_micros(answer, rates)

    def is_sdk(self, headers: Mapping[bytes, bytes]) -> bool:
        return b"x-stripe-client-user-agent" in headers or headers.get(
            b"user-agent", b""
        ).startswith(b"Stripe/v")

    def refusal(
        self, status: int, code: str, message: str, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        return errors.refusal(status, code, message, facts)

    def object_lookup(self, object_id: str) -> Lookup | None:
        """How an object that holds money is read again; None for an id that is none of such an
        object."""
        return object_lookup(object_id)

    def reread(
        self, object_id: str, rate: Rate | None, counted_micros: int, answer: Answer
    ) -> Outcome:
        """What the answer to that look-up means for the object's holds; IN_DOUBT: nothing new is
        known."""
        return reread(object_id, rate, counted_micros, answer)

    def search(self, doubt: Doubt, found: Sequence[Answer]) -> Lookup | Findings | None:
        """By the object the call was about, else by events that name its idempotency key."""
        return search(doubt, found)


STRIPE: Final = Stripe()
