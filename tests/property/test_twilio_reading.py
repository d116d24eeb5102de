"""Whatever bytes arrive at Twilio's module: an answer, or a refusal of the contract, and no price
that another parser would not find."""

from __future__ import annotations

import datetime
import json
import re
from urllib.parse import parse_qsl, quote_plus, urlencode

from hypothesis import example, given
from hypothesis import strategies as st

from tests.operations import ACCOUNT, CA, SM
from tests.operations import TWILIO as OPERATIONS
from vendors.contract import (
    Answer,
    Doubt,
    End,
    Findings,
    Links,
    Lookup,
    MediaTypeRefused,
    PriceTableMistake,
    Quote,
    Reading,
    RuleRefused,
    Sent,
    Unpriced,
    Unreadable,
)
from vendors.form import FORM_TYPE
from vendors.rates import Rates
from vendors.twilio import TWILIO
from vendors.twilio.catalogue import CATALOGUE
from vendors.twilio.mailtime import read_mail_time
from vendors.twilio.prices import SHIPPED
from vendors.twilio.segments import count, count_most, smart
from vendors.twilio.twiml import read_twiml

RATES = Rates({}, datetime.date(2026, 1, 1), 30)
JSON_TYPE = "application/json"

NAMES = (
    "To to TO From Body body MediaUrl MediaUrl[] MediaUrl[0] ContentSid SendAsMms Status Url Twiml "
    "TimeLimit Record Channel CustomMessage Fields fields Type AddOns PhoneNumber AreaCode _method "
    "MessagingServiceSid SmartEncoded ShortenUrls SendAt FallbackFrom %54o T%6F Foo"
)
names = st.sampled_from([*NAMES.split(" "), " To", "To ", "\uff34o", ""])
VALUES = (
    "+14155552671 +18765550100 whatsapp:+14155552671 rcs:+14155552671 messenger:1 channel:1 12345 "
    "true false canceled completed approved sms call auto email 60 0 415 caller_name a;To=%2B1 %31"
)
values = st.one_of(
    st.sampled_from([*VALUES.split(" "), "", "<Response><Say>x</Say></Response>", "<Dial>"]),
    st.text(),
)
forms = st.lists(
    st.one_of(
        st.tuples(names.map(quote_plus), values.map(quote_plus)).map("=".join),
        st.tuples(names, st.sampled_from(["1", "%zz", "a;To=b", "+14155552671"])).map("=".join),
    ),
    max_size=6,
).map(lambda pieces: "&".join(pieces).encode("utf-8", "replace"))
FLAGS = ("true", "false", "")
orders = st.fixed_dictionaries(
    {},
    optional={
        "To": st.sampled_from(["+14155552671", "+18765550100", "whatsapp:+14155552671"]),
        "From": st.sampled_from(["+14155550100", "whatsapp:+14155550100"]),
        "Body": st.text(max_size=200),
        "MediaUrl": st.just("https://example.com/a.png"),
        "SendAsMms": st.sampled_from(FLAGS),
        "ShortenUrls": st.sampled_from(FLAGS),
        "TimeLimit": st.integers(1, 600).map(str),
        "Record": st.sampled_from(FLAGS),
        "Channel": st.sampled_from(["sms", "call", "email", "auto"]),
        "AreaCode": st.sampled_from(["415", "416"]),
    },
).map(lambda order: urlencode(order, errors="replace").encode())
"""What an honest caller sends."""
words = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        [SM, CA, ACCOUNT, "sent", "failed", "completed", "queued", "canceled", "-0.01"]
    ),
    st.sampled_from(["USD", "1", "+14155552671", "Mon, 23 Nov 2026 10:00:00 +0000"]),
)
MEMBERS = (
    *("sid", "call_sid", "account_sid", "status", "price", "price_unit", "num_segments", "to"),
    *("num_media", "error_code", "from", "body", "date_created", "date_sent", "code", "messages"),
    *("calls", "next_page_uri"),
)
things = st.dictionaries(
    st.sampled_from(MEMBERS),
    st.one_of(words, st.lists(st.dictionaries(st.sampled_from(MEMBERS), words), max_size=3)),
)
bodies = st.one_of(st.binary(), things.map(lambda tree: json.dumps(tree).encode()))
answers = st.builds(
    Answer, st.sampled_from([200, 201, 204, 302, 400, 404, 409, 429, 500, 503]), st.just({}), bodies
)


