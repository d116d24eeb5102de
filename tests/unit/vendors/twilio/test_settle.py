"""What answers mean for the books; test_vectors has the usual ones."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.vendors.twilio.asking import (
    ACCOUNT,
    CA,
    CALLS,
    MESSAGES,
    OTHER,
    RATES,
    ROOT,
    SM,
    US,
    answer,
    quote,
    read,
    shown,
)
from vendors.contract import Answer, End, Outcome, Quote
from vendors.twilio import TWILIO
from vendors.twilio.prices import SHIPPED
from vendors.twilio.settle import reread

SMS = {"To": US, "From": "+14155550100", "Body": "hello"}
QUOTE = 13_300
ERROR = {"code": 21211, "message": "no", "more_info": "https://x", "status": 400}
CREATED = shown(status="queued", price=None, price_unit=None)


def settle(
    given: Answer,
    parameters: dict[str, str] | None = None,
    path: str = MESSAGES,
    held: Quote | None = None,
    **request: Any,
) -> Outcome:
    reading = read(path, SMS if parameters is None else parameters, **request)
    quoted = held or TWILIO.quote(reading, RATES, (), None)
    return TWILIO.settle(reading, quoted, given)


def test_a_message_is_pending_at_its_quote() -> None:
    outcome = settle(answer(201, CREATED, twilio_request_id="RQ1"))
    assert outcome == Outcome(
        End.PENDING, standing_micros=QUOTE, object_id=SM, label=SM, request_id="RQ1"
    )


def test_a_price_in_the_answer_counts_only_if_final() -> None:
    assert settle(answer(201, shown(status="queued"))).end is End.PENDING
    done = settle(answer(201, shown()))
    assert (done.end, done.settled_micros, done.object_id) == (End.SETTLED, QUOTE, SM)
    failed = settle(answer(201, shown(status="failed", price=None)))
    assert (failed.end, failed.settled_micros) == (End.SETTLED, 1_000)


@pytest.mark.parametrize("path", [MESSAGES.removesuffix(".json"), f"{ROOT}/Messages.xml"])
def test_xml_is_read_as_well(path: str) -> None:
    told = f"<Sid>{SM}</Sid><AccountSid>{ACCOUNT}</AccountSid><Status>queued</Status><Price/>"
    body = f"<TwilioResponse><Message>{told}</Message></TwilioResponse>".encode()
    outcome = settle(answer(201, body), path=path)
    assert (outcome.end, outcome.standing_micros, outcome.object_id) == (End.PENDING, QUOTE, SM)
    other = settle(answer(201, body.replace(ACCOUNT.encode(), OTHER.encode())), path=path)
    assert other.end is End.IN_DOUBT


def test_short_links_are_remembered_in_the_id() -> None:
    outcome = settle(answer(201, CREATED), SMS | {"ShortenUrls": "true"})
    assert (outcome.object_id, outcome.label) == (f"{SM}+15000", SM)
    assert outcome.standing_micros == QUOTE + 15_000


@pytest.mark.parametrize(
    "given",
    [
        answer(201, shown(account_sid=OTHER)),
        answer(201, shown(account_sid=None)),
        answer(201, shown(sid="XX1")),
        answer(201, shown(sid=None)),
        answer(201, shown(sid=CA)),
        answer(201, shown(sid=f"{SM}+5")),
        answer(201, shown(status="lost")),
        answer(201, shown(price="x")),
        answer(201, b"<TwilioResponse/>"),
        answer(201, []),
        answer(201),
        answer(302),
        answer(409, ERROR),
        answer(424, ERROR),
        answer(400),
        answer(400, {"message": "no code"}),
        answer(400, {"code": True}),
        answer(400, {"code": "21211"}),
        answer(500),
        answer(500, {"message": "x"}),
        answer(500, b"<RestException>"),
        answer(503, b"<html>"),
    ],
)
def test_what_stays_in_doubt(given: Answer) -> None:
    outcome = settle(given)
    assert outcome.end is End.IN_DOUBT
    assert outcome.why
    assert outcome.settled_micros == outcome.standing_micros == 0


@pytest.mark.parametrize(
    "given",
    [
        answer(400, ERROR),
        answer(401, {"code": 20003, "status": 401}),
        answer(429, {"code": 20429}),
        answer(500, {"code": 20500}),
        answer(503, {"code": 20503}),
        answer(400, {"type": "x", "title": "y", "status": 400, "code": 20001}),
        answer(400, b"<TwilioResponse><RestException><Code>21211</Code></RestException>"),
    ],
)
def test_what_twilio_refuses_is_released(given: Answer) -> None:
    assert settle(given).end is End.RELEASED


# -- changes of messages -----------------------------------------------------------------------


def test_a_cancel_frees_when_it_says_so() -> None:
    path = f"{ROOT}/Messages/{SM}.json"
    done = settle(answer(200, shown(status="canceled")), {"Status": "canceled"}, path)
    assert (done.end, done.object_id, done.label) == (End.RELEASED, SM, SM)
    late = settle(answer(200, shown(status="sent")), {"Status": "canceled"}, path)
    assert (late.end, late.object_id, late.label) == (End.RELEASED, None, SM)
    no = settle(answer(400, ERROR), {"Status": "canceled"}, path)
    assert (no.end, no.object_id, no.label) == (End.RELEASED, None, SM)
    for tree in (shown(sid="SM2"), shown(account_sid=OTHER)):
        doubt = settle(answer(200, tree), {"Status": "canceled"}, path)
        assert (doubt.end, doubt.label) == (End.IN_DOUBT, SM)


def test_emptying_a_message_leaves_its_hold() -> None:
    done = settle(answer(200, shown(status="canceled")), {"Body": ""}, f"{ROOT}/Messages/{SM}.json")
    assert (done.end, done.object_id, done.label) == (End.RELEASED, None, SM)


# -- calls -------------------------------------------------------------------------------------


def test_a_call_is_pending_and_its_id_remembers_what_is_billed_apart() -> None:
    made = {"sid": CA, "account_sid": ACCOUNT, "status": "queued", "price": None}
    plain = settle(answer(201, made), {"To": US, "TimeLimit": "60"}, CALLS)
    assert (plain.end, plain.standing_micros, plain.object_id) == (End.PENDING, 14_000, CA)
    recorded = {"To": US, "TimeLimit": "60", "Record": "true"}
    outcome = settle(answer(201, made), recorded, CALLS)
    assert (outcome.object_id, outcome.label) == (f"{CA}+2500", CA)


def test_a_participant_names_its_call_apart() -> None:
    made = {"call_sid": CA, "account_sid": ACCOUNT, "status": "queued"}
    path = f"{ROOT}/Conferences/CF1/Participants.json"
    outcome = settle(answer(201, made), {"To": US, "TimeLimit": "60"}, path)
    assert (outcome.end, outcome.object_id) == (End.PENDING, f"{CA}+2500")


def test_a_call_without_a_price_counts_at_the_keys_hold() -> None:
    made = {"sid": CA, "account_sid": ACCOUNT, "status": "queued", "price": None}
    parameters = {"To": US, "Url": "https://example.com"}
    outcome = settle(answer(201, made), parameters, CALLS, Quote(2_000_000, "fixed"))
    assert (outcome.end, outcome.settled_micros, outcome.object_id) == (
        End.SETTLED,
        2_000_000,
        None,
    )


def test_an_operation_that_has_no_settlement_counts_at_what_was_held() -> None:
    for path in (f"{ROOT}/Nothing.json", f"{ROOT}/Applications.json"):
        outcome = settle(answer(201, {}), {}, path, Quote(7_000, "fixed"))
        assert (outcome.end, outcome.settled_micros) == (End.SETTLED, 7_000)


def test_a_changed_call_counts_at_what_was_held() -> None:
    path = f"{ROOT}/Calls/{CA}.json"
    ended = settle(answer(200, {"sid": CA}), {"Status": "completed"}, path)
    assert (ended.end, ended.settled_micros, ended.label) == (End.SETTLED, 0, CA)
    changed = settle(answer(200, {"sid": CA}), {"Url": "x"}, path, Quote(500_000, "fixed"))
    assert changed.settled_micros == 500_000


# -- the rest ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tree", "end", "micros"),
    [
        ({"sid": "VE1", "status": "approved"}, End.SETTLED, 50_000),
        ({"sid": None, "status": "approved"}, End.SETTLED, 50_000),
        ({"sid": "VE1", "status": "pending"}, End.RELEASED, 0),
        ({"sid": "VE1"}, End.IN_DOUBT, 0),
    ],
)
def test_checks_of_codes(tree: dict[str, Any], end: End, micros: int) -> None:
    path = "/v2/Services/VA1/VerificationCheck"
    outcome = settle(answer(201, tree), {"Code": "1"}, path, product="verify")
    assert (outcome.end, outcome.settled_micros) == (end, micros)


def test_a_challenge_counts_when_it_is_made() -> None:
    path = "/v2/Services/VA1/Entities/bob/Challenges"
    outcome = settle(
        answer(201, {"sid": "YC1", "status": "pending"}), {"FactorSid": "x"}, path, product="verify"
    )
    assert (outcome.end, outcome.settled_micros, outcome.label) == (End.SETTLED, 50_000, "YC1")


@pytest.mark.parametrize(
    ("status", "query", "end", "micros"),
    [
        (200, "Fields=caller_name", End.SETTLED, 10_000),
        (404, "Fields=caller_name", End.SETTLED, 10_000),
        (400, "Fields=caller_name", End.RELEASED, 0),
        (500, "Fields=caller_name", End.RELEASED, 0),
        (200, "", End.SETTLED, 0),
        (404, "", End.RELEASED, 0),
    ],
)
def test_lookups(status: int, query: str, end: End, micros: int) -> None:
    outcome = settle(
        answer(status, {"code": 20404}),
        {},
        "/v2/PhoneNumbers/+14155552671",
        method="GET",
        product="lookups",
        query=query,
    )
    assert (outcome.end, outcome.settled_micros) == (end, micros)


def test_a_number_is_settled_at_its_rent() -> None:
    path = f"{ROOT}/IncomingPhoneNumbers.json"
    parameters = {"AreaCode": "415"}
    outcome = settle(answer(201, {"sid": "PN1"}), parameters, path)
    assert (outcome.end, outcome.settled_micros) == (End.SETTLED, 1_150_000)
    assert quote(path, parameters).amount_micros == 1_150_000


# -- read again --------------------------------------------------------------------------------


def again(tree: Any, object_id: str = SM, status: int = 200) -> Outcome:
    return reread(object_id, answer(status, tree, twilio_request_id="RQ2"), SHIPPED)


@pytest.mark.parametrize(
    ("tree", "object_id", "end", "micros"),
    [
        (shown(), SM, End.SETTLED, QUOTE),
        (shown(price="-0.0166", num_segments="2"), SM, End.SETTLED, 26_600),
        (shown(price="-5.00"), SM, End.SETTLED, 5_005_000),
        (shown(), f"{SM}+15000", End.SETTLED, QUOTE + 15_000),
        (shown(status="failed", price=None), SM, End.SETTLED, 1_000),
        (shown(status="failed", price=None, error_code=30002), SM, End.RELEASED, 0),
        (shown(status="canceled", price=None), SM, End.RELEASED, 0),
        (shown(sid=CA, status="completed", price="-0.028"), f"{CA}+2500", End.SETTLED, 30_500),
        (shown(sid=CA, status="no-answer", price=None), f"{CA}+2500", End.RELEASED, 0),
    ],
)
def test_read_again(tree: dict[str, Any], object_id: str, end: End, micros: int) -> None:
    outcome = again(tree, object_id)
    assert (outcome.end, outcome.settled_micros, outcome.object_id) == (end, micros, object_id)
    assert (outcome.label, outcome.request_id) == (object_id.partition("+")[0], "RQ2")


@pytest.mark.parametrize(
    ("tree", "object_id", "status", "why"),
    [
        (shown(price=None), SM, 200, "not priced yet"),
        (shown(status="sending"), SM, 200, "not priced yet"),
        (shown(price_unit="JPY"), SM, 200, "the price is in another currency"),
        (shown(sid="SM2"), SM, 200, "the answer is about another object"),
        (ERROR, SM, 404, "HTTP 404 to a read"),
        (b"<x/>", SM, 200, "the answer is not JSON"),
        (shown(), "pi_1", 200, "neither a message nor a call"),
    ],
)
def test_nothing_new_is_known(tree: Any, object_id: str, status: int, why: str) -> None:
    outcome = again(tree, object_id, status)
    assert (outcome.end, outcome.why, outcome.object_id) == (End.IN_DOUBT, why, None)
