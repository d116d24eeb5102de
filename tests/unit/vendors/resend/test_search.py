"""Looking for a mail in doubt among those that Resend lists."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vendors.contract import Answer, Doubt, End, Findings, Lookup, Reading, Sent
from vendors.resend.catalogue import CATALOGUE
from vendors.resend.reading import JSON_TYPE, read
from vendors.resend.search import PAGES_MAX, search, trace

AT_US = 1_763_895_600_000_000  # 2025-11-23 11:00:00 UTC
NOON = b"Sun, 23 Nov 2025 12:00:00 GMT"
EMAIL = "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"
MAIL = {"from": "a@x.example", "to": ["Bob <B@x.example>", "c@x.example"], "subject": "Hello  you"}


def reading_of(path: str, body: object) -> Reading:
    sent = Sent("POST", path, "", JSON_TYPE, json.dumps(body).encode())
    return read(CATALOGUE.find("POST", path), sent)


TRACE = trace(reading_of("/emails", MAIL))
DOUBT = Doubt("call_1", "emails/send", AT_US, trace=TRACE, amount_micros=1_800)


def listed(made: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": "e1",
        "to": ["c@x.example", "b@x.example"],
        "subject": "Hello you",
        "created_at": f"2025-11-23 {made}",
        "last_event": "delivered",
        **changes,
    }


def page(*mails: dict[str, Any], more: bool = False, date: bytes | None = NOON) -> Answer:
    headers = {} if date is None else {b"date": date}
    body = json.dumps({"object": "list", "data": list(mails), "has_more": more}).encode()
    return Answer(200, headers, body)


def findings(*found: Answer, doubt: Doubt = DOUBT) -> Findings:
    result = search(doubt, found)
    assert isinstance(result, Findings)
    assert not result.exact
    assert result.how
    return result


def test_a_trace_is_short_and_tells_nobody_who_it_was() -> None:
    assert len(TRACE) == 33
    assert "|" not in TRACE
    assert "x.example" not in TRACE
    assert trace(reading_of("/emails", {**MAIL, "subject": "Hello"})) != TRACE
    assert trace(reading_of("/emails", {**MAIL, "cc": "d@x.example"})) == TRACE


def test_what_leaves_no_trace() -> None:
    assert trace(reading_of("/emails/batch", [MAIL])) == ""
    operation = CATALOGUE.find("POST", "/emails")
    assert trace(Reading(operation, "/emails", "", JSON_TYPE, b"", {})) == ""
    assert search(Doubt("call_1", "emails/send", AT_US), ()) is None
    assert search(Doubt("call_1", "emails/send-batch", AT_US, trace=TRACE), ()) is None


def test_the_latest_mails_are_asked_for_first() -> None:
    first = search(DOUBT, ())
    assert isinstance(first, Lookup)
    assert first.target == "/emails?limit=100"
    then = search(DOUBT, [page(listed("12:00:00+00"), more=True)])
    assert isinstance(then, Lookup)
    assert then.target == "/emails?limit=100&after=e1"


@pytest.mark.parametrize(
    "made", ["11:00:03.674981+00", "11:00:03Z", "12:00:03+01:00", "10:58:00", "23:15:00+00"]
)
def test_a_mail_like_it_however_late_it_was_made(made: str) -> None:
    """A retry made it, or a machine that slept after the hold."""
    found = findings(page(listed(made), listed("09:00:00+00", id="e0")))
    (match,) = found.matches
    assert (match.end, match.settled_micros, match.label) == (End.SETTLED, 1_800, "e1")
    assert found.conclusive


@pytest.mark.parametrize(
    "other",
    [
        listed("10:57:59.9+00"),
        listed("11:00:00+00", subject="Hello"),
        listed("11:00:00+00", subject=None),
        listed("11:00:00+00", to=["b@x.example"]),
        listed("11:00:00+00", to="b@x.example"),
        listed("11:00:00+00", to=[5]),
        listed("11:00:00+00", to=None),
    ],
)
def test_other_mails(other: dict[str, Any]) -> None:
    found = findings(page(other, listed("09:00:00+00")))
    assert found.matches == ()
    assert found.conclusive


def test_matches_come_oldest_first_and_say_what_became_of_them() -> None:
    found = findings(
        page(
            listed("11:00:03+00", id=EMAIL, last_event="scheduled"),
            listed("11:00:02+00", id="e2", last_event="canceled"),
            listed("11:00:01+00", id="e3", last_event="scheduled"),
        )
    )
    said = [(m.end, m.settled_micros, m.standing_micros, m.object_id) for m in found.matches]
    assert said == [
        (End.SETTLED, 1_800, 0, None),
        (End.RELEASED, 0, 0, None),
        (End.STANDING, 0, 1_800, EMAIL),
    ]


def test_a_mail_from_a_template_is_looked_for_by_its_addresses() -> None:
    bare = trace(reading_of("/emails", {"to": MAIL["to"], "template": {"id": "t"}}))
    doubt = Doubt("call_1", "emails/send", AT_US, trace=bare, amount_micros=1_800)
    assert len(findings(page(listed("11:00:00+00", subject="x")), doubt=doubt).matches) == 1


def test_all_there_is_is_conclusive_while_nothing_can_be_forgotten() -> None:
    assert findings(page()).conclusive
    assert findings(page(date=b"Mon, 24 Nov 2025 07:00:00 GMT")).conclusive
    assert not findings(page(date=b"Mon, 24 Nov 2025 07:00:01 GMT")).conclusive
    for untold in (None, b"", b"soon", b"\xff", NOON[:-3] + b"+" + b"9" * 30):
        assert not findings(page(date=untold)).conclusive


def test_it_looks_no_further_than_it_must() -> None:
    late = [listed("12:00:00+00", id=f"e{n}") for n in range(3)]
    pages = [page(mail, more=True) for mail in late]
    assert not findings(*pages, page(more=False, date=None)).conclusive
    assert findings(*pages, page(listed("09:00:00+00"), more=True)).conclusive
    many = [page(late[0], more=True)] * PAGES_MAX
    assert isinstance(search(DOUBT, many[1:]), Lookup)
    assert not findings(*many).conclusive


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {}, b"nonsense"),
        page(listed("soon")),
        page({"id": "e1"}),
        page(listed("11:00:00+00", created_at=5)),
        page(listed("11:00:00+00", id=None)),
    ],
)
def test_a_listing_that_cannot_be_read_says_nothing(answer: Answer) -> None:
    found = findings(answer)
    assert (found.matches, found.conclusive) == ((), False)
