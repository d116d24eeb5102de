"""Every operation that Stripe's catalogue prices, with any request and any answer: refusals are our
own, outcomes add up, and nothing raises anything else."""

from __future__ import annotations

import copy
import datetime
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vendors import form
from vendors.contract import (
    Answer,
    Doubt,
    End,
    Findings,
    Lookup,
    MediaTypeRefused,
    Money,
    Quote,
    Reading,
    RuleRefused,
    Sent,
    Unpriced,
    Unreadable,
)
from vendors.rates import USD, Rate, Rates
from vendors.stripe import STRIPE
from vendors.stripe.catalogue import CATALOGUE
from vendors.stripe.reading import JSON_TYPE
from vendors.stripe.search import EMITS
from vendors.stripe.settle import REREADERS

RATES = Rates({"eur": Fraction(113, 97)}, datetime.date(2026, 1, 1), 30).on(20454)
EUR = Rate.parse("eur 2 10000/1")
ROWS = st.sampled_from([row for row in CATALOGUE.rows if row.money is Money.PRICED])
IDS = ["ch_1", "pi_1", "tr_1", "in_1", "re_1", "", "../x", 5]

amounts = st.one_of(st.integers(-5, 2000), st.sampled_from(["5", "x", 10**20, 1.5, True, None]))
NAMES = """amount currency refund_amount charge payment_intent source_transaction received_credit
received_debit invoice metric_tons origin expires_at amount[value] amount[currency]
amount[monetary][value] amount[monetary][currency] credit_amount out_of_band_amount
tax_behavior quantity customer price subscription"""
names = st.sampled_from(NAMES.split())
texts = st.one_of(st.sampled_from(["5", "eur", "usd", "-5", "0", "ch_1", "x y"]), st.text("ab5-_"))
fields = st.dictionaries(names, texts, max_size=5)
members = st.recursive(
    st.one_of(amounts, st.sampled_from(["eur", "usd", "xyz", *IDS])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(["value", "currency", "monetary", "amount", "id", "object"]), inner
        ),
    ),
    max_leaves=4,
)
KINDS = """payment_intent charge refund transfer transfer_reversal payout topup application_fee
fee_refund dispute climate.order treasury.received_credit treasury.credit_reversal credit_note
issuing.authorization terminal.reader invoice customer_balance_transaction billing.credit_grant
v2.money_management.payout_intent list event"""
MEMBERS = """amount amount_received amount_capturable amount_captured amount_refunded
amount_reversed amount_total amount_paid post_payment_amount captured pending_request refunds refund
data has_more request type charge transfer fee invoice"""
objects = st.fixed_dictionaries(
    {"object": st.sampled_from(KINDS.split()), "id": st.sampled_from(IDS)},
    optional={
        "currency": st.sampled_from(["eur", "EUR", "usd", "xyz", 5]),
        "status": st.sampled_from(["succeeded", "failed", "requires_action", "open", "odd", 5]),
        **dict.fromkeys(MEMBERS.split(), members),
    },
)
events = st.fixed_dictionaries(
    {"object": st.just("event"), "id": st.sampled_from(["evt_1", "evt 1", 5])},
    optional={
        "type": st.sampled_from(["charge.succeeded", "refund.created", "transfer.created", 5]),
        "request": st.one_of(members, st.just({"id": "req_1", "idempotency_key": "k"})),
        "data": st.one_of(members, st.fixed_dictionaries({"object": objects})),
    },
)
lists = st.fixed_dictionaries(
    {"data": st.lists(st.one_of(objects, events), max_size=3), "has_more": st.booleans()}
)
bodies = st.one_of(
    st.binary(max_size=30),
    st.one_of(objects, lists, members).map(json.dumps).map(str.encode),
    objects.map(lambda each: json.dumps({"error": {"payment_intent": each}}).encode()),
)
answers = st.lists(bodies, max_size=3)
VECTORS = Path(__file__).parents[1] / "vectors" / "stripe"
CASES = {
    kind: [
        case
        for file in sorted(VECTORS.glob(f"{kind}*.json"))
        for case in json.loads(file.read_text("utf-8"))["cases"]
    ]
    for kind in ("quotes", "settlements", "rereads", "searches")
}
ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    10**19,
    "",
    "x",
    "-5",
    [],
    [None],
    {},
    {"id": []},
    {"a": 1},
]


