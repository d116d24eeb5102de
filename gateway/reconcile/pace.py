"""How fast a vendor account is asked: a token bucket, and back-off when it does not answer.

Looking things up is nobody's hurry, and the account's rate belongs to the callers. So there is a
small bucket of its own; and a vendor that fails, or says 429, is left alone for a while that
doubles each time, or for as long as it asks for.

Pure: `now_s` is loop time, handed in.
"""

from __future__ import annotations

from typing import Final

BURST: Final = 5
"""Look-ups that may follow each other at once after a quiet time."""
FIRST_WAIT_S: Final = 1.0
LONGEST_WAIT_S: Final = 300.0
RETRY_AFTER_MAX_S: Final = 3_600.0


class Pace:
    """Living: how much is left in the bucket, and until when the vendor is left alone."""

    __slots__ = ("_left", "_rate", "_seen_s", "_wait_s", "until_s")

    def __init__(self, calls_per_second: int, now_s: float) -> None:
        self._rate = calls_per_second
        self._left = float(max(BURST, calls_per_second))
        self._seen_s = now_s
        self._wait_s = 0.0
        self.until_s = now_s

    def wait_s(self, now_s: float) -> float:
        """How long until one more may be asked; 0: now."""
        self._refill(now_s)
        for_token_s = max(0.0, (1.0 - self._left) / self._rate)
        return max(for_token_s, self.until_s - now_s, 0.0)

    def backing_off(self, now_s: float) -> bool:
        return now_s < self.until_s

    def ask(self, now_s: float) -> None:
        """One look-up leaves."""
        self._refill(now_s)
        self._left -= 1.0

    def answered(self) -> None:
        self._wait_s = 0.0

    def failed(self, now_s: float, retry_after_s: float | None = None) -> None:
        """No answer, or one that says that it cannot answer now."""
        self._wait_s = min(LONGEST_WAIT_S, self._wait_s * 2 or FIRST_WAIT_S)
        wait_s = self._wait_s if retry_after_s is None else max(self._wait_s, retry_after_s)
        self.until_s = now_s + min(wait_s, RETRY_AFTER_MAX_S)

    def _refill(self, now_s: float) -> None:
        most = float(max(BURST, self._rate))
        self._left = min(most, self._left + (now_s - self._seen_s) * self._rate)
        self._seen_s = now_s


def retry_after_s(value: bytes | None) -> float | None:
    """A Retry-After of whole seconds; None for none, or for a date."""
    if value is None or not value.isdigit() or len(value) > 9:
        return None
    return float(int(value))
