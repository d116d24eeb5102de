"""Looking for a call that nobody answered."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.vendors.twilio.asking import (
    CA,
    CALLS,
    FROM,
    MESSAGES,
    ROOT,
    SM,
    US,
    answer,
    read,
    shown,
)
from vendors.contract import Doubt, End, Findings, Lookup
from vendors.twilio.prices import SHIPPED
from vendors.twilio.search import PAGES_MAX, Trace, search, trace

AT_US = 1_795_428_000_000_000
"""Mon, 23 Nov 2026 10:00:00 UTC."""
SMS = {"To": US, "From": FROM, "Body": "hello"}
NEXT = "/2010-04-01/Accounts/AC1/Messages.json?PageToken=x"
OLD = shown(sid="SM" + "9" * 32, date_created="Mon, 23 Nov 2026 09:00:00 +0000")


def doubt(parameters: dict[str, str] | None = None, path: str = MESSAGES, **facts: Any) -> Doubt:
    reading = read(path, SMS if parameters is None else parameters)
    usual: dict[str, Any] = {
        "operation": reading.operation.name,
        "trace": trace(reading, SHIPPED),
        "amount_micros": 13_300,
    }
    return Doubt("call_1", at_us=AT_US, **(usual | facts))


def found(
    *items: dict[str, Any], asked: Doubt | None = None, listing: str = "messages", **page: Any
) -> Findings | Lookup | None:
    given = answer(200, {listing: list(items), "next_page_uri": None} | page)
    return search(asked or doubt(), [given], SHIPPED)


def matches(
    *items: dict[str, Any], asked: Doubt | None = None, listing: str = "messages"
) -> list[tuple[End, int, int, str | None]]:
    findings = found(*items, asked=asked, listing=listing)
    assert isinstance(findings, Findings)
    assert not findings.exact
    return [(m.end, m.settled_micros, m.standing_micros, m.object_id) for m in findings.matches]


def test_a_trace_tells_nothing_private() -> None:
    written = trace(read(MESSAGES, SMS), SHIPPED)
    assert written.startswith(f"{US} ")
    assert "hello" not in written
    assert FROM not in written
    assert len(written) <= 300
    assert str(Trace.parse(written)) == written


def test_what_leaves_no_trace() -> None:
    assert trace(read(f"{ROOT}/Queues.json", SMS), SHIPPED) == ""
    assert trace(read("/v2/batch/query", product="lookups"), SHIPPED) == ""
    assert trace(read(MESSAGES, {"Body": "x"}), SHIPPED) == ""
    assert trace(read(CALLS, {"To": US, "Url": "x"}), SHIPPED) == ""
    assert trace(read(MESSAGES, {"To": "messenger:" + "x" * 300}), SHIPPED) == ""
    assert trace(read(MESSAGES, {"To": "a|b"}), SHIPPED) == ""


def test_the_listing_to_read() -> None:
    asked = search(doubt(), [], SHIPPED)
    assert isinstance(asked, Lookup)
    listing = "/2010-04-01/Accounts/{account}/Messages.json"
    assert asked.target == f"{listing}?To=%2B14155552671&PageSize=50"
    asked = search(doubt({"To": US, "From": FROM}, CALLS), [], SHIPPED)
    assert isinstance(asked, Lookup)
    assert asked.target.startswith("/2010-04-01/Accounts/{account}/Calls.json?To=")


@pytest.mark.parametrize(
    "asked",
    [
        doubt(trace=""),
        doubt(trace="a b c"),
        doubt(trace="a b c x"),
        doubt(operation="CreateIncomingPhoneNumber"),
        doubt(operation="nothing"),
    ],
)
def test_where_there_is_no_way(asked: Doubt) -> None:
    assert search(asked, [], SHIPPED) is None


def test_one_that_is_priced_and_one_that_waits() -> None:
    waiting = shown(
        sid="SM" + "2" * 32, status="sent", price=None, date_created="Mon, 23 Nov 2026 09:59:00 GMT"
    )
    assert matches(shown(), waiting) == [
        (End.PENDING, 0, 13_300, waiting["sid"]),
        (End.SETTLED, 13_300, 0, SM),
    ]


@pytest.mark.parametrize(
    "members",
    [
        {"to": "+14155552672"},
        {"from": "+14155550101"},
        {"body": "hello!"},
        {"date_created": "Mon, 23 Nov 2026 09:57:59 +0000"},
    ],
)
def test_what_is_not_alike(members: dict[str, Any]) -> None:
    assert matches(shown(**members)) == []


def test_a_message_that_was_made_hours_later_may_be_it() -> None:
    """A machine that sleeps between hold and first byte sends when it wakes."""
    late = shown(date_created="Mon, 23 Nov 2026 22:15:01 +0000")
    assert matches(late) == [(End.SETTLED, 13_300, 0, SM)]


@pytest.mark.parametrize(
    ("parameters", "members"),
    [
        ({"MessagingServiceSid": "MG1", "Body": "hello"}, {"messaging_service_sid": "MG1"}),
        ({"Body": "hello"}, {"from": "+1415"}),
        ({"From": FROM, "Body": "“hello” "}, {"body": '"hello"'}),
        ({"From": FROM, "ContentSid": "HX1"}, {"body": "anything"}),
        ({"From": FROM, "Body": "x", "ShortenUrls": "true"}, {"body": "y"}),
        ({"From": FROM, "MediaUrl": "x"}, {"body": ""}),
        ({"From": FROM, "MediaUrl": "x"}, {"body": None}),
    ],
)
def test_what_is_alike(parameters: dict[str, str], members: dict[str, Any]) -> None:
    asked = doubt({"To": US} | parameters)
    assert len(matches(shown(**members), asked=asked)) == 1


def test_a_call_and_what_is_billed_apart() -> None:
    asked = doubt({"To": US, "From": FROM, "TimeLimit": "60", "Record": "true"}, CALLS)
    item = shown(sid=CA, status="completed", price="-0.014")
    assert matches(item, asked=asked, listing="calls") == [(End.SETTLED, 16_500, 0, f"{CA}+2500")]


def test_entries_that_say_too_little() -> None:
    assert matches(shown(sid=None)) == [(End.IN_DOUBT, 0, 0, None)]
    assert matches(shown(status="lost")) == [(End.PENDING, 0, 13_300, SM)]


def test_when_finding_nothing_says_something() -> None:
    whole = found()
    assert isinstance(whole, Findings)
    assert (whole.conclusive, whole.matches) == (True, ())
    reaches = found(OLD, next_page_uri=NEXT)
    assert isinstance(reaches, Findings)
    assert reaches.conclusive


def test_pages_are_followed_to_an_end() -> None:
    page = answer(200, {"messages": [shown()], "next_page_uri": NEXT})
    for number in range(1, PAGES_MAX):
        asked = search(doubt(), [page] * number, SHIPPED)
        assert isinstance(asked, Lookup)
        assert asked.target == NEXT
    findings = search(doubt(), [page] * PAGES_MAX, SHIPPED)
    assert isinstance(findings, Findings)
    assert (findings.conclusive, len(findings.matches)) == (False, 1)


@pytest.mark.parametrize(
    "tree",
    [
        b"<x/>",
        {},
        {"messages": {}},
        {"messages": [1]},
        {"messages": [shown(date_created="?")]},
        {"messages": [], "next_page_uri": 5},
        {"messages": [], "next_page_uri": "https://evil.example/"},
    ],
)
def test_a_listing_that_cannot_be_read_says_nothing(tree: Any) -> None:
    findings = search(doubt(), [answer(200, tree)], SHIPPED)
    assert isinstance(findings, Findings)
    assert (findings.matches, findings.conclusive) == ((), False)
    assert findings.how
