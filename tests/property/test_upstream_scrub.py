"""Whatever a vendor says, and however it is cut: the credential is not in it, and its length
stays."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.scrub import Scrubber

SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=9, max_size=40)
SMALL = st.text("ab", min_size=2, max_size=5)


def in_pieces(scrubber: Scrubber, data: bytes, cuts: list[int]) -> bytes:
    stream = scrubber.stream()
    bounds = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    out = [stream.feed(data[a:b]) for a, b in pairwise(bounds)]
    return b"".join(out) + stream.finish()


@given(SMALL, st.text("abc*", max_size=40), st.lists(st.integers(0, 40), max_size=8))
def test_streamed_as_whole(secret: str, text: str, cuts: list[int]) -> None:
    """A two-letter alphabet makes forms overlap themselves and each other."""
    scrubber = Scrubber(secret)
    whole = scrubber.whole(text.encode())
    assert in_pieces(scrubber, text.encode(), cuts) == whole
    assert secret.encode() not in whole
    assert len(whole) == len(text)


@given(SECRETS, st.binary(max_size=50), st.binary(max_size=50), st.lists(st.integers(0, 300)))
def test_every_form_is_found(secret: str, before: bytes, after: bytes, cuts: list[int]) -> None:
    scrubber = Scrubber(secret)
    forms = [secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote(secret)]
    for form in map(str.encode, forms):
        data = before + form + after
        clean = in_pieces(scrubber, data, cuts)
        assert form not in clean
        assert clean == scrubber.whole(data)


@given(SECRETS, st.binary(max_size=20), st.binary(max_size=20))
def test_base64_of_it_never_decodes_to_it(secret: str, before: bytes, after: bytes) -> None:
    coded = base64.b64encode(before + secret.encode() + after)
    clean = Scrubber(secret).whole(b"<" + coded + b">")
    assert clean != b"<" + coded + b">"
    assert secret.encode() not in base64.b64decode(clean.replace(b"*", b"A")[1:-1])


@given(SECRETS, st.binary(max_size=200))
def test_what_holds_no_form_is_not_touched(secret: str, data: bytes) -> None:
    if b"*" not in (clean := Scrubber(secret).whole(data)) or clean == data:
        assert clean == data
