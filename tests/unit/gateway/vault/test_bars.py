from __future__ import annotations

import pytest

from gateway.vault.bars import Bar, Bars


@pytest.mark.parametrize(
    ("bar", "vendor", "account", "stops"),
    [
        (Bar(), "stripe", "default", True),
        (Bar("stripe"), "stripe", "acme", True),
        (Bar("stripe"), "twilio", "acme", False),
        (Bar(None, "acme"), "twilio", "acme", True),
        (Bar("stripe", "acme"), "stripe", "acme", True),
        (Bar("stripe", "acme"), "twilio", "acme", False),
        (Bar("stripe", "acme"), "stripe", "default", False),
    ],
)
def test_a_bar_stops_what_it_names(bar: Bar, vendor: str, account: str, stops: bool) -> None:
    assert bar.stops(vendor, account) is stops


def test_bars_come_back_from_their_notes() -> None:
    bars = Bars()
    assert not bars
    notes = [*bars.put(Bar("stripe"), 5), *bars.put(Bar(), 6), *bars.put(Bar(None, "a"), 7)]
    assert Bars(notes).in_force == bars.in_force
    assert bars.stops("twilio", "main") == Bar()


def test_lifting_takes_the_narrower_ones_along_and_leaves_the_wider() -> None:
    bars = Bars()
    for bar in (Bar(), Bar("stripe"), Bar("stripe", "acme"), Bar("twilio")):
        bars.put(bar, 1)
    lifted = bars.lift(Bar("stripe"))
    assert [note.blob for note in lifted] == [None, None]
    assert set(bars.in_force) == {Bar(), Bar("twilio")}
    assert bars.lift(Bar("stripe")) == []
    bars.lift(Bar())
    assert not bars
