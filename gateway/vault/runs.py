"""Which runs are revoked: labels, and prefixes of labels.

| a label is                           | its calls | an issuer's key | the admin's key        |
| ------------------------------------ | --------- | --------------- | ---------------------- |
| not revoked                          | go on     | made            | made                   |
| revoked (itself, or under a prefix)  | refused   | refused         | made, and reopens it   |
| under a revoked prefix, but reopened | go on     | made            | made                   |

Revoking a label or a prefix again closes what was reopened; a prefix that is lifted takes all that
was revoked under it along. Every change is handed back as ledger
notes of one kind; the caller makes them durable.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import orjson

from ledger import Note

KIND: Final = "run"
LABEL_CHARS_MAX: Final = 301
"""Of an effective label: a key's own with 200, a slash, and 100 of `Keybrake-Run`."""
_LABEL, _PREFIX, _OPEN = "label:", "prefix:", "open:"


class Runs:
    """The revoked labels and prefixes, each with its time in microseconds."""

    __slots__ = ("_heads", "_open", "labels", "prefixes")

    def __init__(self, notes: Iterable[Note] = ()) -> None:
        self.labels: dict[str, int] = {}
        self.prefixes: dict[str, int] = {}
        self._open: dict[str, int] = {}
        for note in notes:
            self._table(note.name)[note.name.partition(":")[2]] = orjson.loads(note.blob or b"0")
        self._heads = tuple(self.prefixes)

    def __bool__(self) -> bool:
        return bool(self.labels or self._heads)

    def revoked(self, label: str) -> bool:
        return label in self.labels or (label.startswith(self._heads) and label not in self._open)

    def revoke_label(self, label: str, now_us: int) -> list[Note]:
        self.labels[label] = now_us
        return [_note(_LABEL, label, now_us), *self._close([label])]

    def revoke_prefix(self, prefix: str, now_us: int) -> list[Note]:
        self.prefixes[prefix] = now_us
        self._heads = tuple(self.prefixes)
        under = [label for label in self._open if label.startswith(prefix)]
        return [_note(_PREFIX, prefix, now_us), *self._close(under)]

    def reopen(self, label: str, now_us: int) -> list[Note]:
        """Take a label out of all that revokes it; no notes if nothing does."""
        notes = []
        if self.labels.pop(label, None) is not None:
            notes.append(_note(_LABEL, label, None))
        if self.revoked(label):
            self._open[label] = now_us
            notes.append(_note(_OPEN, label, now_us))
        return notes

    def reopen_prefix(self, prefix: str) -> list[Note]:
        """Lift this prefix, narrower ones and all labels under it; no notes if none was revoked."""
        labels = [label for label in self.labels if label.startswith(prefix)]
        prefixes = [known for known in self.prefixes if known.startswith(prefix)]
        for label in labels:
            del self.labels[label]
        for known in prefixes:
            del self.prefixes[known]
        self._heads = tuple(self.prefixes)
        return [
            *(_note(_LABEL, label, None) for label in labels),
            *(_note(_PREFIX, known, None) for known in prefixes),
            *self._close([label for label in self._open if label.startswith(prefix)]),
        ]

    def as_it_is(self, notes: Iterable[Note]) -> list[Note]:
        """What these notes are about, as it is now: somebody may have changed it again since."""
        told = [(note.name.partition(":")[2], self._table(note.name), note) for note in notes]
        return [
            Note(KIND, note.name, orjson.dumps(table[name]) if name in table else None)
            for name, table, note in told
        ]

    def wider(self, prefix: str) -> str | None:
        """A revoked prefix that covers this one and more."""
        return next(
            (known for known in self._heads if prefix != known and prefix.startswith(known)), None
        )

    def _close(self, labels: Iterable[str]) -> list[Note]:
        return [_note(_OPEN, label, None) for label in labels if self._open.pop(label, None)]

    def _table(self, name: str) -> dict[str, int]:
        tables = {_LABEL: self.labels, _PREFIX: self.prefixes, _OPEN: self._open}
        return tables[name[: name.index(":") + 1]]


def _note(part: str, name: str, at_us: int | None) -> Note:
    return Note(KIND, part + name, None if at_us is None else orjson.dumps(at_us))