def read(row: Any, given_fields: dict[str, str]) -> Reading | None:
    path = row.pattern.replace("{", "").replace("}", "_1")
    operation = STRIPE.operation(row.method, path, "")
    query, body, kind = form.encode(given_fields.items()).decode(), b"", ""
    if path.startswith("/v2/"):
        amount = {n.partition("[")[2].rstrip("]"): v for n, v in given_fields.items() if "[" in n}
        query, body, kind = "", json.dumps({"amount": amount}).encode(), JSON_TYPE
    try:
        return STRIPE.read(operation, Sent(row.method, path, query, kind, body))
    except (Unreadable, MediaTypeRefused, RuleRefused):
        return None


@given(ROWS, fields, answers)
def test_any_request_and_any_look_up_give_a_quote_a_look_up_or_a_refusal(
    row: Any, given_fields: dict[str, str], found: list[bytes]
) -> None:
    reading = read(row, given_fields)
    if reading is None:
        return
    try:
        quote = STRIPE.quote(reading, RATES, [Answer(200, {}, body) for body in found], None)
    except (Unreadable, Unpriced, RuleRefused):
        return
    if isinstance(quote, Quote):
        assert quote.amount_micros >= quote.before_micros >= 0
        assert quote.how
    else:
        assert quote.target.startswith(("/v1/", "/v2/"))
        assert quote.target.isascii()
        assert quote.target.isprintable()
        assert " " not in quote.target


@given(ROWS, fields, st.integers(100, 599), bodies, st.sampled_from([EUR, None]))
def test_any_answer_has_an_outcome(
    row: Any, given_fields: dict[str, str], status: int, body: bytes, rate: Rate | None
) -> None:
    reading = read(row, given_fields)
    if reading is None:
        return
    for object_id in (None, reading.operation.object_id):
        quote = Quote(50_000, "", "eur", 5, rate, object_id)
        outcome = STRIPE.settle(reading, quote, Answer(status, {}, body))
        assert outcome.settled_micros >= 0
        assert outcome.standing_micros >= 0
        assert (outcome.why != "") == (outcome.end is End.IN_DOUBT)


@given(st.sampled_from(sorted(REREADERS)), st.sampled_from([EUR, None]), bodies)
def test_any_object_can_be_read_again(beginning: str, rate: Rate | None, body: bytes) -> None:
    outcome = STRIPE.reread(f"{beginning}1", rate, 50_000, Answer(200, {}, body))
    assert outcome.settled_micros >= 0
    assert outcome.standing_micros >= 0
    assert (outcome.why != "") == (outcome.end is End.IN_DOUBT)


@given(
    st.sampled_from(sorted(EMITS)),
    st.sampled_from(["", "pi_1", "re_1", "x_1"]),
    st.sampled_from(["", "k"]),
    st.sampled_from([EUR, None]),
    st.sampled_from([None, 500]),
    st.lists(st.one_of(bodies, lists.map(json.dumps).map(str.encode)), max_size=6),
)
def test_any_search_ends(
    operation: str,
    object_id: str,
    key: str,
    rate: Rate | None,
    answered: int | None,
    found: list[bytes],
) -> None:
    doubt = Doubt("c", operation, 10**15, key, "", object_id, 50_000, rate, answered)
    result = STRIPE.search(doubt, [Answer(200, {}, body) for body in found])
    if isinstance(result, Lookup):
        assert result.target.isprintable()
        assert len(found) < 5
    if isinstance(result, Findings):
        assert result.exact
        assert result.how
        assert not (result.conclusive and not result.matches and answered)
        for outcome in result.matches:
            assert outcome.end is not End.IN_DOUBT


