"""Entries as they stand in a journal: a row's body is a JSON array, `[version, entry, entry, …]`,
an entry an array that begins with its letter. Bytes are carried as text with one character a byte
(Latin-1), so that memos and notes can be read by eye.

The first row of a batch of holds therefore reads `[1,["H",1099511627777,…],["H",…]]`. A
checkpoint's body is `[1,["C",at_us,retry_memory_us,{books}]]`; one that is written a piece at a
time is a row `[1,["B",at_us,retry_memory_us,[last account, last hold]]]`, rows
`[1,["S",piece,piece,…]]`, and a row `[1,["Z",how many parts]]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import orjson

from ledger.entries import (
    Amended,
    BudgetTerms,
    Ended,
    Entry,
    Held,
    HoldState,
    Noted,
    Opened,
    Parted,
    Restored,
    RetryKey,
    ToppedUp,
)

VERSION: Final = 1
_VERSION_PART: Final = b"%d" % VERSION
_PART: Final = b'[%d,["S"' % VERSION
_END: Final = b'[%d,["Z"' % VERSION

MISREAD: Final = (KeyError, ValueError, TypeError, IndexError, AttributeError)
"""What comes of reading a text of another shape as if it were one of ours."""


class Unreadable(Exception):
    """A body that no version of ours has written."""


def encode(entry: Entry) -> bytes:
    """One entry. Raises ValueError for text or numbers that JSON cannot carry."""
    try:
        return orjson.dumps(_TO_ROW[type(entry)](entry))
    except (TypeError, UnicodeEncodeError) as exc:
        raise ValueError(f"cannot be journaled: {exc}") from None


def body_of(parts: Iterable[bytes]) -> bytes:
    """Encoded entries as a row's body."""
    return b"[" + b",".join((_VERSION_PART, *parts)) + b"]"


def decode(body: bytes) -> list[Entry]:
    """The entries of a row. Raises Unreadable."""
    try:
        return [_FROM_ROW[row[0]](row) for row in _rows(body)]
    except MISREAD as exc:
        raise Unreadable(f"{type(exc).__name__}: {exc}") from exc


def encode_checkpoint(at_us: int, retry_memory_us: int, books: Mapping[str, Any]) -> bytes:
    """A whole body. at_us, retry_memory_us: what `State.forget` was called with just before."""
    return body_of((orjson.dumps(("C", at_us, retry_memory_us, books)),))


def decode_checkpoint(body: bytes) -> tuple[int, int, dict[str, Any]]:
    """at_us, retry_memory_us and the books. Raises Unreadable."""
    try:
        [[letter, at_us, retry_memory_us, books]] = _rows(body)
    except (ValueError, TypeError) as exc:
        raise Unreadable(f"not a checkpoint: {exc}") from exc
    if letter != "C":
        raise Unreadable("not a checkpoint")
    return at_us, retry_memory_us, books


def encode_begin(at_us: int, retry_memory_us: int, last: tuple[int, int]) -> bytes:
    """A whole body: from here on the books are written a piece at a time. last: the last account
    and the last hold."""
    return body_of((orjson.dumps(("B", at_us, retry_memory_us, last)),))


def decode_begin(body: bytes) -> tuple[int, int, tuple[int, int]]:
    """Raises Unreadable."""
    try:
        [[letter, at_us, retry_memory_us, [account_id, hold_id]]] = _rows(body)
    except (ValueError, TypeError) as exc:
        raise Unreadable(f"not the beginning of a checkpoint: {exc}") from exc
    if letter != "B":
        raise Unreadable("not the beginning of a checkpoint")
    return at_us, retry_memory_us, (account_id, hold_id)


def encode_pieces(pieces: Iterable[bytes]) -> bytes:
    """A whole body. pieces: as `ledger.sweep` wrote them."""
    return body_of((b'["S",' + b",".join(pieces) + b"]",))


def decode_pieces(body: bytes) -> list[list[Any]]:
    """Raises Unreadable."""
    try:
        pieces: list[list[Any]]
        [[letter, *pieces]] = _rows(body)
    except (ValueError, TypeError) as exc:
        raise Unreadable(f"not a part of a checkpoint: {exc}") from exc
    if letter != "S":
        raise Unreadable("not a part of a checkpoint")
    return pieces


