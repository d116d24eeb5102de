"""What an explained call is asked with, and what is said of it, in plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as a caller would make it. path: behind the vendor's prefix, or with it. query:
    without '?'. headers: lower-case names; what they say of a credential is not looked at."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule. code: of the refusal that it would be, '' if it passes. spared: it fails, and a key
    in shadow mode lets the call go on."""

    rule: str
    passed: bool
    detail: str
    code: str = ""
    spared: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """verdicts: in the order in which a call meets them. quote_micros: the most it can cost, None
    where that could not be found. hold_micros: what would be set aside. remaining_micros: of the
    key's day as it stands, None without a cap. lookups: targets that were asked."""

    verdicts: tuple[Verdict, ...]
    operation: str
    how: str
    quote_micros: int | None
    hold_micros: int
    remaining_micros: int | None
    units: int = 0
    countries: tuple[str, ...] = ()
    lookups: tuple[str, ...] = ()

    @property
    def refusal(self) -> Verdict | None:
        """What the call would be refused for."""
        return next((v for v in self.verdicts if not v.passed and not v.spared), None)

    @property
    def spared(self) -> Verdict | None:
        """What a key in shadow mode is spared."""
        return next((v for v in self.verdicts if v.spared), None)
