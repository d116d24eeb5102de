"""A dictionary in drawers."""

from __future__ import annotations

from ledger.shelf import DRAWERS, Shelf, drawer_of


def test_things_are_put_found_and_dropped() -> None:
    shelf: Shelf[str, int] = Shelf()
    assert shelf.get("a") is None
    shelf.drop("a")
    for number in range(100):
        shelf.put(str(number), number)
    shelf.put("7", -7)
    shelf.drop("8")
    shelf.drop("no such")
    assert (shelf.get("7"), shelf.get("8"), shelf.get("9"), len(shelf)) == (-7, None, 9, 99)


def test_a_drawer_is_filled_at_once() -> None:
    shelf: Shelf[str, int] = Shelf()
    shelf.put("a", 1)
    shelf.fill(drawer_of("a"), iter([("a", 2)]))
    assert (shelf.get("a"), len(shelf)) == (2, 1)


def test_it_may_change_while_it_is_walked_over() -> None:
    shelf: Shelf[bytes, int] = Shelf()
    for number in range(50):
        shelf.put(bytes([number]), number)
    for name, value in shelf.items():
        assert value == name[0]
        shelf.drop(name)
    assert dict(shelf.items()) == {}


def test_where_a_name_lies_is_a_part_of_the_format() -> None:
    assert (DRAWERS, drawer_of("vk_1"), drawer_of(b"vk_1")) == (65_536, 17_724, 17_724)
