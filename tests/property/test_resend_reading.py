"""Whatever bytes arrive at the Resend module, from a caller, from Resend or from an operator: a
reading, a price, an outcome, or a refusal of the contract. And no reading of a mail is lower than
what a lenient parser would send it to."""

from __future__ import annotations

import datetime
import json
import re
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from vendors.contract import (
    Answer,
    Doubt,
    End,
    Findings,
    Lookup,
    MediaTypeRefused,
    Money,
    PriceTableMistake,
    Quote,
    Reading,
    Sent,
    Unpriced,
    Unreadable,
)
from vendors.rates import Rate, Rates
from vendors.resend import RESEND
from vendors.resend.catalogue import CATALOGUE
from vendors.resend.recipients import count

NO_RATES = Rates({}, datetime.date(2026, 1, 1), 30)
JSON = "application/json"
EMAIL = "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"
WRITES = [
    ("POST", "/emails"),
    ("POST", "/emails/batch"),
    ("PATCH", f"/emails/{EMAIL}"),
    ("POST", f"/emails/{EMAIL}/cancel"),
    ("POST", "/broadcasts"),
    ("PATCH", "/broadcasts/b1"),
    ("POST", "/broadcasts/b1/send"),
    ("POST", "/events/send"),
    ("POST", "/contacts"),
    ("POST", "/nothing"),
]
NAMES = (
    "from to cc bcc reply_to subject html tags headers scheduled_at attachments content name id "
    "segment_id audience_id send To BCC to[] data has_more errors index statusCode last_event "
    "created_at recipient_micros date"
)
names = st.one_of(st.sampled_from(NAMES.split()), st.text(max_size=4))
texts = st.one_of(
    st.sampled_from(
        [
            *("a@x.example", "Bob <b@x.example>", "a@x.example,b@x.example", "b\n@x", "", "s1"),
            *("draft", EMAIL, "sent", "canceled", "scheduled", "2025-11-23 11:00:00+00"),
        ]
    ),
    st.text(max_size=8),
)
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), texts, texts, texts
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=4)),
    max_leaves=10,
)
addresses = st.sampled_from(["a@x.example", "Bob <b@x.example>", '"B, C" <c@x.example>'])
mails = st.fixed_dictionaries(
    {"to": st.one_of(addresses, st.lists(addresses, max_size=4))},
    optional={
        "cc": st.one_of(st.none(), addresses, st.lists(addresses, max_size=4)),
        "bcc": st.one_of(addresses, st.lists(addresses, max_size=4)),
        "scheduled_at": texts,
        "subject": leaves,
        "tags": trees,
    },
)
bodies = st.one_of(
    st.binary(max_size=40),
    trees.map(json.dumps).map(str.encode),
    mails.map(json.dumps).map(str.encode),
    st.lists(st.one_of(mails, trees), max_size=3).map(json.dumps).map(str.encode),
)
kinds = st.sampled_from([JSON, JSON, JSON, "", "text/plain", "application/json; charset=x"])


def accepted(write: tuple[str, str], body: bytes, *, strict: bool = False) -> Reading | None:
    method, path = write
    sent = Sent(method, path, "", JSON, body, strict=strict)
    try:
        return RESEND.read(RESEND.operation(method, path, ""), sent)
    except (Unreadable, MediaTypeRefused):
        return None


@given(st.sampled_from(WRITES), bodies, kinds, st.text(max_size=9), st.booleans())
@example(("POST", "/emails"), b'{"to": "\\ud800@x"}', JSON, "", False)
@example(("POST", "/emails"), b"\xef\xbb\xbf{}", JSON, "", False)
def test_any_bytes_are_read_or_refused(
    write: tuple[str, str], body: bytes, kind: str, query: str, strict: bool
) -> None:
    method, path = write
    operation = RESEND.operation(method, path, "")
    try:
        reading = RESEND.read(operation, Sent(method, path, query, kind, body, strict=strict))
    except (Unreadable, MediaTypeRefused) as exc:
        str(exc).encode()
        return
    assert reading.body == body
    assert len(RESEND.trace(reading)) <= 300
    for name, value in reading.fields.items():
        (name + value).encode()


def sent_to(mail: Any) -> int:
    """What a parser that trusts everybody would send: the last name wins, case does not matter, and
    all that looks like an address is one."""
    said = {name.strip().lower(): value for name, value in mail.items()}
    listed = [said.get(name) for name in ("to", "cc", "bcc")]
    return sum(len(re.findall(r"[^\s,;<>\"]+@[^\s,;<>\"]+", json.dumps(v))) for v in listed)


