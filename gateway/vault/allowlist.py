"""What a vault key may call: entries such as `GET /v1/customers/*`, judged segment by segment on
canonical paths.

In an entry `*` stands for exactly one segment and never for an empty one; `**`, only at the end,
stands for one or more segments of any depth (`/v1/customers/**` is everything below `/v1/customers`
and not that path itself, which lists all customers). The method is exact: `HEAD` is not `GET`. A
path matches as a whole or not at all.

`covers` answers whether one list allows everything that another allows, which is how an issuer's
template binds the keys it issues. It is exact, unions included: `/a/*` and `/a/*/**` together cover
`/a/**`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway.vault.paths import SEGMENT, is_canonical

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
ENTRIES_MAX: Final = 200
ENTRY_CHARS_MAX: Final = 512
ONE: Final = "*"
DEEP: Final = "**"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an allowlist. segments: literal texts, ONE, and DEEP as the last."""

    method: str
    segments: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Entry:
        """Raises ValueError, which quotes the entry."""
        method, space, path = text.partition(" ")
        if not space or method not in METHODS:
            raise ValueError(
                f"{_shown(text)}: write a method in capitals ({', '.join(sorted(METHODS))}), "
                "one space and a path"
            )
        if len(text) > ENTRY_CHARS_MAX:
            raise ValueError(f"{_shown(text)}: longer than {ENTRY_CHARS_MAX} characters")
        segments = tuple(path.split("/")[1:])
        if not is_canonical("/" + "/".join(map(_stand_in, segments))) or path[:1] != "/":
            raise ValueError(
                f"{_shown(text)}: a path is '/' and segments of letters, digits and _.~@+:,- "
                "(or * for one segment), without empty, '.' or '..' segments, "
                "escapes or a trailing slash"
            )
        if DEEP in segments[:-1]:
            raise ValueError(f"{_shown(text)}: ** can only stand at the end")
        return cls(method, segments)

    @property
    def is_exact(self) -> bool:
        return ONE not in self.segments and self.segments[-1] != DEEP

    @property
    def path(self) -> str:
        return "/" + "/".join(self.segments)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def contains(self, other: Entry) -> bool:
        """Does this one entry allow everything that the other allows?"""
        if self.method != other.method:
            return False
        mine, theirs = self.segments, other.segments
        if mine[-1] == DEEP:
            head = len(mine) - 1
            return len(theirs) > head and all(map(_holds, mine[:head], theirs[:head]))
        return len(mine) == len(theirs) and all(map(_holds, mine, theirs))

    def pattern(self) -> str:
        """The entry's path as a regular expression for a whole path."""
        return "".join("/" + _PATTERNS.get(part, re.escape(part)) for part in self.segments)


class Allowlist:
    """Entries, ready to be asked. Immutable; two lists with the same entries in order are equal."""

    __slots__ = ("_exact", "_parsed", "_patterns", "entries")

    def __init__(self, parsed: Iterable[Entry]) -> None:
        self._parsed = tuple(parsed)
        self.entries: tuple[str, ...] = tuple(map(str, self._parsed))
        self._exact = frozenset((e.method, e.path) for e in self._parsed if e.is_exact)
        self._patterns: dict[str, re.Pattern[str]] = {}

    @classmethod
    def parse(cls, entries: Sequence[str]) -> Allowlist:
        """Raises ValueError, which names the first entry that is wrong."""
        if len(entries) > ENTRIES_MAX:
            raise ValueError(f"more than {ENTRIES_MAX} entries")
        return _shared(tuple(entries))

    def allows(self, method: str, path: str) -> bool:
        """May this canonical path be called with this method?"""
        if (method, path) in self._exact:
            return True
        pattern = self._patterns.get(method) or self._compile(method)
        return pattern.fullmatch(path) is not None

    def _compile(self, method: str) -> re.Pattern[str]:
        """All entries of a method that have wildcards, as one pattern. Made when it is first asked
        for: thousands of keys are read at start, and most are never used again."""
        if method not in METHODS:
            return _NOTHING
        wild = [e.pattern() for e in self._parsed if e.method == method and not e.is_exact]
        pattern = self._patterns[method] = re.compile("|".join(wild)) if wild else _NOTHING
        return pattern

    def uncovered(self, other: Allowlist) -> tuple[str, ...]:
        """The entries of the other list that allow something which this one does not."""
        return tuple(str(entry) for entry in other._parsed if not self._covers(entry))

    def covers(self, other: Allowlist) -> bool:
        return not self.uncovered(other)

    def _covers(self, entry: Entry) -> bool:
        """An entry without `**` can only be covered by a single one of ours: put names that nobody
        ever wrote in place of each `*`, and whatever matches that path matches them all. An entry
        with `**` may also be covered in two parts, one level deep and deeper, as long as ours reach
        deeper than it does."""
        if any(mine.contains(entry) for mine in self._parsed):
            return True
        head, last = entry.segments[:-1], entry.segments[-1]
        if last != DEEP or len(head) >= max(
            (len(mine.segments) for mine in self._parsed), default=0
        ):
            return False
        one, deeper = (*head, ONE), (*head, ONE, DEEP)
        return self._covers(Entry(entry.method, one)) and self._covers(Entry(entry.method, deeper))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Allowlist) and self.entries == other.entries

    def __hash__(self) -> int:
        return hash(self.entries)

    def __repr__(self) -> str:
        return f"Allowlist{self.entries}"


@lru_cache(maxsize=1024)
def _shared(entries: tuple[str, ...]) -> Allowlist:
    """Keys of one scenario have the same list; they share one."""
    return Allowlist(map(Entry.parse, entries))


_NOTHING: Final = re.compile(r"(?!)")
_PATTERNS: Final = {ONE: SEGMENT, DEEP: f"{SEGMENT}(?:/{SEGMENT})*"}


def _stand_in(segment: str) -> str:
    """A wildcard counts as an ordinary segment when an entry's form is judged; a `*` inside one
    does not."""
    return "x" if segment in (ONE, DEEP) else segment


def _holds(mine: str, theirs: str) -> bool:
    """Does one segment of ours, not DEEP, allow all that one of theirs allows?"""
    return theirs != DEEP and mine in (ONE, theirs)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:79] + "…")
