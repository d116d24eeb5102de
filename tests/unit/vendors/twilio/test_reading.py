"""One reading of a request: what is priced is what is sent."""

from __future__ import annotations

import pytest

from tests.unit.vendors.twilio.asking import CALLS, FROM, MESSAGES, ROOT, US, encoded, read
from vendors.contract import MediaTypeRefused, Money, RuleRefused, Unreadable
from vendors.form import FORM_TYPE, PAIRS_MAX
from vendors.twilio.catalogue import find
from vendors.twilio.reading import JSON_TYPE, Media, media, needs_body

BATCH = "/v2/batch/query"
PLAIN = b"To=%2B14155552671&From=%2B14155550100&Body=hi+there"


def test_a_plain_message() -> None:
    reading = read(MESSAGES, PLAIN)
    assert reading.fields == {"To": US, "From": FROM, "Body": "hi there"}
    assert (reading.body, reading.content_type, reading.query) == (PLAIN, FORM_TYPE, "")


def test_query_and_body_are_one_bucket() -> None:
    reading = read(MESSAGES, b"To=%2B14155552671", query="Body=hi&From=x")
    assert reading.fields == {"To": US, "Body": "hi", "From": "x"}
    assert reading.query == "Body=hi&From=x"
    everything = read(MESSAGES, query="To=%2B14155552671")
    assert (everything.fields, everything.body) == ({"To": US}, b"")


def test_lists_are_numbered() -> None:
    reading = read(MESSAGES, b"To=a&MediaUrl=x&MediaUrl=y&StatusCallback=z")
    assert reading.fields == {
        "To": "a",
        "MediaUrl[0]": "x",
        "MediaUrl[1]": "y",
        "StatusCallback": "z",
    }


@pytest.mark.parametrize(
    ("body", "query", "field"),
    [
        (b"To=a&To=a", "", "To"),
        (b"To=a", "To=a", "To"),
        (b"To=a&Body=x&Body=y", "", "Body"),
        (b"to=a", "", "to"),
        (b"TO+=a", "", "TO "),
        (b"+To=a", "", " To"),
        (b"To[]=a", "", "To[]"),
        (b"To[0]=a", "", "To[0]"),
        (b"[To]=a", "", "[To]"),
        (b"MediaUrl[0]=a", "", "MediaUrl[0]"),
        (b"mediaUrl=a", "", "mediaUrl"),
        (b"Body.=a", "", "Body."),
        (b"%EF%BC%B4o=a", "", "\\uff34o"),
        (b"_method=DELETE", "", "_method"),
        (b"", "body=a", "body"),
        (b"=a", "", ""),
        (b"Foo=a&foo=b", "", "foo"),
        (b"Foo=a&Foo=b", "", "Foo"),
        (b"To", "", "To"),
        (b"To=%zz", "", "To"),
        (b"To=%FF", "", "To"),
        (b"To=%00", "", "To"),
        (b"To=a\nBody=b", "", "body"),
        (b"To=a", "Body=\u00e9", "query"),
        (b"To=a", "Body=x#y", "query"),
        (b"&".join([b"x=1"] * (PAIRS_MAX + 1)), "", "body"),
    ],
)
def test_what_two_parsers_could_read_differently(body: bytes, query: str, field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(MESSAGES, body, query=query)
    assert caught.value.field_name == field


def test_a_name_of_nobodys_passes() -> None:
    assert read(MESSAGES, b"To=a&NewThing=b").fields == {"To": "a", "NewThing": "b"}


def test_a_name_has_an_end() -> None:
    with pytest.raises(Unreadable, match="more than 1000"):
        read(MESSAGES, b"\xef\xb7\xba" * 1_001 + b"=x")


def test_a_semicolon_is_written_anew() -> None:
    reading = read(MESSAGES, b"To=a&Body=b;To=c", query="X=1;2")
    assert (reading.body, reading.query) == (b"To=a&Body=b%3BTo%3Dc", "X=1%3B2")
    assert reading.fields == {"X": "1;2", "To": "a", "Body": "b;To=c"}


@pytest.mark.parametrize(
    "kind",
    [
        *("", "text/plain", JSON_TYPE, "multipart/form-data; boundary=x"),
        *(f"{FORM_TYPE}; charset=latin-1", f"{FORM_TYPE}; x=y"),
    ],
)
def test_media_types_that_are_refused(kind: str) -> None:
    with pytest.raises(MediaTypeRefused):
        read(MESSAGES, PLAIN, kind=kind)


def test_media_types() -> None:
    assert media("Application/X-WWW-form-urlencoded ; charset=UTF-8") is Media.FORM
    assert media(JSON_TYPE) is Media.JSON
    assert media("") is Media.OTHER


def test_a_compressed_body_is_refused() -> None:
    with pytest.raises(MediaTypeRefused):
        read(MESSAGES, PLAIN, headers={b"content-encoding": b"gzip"})
    assert read(MESSAGES, PLAIN, headers={b"content-encoding": b"identity"}).fields["To"] == US


def test_json_where_twilio_takes_it() -> None:
    body = b'{"phone_numbers": [{"phone_number": "+14155552671", "fields": ["a"], "n": null}]}'
    reading = read(BATCH, body, product="lookups", kind=JSON_TYPE, query="X=1")
    assert reading.fields == {
        "X": "1",
        "phone_numbers[0][phone_number]": US,
        "phone_numbers[0][fields][0]": "a",
        "phone_numbers[0][n]": "",
    }
    assert (reading.body, reading.content_type) == (body, JSON_TYPE)
    with pytest.raises(MediaTypeRefused, match="application/json"):
        read(BATCH, b"a=b", product="lookups")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"a": 1, "a": 2}', "a"),
        (b'{"X": 1}', "X"),
        (b"{", "body"),
        (b'["' + b'","'.join([b"x"] * (PAIRS_MAX + 1)) + b'"]', "body"),
    ],
)
def test_json_that_is_refused(body: bytes, field: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(BATCH, body, product="lookups", kind=JSON_TYPE, query="X=1")
    assert caught.value.field_name == field


def test_a_json_path_has_an_end() -> None:
    with pytest.raises(Unreadable):
        read(BATCH, b'{"' + b"x" * 1_100 + b'": [true]}', product="lookups", kind=JSON_TYPE)


def test_an_operation_without_a_price_takes_either() -> None:
    path = "/v1/Tools"
    assert find("POST", path, "assistants").money is Money.UNPRICED
    assert read(path, b'{"a": true}', product="assistants", kind=JSON_TYPE).fields == {"a": "true"}
    assert read(path, b"a=b", product="assistants").fields == {"a": "b"}
    with pytest.raises(MediaTypeRefused, match="application/json or application/x-www-form"):
        read(path, b"a=b", product="assistants", kind="text/plain")


# -- free operations ---------------------------------------------------------------------------


def test_a_free_operation_passes_untouched() -> None:
    reading = read(f"{ROOT}/Queues.json", b"friendlyName=a&x=1&x=2&%zz")
    assert reading.body == b"friendlyName=a&x=1&x=2&%zz"
    assert reading.fields["x"] == "2"
    upload = read(f"{ROOT}/Queues.json", b"\xff\x00", kind="application/pdf", query="a=b")
    assert (upload.body, upload.content_type) == (b"\xff\x00", "application/pdf")
    assert (upload.fields, upload.query) == ({"a": "b"}, "a=b")


def test_no_free_operation_becomes_another_method() -> None:
    for query in ("_method=POST", "%5F_method=1&_Method[]=POST"):
        with pytest.raises(Unreadable):
            read(MESSAGES, method="GET", query=query)


def test_a_key_with_rules_has_free_operations_read_as_closely() -> None:
    path = f"{ROOT}/Queues.json"
    assert read(path, b"FriendlyName=a", strict=True).fields == {"FriendlyName": "a"}
    with pytest.raises(Unreadable):
        read(path, b"from=a", strict=True)
    listing = read(MESSAGES, method="GET", query="To=%2B1&DateSent%3E=2026-01-01", strict=True)
    assert listing.fields == {"To": "+1", "DateSent>": "2026-01-01"}


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", MESSAGES, True),
        ("POST", f"{ROOT}/Keys.json", True),
        ("POST", f"{ROOT}/Nothing.json", True),
        ("POST", f"{ROOT}/Queues.json", False),
        ("GET", f"{ROOT}.json", False),
        ("DELETE", f"{ROOT}/Nothing.json", False),
    ],
)
def test_needs_body(method: str, path: str, needed: bool) -> None:
    assert needs_body(find(method, path, "")) is needed