@given(st.one_of(mails, st.dictionaries(names, trees, max_size=5)))
def test_no_mail_reaches_more_than_it_was_priced_for(mail: dict[str, Any]) -> None:
    reading = accepted(("POST", "/emails"), json.dumps(mail).encode())
    if reading is not None:
        quote = RESEND.quote(reading, NO_RATES, (), None)
        assert isinstance(quote, Quote)
        assert quote.amount_micros == 900 * quote.units
        assert quote.units >= max(1, sent_to(mail))


@given(st.lists(mails, min_size=1, max_size=5))
def test_a_batch_costs_what_its_mails_cost(batch: list[dict[str, Any]]) -> None:
    whole = accepted(("POST", "/emails/batch"), json.dumps(batch).encode())
    single = [accepted(("POST", "/emails"), json.dumps(mail).encode()) for mail in batch]
    if whole is None:
        assert None in single
        return
    alone = [reading for reading in single if reading is not None]
    assert len(alone) == len(single)
    assert count(whole.fields) == sum(count(reading.fields) for reading in alone)
    for name in ("to", "cc", "bcc"):
        inside = [v for n, v in whole.fields.items() if n.startswith(f"{name}[")]
        assert inside == [
            v for reading in alone for n, v in reading.fields.items() if n.startswith(f"{name}[")
        ]


@given(st.sampled_from(WRITES[:7]), bodies, st.lists(bodies, max_size=3))
def test_any_look_up_gives_a_quote_or_a_refusal(
    write: tuple[str, str], body: bytes, found: list[bytes]
) -> None:
    reading = accepted(write, body)
    if reading is None:
        return
    try:
        quote = RESEND.quote(reading, NO_RATES, [Answer(200, {}, b) for b in found], None)
    except (Unreadable, Unpriced):
        return
    if isinstance(quote, Lookup):
        assert re.fullmatch(r"/[!-~]+", quote.target)
    else:
        assert quote.amount_micros == 900 * quote.units >= 0


@given(st.sampled_from(WRITES[:7]), bodies, st.integers(100, 599), bodies, st.booleans())
def test_any_answer_has_an_outcome(
    write: tuple[str, str], body: bytes, status: int, answered: bytes, rated: bool
) -> None:
    reading = accepted(write, body)
    if reading is None:
        return
    units = count(reading.fields)
    rate = Rate("usd", 0, 900, 1) if rated else None
    quote = Quote(900 * units, "", rate=rate, units=units)
    outcome = RESEND.settle(reading, quote, Answer(status, {}, answered))
    assert 0 <= outcome.settled_micros + outcome.standing_micros <= quote.amount_micros
    assert outcome.units is None or 0 <= outcome.units < units
    assert (outcome.why != "") == (outcome.end is End.IN_DOUBT)
    assert (outcome.standing_micros > 0) == (outcome.end is End.STANDING)
    if not 200 <= status < 300:
        assert outcome.end in (End.RELEASED, End.IN_DOUBT)


@given(st.integers(100, 599), bodies, st.integers(0, 10**9))
def test_any_second_look_has_an_outcome(status: int, body: bytes, counted: int) -> None:
    outcome = RESEND.reread(EMAIL, None, counted, Answer(status, {}, body))
    assert outcome.settled_micros in (0, counted)
    assert (outcome.why != "") == (outcome.end is End.IN_DOUBT)


@given(st.lists(bodies, max_size=6), st.integers(0, 2 * 10**15), st.binary(max_size=30))
def test_any_listing_gives_findings(found: list[bytes], at_us: int, date: bytes) -> None:
    doubt = Doubt("c", "emails/send", at_us, trace="0.1", amount_micros=900)
    said = RESEND.search(doubt, [Answer(200, {b"date": date}, body) for body in found])
    if isinstance(said, Findings):
        assert all(match.settled_micros in (0, 900) for match in said.matches)
    else:
        assert isinstance(said, Lookup)
        assert re.fullmatch(r"/emails\?[!-~]+", said.target)


@given(st.one_of(st.text(), trees.map(json.dumps), st.text().map(json.dumps)))
def test_any_table_is_a_price_or_a_mistake(table: str) -> None:
    try:
        prices = RESEND.with_prices(table).prices
    except PriceTableMistake:
        return
    assert prices.rate.to_micros(1) > 0


@given(st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE"]), st.text("/abes{}._-"))
def test_every_path_has_a_row(method: str, path: str) -> None:
    operation = CATALOGUE.find(method, "/" + path)
    assert operation.method == method
    assert operation.name or operation.money in (Money.FREE, Money.UNPRICED)
