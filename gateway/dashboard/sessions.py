"""Who is signed in: sessions live in memory, by the hash of their cookie, and end when told to.

A restart signs everybody out, as it should: nothing on disk opens a door. A session ends after a
while without a request, after its longest life in any case, when its person signs out, when anybody
with the admin key ends it, and when that key is another one.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.settings import DashboardSettings
from gateway.vault.secrets import digest

SESSIONS_MAX: Final = 200
"""Signed in at once. Beyond it the one that was idle for longest ends."""
MINUTE_US: Final = 60_000_000


@dataclass(slots=True)
class Session:
    """One browser. opened_by: the hash of the admin key that it was opened with: with another key
    in force it is over. name: what lists show, no secret. csrf: what each of its forms has to
    carry. once: secrets that wait to be shown a single time, by the id of what they open."""

    opened_by: bytes
    name: str
    csrf: str
    peer: str
    agent: str
    begun_us: int
    seen_us: int
    once: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    """What a form has made already, by the form's own number: sent twice it makes one thing."""
    making: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from the look into `made` until what is made is in it."""
    said: list[str] = field(default_factory=list)
    """What a form's doing came to, to be read on the next page, once."""


class Sessions:
    """Living: open, find, end."""

    __slots__ = ("_by_hash", "_key", "_limits")

    def __init__(self, limits: Callable[[], DashboardSettings], key: Callable[[], bytes]) -> None:
        """limits: the settings in force. key: the hash of the admin key in force."""
        self._key = key
        self._limits = limits
        self._by_hash: dict[bytes, Session] = {}

    def open(self, peer: str, agent: str, now_us: int) -> tuple[Session, str]:
        """A new session, and its cookie's value, which is kept as a hash only."""
        self._forget(now_us)
        if len(self._by_hash) >= SESSIONS_MAX:
            oldest = min(self._by_hash, key=lambda name: self._by_hash[name].seen_us)
            del self._by_hash[oldest]
        value = secrets.token_urlsafe(32)
        session = Session(
            self._key(),
            secrets.token_hex(4),
            secrets.token_urlsafe(32),
            peer,
            agent[:200],
            now_us,
            now_us,
        )
        self._by_hash[digest(value)] = session
        return session, value

    def find(self, value: str, now_us: int, *, touch: bool = True) -> Session | None:
        """The living session of this cookie. touch: it was a person's doing, and keeps it alive."""
        name = digest(value)
        session = self._by_hash.get(name)
        if session is None:
            return None
        if not self._alive(session, now_us):
            del self._by_hash[name]
            return None
        if touch:
            session.seen_us = now_us
        return session

    def alive(self, session: Session, now_us: int) -> bool:
        """Is it still open? For who holds on to one, such as a page that is told of news."""
        return any(session is one for one in self._by_hash.values()) and self._alive(
            session, now_us
        )

    def end(self, name: str) -> bool:
        """By its name. False: there is none."""
        for key, session in list(self._by_hash.items()):
            if session.name == name:
                del self._by_hash[key]
                return True
        return False

    def end_all(self, *, but: Session | None = None) -> int:
        """How many there were."""
        ended = [key for key, session in self._by_hash.items() if session is not but]
        for key in ended:
            del self._by_hash[key]
        return len(ended)

    def all(self, now_us: int) -> Sequence[Session]:
        """The latest first."""
        self._forget(now_us)
        return sorted(self._by_hash.values(), key=lambda session: -session.seen_us)

    def _alive(self, session: Session, now_us: int) -> bool:
        limits = self._limits()
        if now_us - session.seen_us >= limits.session_idle_m * MINUTE_US:
            return False
        if now_us - session.begun_us >= limits.session_max_h * 60 * MINUTE_US:
            return False
        return session.opened_by == self._key()

    def _forget(self, now_us: int) -> None:
        for key, session in list(self._by_hash.items()):
            if not self._alive(session, now_us):
                del self._by_hash[key]
