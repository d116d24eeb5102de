"""Whatever a vendor says, and however it is cut: the credential is not in it, and its length
stays."""

from __future__ import annotations

import base64
import json
import re
from itertools import pairwise
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.needles import LONG_BYTES
from gateway.upstream.scrub import Scrubber, _forms

SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=9, max_size=40)
SMALL = st.text("ab", min_size=2, max_size=5)


ALIKE = st.sampled_from(
    ("ab" * 5, "a" * 9, "sk_test_51Keybrake", "0123456789abcdef" * 2, 'p"w\\/+=~?>x')
)
FILLERS = st.sampled_from((b"\0", b"a", b"ab", b"sk_test_5", b"abc%\\u002", b"0123456789abcde "))


def naively(secret: str, data: bytes) -> bytes:
    """What is left of it: each form wherever it begins."""
    clean = bytearray(data)
    for form in _forms(secret):
        for found in re.finditer(b"(?=%b)" % re.escape(form), data):
            clean[found.start() : found.start() + len(form)] = b"*" * len(form)
    return bytes(clean)


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


@settings(deadline=None, max_examples=50)
@given(ALIKE, FILLERS, st.integers(0, 200), st.data())
def test_long_pieces_as_short_ones(
    secret: str, filler: bytes, odd: int, data: st.DataObject
) -> None:
    """What is looked for another way in long pieces is found all the same: any form, anywhere in a
    piece, across any cut between two, and where it overlaps another."""
    scrubber = Scrubber(secret)
    form = data.draw(st.sampled_from(sorted(_forms(secret))))
    pad = filler * (LONG_BYTES // len(filler) + odd)
    told = pad + form + form[odd % len(form) :] + pad
    cut = len(pad) + data.draw(st.integers(-len(form), 3 * len(form)))
    whole = scrubber.whole(told)
    assert whole == naively(secret, told)
    assert form not in whole
    assert in_pieces(scrubber, told, [cut]) == whole
    assert in_pieces(scrubber, told, [cut, cut + 1, cut + odd]) == whole


@settings(deadline=None, max_examples=50)
@given(ALIKE, FILLERS, st.integers(0, 60))
def test_of_a_long_piece_as_much_is_held_back_as_may_begin_a_form(
    secret: str, filler: bytes, size: int
) -> None:
    scrubber = Scrubber(secret)
    forms, most = scrubber._needles, scrubber._tail_max
    for tail in {form[:size] for form in forms} | {filler * 9}:
        told = filler * (LONG_BYTES // len(filler)) + tail
        begun = [n for form in forms for n in range(len(form) + 1) if told.endswith(form[:n])]
        assert scrubber.held_bytes(told) == max(n for n in begun if n <= most)
