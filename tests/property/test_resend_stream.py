"""A mail reads the same whole and while it passes, in whatever pieces it comes."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from vendors.contract import MediaTypeRefused, Sent, Unreadable
from vendors.resend import RESEND
from vendors.resend.recipients import RECIPIENTS_MAX, count

OPERATION = RESEND.operation("POST", "/emails", "")
JSON = "application/json"

names = st.one_of(
    st.sampled_from(["to", "cc", "bcc", "To", "attachments", "content", "headers", "", "a", "0"]),
    st.text(max_size=4),
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["a@x.example", "Bob <b@x.example>", "x,y@z", '\\"\n\u00e9\U0001f600']),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)
recipients = st.lists(st.just("a@x.example"), min_size=1, max_size=60)
mails = st.fixed_dictionaries(
    {"to": st.one_of(recipients, st.just("a@x.example"))},
    optional={
        "cc": recipients,
        "bcc": recipients,
        "subject": leaves,
        "html": st.text(),
        "attachments": trees,
        "tags": trees,
    },
)


def spaced(tree: Any, ascii_only: bool, space: str) -> bytes:
    text = json.dumps(tree, ensure_ascii=ascii_only, separators=("," + space, space + ":"))
    return (space + text + space).encode("utf-8", "surrogatepass")


good = st.builds(
    spaced,
    st.one_of(mails, st.dictionaries(names, trees, max_size=4), trees),
    st.booleans(),
    st.sampled_from(["", " ", "\n\t\r "]),
)
SIGNS = b'{}[],:" \\\n-0.eu1t\xc3\xa9\xef\x00'


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A good mail with a few bytes changed, put in or taken out."""
    body = bytearray(draw(good))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 2))] = draw(
            st.sampled_from([b"", *(SIGNS[n : n + 1] for n in range(len(SIGNS)))])
        )
    return bytes(body)


bodies = st.one_of(good, spoilt(), st.binary(max_size=30))
cuts = st.lists(st.integers(0, 400), max_size=12)


def whole(body: bytes, strict: bool) -> dict[str, str] | None:
    try:
        reading = RESEND.read(OPERATION, Sent("POST", "/emails", "", JSON, body, strict=strict))
    except (Unreadable, MediaTypeRefused):
        return None
    return dict(reading.fields)


def passing(pieces: list[bytes], strict: bool) -> dict[str, str] | None:
    reader = RESEND.stream(OPERATION, Sent("POST", "/emails", "", JSON, b"", strict=strict))
    assert reader is not None
    try:
        for piece in pieces:
            reader.feed(piece)
        return dict(reader.finish().fields)
    except Unreadable:
        return None


def same(body: bytes, pieces: list[bytes], strict: bool) -> None:
    expected = whole(body, strict)
    if expected is not None and count(expected) > RECIPIENTS_MAX:
        expected = None
    fields = passing(pieces, strict)
    assert fields == expected
    assert fields is None or list(fields) == list(expected or ())


@given(bodies, cuts, st.booleans())
@example(b'{"to": "a@x.example", "x": "\\u00e9\\', [26, 31, 33], False)
@example(b'{"to": "a@x.example", "x": 1e5}', [29], False)
@example(b'{"to": "a@x.example", "x": -0.0E+1 }', [29, 30], True)
def test_any_text_in_any_pieces(body: bytes, cuts: list[int], strict: bool) -> None:
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[a:b] for a, b in pairwise(places)]
    same(body, pieces, strict)


@given(bodies)
def test_any_text_byte_by_byte(body: bytes) -> None:
    same(body, [body[at : at + 1] for at in range(len(body))], strict=False)


@given(mails)
def test_a_mail_that_both_take_costs_the_same(mail: dict[str, Any]) -> None:
    body = json.dumps(mail).encode()
    fields = passing([body], strict=False)
    if fields is not None:
        assert fields == whole(body, strict=False)
        assert 1 <= count(fields) <= RECIPIENTS_MAX