def accepted(
    request: tuple[str, str, str], body: bytes, kind: str = FORM_TYPE, query: str = ""
) -> Reading | None:
    method, product, path = request
    operation = TWILIO.operation(method, path, product)
    try:
        return TWILIO.read(operation, Sent(method, path, query, kind, body, call_time_limit_s=600))
    except (Unreadable, MediaTypeRefused, RuleRefused):
        return None


def quoted(reading: Reading) -> Quote | None:
    try:
        return TWILIO.quote(reading, RATES, (), None)
    except (Unreadable, Unpriced, RuleRefused):
        return None


@given(
    st.sampled_from(OPERATIONS),
    st.one_of(st.binary(), forms, orders),
    st.sampled_from([FORM_TYPE, JSON_TYPE, "", "text/plain"]),
    forms.map(lambda raw: raw.decode("utf-8")),
)
@example(OPERATIONS[0], b"To=%2B14155552671&Body=%ED%A0%80", FORM_TYPE, "")
@example(OPERATIONS[8], b'{"phone_numbers": [{"fields": "\\ud800"}]}', JSON_TYPE, "")
def test_any_bytes_are_priced_or_refused(
    request_: tuple[str, str, str], body: bytes, kind: str, query: str
) -> None:
    reading = accepted(request_, body, kind, query)
    if reading is None:
        return
    quote = quoted(reading)
    trace = TWILIO.trace(reading)
    assert len(trace) <= 300
    assert "|" not in trace
    assert quote is None or (quote.amount_micros >= 0 and quote.how)


@given(st.one_of(forms, orders), st.one_of(st.just(""), forms.map(lambda raw: raw.decode("utf-8"))))
def test_a_lenient_parser_finds_the_same_message(body: bytes, query: str) -> None:
    reading = accepted(OPERATIONS[0], body, query=query)
    if reading is None:
        return
    sent = dict(parse_qsl(f"{reading.query}&{reading.body.decode()}", keep_blank_values=True))
    for name in ("To", "From", "Body", "ContentSid", "MessagingServiceSid", "SendAsMms"):
        assert reading.fields.get(name) == sent.get(name)
    assert b";" not in reading.body
    assert not {name for name in sent if name.strip().lower() == "to"} - {"To"}


@given(st.one_of(forms, orders))
def test_what_is_sent_reads_as_what_was_priced(body: bytes) -> None:
    for request in (OPERATIONS[0], OPERATIONS[2]):
        first = accepted(request, body)
        if first is not None and first.body:
            again = accepted(request, first.body)
            assert again is not None
            assert (again.fields, again.body) == (first.fields, first.body)


@given(st.text(max_size=400), st.text(max_size=10))
def test_segments_bound_the_text(text: str, more: str) -> None:
    """Never fewer than the characters need, never less for a longer text of the same encoding."""
    segments, encoding = count(text)
    units = (
        len(text) if encoding == "GSM-7" else len(text.encode("utf-16-le", "surrogatepass")) // 2
    )
    assert segments >= 1
    assert segments * (160 if encoding == "GSM-7" else 70) >= units
    assert count_most(text)[0] >= max(segments, count(smart(text))[0])
    assert count(text + more)[0] >= segments or count(text + more)[1] != encoding


@given(st.sampled_from(OPERATIONS), st.one_of(orders, forms), answers)
def test_any_answer_is_booked(request_: tuple[str, str, str], body: bytes, answer: Answer) -> None:
    reading = accepted(request_, body)
    quote = None if reading is None else quoted(reading)
    if reading is None or quote is None:
        return
    outcome = TWILIO.settle(reading, quote, answer)
    assert bool(outcome.why) == (outcome.end is End.IN_DOUBT)
    if outcome.end is End.PENDING:
        assert outcome.standing_micros == quote.amount_micros
        assert TWILIO.object_lookup(outcome.object_id or "") is not None


