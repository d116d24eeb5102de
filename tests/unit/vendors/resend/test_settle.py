"""Settling retries, and reading scheduled mails again; test_vectors has the many small cases."""

from __future__ import annotations

import json

import pytest

from vendors.contract import Answer, End, Quote, Reading, Sent
from vendors.rates import Rate
from vendors.resend.catalogue import CATALOGUE
from vendors.resend.reading import JSON_TYPE, read
from vendors.resend.settle import reread, settle

EMAIL = "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"
SENT = Answer(200, {}, json.dumps({"id": EMAIL}).encode())
PRICE = Rate("usd", 0, 800, 1)


def reading_of(path: str, body: object) -> Reading:
    sent = Sent("POST", path, "", JSON_TYPE, json.dumps(body).encode())
    return read(CATALOGUE.find("POST", path), sent)


def test_a_retry_settles_at_the_rate_of_the_first_calls_hold() -> None:
    reading = reading_of("/emails", {"to": ["a@x.example", "b@x.example"]})
    kept = Quote(120_000, "held by the first call", rate=PRICE)
    outcome = settle(reading, kept, SENT)
    assert (outcome.end, outcome.settled_micros, outcome.units) == (End.SETTLED, 1_600, None)


def test_a_hold_without_a_rate_counts_in_full() -> None:
    reading = reading_of("/emails/batch", [{"to": "a@x.example"}, {"to": "b@x.example"}])
    made = {"data": [{"id": "e1"}], "errors": [{"index": 0, "message": "x"}]}
    outcome = settle(reading, Quote(5_000, "", units=2), Answer(200, {}, json.dumps(made).encode()))
    assert (outcome.end, outcome.settled_micros, outcome.units) == (End.SETTLED, 5_000, None)


def test_a_mail_that_passed_settles_at_whom_it_named() -> None:
    reading = reading_of("/emails", {"to": "a@x.example"})
    bound = Quote(120_000, "at most 150", rate=PRICE, units=150)
    outcome = settle(reading, bound, SENT)
    assert (outcome.settled_micros, outcome.units) == (800, 1)


def test_an_answer_before_the_last_byte_counts_in_full() -> None:
    operation = CATALOGUE.find("POST", "/emails")
    unread = Reading(operation, "/emails", "", JSON_TYPE, b"", {})
    bound = Quote(120_000, "at most 150", rate=PRICE, units=150)
    outcome = settle(unread, bound, SENT)
    assert (outcome.end, outcome.settled_micros, outcome.units) == (End.SETTLED, 120_000, None)
    early = Answer(422, {}, b'{"statusCode": 422, "name": "validation_error"}')
    assert settle(unread, bound, early).end is End.RELEASED


def again(event: object, status: int = 200, email_id: str = EMAIL) -> Answer:
    return Answer(status, {}, json.dumps({"id": email_id, "last_event": event}).encode())


@pytest.mark.parametrize("event", ["scheduled", "queued"])
def test_a_mail_that_waits_is_no_news(event: str) -> None:
    outcome = reread(EMAIL, 900, again(event))
    assert outcome.end is End.IN_DOUBT
    assert outcome.why == f"the mail is still {event}"


def test_a_mail_that_was_canceled_costs_nothing() -> None:
    outcome = reread(EMAIL, 900, again("canceled"))
    assert (outcome.end, outcome.object_id, outcome.settled_micros) == (End.RELEASED, EMAIL, 0)


@pytest.mark.parametrize(
    "event",
    [
        *("sent", "delivered", "delivery_delayed", "bounced", "complained", "opened", "clicked"),
        *("failed", "suppressed", "a word of tomorrow"),
    ],
)
def test_any_other_mail_counts(event: str) -> None:
    outcome = reread(EMAIL, 900, again(event, email_id=EMAIL.upper()))
    assert (outcome.end, outcome.object_id, outcome.settled_micros) == (End.SETTLED, EMAIL, 900)
    assert outcome.why == ""


@pytest.mark.parametrize(
    "answer",
    [
        again("sent", 404),
        again("sent", 500),
        again("sent", email_id="another"),
        again(None),
        again(""),
        again(["sent"]),
        Answer(200, {}, b"nonsense"),
    ],
)
def test_an_answer_that_is_not_the_mail_changes_nothing(answer: Answer) -> None:
    outcome = reread(EMAIL, 900, answer)
    assert (outcome.end, outcome.settled_micros, outcome.label) == (End.IN_DOUBT, 0, EMAIL)
    assert outcome.why
