"""What vendor modules read: forms, JSON, requests to each vendor, its answers, tables of prices and
of exchange rates."""

from __future__ import annotations

import datetime
import re
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson

from tests import operations
from tests.fuzz.tape import Tape, Target, cut
from vendors.contract import (
    Answer,
    Doubt,
    End,
    Findings,
    Lookup,
    MediaTypeRefused,
    Money,
    Outcome,
    PriceTableMistake,
    Quote,
    Reading,
    RuleRefused,
    Sent,
    Unpriced,
    Unreadable,
    Vendor,
)
from vendors.form import FORM_TYPE, ambiguous, encode, read_pairs, read_plain
from vendors.rates import Rate, Rates, RatesMistake
from vendors.refresh_rates import read as read_package
from vendors.refresh_rates import write as write_table
from vendors.resend import RESEND
from vendors.resend.catalogue import CATALOGUE as RESEND_ROWS
from vendors.resend.recipients import RECIPIENTS_MAX, count
from vendors.strict_json import read_json
from vendors.stripe import STRIPE
from vendors.stripe.catalogue import CATALOGUE as STRIPE_ROWS
from vendors.twilio import TWILIO

JSON_TYPE = "application/json"
_KINDS = (FORM_TYPE, JSON_TYPE, "", "text/plain")
_STATUSES = (200, 201, 204, 302, 400, 402, 404, 409, 424, 429, 500, 503)
_RATES = Rates({"eur": Fraction(113, 97)}, datetime.date(2026, 1, 1), 30).on(20_454)
_NOON_US = 1_795_428_000_000_000


def form(data: bytes) -> None:
    """One decoding that a parser that trusts everybody finds too, and that survives being written
    again."""
    try:
        pairs = read_pairs(data)
    except Unreadable as exc:
        str(exc).encode()
        assert read_plain(data) is None
        return
    lenient = parse_qsl(data.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
    assert ambiguous(data) or pairs == [(_as_utf8(n), _as_utf8(v)) for n, v in lenient]
    assert read_pairs(encode(pairs)) == pairs
    plain = read_plain(data)
    assert plain is None or list(plain.items()) == pairs


def _as_utf8(text: str) -> str:
    return text.encode("latin-1").decode()


def strict_json(data: bytes) -> None:
    """What both readers take is the same tree; what ours takes, orjson takes, but for text that is
    no Unicode and numbers beyond its own."""
    tree = _read(data, fractions=True)
    whole = _read(data, fractions=False)
    assert whole is _REFUSED or whole == tree
    if tree is _REFUSED:
        return
    try:
        theirs = orjson.loads(data)
    except orjson.JSONDecodeError:
        assert b"\\u" in data or re.search(rb"[0-9]{4}|[0-9][eE]", data), data
        return
    assert _alike(tree, theirs)


_REFUSED = object()


def _read(data: bytes, *, fractions: bool) -> Any:
    try:
        return read_json(data, fractions=fractions)
    except (Unreadable, MediaTypeRefused) as exc:
        str(exc).encode()
        return _REFUSED


def _alike(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(_alike(ours[n], theirs[n]) for n in theirs)
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_alike, ours, theirs))
    if isinstance(theirs, bool) or theirs is None or isinstance(theirs, str):
        return bool(ours == theirs)
    return float(ours) == float(theirs)


# ── a call at a vendor ──────────────────────────────────────────────────────────────────────────


def _call(vendor: Vendor, tape: Tape, method: str, path: str, product: str) -> None:
    """Read, priced, answered, looked at again and searched for: by the contract, whatever comes."""
    kind = _KINDS[tape.number(len(_KINDS))]
    strict, status = tape.flag(), _STATUSES[tape.number(len(_STATUSES))]
    query, body, *found = tape.texts(6)
    answers = [Answer(200, {}, each) for each in found if each]
    last = Answer(status, {}, answers[-1].body if answers else b"")
    _look_again(vendor, last, answers, tape)
    if not query.isascii():
        return
    operation = vendor.operation(method, path, product)
    sent = Sent(method, path, query.decode(), kind, body, strict=strict, call_time_limit_s=600)
    try:
        reading = vendor.read(operation, sent)
    except (Unreadable, MediaTypeRefused, RuleRefused) as exc:
        str(exc).encode()
        return
    _check_reading(vendor, reading, strict=strict)
    if operation.money is not Money.PRICED:
        return
    quote = _quote(vendor, reading, answers)
    if quote is not None:
        assert quote.amount_micros >= 0
        assert quote.units >= 0
        assert quote.how
        _check_outcome(vendor.settle(reading, quote, last))


def _check_reading(vendor: Vendor, reading: Reading, *, strict: bool) -> None:
    """What is sent reads as what was priced."""
    assert len(vendor.trace(reading)) <= 300
    assert "|" not in vendor.trace(reading)
    operation = reading.operation
    for name, value in reading.fields.items():
        (name + value).encode()
    if operation.money is Money.FREE and not strict:
        return
    again = vendor.read(
        operation,
        Sent(
            operation.method,
            reading.path,
            reading.query,
            reading.content_type,
            reading.body,
            strict=strict,
            call_time_limit_s=600,
        ),
    )
    assert (again.fields, again.body, again.query) == (reading.fields, reading.body, reading.query)