@given(st.sampled_from([SM, CA, f"{SM}+15000", f"{CA}+1", "pi_1", ""]), answers)
def test_any_look_again_is_booked(object_id: str, answer: Answer) -> None:
    outcome = TWILIO.reread(object_id, None, 13_300, answer)
    assert outcome.end in (End.SETTLED, End.RELEASED, End.IN_DOUBT)
    assert bool(outcome.why) == (outcome.end is End.IN_DOUBT)
    assert outcome.settled_micros >= 0
    assert TWILIO.shown_micros(answer, RATES) >= 0


@given(
    st.sampled_from(["CreateMessage", "CreateCall", "x"]),
    st.one_of(st.text(), st.just("+14155552671 - - 0")),
    st.lists(bodies.map(lambda body: Answer(200, {}, body)), max_size=6),
)
def test_any_listing_is_looked_through(operation: str, trace: str, found: list[Answer]) -> None:
    doubt = Doubt("call_1", operation, 1_795_428_000_000_000, trace=trace, amount_micros=13_300)
    result = TWILIO.search(doubt, found)
    assert result is None or isinstance(result, Lookup | Findings)


TABLE = {
    "date": "2026-01-02",
    "unknown": {"policy": "price", "sms": "1", "mms": "1", "voice": "1", "number": "1"},
    "countries": {"US": {"sms": "0.01"}},
}
tables = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(["date", "unknown", "countries", "lookup", "US", "sms", "channels"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


@given(
    st.one_of(st.text(), tables.map(json.dumps), tables.map(lambda t: json.dumps(TABLE | {"x": t})))
)
def test_any_table_is_read_or_refused(text: str) -> None:
    try:
        TWILIO.with_prices(text)
    except PriceTableMistake as exc:
        said = str(exc)
    else:
        said = "read"
    assert said
    assert "\n" not in said


@given(st.text(alphabet="<>/\"'= &?!DialRespons[]-x:\n"))
def test_any_document_is_harmless_or_refused(document: str) -> None:
    try:
        read_twiml("Twiml", document)
    except Unpriced:
        return
    assert re.search(r"<[\s/]*Dial\b|<!", document) is None


@given(st.one_of(st.text(), st.text("MonThu, 0123456789:NovGMT+-."), st.just("Mon, 23 Nov 2026")))
def test_any_date_is_read_or_none(text: str) -> None:
    moment = read_mail_time(text)
    assert moment is None or isinstance(moment, int)


@given(
    st.sampled_from(["GET", "HEAD", "POST", "DELETE", "PUT"]), st.text("/Aacounts.jxml2010-{}+~_")
)
def test_every_path_has_a_row(method: str, path: str) -> None:
    for product in ("", "lookups", "nowhere"):
        assert CATALOGUE.find(method, f"/{path}", product).method == method


@given(st.binary(), st.text(max_size=5))
def test_any_piece_is_relinked(piece: bytes, tail: str) -> None:
    links = Links(ACCOUNT, "AC" + "ff" * 16, "https://gw1.example.com/twilio")
    once = TWILIO.relink(piece + ACCOUNT.encode() + tail.encode("utf-8", "replace"), links)
    assert ACCOUNT.encode() not in once
    assert TWILIO.relink(once, links) == once


@given(st.text(alphabet="/2010-4Accountsx.json", max_size=60))
def test_no_path_reaches_another_account(path: str) -> None:
    other = "AC" + "0c" * 16
    try:
        owned, _ = TWILIO.own_path(f"/{path}/{other}", "", ACCOUNT, (), ())
    except RuleRefused:
        return
    assert other not in owned


def test_the_table_that_ships_is_the_default() -> None:
    assert TWILIO.prices is SHIPPED


@given(st.sampled_from(["+14155552671", "+18765550100"]), st.text(max_size=200))
def test_more_never_costs_less(to: str, text: str) -> None:
    """A longer text, or one more medium, is never quoted lower."""
    order = {"To": to, "Body": text}
    longer = {"To": to, "Body": text + "\u4e00" * 70}
    media = order | {"MediaUrl": "https://example.com/a.png"}
    quotes = [
        quoted(reading)
        for asked in (order, longer, media)
        if (reading := accepted(OPERATIONS[0], urlencode(asked, errors="replace").encode()))
    ]
    micros = [quote.amount_micros for quote in quotes if quote is not None]
    assert micros == [] if "\0" in text else (micros[0] <= micros[1] and micros[0] <= micros[2])
