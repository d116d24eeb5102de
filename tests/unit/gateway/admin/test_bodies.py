from __future__ import annotations

import pytest

from gateway.admin.bodies import read_object, read_query
from gateway.errors import InvalidRequest
from gateway.vault.usd import Figure


def test_numbers_stay_as_they_were_written() -> None:
    found = read_object(b'{"a": 0.1, "b": 1e-05, "c": 7, "d": "0.1"}')
    assert found == {"a": "0.1", "b": "1e-05", "c": 7, "d": "0.1"}
    assert isinstance(found["a"], Figure)
    assert not isinstance(found["d"], Figure)


def test_an_empty_body_is_an_empty_object() -> None:
    assert read_object(b"") == {}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"[]", "must be a JSON object"),
        (b'"x"', "must be a JSON object"),
        (b"{", "is not JSON"),
        (b"{} {}", "is not JSON"),
        (b'{"a":1,"a":2}', "'a' stands twice"),
        (b'{"a":1,"\\u0061":2}', "'a' stands twice"),
        (b'{"a":{"b":1,"b":1}}', "'b' stands twice"),
        (b'{"a":NaN}', "NaN is no number"),
        (b'{"a":-Infinity}', "-Infinity is no number"),
        (b'{"a":"\\ud800"}', "is not JSON"),
        (b'{"a":"\xff"}', "is not UTF-8"),
        (b"\xef\xbb\xbf{}", "is not JSON"),
        (b'{"a":' + b"9" * 30 + b"}", "is not JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", "is not JSON"),
        (b'{"a":' + b"[" * 20 + b"]" * 20 + b"}", "nested deeper"),
        (b"[" * 65_000, "nested deeper"),
        (b'{"a":[' + b"[]," * 5_000 + b"[]]}", "more than 5000 objects and lists"),
        (b'{"a":[' + b"1," * 50_001 + b"1]}", "more than 50000 members"),
        (b"vendor=stripe", "is not JSON"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(body: bytes, problem: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_object(body)
    assert problem in refused.value.text
    assert refused.value.facts["errors"][0]["field"] == "body"


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"' + b'\\"' * 1_000_000,
        b'"a' + b'\\"a' * 700_000,
        b'"\\' * 700_000,
        b"{" + b"".join(b'"%d":1,' % n for n in range(200_000)) + b'"x":1,"x":1}',
    ],
)
def test_two_megabytes_of_malice_are_looked_at_once(body: bytes) -> None:
    """Were each quote that is not closed, or each name, looked for anew, this would take hours."""
    with pytest.raises(InvalidRequest):
        read_object(body)


def test_brackets_in_strings_are_not_nesting() -> None:
    assert read_object(b'{"a":"' + b"[" * 100 + b'\\"' + b'{"}')["a"].startswith("[[")


def test_depth_20_is_fine() -> None:
    assert read_object(b'{"a":' + b"[" * 19 + b"]" * 19 + b"}")


def test_a_query_is_read_once_for_each_name() -> None:
    assert read_query("") == {}
    assert read_query("a=1&b=%2F+x&c=") == {"a": "1", "b": "/ x", "c": ""}


@pytest.mark.parametrize(
    "query", ["a", "a=1&&b=2", "a=%ff", "&".join(f"a{n}=1" for n in range(51))]
)
def test_a_query_that_is_no_form_is_refused(query: str) -> None:
    with pytest.raises(InvalidRequest):
        read_query(query)


def test_a_doubled_parameter_is_named() -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_query("a=1&a=1&b=2")
    assert refused.value.facts["errors"] == [{"field": "a", "problem": "stands more than once"}]