def _quote(vendor: Vendor, reading: Reading, answers: list[Answer]) -> Quote | None:
    """With as many look-ups as it asks for and there are answers."""
    for asked in range(len(answers) + 1):
        try:
            quote = vendor.quote(reading, _RATES, answers[:asked], None)
        except (Unreadable, Unpriced, RuleRefused) as exc:
            str(exc).encode()
            return None
        if isinstance(quote, Quote):
            return quote
        assert re.fullmatch(r"/[!-~]+", quote.target)
    return None


def _check_outcome(outcome: Outcome) -> None:
    assert outcome.settled_micros >= 0
    assert outcome.standing_micros >= 0
    assert (outcome.why != "") == (outcome.end is End.IN_DOUBT)
    if outcome.end in (End.SETTLED, End.RELEASED):
        assert outcome.standing_micros == 0


def _look_again(vendor: Vendor, last: Answer, answers: list[Answer], tape: Tape) -> None:
    assert vendor.shown_micros(last, _RATES) >= 0
    object_id = _OBJECTS[tape.number(len(_OBJECTS))]
    if vendor.object_lookup(object_id) is not None:
        _check_outcome(vendor.reread(object_id, None, 13_300, last))
    names = _DOUBTED[vendor.name]
    name = names[tape.number(len(names))]
    doubt = Doubt("call_1", name, _NOON_US, "vk", _TRACES[vendor.name], object_id, 13_300)
    said = vendor.search(doubt, answers)
    if isinstance(said, Lookup):
        assert re.fullmatch(r"/[!-~]+", said.target)
    elif isinstance(said, Findings):
        for match in said.matches:
            assert match.settled_micros >= 0
            assert match.standing_micros >= 0


_OBJECTS = ("pi_1", "ch_1", "re_1", "tr_1", "po_1", "SM" + "1c" * 16, "CA" + "1d" * 16, "49a3999c")
_TRACES = {"stripe": "", "twilio": "+14155552671 - - 0", "resend": "0.1"}
_DOUBTED = {
    "stripe": ("PostPaymentIntents", "PostRefunds", "PostTransfers", "PostPayouts", "PostCharges"),
    "twilio": ("CreateMessage", "CreateCall", "x"),
    "resend": ("emails/send", "emails/batch", "broadcasts/send"),
}


def _filled(pattern: str, name: str) -> str:
    return re.sub(r"\{[^}]*\}", name, pattern)


_STRIPE = [(row.method, _filled(row.pattern, "pi_1")) for row in STRIPE_ROWS.rows]


def stripe(data: bytes) -> None:
    tape = Tape(data)
    method, path = _STRIPE[tape.number(len(_STRIPE))]
    _call(STRIPE, tape, method, path, "")


def twilio(data: bytes) -> None:
    tape = Tape(data)
    method, product, path = operations.TWILIO[tape.number(len(operations.TWILIO))]
    _call(TWILIO, tape, method, path, product)


_RESEND = [(row.method, _filled(row.pattern, "b1")) for row in RESEND_ROWS.rows]


def resend(data: bytes) -> None:
    tape = Tape(data)
    method, path = _RESEND[tape.number(len(_RESEND))]
    _call(RESEND, tape, method, path, "")


def resend_stream(data: bytes) -> None:
    """A mail that passes in any pieces reads as a whole one."""
    tape = Tape(data)
    strict, sizes = tape.flag(), tape.sizes()
    body = tape.rest()
    operation = RESEND.operation("POST", "/emails", "")
    reader = RESEND.stream(operation, Sent("POST", "/emails", "", JSON_TYPE, b"", strict=strict))
    assert reader is not None
    passed: dict[str, str] | None = None
    try:
        for piece in cut(body, sizes):
            reader.feed(piece)
        passed = dict(reader.finish().fields)
    except Unreadable as exc:
        str(exc).encode()
    whole: dict[str, str] | None = None
    try:
        sent = Sent("POST", "/emails", "", JSON_TYPE, body, strict=strict)
        whole = dict(RESEND.read(operation, sent).fields)
    except (Unreadable, MediaTypeRefused):
        pass
    if whole is not None and body and count(whole) <= RECIPIENTS_MAX:
        assert passed == whole
    else:
        assert passed is None


# ── tables of an operator's ─────────────────────────────────────────────────────────────────────


def rates(data: bytes) -> None:
    """A table is taken or named as a mistake; a rate is read back as it was written."""
    tape = Tape(data)
    as_package = tape.flag()
    with tempfile.TemporaryDirectory(dir=_MEMORY) as folder:
        path = Path(folder, "rates.json")
        try:
            if as_package:
                write_table(read_package(tape.rest().decode("utf-8", "replace")), path)
            else:
                path.write_bytes(tape.rest())
            table = Rates.load(path, "2.5", 30).on(20_454)
        except RatesMistake as exc:
            str(exc).encode("utf-8", "backslashreplace")
            return
    for currency in table.currencies():
        for exponent in (2,) if currency == "usd" else (0, 2, 3):
            rate = table.fixed(currency, exponent)
            assert Rate.parse(str(rate)) == rate
            assert rate.to_micros(1) >= 1


def prices(data: bytes) -> None:
    tape = Tape(data)
    vendor = (TWILIO, RESEND)[tape.number(2)]
    try:
        said = vendor.with_prices(tape.rest().decode("utf-8", "surrogateescape")).prices_date
    except PriceTableMistake as exc:
        said = str(exc)
    assert said
    assert "\n" not in said


_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


TARGETS = (
    Target("form", form),
    Target("json", strict_json),
    Target("stripe", stripe),
    Target("twilio", twilio),
    Target("resend", resend),
    Target("resendstream", resend_stream),
    Target("rates", rates),
    Target("prices", prices),
)
