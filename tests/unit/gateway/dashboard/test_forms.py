"""A browser's form, and what is none."""

from __future__ import annotations

import pytest

from gateway.dashboard.forms import FIELDS_MAX, read_form
from gateway.errors import RequestMalformed


def test_fields_in_order_blank_ones_too() -> None:
    form = read_form(b"a=1&b=&a=+2+&c=%C3%A9")
    assert form.one("a") == "1"
    assert form.every("a") == ["1", "2"]
    assert form.one("b", "x") == ""
    assert form.one("missing", "x") == "x"
    assert form.items() == (("a", "1"), ("b", ""), ("a", " 2 "), ("c", "é"))


@pytest.mark.parametrize("text", [b"a=%ff", "a=é".encode(), b"&".join([b"a=1"] * (FIELDS_MAX + 1))])
def test_what_no_browser_sends(text: bytes) -> None:
    with pytest.raises(RequestMalformed):
        read_form(text)


def test_a_nul_is_no_text() -> None:
    assert read_form(b"a=%00&b=1").items() == (("b", "1"),)
