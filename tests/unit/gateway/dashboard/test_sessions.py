"""Sessions: found by their cookie alone, and ended by time, by their person, and by others."""

from __future__ import annotations

from collections.abc import Callable

from gateway.dashboard.sessions import MINUTE_US, SESSIONS_MAX, Sessions
from gateway.settings import DashboardSettings

PEER = "203.0.113.9"


def limits(idle_m: int, max_h: int) -> Callable[[], DashboardSettings]:
    return lambda: DashboardSettings(session_idle_m=idle_m, session_max_h=max_h)


def key_in_force() -> bytes:
    return b"the admin key"


def test_a_cookie_opens_its_own_session_and_is_not_kept() -> None:
    sessions = Sessions(limits(60, 12), key_in_force)
    session, value = sessions.open(PEER, "Firefox", 0)
    other, _ = sessions.open(PEER, "Firefox", 0)
    assert sessions.find(value, 1) is session
    assert session.csrf != other.csrf
    assert sessions.find(value[:-1] + "x", 1) is None
    assert value not in repr(session)


def test_it_ends_after_a_while_without_a_request() -> None:
    sessions = Sessions(limits(60, 12), key_in_force)
    session, value = sessions.open(PEER, "", 0)
    assert sessions.find(value, 59 * MINUTE_US) is session
    assert sessions.find(value, 118 * MINUTE_US) is session
    assert sessions.find(value, 178 * MINUTE_US) is None
    assert sessions.all(178 * MINUTE_US) == []


def test_being_told_of_news_keeps_nobody_signed_in() -> None:
    sessions = Sessions(limits(60, 12), key_in_force)
    session, value = sessions.open(PEER, "", 0)
    assert sessions.find(value, 50 * MINUTE_US, touch=False) is session
    assert not sessions.alive(session, 60 * MINUTE_US)


def test_the_longest_life_ends_it_in_any_case() -> None:
    sessions = Sessions(limits(60, 1), key_in_force)
    _, value = sessions.open(PEER, "", 0)
    assert sessions.find(value, 59 * MINUTE_US) is not None
    assert sessions.find(value, 60 * MINUTE_US) is None


def test_others_can_be_ended_one_by_one_or_all() -> None:
    sessions = Sessions(limits(60, 12), key_in_force)
    mine, _ = sessions.open(PEER, "", 0)
    theirs, value = sessions.open(PEER, "", 1)
    sessions.open(PEER, "", 2)
    assert sessions.end(theirs.name)
    assert not sessions.end(theirs.name)
    assert sessions.find(value, 3) is None
    assert sessions.end_all(but=mine) == 1
    assert sessions.all(3) == [mine]


def test_beyond_so_many_the_one_that_was_idle_for_longest_ends() -> None:
    sessions = Sessions(limits(60, 12), key_in_force)
    first, value = sessions.open(PEER, "", 0)
    _, second = sessions.open(PEER, "", 1)
    assert sessions.find(value, 2) is first
    for at in range(SESSIONS_MAX - 1):
        sessions.open(PEER, "", 3 + at)
    assert sessions.find(value, 999) is first
    assert sessions.find(second, 999) is None


def test_another_admin_key_ends_them_all() -> None:
    key = [b"one"]
    sessions = Sessions(limits(60, 12), lambda: key[0])
    _, value = sessions.open(PEER, "", 0)
    key[0] = b"two"
    assert sessions.find(value, 1) is None
