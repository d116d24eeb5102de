"""Vendors and accounts that are barred: after `POST /vault/revoke` no key for them is made or works
until `POST /vault/resume` (`keybrake resume`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import orjson

from ledger import Note

KIND: Final = "bar"


@dataclass(frozen=True, slots=True, order=True)
class Bar:
    """What is barred. None: any; both None: everything."""

    vendor: str | None = None
    account: str | None = None

    def stops(self, vendor: str, account: str) -> bool:
        return self.vendor in (None, vendor) and self.account in (None, account)

    def shown(self) -> dict[str, object]:
        if self.vendor is None and self.account is None:
            return {"all": True}
        return {
            k: v for k, v in (("vendor", self.vendor), ("account", self.account)) if v is not None
        }


class Bars:
    """All bars in force, with their times in microseconds."""

    __slots__ = ("in_force",)

    def __init__(self, notes: Iterable[Note] = ()) -> None:
        self.in_force: dict[Bar, int] = {
            Bar(*orjson.loads(note.name)): orjson.loads(note.blob or b"0") for note in notes
        }

    def __bool__(self) -> bool:
        return bool(self.in_force)

    def stops(self, vendor: str, account: str) -> Bar | None:
        return next((bar for bar in self.in_force if bar.stops(vendor, account)), None)

    def put(self, bar: Bar, now_us: int) -> list[Note]:
        self.in_force[bar] = now_us
        return [Note(KIND, _name(bar), orjson.dumps(now_us))]

    def as_it_is(self, bar: Bar) -> list[Note]:
        """Its note as it is now: somebody may have lifted it since, or put it again."""
        at_us = self.in_force.get(bar)
        return [Note(KIND, _name(bar), None if at_us is None else orjson.dumps(at_us))]

    def lift(self, bar: Bar) -> list[Note]:
        """Lift this bar and every narrower one it includes; no notes if none was in force."""
        lifted = [
            other
            for other in self.in_force
            if bar.vendor in (None, other.vendor) and bar.account in (None, other.account)
        ]
        for other in lifted:
            del self.in_force[other]
        return [Note(KIND, _name(other), None) for other in lifted]


def _name(bar: Bar) -> str:
    return orjson.dumps([bar.vendor, bar.account]).decode()
