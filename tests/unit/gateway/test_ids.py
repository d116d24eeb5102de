"""Ids sort by time and tell when they were made."""

from __future__ import annotations

import pytest

from gateway.ids import made_at_us, make_id

AT_US = 1_790_000_000_123_000


def test_an_id_is_a_prefix_and_26_characters() -> None:
    one = make_id("vk_", AT_US)
    assert (one[:3], len(one)) == ("vk_", 29)
    assert set(one[3:]) <= set("0123456789abcdefghjkmnpqrstvwxyz")


def test_ids_of_one_moment_differ_and_later_ones_sort_behind() -> None:
    same = {make_id("vk_", AT_US) for _ in range(100)}
    assert len(same) == 100
    assert max(same) < make_id("vk_", AT_US + 1_000)


def test_an_id_tells_when_it_was_made() -> None:
    assert made_at_us(make_id("call_", AT_US + 999)) == AT_US
    with pytest.raises(ValueError, match="substring"):
        made_at_us("vk_not!anid")
