"""Which operation a path is."""

from __future__ import annotations

import pytest

from vendors.contract import Money, Operation
from vendors.pathtree import PathTree

PATTERNS = ("/invoices/{invoice}", "/invoices/preview", "/invoices/{invoice}/lines/{line}", "/a/b")


def tree() -> PathTree:
    made = PathTree()
    for pattern in PATTERNS:
        made.plant(pattern.split("/")[1:], Operation(pattern, "POST", pattern, Money.FREE))
    return made


@pytest.mark.parametrize(
    ("path", "pattern", "last"),
    [
        ("/invoices/in_1", "/invoices/{invoice}", "in_1"),
        ("/invoices/preview", "/invoices/preview", None),
        ("/invoices/preview/lines/il_1", "/invoices/{invoice}/lines/{line}", "il_1"),
        ("/a/b", "/a/b", None),
    ],
)
def test_a_literal_goes_before_a_parameter_and_gives_way_to_it(
    path: str, pattern: str, last: str | None
) -> None:
    found = tree().find(path.split("/")[1:])
    assert found is not None
    assert (found[0].pattern, found[1]) == (pattern, last)


@pytest.mark.parametrize(
    "path", ["/", "/invoices", "/invoices/", "/invoices/in_1/lines", "/a/b/c", "/A/b", "/x"]
)
def test_what_is_in_no_pattern_is_nothing(path: str) -> None:
    assert tree().find(path.split("/")[1:]) is None
