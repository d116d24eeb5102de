"""Uploads are counted however their bytes arrive."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bench.sandbox.stripe.files import UploadSink

CONTENT = b"\r\n--almost\r\n--B but no\r\n--" * 7
BODY = (
    b'--B0\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nlogo\r\n'
    b'--B0\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
    + CONTENT
    + b"\r\n--B0--\r\n"
)


@given(st.lists(st.integers(0, len(BODY)), max_size=12))
def test_any_split_gives_the_same_count(cuts: list[int]) -> None:
    sink = UploadSink("multipart/form-data; boundary=B0")
    edges = [0, *sorted(cuts), len(BODY)]
    for start, end in pairwise(edges):
        sink.feed(BODY[start:end])
    assert (sink.received, sink.size) == (len(BODY), len(CONTENT))
    assert sink.values == {"purpose": "logo", "filename": "a.bin"}
