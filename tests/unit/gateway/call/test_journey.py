"""What a call took is given back once, in reverse order; and the grip that a revoke has on it."""

from __future__ import annotations

from typing import Any, cast

from gateway.call.journey import Journey
from gateway.upstream.order import Watch


def journey() -> Journey:
    nothing = cast("Any", None)
    return Journey("call_1", nothing, nothing, nothing, nothing, 0)


def test_what_was_taken_is_given_back_in_reverse_order_once() -> None:
    one, given = journey(), list[str]()
    for name in "abc":
        one.on_close(lambda name=name: given.append(name))  # type: ignore[misc]
    one.close()
    one.close()
    assert given == ["c", "b", "a"]


def test_a_call_that_is_not_sent_yet_can_be_ended_for_good() -> None:
    assert journey().abort()


def test_a_call_on_its_way_is_ended_through_its_watch() -> None:
    one = journey()
    one.watch = Watch()
    assert one.abort()
    one.watch.left = True
    assert not one.abort()
    assert one.watch.aborted