def bent(draw: st.DrawFn, tree: Any) -> bytes:
    """An answer of a vector with one member of it, at any depth, made odd."""
    if isinstance(tree, str):
        return tree.encode()
    place: Any = {"": copy.deepcopy(tree)}
    root, key = place, ""
    while isinstance(root[key], (dict, list)) and root[key] and draw(st.integers(0, 4)):
        root = root[key]
        key = draw(st.sampled_from(sorted(root) if isinstance(root, dict) else range(len(root))))
    root[key] = draw(st.sampled_from(ODD))
    return json.dumps(place[""]).encode()


def reading_of(case: Any) -> Reading:
    request = case["request"]
    operation = STRIPE.operation(request["method"], request["path"], "")
    told = (request["method"], request["path"], request["query"], request["type"])
    return STRIPE.read(operation, Sent(*told, request["body"].encode()))


@st.composite
def bent_quotes(draw: st.DrawFn) -> tuple[Reading, list[Answer]]:
    case = draw(st.sampled_from([case for case in CASES["quotes"] if case["found"]]))
    found = [Answer(200, {}, bent(draw, tree)) for tree in case["found"]]
    return reading_of(case), found


@given(bent_quotes())
def test_a_look_up_that_is_a_little_odd_gives_a_quote_or_a_refusal(
    told: tuple[Reading, list[Answer]],
) -> None:
    reading, found = told
    try:
        quote = STRIPE.quote(reading, RATES, found, None)
    except (Unreadable, Unpriced, RuleRefused):
        return
    if isinstance(quote, Quote):
        assert quote.amount_micros >= quote.before_micros >= 0


@st.composite
def bent_settlements(draw: st.DrawFn) -> tuple[Reading, Quote, Answer]:
    case = draw(st.sampled_from(CASES["settlements"]))
    reading = reading_of(case)
    rate = draw(st.sampled_from([None, USD, EUR]))
    object_id = draw(st.sampled_from([None, reading.operation.object_id]))
    quote = Quote(50_000, "", "usd" if rate is None else rate.currency, 5, rate, object_id)
    return reading, quote, Answer(case["status"], {}, bent(draw, case["body"]))


@given(bent_settlements())
def test_an_answer_that_is_a_little_odd_has_an_outcome(told: tuple[Reading, Quote, Answer]) -> None:
    outcome = STRIPE.settle(*told)
    assert outcome.settled_micros >= 0
    assert outcome.standing_micros >= 0
    assert (outcome.why != "") == (outcome.end is End.IN_DOUBT)


@st.composite
def bent_searches(draw: st.DrawFn) -> tuple[Doubt, list[Answer]]:
    case = draw(st.sampled_from([case for case in CASES["searches"] if case["found"]]))
    doubt = Doubt("c", **{**case["doubt"], "rate": draw(st.sampled_from([None, USD]))})
    return doubt, [Answer(200, {}, bent(draw, tree)) for tree in case["found"]]


@given(bent_searches())
def test_a_search_that_finds_something_a_little_odd_ends(told: tuple[Doubt, list[Answer]]) -> None:
    result = STRIPE.search(*told)
    assert not isinstance(result, Findings) or result.how


@st.composite
def bent_rereads(draw: st.DrawFn) -> tuple[str, Answer]:
    case = draw(st.sampled_from(CASES["rereads"]))
    return case["id"], Answer(200, {}, bent(draw, case["body"]))


@given(bent_rereads())
def test_an_object_that_is_a_little_odd_has_an_outcome(told: tuple[str, Answer]) -> None:
    object_id, answer = told
    outcome = STRIPE.reread(object_id, USD, 50_000, answer)
    assert (outcome.why != "") == (outcome.end is End.IN_DOUBT)
