"""A vendor's module and its stand-in face to face, in one process, with books between them.

    twilio = Sandboxed("twilio", secrets=[f"{SID}:{TOKEN}"])
    call = twilio.call("POST", path, form={"To": "+14155550123", "From": FROM, "Body": "Hello"})
    call.outcome.end            # End.PENDING
    twilio.door("advance", seconds=60)
    twilio.reread_all()

A call goes the way that the gateway takes it, without sockets: the one reading, the quote with its
look-ups answered by the stand-in, the hold, the vendor's answer, the outcome. `Books` keeps what
the gateway's ledger would: an object counts once, everything else by the call. What must hold for
every call is checked here, call by call (`Disagrees` says what does not):

- the hold covers whatever moved during the call, and the books never count less than has moved;
- a free operation moves nothing, and a call that was refused neither;
- an answer of the vendor always ends the hold: nothing that it says is in doubt;
- more than what moved is booked only where a topic says that no answer can tell (`spare`).
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from bench.sandbox import standin, wire
from tests.plain_books import RATES, Books, Moved, rate_of
from vendors import VENDORS
from vendors.contract import (
    Answer,
    Credential,
    End,
    Lookup,
    MediaTypeRefused,
    Money,
    Outcome,
    Quote,
    Reading,
    RuleRefused,
    Sent,
    Unpriced,
    Unreadable,
    Vendor,
)

FORM: Final = "application/x-www-form-urlencoded"
LOOKUPS_MAX: Final = 10
UNDECIDED: Final = frozenset({409, 424})
"""Refusals that never release."""


class Disagrees(AssertionError):
    """The module and the stand-in do not agree about money."""


@dataclass(frozen=True, slots=True)
class Call:
    """What became of a call. refused: why the module let nothing out, None if it did. moved_micros:
    what moved at the vendor while it ran."""

    refused: Exception | None = None
    reading: Reading | None = None
    quote: Quote | None = None
    answer: Answer | None = None
    outcome: Outcome | None = None
    moved_micros: int = 0

    @property
    def ok(self) -> bool:
        return self.answer is not None and self.answer.status < 300

    def json(self) -> Any:
        """What the vendor answered; an empty object if it was not asked."""
        return orjson.loads(self.answer.body) if self.answer and self.answer.body else {}


class Sandboxed:
    """spares: operations whose answers do not say how much moved, so that they count at their quote
    (name -> why). returns: kinds of movements that bring money back to where it came from: the
    books count in one direction. Any name in them may be a beginning that ends with `*`. loosely:
    objects pay for each other (an item is on an invoice, an invoice is a subscription's), so what
    may move is what is held and whatever stands."""

    def __init__(
        self,
        name: str,
        secret: str,
        *,
        credential: Credential | None = None,
        headers: Mapping[bytes, bytes] | None = None,
        spares: Sequence[str] = (),
        returns: Sequence[str] = (),
        loosely: bool = False,
        **options: Any,
    ) -> None:
        self.vendor: Vendor = VENDORS[name]
        self.credential = credential or Credential(secret)
        self.books = Books()
        self.log: list[Moved] = []
        self.spare_micros: Counter[str] = Counter()
        self.calls: list[Call] = []
        self._spares = frozenset(spares)
        self._returns = frozenset(returns)
        self._loosely = loosely
        self._headers = dict(headers or {})
        given = argparse.Namespace(secret=[secret], forget_after=20_000, **options)
        self.standin = standin.maker(name).build(given, self._moved)

    # -- both sides ------------------------------------------------------------------------------

    def call(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, Any] | Sequence[tuple[str, Any]] | None = None,
        json: Any = None,
        query: str = "",
        product: str = "",
        headers: Mapping[bytes, bytes] | None = None,
    ) -> Call:
        """One call on its whole way. Raises Disagrees."""
        content_type, body = _body(form, json)
        headers = {**self._headers, **(headers or {})}
        operation = self.vendor.operation(method, path, product)
        try:
            sent = Sent(method, path, query, content_type, body, headers)
            reading = self.vendor.read(operation, sent)
            quote = self._quote(reading, headers) if operation.money is Money.PRICED else None
        except (Unreadable, MediaTypeRefused, RuleRefused, Unpriced) as exc:
            return Call(exc)
        except LookupRefused as exc:
            return Call(exc, answer=exc.answer)
        if operation.money not in (Money.PRICED, Money.FREE):
            return Call(Unpriced(operation.note), reading)
        return self._carry(reading, quote, product, headers)

    def door(self, action: str, **data: Any) -> Any:
        """What others do: payers, banks, carriers, time. Returns what the door answers, None where
        it refuses."""
        try:
            return self.standin.actions()["POST", action](data)
        except (standin.Refused, KeyError, ValueError):
            return None

    def ask(self, target: str, product: str = "") -> Any:
        """The vendor's own side: a GET with the real key that no gateway sees."""
        return orjson.loads(self._look(Lookup(target, "a test"), self._headers, product).body)

    def direct(self, method: str, path: str, form: Mapping[str, Any] | None = None) -> Any:
        """A call with the real key past the gateway, as a person makes one at the dashboard."""
        content_type, body = _body(form, None)
        return orjson.loads(self._send(method, path, "", content_type, body, self._headers).body)

    def reread_all(self) -> None:
        """What holds money is read again, once; what is not final stays. Raises Disagrees."""
        for object_id in list(self.books.things):
            thing = self.books.things[object_id]
            lookup = self.vendor.object_lookup(object_id)
            if lookup is None:
                raise Disagrees(f"{object_id} holds money, and nobody knows how to read it again")
            answer = self._look(lookup, self._headers)
            rate, counted = thing.rate, thing.counted
            outcome = self.vendor.reread(object_id, rate, counted, answer)
            if outcome.end is not End.IN_DOUBT:
                before = self.books.counted
                self.books.reread(object_id, outcome)
                if self.books.counted > before and not self._loosely:
                    raise Disagrees(f"{object_id} counted {thing}, and came to {outcome}")
        self.check_covered("a look at what stands")

    # -- the money -------------------------------------------------------------------------------

    @property
    def moved_micros(self) -> int:
        return self._micros_since(0)

    def check_covered(self, when: str) -> None:
        """The books never count less than what moved."""
        if self.books.counted < self.moved_micros:
            raise Disagrees(f"after {when}: counted {self.books.counted}, moved {self._shown(0)}")

    def check_exact(self) -> None:
        """Nothing is open any more, and what was booked is what moved, but for what no answer
        told. Each movement may round up by itself, or all of an object at once."""
        if self.books.things:
            raise Disagrees(f"still open: {self.books.things}")
        spare = self.spare_micros.total()
        low = self.moved_micros
        high = sum(moved.micros for moved in self._counting(0))
        if not low <= self.books.counted - spare <= high:
            raise Disagrees(
                f"booked {self.books.counted}, of it at its quote {dict(self.spare_micros)}; "
                f"moved {low}: {self._shown(0)}"
            )

    def _moved(self, kind: str, subject: Mapping[str, Any], amount: int) -> None:
        self.log.append(Moved(kind, subject, amount))

    def _counting(self, since: int) -> Iterator[Moved]:
        return (moved for moved in self.log[since:] if not _named(moved.kind, self._returns))

    def _others(self, quote: Quote | None) -> frozenset[str]:
        """Ids of what is counted apart from a call: a phone call that it ends is billed as such."""
        own = None if quote is None else quote.object_id
        return frozenset(name.partition("+")[0] for name in self.books.things if name != own)

    def _micros_since(self, since: int, others: frozenset[str] = frozenset()) -> int:
        """By currency, rounded up once."""
        sums: Counter[str] = Counter()
        for moved in self._counting(since):
            if moved.subject["id"] not in others:
                sums[moved.subject["currency"]] += moved.amount
        return sum(rate_of(currency).to_micros(amount) for currency, amount in sums.items())

    def _shown(self, since: int) -> str:
        return ", ".join(
            f"{m.kind} {m.subject['id']} {m.amount} {m.subject['currency']}"
            for m in self._counting(since)
        )

    # -- a call ----------------------------------------------------------------------------------

    def _quote(self, reading: Reading, headers: Mapping[bytes, bytes]) -> Quote:
        known = self.books.things.get(reading.operation.object_id or "")
        found: list[Answer] = []
        while True:
            asked = self.vendor.quote(reading, RATES, found, known.rate if known else None)
            if isinstance(asked, Quote):
                return asked
            if len(found) == LOOKUPS_MAX:
                raise Unpriced("the price took more look-ups than are made")
            since = len(self.log)
            answer = self._look(asked, headers)
            if self.log[since:]:
                raise Disagrees(f"looking at {asked.target} moved {self._shown(since)}")
            if answer.status != 200:
                raise LookupRefused(asked, answer)
            found.append(answer)

    def _carry(
        self, reading: Reading, quote: Quote | None, product: str, headers: Mapping[bytes, bytes]
    ) -> Call:
        since, what = len(self.log), f"{reading.operation.method} {reading.path}"
        others = self._others(quote)
        path = f"/{product}{reading.path}" if product else reading.path
        answer = self._send(
            reading.operation.method, path, reading.query, reading.content_type, reading.body,
            headers,
        )  # fmt: skip
        moved = self._micros_since(since, others)
        what += f" {dict(reading.fields)} -> {answer.status} {answer.body[:1_000]!r}"
        if quote is None:
            if moved:
                raise Disagrees(f"free, and it moved {self._shown(since)}: {what}")
            return self._done(Call(None, reading, None, answer))
        if moved > self._room(quote):
            raise Disagrees(f"{quote} was held, {self._shown(since)} moved: {what}")
        outcome = self.vendor.settle(reading, quote, answer)
        if outcome.end is End.IN_DOUBT and answer.status not in UNDECIDED:
            raise Disagrees(f"in doubt ({outcome.why}): {what}")
        self._book(reading, quote, outcome, moved)
        self.check_covered(what)
        return self._done(Call(None, reading, quote, answer, outcome, moved))

    def _room(self, quote: Quote) -> int:
        if self._loosely:
            return self.books.hold(quote) + self.books.standing
        return self.books.room(quote)

    def _book(self, reading: Reading, quote: Quote, outcome: Outcome, moved: int) -> None:
        if outcome.end is End.IN_DOUBT:
            self.books.over_micros += self.books.hold(quote)
            return
        booked = self.books.book(quote, outcome)
        name = reading.operation.name
        if outcome.object_id is None and booked > moved:
            if not _named(name, self._spares):
                raise Disagrees(f"{name} {dict(reading.fields)} booked {booked}, moved {moved}")
            self.spare_micros[name] += booked - moved

    def _done(self, call: Call) -> Call:
        self.calls.append(call)
        return call

    # -- the wire --------------------------------------------------------------------------------

    def _look(self, lookup: Lookup, headers: Mapping[bytes, bytes], product: str = "") -> Answer:
        target = lookup.target.replace("{account}", self.credential.account)
        path, _, query = target.partition("?")
        if product or lookup.product:
            path = f"/{product or lookup.product}{path}"
        method = "GET" if lookup.body is None else "POST"
        headers = {**headers, **dict(lookup.headers)}
        return self._send(method, path, query, lookup.content_type, lookup.body or b"", headers)

    def _send(
        self,
        method: str,
        path: str,
        query: str,
        content_type: str,
        body: bytes,
        headers: Mapping[bytes, bytes],
    ) -> Answer:
        """As the gateway sends it, with the real key on."""
        lines = [(b"authorization", self.vendor.authorization(self.credential)), *headers.items()]
        if content_type:
            lines.append((b"content-type", content_type.encode()))
        begun = self.standin.begin(wire.Request(method, path, query, lines, body))
        answer = begun if isinstance(begun, wire.Answer) else begun.execute()
        known = {name.lower(): value for name, value in answer.headers}
        return Answer(answer.status, known, answer.body)


class LookupRefused(Exception):
    """The vendor says no to a look-up as it would to the call."""

    def __init__(self, lookup: Lookup, answer: Answer) -> None:
        super().__init__(f"{answer.status} to {lookup.target}: {answer.body[:500]!r}")
        self.answer = answer


def _named(name: str, names: frozenset[str]) -> bool:
    return name in names or any(name.startswith(each[:-1]) for each in names if each.endswith("*"))


def _body(form: Any, json: Any) -> tuple[str, bytes]:
    if form is not None:
        return FORM, urlencode(form).encode()
    if json is not None:
        return "application/json", orjson.dumps(json)
    return "", b""
