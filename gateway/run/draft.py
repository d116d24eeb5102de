"""Settings while they are being read: take what is known, note what is wrong, then look at what is
left.

Each section takes its fields out of the given values; whatever nobody took is an unknown setting.
Nothing stops at the first mistake: `finish` raises them all at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from gateway.run import values
from gateway.run.layers import ConfigMistakes, Given, Name


class Draft:
    """One pass over the given values. What is left shrinks, what is wrong grows."""

    def __init__(self, given: Mapping[Name, Given]) -> None:
        self._left = dict(given)
        self._mistakes: list[tuple[str, str]] = []  # (origin, sentence)
        self._asked: set[str] = set()  # every name asked for: what a typing error may have meant
        self.origins: dict[str, str] = {}
        self.remarks: dict[str, str] = {}  # dotted name -> origin as it is shown, if that says more

    def section(
        self, above: Name, kind: type, *, skip: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        """The given fields of one settings class, read and checked; those not given are absent."""
        found: dict[str, Any] = {}
        hints = get_type_hints(kind)
        for field in fields(kind):
            name = (*above, field.name)
            if field.name in skip:
                continue
            table = hints[field.name] == Mapping[str, str]
            value = self.pairs(name) if table else self.value(name, hints[field.name])
            if value is not None:
                found[field.name] = value
        return found

    def value(self, name: Name, kind: Any) -> Any:
        """None: not given, or wrong and noted."""
        given = self.take(name)
        if given is None:
            return None
        try:
            value = values.read_value(kind, given.value, from_text=given.from_text)
            values.check(name, value)
        except ValueError as exc:
            self.mistake(name, str(exc))
            return None
        return value

    def pairs(self, name: Name) -> dict[str, str] | None:
        """A table whose keys are the operator's own words; they may have dots, quoted or not."""
        self._asked.add(".".join(name))
        found: dict[str, str] = {}
        for full in self.below(name):
            given = self.take(full)
            assert given is not None
            try:
                text = values.read_value(str, given.value, from_text=given.from_text)
                found |= (
                    {".".join(full[len(name) :]): text} if full != name else values.read_pairs(text)
                )
            except ValueError as exc:
                self.mistake(full, str(exc))
        return found or None

    def take(self, name: Name) -> Given | None:
        """As it was given, unread. From now on it is known."""
        dotted = ".".join(name)
        self._asked.add(dotted)
        given = self._left.pop(name, None)
        if given is not None and given.origin != "default":
            self.origins[dotted] = given.origin
        return given

    def below(self, name: Name) -> list[Name]:
        """What was given at this name or under it and is not taken yet; an empty table is
        nothing."""
        if name in self._left and self._left[name].value == {}:
            del self._left[name]
        return [full for full in self._left if full[: len(name)] == name]

    def mistake(self, name: Name, text: str) -> None:
        """Noted at the place the name, or what is above it, came from."""
        self._mistakes.append((self._origin(name), f"{'.'.join(name)}: {text}"))

    def mistake_of(self, origin: str, text: str) -> None:
        self._mistakes.append((origin, text))

    def checked(self, name: Name, check: Callable[[], object]) -> None:
        """Run a check that spans several settings; its ValueError is a mistake of this one."""
        try:
            check()
        except ValueError as exc:
            self.mistake(name, str(exc))

    def drop(self, name: Name, text: str) -> None:
        """One mistake for all that stands at or below a name, as its first line."""
        rows = self.below(name)
        self._mistakes.append((self._left[rows[0]].origin, f"{'.'.join(name)}: {text}"))
        for full in rows:
            del self._left[full]

    def finish(self) -> None:
        """Raises ConfigMistakes if anything was wrong or is unknown."""
        for name, given in self._left.items():
            if given.value != {} or ".".join(name) not in self._sections():
                self._mistakes.append((given.origin, f"{'.'.join(name)}: {self._unknown(name)}"))
        if self._mistakes:
            raise ConfigMistakes(
                f"{origin}: {text}" for origin, text in sorted(self._mistakes, key=_by_line)
            )

    def _unknown(self, name: Name) -> str:
        dotted = ".".join(name)
        if dotted in self._sections():
            return f"must be a table: [{dotted}]"
        parent = dotted.rpartition(".")[0]
        known = self._asked | self._sections()
        beside = [full.rpartition(".")[2] for full in known if full.rpartition(".")[0] == parent]
        near = meant(name[-1], beside) or meant(dotted, () if parent in known else known)
        return f"unknown setting ({near})" if near else "unknown setting"

    def _sections(self) -> set[str]:
        return {full.rpartition(".")[0] for full in self._asked} | {"vendors"}

    def _origin(self, name: Name) -> str:
        """Of the setting itself, or else of the nearest one that stands beside or below it."""
        while name:
            dotted = ".".join(name)
            for full, origin in self.origins.items():
                if full == dotted or full.startswith(dotted + "."):
                    return origin
            name = name[:-1]
        return "settings"


def meant(word: str, known: Iterable[str]) -> str:
    """`did you mean listen?`, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""


def _by_line(mistake: tuple[str, str]) -> tuple[str, int, str]:
    """Files before variables, line 9 before line 10."""
    file, _, line = mistake[0].rpartition(":")
    return (file or "~" + mistake[0], int(line) if re.fullmatch("[0-9]+", line) else 0, mistake[1])
