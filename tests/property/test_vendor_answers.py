"""Whatever Stripe answers: nothing raises, nothing is negative, nothing true exceeds its quote."""

from __future__ import annotations

import datetime
import json
from fractions import Fraction
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from vendors.contract import Answer, End, Lookup, Quote, RuleRefused, Sent, Unpriced, Unreadable
from vendors.form import FORM_TYPE
from vendors.rates import Rate, Rates
from vendors.stripe import STRIPE

RATES = Rates({"eur": Fraction(113, 97)}, datetime.date(2026, 1, 1), 30).on(20454)
REQUESTS = [
    ("/v1/payment_intents", b"amount=1000&currency=eur"),
    ("/v1/payment_intents/pi_1", b"amount=1000"),
    ("/v1/payment_intents/pi_1/confirm", b""),
    ("/v1/payment_intents/pi_1/capture", b"amount_to_capture=400"),
    ("/v1/payment_intents/pi_1/cancel", b""),
    ("/v1/charges", b"amount=1000&currency=eur"),
    ("/v1/charges/ch_1/capture", b""),
    ("/v1/refunds", b"charge=ch_1"),
    ("/v1/refunds", b"payment_intent=pi_1"),
    ("/v1/charges/ch_1/refund", b""),
]
requests = st.sampled_from(REQUESTS)
oddities = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=9)
)
objects = st.fixed_dictionaries(
    {},
    optional={
        "object": st.sampled_from(["payment_intent", "charge", "refund", 5]),
        "id": st.sampled_from(["pi_1", "ch_1", "re_1", "pi_2", None]),
        "status": st.sampled_from(["succeeded", "requires_capture", "canceled", "failed", "odd"]),
        "currency": st.sampled_from(["eur", "EUR", "usd", "xyz"]),
        "amount": st.one_of(st.integers(0, 2000), oddities),
        "amount_received": st.one_of(st.integers(0, 2000), oddities),
        "amount_capturable": st.one_of(st.integers(0, 2000), oddities),
        "amount_captured": st.one_of(st.integers(0, 2000), oddities),
        "amount_refunded": st.one_of(st.integers(0, 2000), oddities),
        "captured": oddities,
        "charge": oddities,
        "payment_intent": oddities,
        "latest_charge": oddities,
        "livemode": oddities,
    },
)
bodies = st.one_of(
    st.binary(max_size=40),
    objects.map(json.dumps).map(str.encode),
    objects.map(lambda o: json.dumps({"error": {"payment_intent": o}}).encode()),
)


def sent(path: str, body: bytes) -> Any:
    operation = STRIPE.operation("POST", path, "")
    return STRIPE.read(operation, Sent("POST", path, "", FORM_TYPE, body))


@given(requests, bodies)
def test_any_look_up_gives_a_quote_or_a_refusal(request_: tuple[str, bytes], found: bytes) -> None:
    try:
        quote = STRIPE.quote(sent(*request_), RATES, [Answer(200, {}, found)], None)
    except (Unreadable, Unpriced, RuleRefused):
        return
    assert isinstance(quote, Quote)
    assert quote.amount_micros >= quote.before_micros >= 0


@given(requests, st.integers(100, 599), bodies, st.sampled_from(["eur 2 10000/1", None]))
def test_any_answer_has_an_outcome(
    request_: tuple[str, bytes], status: int, body: bytes, kept: str | None
) -> None:
    reading = sent(*request_)
    rate = Rate.parse(kept) if kept else None
    quote = Quote(5, "", "eur", 5, rate, reading.operation.object_id)
    outcome = STRIPE.settle(reading, quote, Answer(status, {}, body))
    assert outcome.settled_micros >= 0
    assert outcome.standing_micros >= 0
    assert (outcome.why != "") == (outcome.end is End.IN_DOUBT)
    assert (outcome.standing_micros > 0) == (outcome.end is End.STANDING)
    if not 200 <= status < 300:
        assert outcome.end is not End.SETTLED or 400 <= status < 500
    assert STRIPE.shown_micros(Answer(status, {}, body), RATES) >= 0


def intent(status: str, amount: int, received: int, capturable: int) -> dict[str, Any]:
    return {
        "object": "payment_intent",
        "id": "pi_1",
        "status": status,
        "currency": "eur",
        "amount": amount,
        "amount_received": received,
        "amount_capturable": capturable,
    }


@given(
    st.integers(1, 10**9),
    st.integers(0, 10**9),
    st.integers(1, 10**9),
    st.booleans(),
)
def test_a_capture_never_comes_to_more_than_its_quote(
    capturable: int, received: int, asked: int, final: bool
) -> None:
    """As Stripe does it: received grows by what was asked for, the rest stays or is given back."""
    assume(final or asked < capturable)
    before = intent("requires_capture", received + capturable, received, capturable)
    body = f"amount_to_capture={asked}&final_capture={'true' if final else 'false'}".encode()
    reading = sent("/v1/payment_intents/pi_1/capture", body)
    found = [Answer(200, {}, json.dumps(before).encode())]
    quote = STRIPE.quote(reading, RATES, found, None)
    assert not isinstance(quote, Lookup)
    left = 0 if final else capturable - asked
    after = intent("requires_capture" if left else "succeeded", 5, received + asked, left)
    outcome = STRIPE.settle(reading, quote, Answer(200, {}, json.dumps(after).encode()))
    assert outcome.settled_micros + outcome.standing_micros == quote.amount_micros
    assert quote.rate is not None
    assert quote.amount_micros - quote.before_micros == quote.rate.to_micros(
        max(asked, capturable if not final else 0)
    )
