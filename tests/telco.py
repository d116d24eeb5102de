"""A vendor that is everything Stripe is not: paths name the account, prices come later, lists link
to a host of its own, no idempotency keys, and one body that is priced while it passes.

`POST /2010/Accounts/{sid}/Messages` costs 1 USD a word of its body and 2 to a number that begins
`+49`; `POST /mails` takes a text of any length in which each `@` is a recipient for 1 USD."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from vendors.contract import (
    Answer,
    Credential,
    End,
    Links,
    Lookup,
    MediaTypeRefused,
    Money,
    Operation,
    Outcome,
    Quote,
    Reading,
    RuleRefused,
    Sent,
    StreamReader,
    Unpriced,
    Unreadable,
)
from vendors.plain import Plain
from vendors.rates import USD as USD_RATE
from vendors.rates import Rate, Rates

USD: Final = 1_000_000
MAIL_MAX: Final = 5
OWN: Final = "AC" + "0" * 8
_PATH: Final = re.compile(r"/2010/Accounts/(\w+)(/.*)?")
_LINK: Final = re.compile(rb'("next": ?")https://telco\.example/')


class MailReader:
    """Counts `@`. A `!` is unreadable."""

    bound = Quote(MAIL_MAX * USD, "the most that a mail can cost", units=MAIL_MAX)

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._count = 0

    def feed(self, piece: bytes) -> None:
        if b"!" in piece:
            raise Unreadable("body", "shouts")
        self._count += piece.count(b"@")

    def finish(self) -> Reading:
        if not self._count:
            raise Unreadable("to", "missing")
        fields = {"recipients": str(self._count)}
        return Reading(self._operation, "/mails", "", "text/plain", b"", fields)


@dataclass(frozen=True, slots=True)
class Telco(Plain):
    name: str = "telco"
    base_url: str = "https://telco.example"
    bare_roots: frozenset[str] = frozenset({"2010"})
    request_headers: frozenset[bytes] = frozenset({b"content-type"})
    answer_headers: frozenset[bytes] = frozenset({b"content-type"})
    sandbox_credential: Credential = field(default=Credential("telco-secret", OWN))
    link_bytes_max: int = 40

    def mistakes(self, credential: Credential) -> Mapping[str, str]:
        return {}

    def livemode(self, credential: Credential) -> bool | None:
        return None

    def authorization(self, credential: Credential) -> bytes:
        return b"Basic x"

    def is_sdk(self, headers: Mapping[bytes, bytes]) -> bool:
        return False

    def refusal(
        self, status: int, code: str, message: str, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {"error": code, **facts}

    def alias(self, key_id: str) -> str:
        return "AC" + key_id[-8:]

    def own_path(
        self, path: str, product: str, account: str, names: Collection[str], others: Collection[str]
    ) -> tuple[str, str]:
        match = _PATH.fullmatch(path)
        if match is None:
            return path, ""
        called = match[1]
        if called in others:
            return path, called
        if called != account and called not in names:
            raise RuleRefused("account", "another's account")
        return f"/2010/Accounts/{account}{match[2] or ''}", called

    def relink(self, text: bytes, links: Links) -> bytes:
        text = _LINK.sub(rb"\1" + links.base_url.encode() + b"/", text)
        return text.replace(links.account.encode(), links.called.encode())

    def operation(self, method: str, path: str, product: str) -> Operation:
        if method == "GET":
            return Operation("", method, path, Money.FREE)
        return Operation("Mail" if path == "/mails" else "Message", method, path, Money.PRICED)

    def needs_body(self, operation: Operation, content_type: str) -> bool:
        return operation.money is Money.PRICED

    def read(self, operation: Operation, sent: Sent) -> Reading:
        if operation.name == "Mail":
            reader = MailReader(operation)
            reader.feed(sent.body)
            return reader.finish()
        if sent.call_time_limit_s == 0:
            raise RuleRefused("call_time_limit_s", "no calls at all")
        fields = dict(orjson.loads(sent.body)) if sent.body else {}
        return Reading(operation, sent.path, sent.query, "application/json", sent.body, fields)

    def stream(self, operation: Operation, sent: Sent) -> StreamReader | None:
        if sent.content_type == "image/png":
            raise MediaTypeRefused("no pictures")
        return MailReader(operation) if operation.name == "Mail" else None

    def quote(
        self, reading: Reading, rates: Rates, found: Sequence[Answer], kept: Rate | None
    ) -> Quote | Lookup:
        if reading.operation.name == "Mail":
            count = int(reading.fields["recipients"])
            return Quote(count * USD, "recipients", rate=USD_RATE, units=count)
        if "poem" in reading.fields:
            raise Unpriced("a poem has no bound")
        words = len(reading.fields.get("body", "").split())
        german = reading.fields.get("to", "").startswith("+49")
        countries = ("DE",) if german else ("US",)
        price = 2 * USD if german else USD
        return Quote(words * price, "words", rate=USD_RATE, countries=countries)

    def settle(self, reading: Reading, quote: Quote, answer: Answer) -> Outcome:
        if answer.status >= 500:
            return Outcome(End.IN_DOUBT, why="who knows")
        if answer.status >= 400:
            return Outcome(End.RELEASED)
        if reading.operation.name == "Mail":
            return Outcome(End.SETTLED, settled_micros=quote.amount_micros)
        sid = orjson.loads(answer.body)["sid"]
        return Outcome(End.PENDING, standing_micros=quote.amount_micros, object_id=sid, label=sid)

    def shown_micros(self, answer: Answer, rates: Rates) -> int:
        return 3 * USD

    def trace(self, reading: Reading) -> str:
        return reading.fields.get("to", "")


TELCO: Final = Telco()
