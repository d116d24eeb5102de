"""Reading a mail while it passes: what whole reading never meets. test_vectors reads every small
mail both ways, tests/property/test_resend_stream.py any mail."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from vendors.contract import Reading, Sent, Unreadable
from vendors.resend.catalogue import CATALOGUE
from vendors.resend.prices import SHIPPED, read_prices
from vendors.resend.reading import JSON_TYPE, read
from vendors.resend.recipients import KEPT_CHARS_MAX, NAME_CHARS_MAX, TEXT_CHARS_MAX
from vendors.resend.stream import WORD_BYTES_MAX, MailStream
from vendors.strict_json import CONTAINERS_MAX, DEPTH_MAX

SEND = CATALOGUE.find("POST", "/emails")
MAIL: dict[str, Any] = {"from": "a@x.example", "to": "b@x.example"}


def reader(*, strict: bool = False) -> MailStream:
    return MailStream(SEND, Sent("POST", "/emails", "", JSON_TYPE, b"", strict=strict), SHIPPED)


def stream(body: bytes, size: int = 65_536, *, strict: bool = False) -> Reading:
    stream = reader(strict=strict)
    for at in range(0, len(body), size):
        stream.feed(body[at : at + size])
    return stream.finish()


def mail(**more: object) -> bytes:
    return json.dumps({**MAIL, **more}, ensure_ascii=False).encode()


def refused(body: bytes, size: int = 65_536, *, strict: bool = False) -> str:
    with pytest.raises(Unreadable) as caught:
        stream(body, size, strict=strict)
    return str(caught.value)


def test_a_recipient_among_the_headers_is_refused() -> None:
    assert "headers[Bcc]" in refused(mail(headers={"X-A": "1", "Bcc": "x@example.com"}), 7)


def test_the_bound_is_what_the_fullest_mail_costs() -> None:
    bound = reader().bound
    assert (bound.amount_micros, bound.units, bound.amount_minor) == (135_000, 150, 150)
    assert bound.rate == SHIPPED.rate
    assert bound.how.startswith("at most 150 recipients at 0.0009 USD")
    dearer = read_prices('{"date": "2026-11-01", "recipient_micros": 1000}')
    sent = Sent("POST", "/emails", "", JSON_TYPE, b"")
    assert MailStream(SEND, sent, dearer).bound.amount_micros == 150_000


def test_the_fullest_mail_and_one_more() -> None:
    full = {"to": ["b@x.example"] * 50, "cc": ["c@x.example"] * 50, "bcc": ["d@x.example"] * 50}
    assert len(stream(mail(**full)).fields) == 151
    assert refused(mail(**full, reply_to="r")[:-1] + b', "x": 1} x') == "body: not valid JSON"
    full["cc"].append("c@x.example")
    assert refused(mail(**full)).startswith("to: more than 150 recipients")


def test_recipients_behind_an_attachment_are_seen() -> None:
    content = [{"filename": "a", "content": "QUJD" * 100_000}]
    body = json.dumps({"attachments": content, **MAIL, "bcc": ["c@x.example"] * 3}).encode()
    fields = stream(body).fields
    assert fields.keys() == {
        *("attachments[0][filename]", "from", "to[0]", "bcc[0]", "bcc[1]", "bcc[2]")
    }


def test_memory_does_not_grow_with_the_mail() -> None:
    passing = reader()
    passing.feed(mail()[:-1] + b', "html": "')
    pieces = [b"x" * 65_536, b"\\n\\u00e9" * 8_192, "é".encode() * 32_768]
    tracemalloc.start()
    try:
        for piece in pieces * 100:
            passing.feed(piece)
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert now < 1_000
    assert peak < 4_000_000
    passing.feed(b'"}')
    assert passing.finish().fields.keys() == {"from", "to[0]"}


@pytest.mark.parametrize("char", ["x", "é", "\U0001f600", '"', "\n"])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_a_text_is_kept_by_its_characters_however_they_are_written(
    char: str, ascii_only: bool
) -> None:
    for length, kept in ((TEXT_CHARS_MAX, True), (TEXT_CHARS_MAX + 1, False)):
        body = json.dumps({**MAIL, "html": char * length}, ensure_ascii=ascii_only).encode()
        fields = stream(body).fields
        assert fields == read(SEND, Sent("POST", "/emails", "", JSON_TYPE, body)).fields
        assert ("html" in fields) is kept


def test_a_long_text_is_refused_where_rules_may_be_about_it() -> None:
    long = "x" * (TEXT_CHARS_MAX + 1)
    assert refused(mail(html=long), strict=True).startswith("html: longer than")
    longer = "x" * (TEXT_CHARS_MAX * 12 + 1)
    assert refused(mail(html=longer), strict=True).startswith("html: longer than")
    assert "html" not in stream(mail(html=longer)).fields
    stream(mail(attachments=[{"content": long}]), strict=True)


def test_an_address_that_never_ends() -> None:
    assert refused(mail(cc=["x" * (TEXT_CHARS_MAX * 12 + 1)])).startswith("cc[0]: longer than")


def test_all_kept_texts_have_an_end() -> None:
    texts = ["x" * TEXT_CHARS_MAX] * (KEPT_CHARS_MAX // TEXT_CHARS_MAX + 1)
    assert "characters beside attachments" in refused(mail(x=texts))


def test_a_name_that_never_ends() -> None:
    name = "x" * (NAME_CHARS_MAX * 12 + 1)
    assert "a name of more than 250" in refused(mail(**{name: 1}))
    assert "a name of more than 250" in refused(mail(**{"é" * 251: 1}))


def test_a_number_that_never_ends() -> None:
    assert stream(mail(x=[1])[:-2] + b"0" * (WORD_BYTES_MAX - 1) + b"]}").fields["x[0]"][0] == "1"
    assert "a number of more than" in refused(mail(x=[1])[:-2] + b"0" * WORD_BYTES_MAX + b"]}")


def test_depth_and_objects_have_an_end() -> None:
    inner = DEPTH_MAX - 1
    assert stream(mail()[:-1] + b', "x": ' + b"[" * inner + b"]" * inner + b"}")
    assert "nested deeper" in refused(mail()[:-1] + b', "x": ' + b"[" * DEPTH_MAX)
    many = b"[]," * (CONTAINERS_MAX - 2)
    assert stream(mail()[:-1] + b', "x": [' + many[:-1] + b"]}")
    assert "too many objects" in refused(mail()[:-1] + b', "x": [' + many + b"[]]}")


@pytest.mark.parametrize("size", [1, 2, 3, 1_000])
def test_a_character_may_be_cut_in_two(size: int) -> None:
    assert stream(mail(subject="é\U0001f600"), size).fields["subject"] == "é\U0001f600"
    assert "UTF-8" in refused(b'{"to": "\xc3"}', size)
    assert "UTF-8" in refused(b'{"to": "\xed\xa0\x80"}', size)
    assert refused(b'{"to": "b@x.example"} \xc3', size).startswith("body: not valid")


def test_a_character_that_is_cut_off() -> None:
    passing = reader()
    passing.feed(b'{"to": "b@x.example", "x": "\xc3')
    with pytest.raises(Unreadable, match="UTF-8"):
        passing.finish()


@pytest.mark.parametrize("end", range(1, 40))
def test_a_mail_that_ends_too_early(end: int) -> None:
    whole = b'{"to": ["b@x.example"], "x": {"\\u00e9": true}}'
    assert refused(whole[: len(whole) - end]) == "body: ends too early"


def test_nothing_at_all() -> None:
    assert refused(b"") == "body: ends too early"
    passing = reader()
    passing.feed(b"")
    passing.feed(b'{"to": "b@x.example"}')
    passing.feed(b" \n")
    assert passing.finish().fields == {"to[0]": "b@x.example"}


def test_an_escape_may_be_cut_anywhere() -> None:
    body = b'{"to": "b@x.example", "x": "a\\u00e9\\\\\\"\\ud83d\\ude00\\n"}'
    for size in range(1, 12):
        assert stream(body, size).fields["x"] == 'aé\\"\U0001f600\n'


@pytest.mark.parametrize("bad", [b"\\u00g0", b"\\x", b"\\U00e9", b"\\\x01", b"\\n\x01", b"\\u00"])
def test_an_escape_that_is_none(bad: bytes) -> None:
    for size in (1, 3, 100):
        assert refused(b'{"to": "b@x.example", "x": "' + bad + b'"}', size).startswith("body: not")


def test_the_members_of_an_empty_name() -> None:
    body = b'{"to": "b@x.example", "": {"": {"x": 1}, "y": 2}}'
    fields = {"to[0]": "b@x.example", "[][x]": "1", "[y]": "2"}
    assert stream(body).fields == fields
    assert read(SEND, Sent("POST", "/emails", "", JSON_TYPE, body)).fields == fields
