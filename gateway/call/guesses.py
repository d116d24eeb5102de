"""Guessing keys is slow: so many unknown keys a minute from one address, then 429 for further
unknown ones.

A valid key is never refused for its address, since Make and load balancers share theirs. Memory is
bounded: addresses are forgotten with their minute.
"""

from __future__ import annotations

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

    def wrong(self, address: str, now_us: int) -> KeyUnknown | RateLimited:
        """What an unknown key from this address is told."""
        minute, into_us = divmod(now_us, _MINUTE_US)
        if minute != self._minute or len(self._counts) >= _ADDRESSES_MAX:
            self._minute = minute
            self._counts.clear()
        count = self._counts[address] = self._counts.get(address, 0) + 1
        if count <= self.per_minute:
            return KeyUnknown()
        wait_s = (_MINUTE_US - into_us) // 1_000_000 + 1
        return RateLimited("Too many unknown keys from this address.", retry_after_s=wait_s)
