"""Messages and calls as Twilio shows them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.vendors.twilio.asking import CA, SM, shown
from tests.unit.vendors.twilio.test_messages import with_table
from vendors.twilio.prices import SHIPPED
from vendors.twilio.things import (
    Unclear,
    call_cost,
    figure,
    is_call,
    join_id,
    message_cost,
    read_tree,
    split_id,
)

BASE = 8_300
CARRIER = 5_000


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        *(("-0.00750", 7_500), ("0.00750", 7_500), ("-0", 0), ("12", 12_000_000)),
        *(("-0.0000001", 1), ("-0.0000000", 0), ("-1.5000005", 1_500_001)),
        *((None, None), (-0.0075, None), (1, None), ("", None), ("-", None), ("--1", None)),
        *(("1e3", None), ("+1", None), (" 1", None), ("1.", None), (".5", None), ("1,5", None)),
        *(("１", None), ("NaN", None), ("9" * 10, None), ("0." + "1" * 13, None)),
    ],
)
def test_figures(text: object, micros: int | None) -> None:
    assert figure(text) == micros


@pytest.mark.parametrize(
    "status", ["sent", "delivered", "undelivered", "read", "partially_delivered"]
)
def test_what_was_sent_is_billed(status: str) -> None:
    assert message_cost(shown(status=status), 0, SHIPPED) == BASE + CARRIER


@pytest.mark.parametrize("status", ["queued", "accepted", "scheduled", "sending"])
def test_what_waits_has_no_price_yet(status: str) -> None:
    assert message_cost(shown(status=status), 0, SHIPPED) is None


@pytest.mark.parametrize(
    ("members", "micros"),
    [
        ({"num_segments": "3", "price": "-0.0249"}, 24_900 + 3 * CARRIER),
        ({"num_segments": "0", "body": "a" * 161}, BASE + 2 * CARRIER),
        ({"num_segments": None, "body": None}, BASE + CARRIER),
        ({"num_media": "1", "price": "-0.022"}, 22_000 + 13_000),
        ({"to": "+14165550100"}, BASE + 8_700),
        ({"to": "+4915155550100", "price": "-0.112"}, 112_000),
        ({"to": "+18005550100"}, BASE + 8_700),
        ({"to": "12345", "num_media": "1", "price": "-0.785"}, 790_000),
        ({"to": "12345", "price": "-1"}, 1_000_000),
        ({"to": "rcs:+14155552671"}, BASE + CARRIER),
        ({"to": "+14165550100", "num_media": "1", "price": "-0.022"}, 22_000 + 13_000),
        ({"to": "+4915155550100", "num_media": "1", "price": "-0.112"}, 112_000),
        ({"sid": "MM" + "1c" * 16, "price": "-0.022"}, 22_000 + 13_000),
        ({"price": "-2.5"}, 2_500_000 + CARRIER),
        ({"price": None}, None),
        ({"price_unit": "usd"}, BASE + CARRIER),
        ({"status": "canceled", "price": None}, 0),
        ({"status": "failed", "price": None}, 1_000),
        ({"status": "failed", "price": None, "error_code": 30007}, 1_000),
        ({"status": "failed", "price": None, "error_code": 30008}, 0),
        ({"status": "failed", "price": None, "error_code": 63038}, 0),
        ({"status": "failed", "price": None, "error_code": "30008"}, 1_000),
        ({"status": "failed", "price": None, "error_code": []}, 1_000),
        ({"status": "failed", "price": "-0.0083"}, BASE + 1_000),
        ({"date_sent": "Mon, 23 Nov 2026 10:03:59 +0000"}, BASE + CARRIER),
        ({"date_sent": "Mon, 23 Nov 2026 10:04:00 +0000"}, BASE + CARRIER + 15_000),
        ({"date_sent": None}, BASE + CARRIER),
        ({"to": "whatsapp:+14155552671", "price": "-0.005"}, 155_000),
        ({"to": "whatsapp:+14155552671", "price": "-0.03"}, 30_000),
        ({"to": "whatsapp:+14155552671", "status": "undelivered", "price": None}, 0),
        ({"to": "whatsapp:+14155552671", "status": "undelivered", "price": "-0.005"}, 5_000),
        ({"to": "messenger:1", "price": "-0.005"}, 155_000),
        ({"to": "telegram:1", "price": "-0.005"}, 5_000),
    ],
)
def test_what_a_message_came_to(members: dict[str, Any], micros: int | None) -> None:
    assert message_cost(shown(**members), 0, SHIPPED) == micros


def test_what_no_answer_shows_is_added() -> None:
    assert message_cost(shown(), 15_000, SHIPPED) == BASE + CARRIER + 15_000
    late = "Mon, 23 Nov 2026 10:04:00 +0000"
    assert message_cost(shown(date_sent=late), 15_000, SHIPPED) == BASE + CARRIER + 15_000
    vendor = with_table("date", "2026-03-04")
    assert message_cost(shown(to="+4915155550100"), 0, SHIPPED) == BASE
    assert message_cost(shown(to="+33655550100"), 0, vendor.prices) == BASE + 25_000 + CARRIER


@pytest.mark.parametrize(
    "members",
    [
        {"price": "x"},
        {"price": -0.0083},
        {"price_unit": "JPY"},
        {"price_unit": None},
        {"status": "lost"},
        {"status": None},
        {"status": {}},
        {"to": None},
    ],
)
def test_a_message_that_is_unclear(members: dict[str, Any]) -> None:
    with pytest.raises(Unclear):
        message_cost(shown(**members), 0, SHIPPED)


@pytest.mark.parametrize(
    ("members", "micros"),
    [
        ({"status": "completed"}, 8_300 + 500),
        ({"status": "completed", "price": None}, None),
        ({"status": "in-progress"}, None),
        ({"status": "ringing"}, None),
        ({"status": "busy", "price": None}, 0),
        ({"status": "no-answer", "price": None}, 0),
        ({"status": "failed", "price": "-0.014"}, 14_000),
    ],
)
def test_what_a_call_came_to(members: dict[str, Any], micros: int | None) -> None:
    assert call_cost(shown(**members), 500) == micros


@pytest.mark.parametrize(
    "members", [{"status": "gone"}, {"status": []}, {"status": "completed", "price": 1}]
)
def test_a_call_that_is_unclear(members: dict[str, Any]) -> None:
    with pytest.raises(Unclear):
        call_cost(shown(**members), 0)


def test_ids_remember_what_no_answer_shows() -> None:
    assert join_id(CA, 0) == CA
    assert join_id(CA, 2_500) == f"{CA}+2500"
    assert split_id(f"{CA}+2500") == (CA, 2_500)
    assert split_id(SM) == (SM, 0)
    for text in ("", "SM1", f"{SM}+", f"{SM}x", f"{SM}+-1", SM.upper(), f"{SM}\n", "pi_1"):
        assert split_id(text) is None
    assert (is_call(CA), is_call(SM)) == (True, False)


def test_an_object() -> None:
    assert read_tree(b'{"a": 1}') == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"<x/>", b"\xff", b"{" * 2_000])
def test_what_is_no_object(body: bytes) -> None:
    with pytest.raises(Unclear):
        read_tree(body)
