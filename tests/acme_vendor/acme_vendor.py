"""Acme Letters: an API that prints letters and posts them, at so much a page.

`POST /letters {"to", "pages"}` posts one; its answer tells `pages` as printed. Reading is free.
What Acme has nothing of (accounts in paths, objects that hold money, a table of prices to replace)
`Plain` answers for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from vendors.contract import (
    Answer,
    Credential,
    End,
    Lookup,
    MediaTypeRefused,
    Money,
    Operation,
    Outcome,
    Quote,
    Reading,
    RuleRefused,
    Sent,
    Unreadable,
)  # fmt: skip
from vendors.plain import Plain
from vendors.rates import USD, Rate, Rates
from vendors.strict_json import read_json

PAGE_MICROS: Final = 1_200_000
_PAGES: Final = re.compile(r"[1-9][0-9]{0,2}", re.ASCII)
_HEADERS: Final = frozenset({b"content-type", b"idempotency-key", b"x-request-id"})


@dataclass(frozen=True, slots=True)
class Acme(Plain):
    name: str = "acme"
    base_url: str = "https://api.acme.example"
    bare_roots: frozenset[str] = frozenset({"letters"})
    request_headers: frozenset[bytes] = _HEADERS
    answer_headers: frozenset[bytes] = _HEADERS
    idempotency_header: bytes | None = b"idempotency-key"
    key_terms: frozenset[str] = frozenset({"countries"})
    sandbox_credential: Credential = field(default=Credential("acme_test_none"))

    def mistakes(self, credential: Credential) -> Mapping[str, str]:
        fits = credential.secret.startswith("acme_")
        return {} if fits else {"secret": "not a key of Acme's: it begins acme_"}

    def livemode(self, credential: Credential) -> bool | None:
        return not credential.secret.startswith("acme_test_")

    def authorization(self, credential: Credential) -> bytes:
        return b"Bearer " + credential.secret.encode("ascii")

    def is_sdk(self, headers: Mapping[bytes, bytes]) -> bool:
        return headers.get(b"user-agent", b"").startswith(b"acme-python/")

    def refusal(
        self, status: int, code: str, message: str, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {"fault": {"code": code, "text": message, **facts}}

    def operation(self, method: str, path: str, product: str) -> Operation:
        if method in ("GET", "HEAD"):
            return Operation("", method, path, Money.FREE)
        if (method, path) == ("POST", "/letters"):
            return Operation("PostLetter", method, path, Money.PRICED)
        return Operation("", method, path, Money.UNPRICED, "not in Acme's catalogue")

    def idempotent(self, operation: Operation) -> bool:
        return operation.name == "PostLetter"

    def needs_body(self, operation: Operation, content_type: str) -> bool:
        return operation.money is Money.PRICED

    def read(self, operation: Operation, sent: Sent) -> Reading:
        fields: dict[str, str] = {}
        if operation.money is Money.PRICED:
            if sent.content_type.partition(";")[0].strip().lower() != "application/json":
                raise MediaTypeRefused("Acme takes application/json")
            fields = _letter(read_json(sent.body))
        return Reading(operation, sent.path, sent.query, sent.content_type, sent.body, fields)

    def quote(
        self, reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
    ) -> Quote | Lookup:
        pages, to = int(reading.fields["pages"]), reading.fields["to"]
        if to == "AQ":
            raise RuleRefused("destination", "Acme's ship does not call at Antarctica")
        cost, how = pages * PAGE_MICROS, f"{pages} pages at 1.20 USD"
        return Quote(cost, how, rate=USD, amount_minor=cost // 10_000, countries=(to,))

    def settle(self, reading: Reading, quote: Quote, answer: Answer) -> Outcome:
        if 400 <= answer.status < 500 and answer.status not in (409, 424):
            return Outcome(End.RELEASED)
        try:
            letter = orjson.loads(answer.body)
            pages, name = letter["pages"], str(letter["id"])
            if answer.status == 200 and type(pages) is int and pages >= 0:
                return Outcome(End.SETTLED, settled_micros=pages * PAGE_MICROS, label=name)
        except (ValueError, KeyError, TypeError):
            pass
        return Outcome(End.IN_DOUBT, why=f"status {answer.status} with no letter in it")


def _letter(tree: Any) -> dict[str, str]:
    """Its members that decide the price. Raises Unreadable for one that does not read as one."""
    if type(tree) is not dict or not all(type(value) is str for value in tree.values()):
        raise Unreadable("body", "must be an object of texts and whole numbers")
    if _PAGES.fullmatch(tree.get("pages", "")) is None:
        raise Unreadable("pages", "must be a whole number from 1 to 999")
    if re.fullmatch(r"[A-Z]{2}", tree.get("to", "")) is None:
        raise Unreadable("to", "must be a country's two letters")
    return tree


ACME: Final = Acme()
