"""Credit; test_vectors has the cases. Here: that its tables fit together."""

from __future__ import annotations

from vendors.stripe.credit import EMITS, QUOTERS, SETTLERS


def test_the_tables_are_about_the_same_operations() -> None:
    assert set(QUOTERS) == set(SETTLERS)
    assert set(EMITS) <= set(QUOTERS)


def test_events_name_what_they_are_about() -> None:
    for emits in EMITS.values():
        assert 1 <= len(emits.types) <= 20
        assert all("." in each for each in emits.types)
