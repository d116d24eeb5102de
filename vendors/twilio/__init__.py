"""Twilio: `TWILIO` is the vendor, as `vendors.contract.Vendor` promises it.

catalogue.py (operations.json) says what an operation does with money, reading.py reads a request
once, quote.py finds the most it can cost (messages.py with segments.py, calls.py with twiml.py,
products.py; addresses.py and destinations.py say where it goes, prices.py for how much), settle.py
what it did cost (things.py and xmltree.py read Twilio's messages and calls), search.py what became
of a call that nobody answered. accounts.py knows whose account a path names, links.py makes
Twilio's links ours, errors.py dresses our refusals. This file is the door, and knows how Twilio's
key is worn and which headers pass.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from vendors.contract import (
    Answer,
    Credential,
    Doubt,
    Findings,
    Links,
    Lookup,
    Operation,
    Outcome,
    Quote,
    Reading,
    Sent,
    Vendor,
)
from vendors.pathtree import starred
from vendors.plain import Plain
from vendors.rates import Rate, Rates
from vendors.twilio import accounts, catalogue, errors, links, reading, search, settle
from vendors.twilio.prices import SHIPPED, Prices, read_prices
from vendors.twilio.quote import quote
from vendors.twilio.things import Unclear, is_call, read_price, read_tree, split_id

__all__ = ["TWILIO", "Twilio"]

_PRODUCTS: Final = (
    "accounts assistants bulkexports chat content conversations events flex-api frontline-api iam "
    "insights intelligence ip-messaging knowledge lookups marketplace memory messaging monitor "
    "notify numbers oauth preview preview-iam pricing proxy routes serverless studio supersim sync "
    "taskrouter trunking trusthub verify video voice webhooks wireless"
)
_REQUEST_HEADERS: Final = frozenset(
    b"accept accept-language content-type user-agent x-twilio-client".split()
)
_ANSWER_HEADERS: Final = frozenset(
    b"cache-control content-disposition content-language content-type etag last-modified "
    b"retry-after twilio-concurrent-requests twilio-request-duration twilio-request-id".split()
)
_SDK: Final = b"twilio-"
_STAND_IN: Final = "5a4db0c5" * 4
"""Of the form that Twilio's have, and easy to recognise."""

_LISTED: Final = tuple(
    starred(row.operation.method, row.operation.pattern, row.product)
    for row in catalogue.CATALOGUE.rows
)


@dataclass(frozen=True, slots=True)
class Twilio(Plain):
    """The door to this package. One instance per table of prices, no state."""

    name: str = "twilio"
    base_url: str = "https://api.twilio.com"
    products: Mapping[str, str] = field(
        default_factory=lambda: {
            product: f"https://{product}.twilio.com" for product in _PRODUCTS.split()
        }
    )
    bare_roots: frozenset[str] = frozenset({"2010-04-01"})
    request_headers: frozenset[bytes] = _REQUEST_HEADERS
    answer_headers: frozenset[bytes] = _ANSWER_HEADERS
    key_terms: frozenset[str] = frozenset({"call_time_limit_s", "countries", "vendor_accounts"})
    sandbox_credential: Credential = field(default=Credential(_STAND_IN, f"AC{_STAND_IN}"))
    link_bytes_max: int = links.LINK_BYTES_MAX
    prices: Prices = field(default=SHIPPED, repr=False)

    def mistakes(self, credential: Credential) -> Mapping[str, str]:
        return accounts.mistakes(credential)

    def livemode(self, credential: Credential) -> bool | None:
        """Test credentials look like any other."""
        return None

    def authorization(self, credential: Credential) -> bytes:
        user = credential.api_key or credential.account
        return b"Basic " + base64.b64encode(f"{user}:{credential.secret}".encode())

    def is_sdk(self, headers: Mapping[bytes, bytes]) -> bool:
        return headers.get(b"user-agent", b"").startswith(_SDK)

    def refusal(
        self, status: int, code: str, message: str, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        return errors.refusal(status, code, message, facts)

    @property
    def prices_date(self) -> str:
        return self.prices.date

    def with_prices(self, table: str) -> Vendor:
        return replace(self, prices=read_prices(table))

    def alias(self, key_id: str) -> str:
        return accounts.alias(key_id)

    def own_path(
        self, path: str, product: str, account: str, names: Collection[str], others: Collection[str]
    ) -> tuple[str, str]:
        """One rule for all hosts."""
        return accounts.own_path(path, account, names, others)

    def relink(self, text: bytes, links_: Links) -> bytes:
        return links.relink(text, links_)

    def operation(self, method: str, path: str, product: str) -> Operation:
        return catalogue.find(method, path, product)

    def listed(self) -> Sequence[str]:
        return _LISTED

    def needs_body(self, operation: Operation, content_type: str) -> bool:
        return reading.needs_body(operation)

    def read(self, operation: Operation, sent: Sent) -> Reading:
        return reading.read(operation, sent)

    def quote(
        self, reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
    ) -> Quote:
        return quote(reading, self.prices)

    def settle(self, reading: Reading, quote: Quote, answer: Answer) -> Outcome:
        return settle.settle(reading, quote, answer, self.prices)

    def shown_micros(self, answer: Answer, rates: Rates) -> int:
        """Its `price`, where there is one in USD."""
        try:
            return read_price(read_tree(answer.body)) or 0
        except Unclear:
            return 0

    def object_lookup(self, object_id: str) -> Lookup | None:
        """A message or a call. `{account}` in the target stands for the account's real SID."""
        split = split_id(object_id)
        if split is None:
            return None
        place = "Calls" if is_call(split[0]) else "Messages"
        path = f"/2010-04-01/Accounts/{search.ACCOUNT}/{place}/{split[0]}.json"
        return Lookup(path, "what it has come to")

    def reread(
        self, object_id: str, rate: Rate | None, counted_micros: int, answer: Answer
    ) -> Outcome:
        """A price above what is counted is returned as it is."""
        return settle.reread(object_id, answer, self.prices)

    def trace(self, reading: Reading) -> str:
        return search.trace(reading, self.prices)

    def search(self, doubt: Doubt, found: Sequence[Answer]) -> Lookup | Findings | None:
        """`{account}` in a target stands for the account's real SID."""
        return search.search(doubt, found, self.prices)


TWILIO: Final = Twilio()