def is_part(body: bytes) -> bool:
    return body.startswith(_PART)


def encode_end(parts: int) -> bytes:
    """A whole body: the checkpoint has so many parts, and this was all."""
    return body_of((orjson.dumps(("Z", parts)),))


def is_end(body: bytes) -> bool:
    return body.startswith(_END)


def decode_end(body: bytes) -> int:
    """Raises Unreadable."""
    try:
        [[letter, parts]] = _rows(body)
    except (ValueError, TypeError) as exc:
        raise Unreadable(f"not the end of a checkpoint: {exc}") from exc
    if letter != "Z" or type(parts) is not int:
        raise Unreadable("not the end of a checkpoint")
    return parts


def text_of(blob: bytes) -> str:
    return blob.decode("latin-1")


def bytes_of(text: str) -> bytes:
    return text.encode("latin-1")


def terms_to_row(terms: BudgetTerms) -> tuple[Any, ...]:
    return (
        terms.zone,
        terms.daily_micros,
        terms.total_micros,
        terms.daily_units,
        terms.enforce,
    )


def _rows(body: bytes) -> list[Any]:
    rows: list[Any] = orjson.loads(body)
    if rows[:1] != [VERSION]:
        raise ValueError(f"format version {rows[:1]} is not known")
    del rows[0]
    return rows


def _from_opened(entry: Opened) -> tuple[Any, ...]:
    return ("O", entry.account_id, entry.parent_id, terms_to_row(entry.terms), entry.at_us)


def _to_opened(row: list[Any]) -> Opened:
    return Opened(row[1], row[2], BudgetTerms(*row[3]), row[4])


def _from_amended(entry: Amended) -> tuple[Any, ...]:
    return ("A", entry.account_id, terms_to_row(entry.terms), entry.at_us)


def _to_amended(row: list[Any]) -> Amended:
    return Amended(row[1], BudgetTerms(*row[2]), row[3])


def _from_noted(entry: Noted) -> tuple[Any, ...]:
    blob = None if entry.blob is None else text_of(entry.blob)
    return ("N", entry.kind, entry.name, blob, entry.at_us)


def _to_noted(row: list[Any]) -> Noted:
    return Noted(row[1], row[2], None if row[3] is None else bytes_of(row[3]), row[4])


def _from_held(entry: Held) -> tuple[Any, ...]:
    retry = entry.retry
    memo = entry.memo.decode("latin-1")
    if retry is None:
        return ("H", *entry[:12], memo)
    return ("H", *entry[:12], memo, retry.key.hex(), retry.digest.hex())


def _to_held(row: list[Any]) -> Held:
    retry = None
    if len(row) > 14:
        retry = RetryKey(bytes.fromhex(row[14]), bytes.fromhex(row[15]))
    return Held._make((*row[1:13], row[13].encode("latin-1"), retry))


def _from_ended(entry: Ended) -> tuple[Any, ...]:
    hold_id, state, settled, standing, at_us, tag, memo, units = entry
    row = ("E", hold_id, state.value, settled, standing, at_us, tag, memo.decode("latin-1"))
    return row if units is None else (*row, units)


def _to_ended(row: list[Any]) -> Ended:
    _, hold_id, state, settled, standing, at_us, tag, memo, *units = row
    return Ended(
        hold_id, _STATES[state], settled, standing, at_us, tag, memo.encode("latin-1"), *units
    )


_STATES: Final = {state.value: state for state in HoldState}

_TO_ROW: Final[Mapping[type[Entry], Callable[[Any], tuple[Any, ...]]]] = {
    Opened: _from_opened,
    Amended: _from_amended,
    ToppedUp: lambda entry: ("T", *entry),
    Noted: _from_noted,
    Held: _from_held,
    Ended: _from_ended,
    Parted: lambda entry: ("P", *entry),
    Restored: lambda entry: ("R", *entry),
}

_FROM_ROW: Final[Mapping[str, Callable[[list[Any]], Entry]]] = {
    "O": _to_opened,
    "A": _to_amended,
    "T": lambda row: ToppedUp(*row[1:]),
    "N": _to_noted,
    "H": _to_held,
    "E": _to_ended,
    "P": lambda row: Parted(*row[1:]),
    "R": lambda row: Restored(*row[1:]),
}
