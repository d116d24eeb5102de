"""A body's type: UTF-8 may be said of it, and nothing else."""

from __future__ import annotations

import pytest

from vendors.mediatype import plain_type


@pytest.mark.parametrize(
    ("content_type", "plain"),
    [
        ("", ""),
        ("application/json", "application/json"),
        (" Application/JSON ; charset=utf-8", "application/json"),
        ('application/json; charset="UTF8"', "application/json"),
        ("application/json;charset = utf-8 ", "application/json"),
        ("application/json; charset=utf-16", None),
        ("application/json; charset=utf-8; charset=utf-8", None),
        ("application/json;", None),
        ("multipart/form-data; boundary=b", None),
        ("text/plain, application/json", "text/plain, application/json"),
    ],
)
def test_the_type_or_none(content_type: str, plain: str | None) -> None:
    assert plain_type(content_type) == plain
