"""Forms are read as Rack reads them: every trick that a priced gateway must see through."""

from __future__ import annotations

from typing import Any

import pytest

from bench.sandbox.form import FormError, boundary_of, decode, field_of, listed, multipart_pairs


@pytest.mark.parametrize(
    ("query", "body", "tree"),
    [
        ("", "amount=1&amount=900", {"amount": "900"}),
        ("amount=1&currency=usd", "amount=2", {"amount": "2", "currency": "usd"}),
        ("", "%61mount=5&a+b=c%20d", {"amount": "5", "a b": "c d"}),
        ("", "expand[]=a&expand%5B%5D=b", {"expand": ["a", "b"]}),
        ("", "metadata[order]=1&metadata[x]=", {"metadata": {"order": "1", "x": ""}}),
        ("", "items[0][price]=p&items[1][price]=q",
         {"items": {"0": {"price": "p"}, "1": {"price": "q"}}}),
        ("", "items[][price]=a&items[][quantity]=2&items[][price]=b",
         {"items": [{"price": "a", "quantity": "2"}, {"price": "b"}]}),
        ("", "items[][data][x]=1&items[][data][y]=2", {"items": [{"data": {"x": "1", "y": "2"}}]}),
        ("", "flag&&x=1&[odd]=2", {"flag": "", "x": "1", "[odd]": "2"}),
    ],
)  # fmt: skip
def test_decode(query: str, body: str, tree: dict[str, Any]) -> None:
    assert decode(query, body) == tree


CONTRADICTIONS = """
    a=1&a[b]=2
    a[b]=2&a=1
    a[]=1&a[b]=2
    a[b]=1&a[]=2
    a[b=1
    a[]x=1
    a[b]=1&a[b][c]=2
    a[b][c]=1&a[b]=2
    a[][b=1
"""


@pytest.mark.parametrize("body", CONTRADICTIONS.split())
def test_shapes_that_contradict(body: str) -> None:
    with pytest.raises(FormError):
        decode("", body)


def test_indexes_become_a_list_in_their_order() -> None:
    assert listed({"1": "b", "0": "a", "10": "c"}) == ["a", "b", "c"]
    assert listed({"x": "b"}) == {"x": "b"}
    assert listed({}) == {}


def test_multipart_parts_are_parameters() -> None:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nlogo\r\n'
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nhi\r\n\r\n'
        b"--B--\r\n"
    )
    content_type = 'multipart/form-data; boundary="B"'
    assert multipart_pairs(body, content_type) == [("purpose", "logo"), ("file", "hi\r\n")]
    for broken in (body[:-6], b"--B\r\nno head"):
        with pytest.raises(FormError):
            multipart_pairs(broken, content_type)
    with pytest.raises(FormError):
        boundary_of("multipart/form-data")


def test_a_field_of_a_part_head() -> None:
    head = b'Content-Disposition: form-data; name="file"; filename="a.txt"'
    assert (field_of(head, "name"), field_of(head, "filename")) == ("file", "a.txt")
    assert field_of(head, "size") == ""
