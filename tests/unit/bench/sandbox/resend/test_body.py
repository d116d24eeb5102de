"""Long bodies: however they are cut on the way, all but long texts is kept."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.sandbox.resend import body
from bench.sandbox.resend.body import MailSink
from bench.sandbox.resend.errors import ResendError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=10,
)


def fed(data: bytes, size: int) -> MailSink:
    sink = MailSink()
    for at in range(0, len(data), size):
        sink.feed(data[at : at + size])
    return sink


@given(JSON, st.integers(1, 40), st.booleans())
def test_short_texts_are_all_kept(value: Any, size: int, ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode()
    sink = fed(data, size)
    assert sink.json() == value
    assert sink.size == len(data)
    assert sink.digest == fed(data, 7).digest


@pytest.mark.parametrize("text", ["x" * 100_000, 'é\\"\n' * 20_000, "€" * 40_000])
@pytest.mark.parametrize("size", [1_000, 65_537, 10_000_000])
def test_of_long_texts_only_the_length_is_kept(text: str, size: int) -> None:
    data = json.dumps({"html": text, "to": 'a"b'}, ensure_ascii=False).encode()
    read = fed(data, size).json()
    assert read["to"] == 'a"b'
    assert body.length_of(read["html"]) == len(data) - len('{"html": "", "to": "a\\"b"}')


@given(st.binary(max_size=200), st.integers(1, 50))
def test_any_bytes_are_json_or_refused(data: bytes, size: int) -> None:
    with suppress(ResendError):
        fed(data, size).json()


def test_too_much_that_is_no_text_is_refused() -> None:
    with pytest.raises(ResendError, match="too large"):
        fed(b"[" + b"1," * 3_000_000 + b"1]", 65_536).json()


@pytest.mark.parametrize(
    ("method", "path", "headers", "long"),
    [
        ("POST", "/emails", [(b"content-length", b"300000")], True),
        ("POST", "/emails", [(b"content-length", b"300")], False),
        ("POST", "/emails/batch", [(b"transfer-encoding", b"chunked")], True),
        ("POST", "/contacts", [(b"content-length", b"300000")], False),
        ("GET", "/emails", [], False),
    ],
)
def test_who_gets_a_sink(
    method: str, path: str, headers: list[tuple[bytes, bytes]], long: bool
) -> None:
    assert (body.sink_for(method, path, headers) is not None) is long
