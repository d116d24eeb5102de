"""Bracket names; test_vectors has the refusals one by one."""

from __future__ import annotations

import pytest

from vendors.contract import Unreadable
from vendors.stripe.names import DEPTH_MAX, SINGLE, gather


def test_lists_and_maps_get_one_name_each() -> None:
    pairs = [("items[][price]", "a"), ("items[][quantity]", "2"), ("items[][price]", "b")]
    assert gather([*pairs, ("expand[]", "x"), ("metadata[A b]", "y"), ("expand[]", "z")]) == {
        "items[0][price]": "a",
        "items[0][quantity]": "2",
        "items[1][price]": "b",
        "expand[0]": "x",
        "metadata[A b]": "y",
        "expand[1]": "z",
    }


@pytest.mark.parametrize("name", sorted(SINGLE))
def test_what_decides_a_price_is_one_value(name: str) -> None:
    assert gather([(name, "1")]) == {name: "1"}
    for dressed in (f"{name}[]", f"{name}[0]", f"[{name}]", name.upper(), f" {name}", f"{name}\0"):
        with pytest.raises(Unreadable):
            gather([(dressed, "1")])
    with pytest.raises(Unreadable, match="more than once"):
        gather([(name, "1"), (name, "1")])


def test_a_name_has_an_end() -> None:
    assert gather([("a" + "[b]" * DEPTH_MAX, "1")])
    with pytest.raises(Unreadable, match="nested deeper"):
        gather([("a" + "[b]" * 100_000, "1")])


def test_a_value_cannot_grow_parts() -> None:
    with pytest.raises(Unreadable, match="both as a value"):
        gather([("a[][b]", "1"), ("a[][b][c]", "2")])
