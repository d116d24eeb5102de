"""Reading whole; test_vectors has the many small cases."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vendors.contract import MediaTypeRefused, Money, Operation, Reading, Sent, Unreadable
from vendors.resend.catalogue import CATALOGUE
from vendors.resend.reading import JSON_TYPE, needs_body, read, recipients_per_mail
from vendors.resend.recipients import FIELDS_MAX, TEXT_CHARS_MAX, count

MAIL: dict[str, Any] = {"from": "a@x.example", "to": "b@x.example"}


def find(method: str, path: str) -> Operation:
    return CATALOGUE.find(method, path)


def reading_of(path: str, body: object, *, strict: bool = False) -> Reading:
    sent = Sent("POST", path, "", JSON_TYPE, json.dumps(body).encode(), strict=strict)
    return read(find("POST", path), sent)


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", "/emails", True),
        ("POST", "/emails/batch", True),
        ("POST", "/emails/e1/cancel", True),
        ("POST", "/events/send", True),
        ("POST", "/api-keys", True),
        ("POST", "/nothing", True),
        ("POST", "/contacts/imports", False),
        ("GET", "/emails", False),
        ("GET", "/webhooks/w1", False),
        ("DELETE", "/nothing", False),
    ],
)
def test_which_bodies_are_read_whole(method: str, path: str, needed: bool) -> None:
    assert needs_body(find(method, path)) is needed


def test_a_free_operation_passes_untouched() -> None:
    form = "multipart/form-data; boundary=x"
    sent = Sent("POST", "/contacts/imports", "a=1&a=2", form, b"--x")
    operation = find("POST", "/contacts/imports")
    assert read(operation, sent) == Reading(
        operation, "/contacts/imports", "a=1&a=2", form, b"--x", {}
    )


def test_a_key_with_rules_has_free_operations_read_too() -> None:
    operation = find("POST", "/contacts")
    body = b'{"email": "a@x.example", "segments": [{"id": "s"}], "to": {"x": 1}}'
    sent = Sent("POST", "/contacts", "", JSON_TYPE, body, strict=True)
    assert read(operation, sent).fields == {
        "email": "a@x.example",
        "segments[0][id]": "s",
        "to[x]": "1",
    }
    with pytest.raises(MediaTypeRefused):
        read(operation, Sent("POST", "/contacts", "", "multipart/form-data", b"--x", strict=True))


def test_and_reads_by_their_query() -> None:
    operation = find("GET", "/contacts")
    assert operation.money is Money.FREE
    sent = Sent("GET", "/contacts", "segment_id=s&limit=5", "", b"", strict=True)
    reading = read(operation, sent)
    assert reading.fields == {"segment_id": "s", "limit": "5"}
    assert (reading.query, reading.body) == (sent.query, b"")


def test_the_largest_batch() -> None:
    full = {
        **MAIL,
        "to": ["b@x.example"] * 50,
        "cc": ["c@x.example"] * 50,
        "bcc": ["d@x.example"] * 50,
    }
    batch = [full] * 100
    reading = reading_of("/emails/batch", batch)
    assert count(reading.fields) == 15_000
    assert recipients_per_mail(reading.body) == [150] * 100
    with pytest.raises(Unreadable, match="1 to 100 mails"):
        reading_of("/emails/batch", [MAIL] * 101)


def test_more_values_than_are_ever_sent() -> None:
    with pytest.raises(Unreadable, match="values"):
        reading_of("/emails", {**MAIL, "x": [1] * FIELDS_MAX})
    with pytest.raises(Unreadable, match="values"):
        reading_of("/emails/batch", [{**MAIL, "x": [1] * 300}] * 70)


def test_a_long_text_is_no_field() -> None:
    mail = {**MAIL, "html": "é" * (TEXT_CHARS_MAX + 1), "text": "é" * TEXT_CHARS_MAX}
    assert reading_of("/emails", mail).fields.keys() == {"from", "to[0]", "text"}
    with pytest.raises(Unreadable, match="html: longer than"):
        reading_of("/emails", mail, strict=True)


def test_what_is_sent_is_what_came() -> None:
    body = b' {"to" : "b@x.example" }\n'
    sent = Sent("POST", "/emails", "", "application/json;charset=utf-8", body)
    reading = read(find("POST", "/emails"), sent)
    assert (reading.body, reading.content_type) == (body, JSON_TYPE)
