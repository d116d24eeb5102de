"""Guessing keys is slow: so many unknown keys a minute from one address, then 429 for further
unknown ones.

A valid key is never refused for its address, since Make and load balancers share theirs; a door for
people, who have a minute, can ask whether an address is to wait first. The addresses of an IPv6
network of one owner (/64) count as one. Memory is bounded: addresses are forgotten with their
minute.
"""

from __future__ import annotations

from ipaddress import IPv6Address

from gateway.errors import KeyUnknown, RateLimited

_MINUTE_US = 60_000_000
_ADDRESSES_MAX = 100_000


class Guesses:
    """Counts of unknown keys by address, in the current minute."""

    __slots__ = ("_counts", "_minute", "per_minute")

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._minute = 0
        self._counts: dict[str, int] = {}

    def wrong(self, address: str, now_us: int, door: str = "") -> KeyUnknown | RateLimited:
        """What an unknown key from this address is told. door: counted apart from the others."""
        minute = now_us // _MINUTE_US
        if minute != self._minute or len(self._counts) >= _ADDRESSES_MAX:
            self._minute = minute
            self._counts.clear()
        name = door + _owner(address)
        self._counts[name] = self._counts.get(name, 0) + 1
        if self._counts[name] <= self.per_minute:
            return KeyUnknown()
        return _wait(now_us)

    def must_wait(self, address: str, now_us: int, door: str) -> RateLimited | None:
        """At a door where even a right key is not looked at, once too many from this address were
        wrong in this minute."""
        if now_us // _MINUTE_US != self._minute:
            return None
        wrong = self._counts.get(door + _owner(address), 0)
        return _wait(now_us) if wrong >= self.per_minute else None


def _wait(now_us: int) -> RateLimited:
    wait_s = (_MINUTE_US - now_us % _MINUTE_US) // 1_000_000 + 1
    return RateLimited("Too many unknown keys from this address.", retry_after_s=wait_s)


def _owner(address: str) -> str:
    """An IPv4 address; of an IPv6 one its /64; anything else as it is."""
    if ":" not in address:
        return address
    try:
        return IPv6Address(address).exploded[:19]
    except ValueError:
        return address