# -- phone calls -------------------------------------------------------------------------------


def test_our_limit_is_added_where_there_is_none() -> None:
    reading = read(CALLS, {"To": US}, call_time_limit_s=600)
    assert reading.body == encoded({"To": US, "TimeLimit": "600"})
    assert reading.fields == {"To": US, "TimeLimit": "600"}
    by_query = read(CALLS, query="To=x", call_time_limit_s=600)
    assert (by_query.body, by_query.content_type) == (b"TimeLimit=600", FORM_TYPE)
    dial = read(f"{ROOT}/Conferences/CF1/Participants.json", b"To=x", call_time_limit_s=5)
    assert dial.fields["TimeLimit"] == "5"


def test_a_shorter_limit_stays() -> None:
    reading = read(CALLS, {"To": US, "TimeLimit": "60"}, call_time_limit_s=600)
    assert reading.body == encoded({"To": US, "TimeLimit": "60"})


def test_a_longer_limit_is_refused() -> None:
    for path in (CALLS, f"{ROOT}/Calls/CA1.json"):
        with pytest.raises(RuleRefused) as caught:
            read(path, b"TimeLimit=601", call_time_limit_s=600)
        assert caught.value.rule == "call_time_limit_s"


@pytest.mark.parametrize("limit", ["", "0", "-1", "1.5", "060", "1e3", "9999999", "６０"])
def test_a_limit_that_cannot_be_read(limit: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read(CALLS, {"TimeLimit": limit}, call_time_limit_s=600)
    assert caught.value.field_name == "TimeLimit"


def test_nothing_is_added_to_anything_else() -> None:
    assert read(MESSAGES, PLAIN, call_time_limit_s=600).body == PLAIN
    ended = read(f"{ROOT}/Calls/CA1.json", b"Status=completed", call_time_limit_s=600)
    assert ended.body == b"Status=completed"
