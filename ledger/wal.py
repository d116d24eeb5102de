"""SQLite's write-ahead log of a journal, looked at before SQLite opens it.

SQLite reads a log up to the first frame whose checksum is wrong and takes everything from there on
for what a crash left half written. With `synchronous = FULL` that can be true of the last commit
only, since each one is synced before the next begins. A wrong frame with another commit behind it
is damage, and SQLite would forget without a word what was durable: calls that left, and their cost.

    head     32 bytes: magic, version, page size, count, salt, salt, checksum, checksum
    frame    24 bytes: page, size of the database if it ends a commit, salt, salt, checksum,
             checksum; then the page

A log that was begun anew has another salt, and frames of the old one behind those of the new: they
are in the database already. What cannot be told from a half-written end is damage to the last
commit itself; see `ledger.chain`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from ledger.journalfile import StoreBroken, ours

_HEAD: Final = struct.Struct(">8I")
_FRAME: Final = struct.Struct(">6I")
_BIG_ENDIAN: Final = 1
"""This bit of the magic tells how the checksums read what they sum."""
_PAGE_SIZE_AT: Final = 16
_WORD: Final = 0xFFFF_FFFF
_HALF_WRITTEN_MAX: Final = 1

Sums = tuple[int, int]


class _Frame(NamedTuple):
    """number: from 1. ends: a commit. whole: it is as it was written, and so is all before it."""

    number: int
    ends: bool
    whole: bool


def must_hold(journal: Path) -> None:
    """Raises StoreBroken if the journal's log is damaged before its last commit."""
    log = journal.with_name(journal.name + "-wal")
    with ours():
        if not log.exists() or not journal.stat().st_size:
            return
        with log.open("rb") as file:
            _judge(log, file, _page_bytes(journal))


def _judge(log: Path, file: BinaryIO, page_bytes: int) -> None:
    bad, ends = 0, 0
    for frame in _frames(file, page_bytes):
        if not frame.whole:
            bad = bad or frame.number
            ends += frame.ends
    if ends > _HALF_WRITTEN_MAX:
        raise StoreBroken(
            f"frame {bad} of {log.name} was altered, or the head of it, and {ends} commits that "
            "were durable stand there and behind it"
        )


def _page_bytes(journal: Path) -> int:
    with journal.open("rb") as file:
        file.seek(_PAGE_SIZE_AT)
        size = int.from_bytes(file.read(2), "big")
    return 65_536 if size == 1 else size


def _frames(file: BinaryIO, page_bytes: int) -> Iterator[_Frame]:
    """Those of the log as it is now, in order."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return
    magic, _, _, _, *salts, one, two = _HEAD.unpack(head)
    order = ">" if magic & _BIG_ENDIAN else "<"
    sums = _summed(head[:24], order, (0, 0))
    whole = sums == (one, two)
    number = 0
    while len(frame := file.read(_FRAME.size + page_bytes)) == _FRAME.size + page_bytes:
        number += 1
        _, size, *found, one, two = _FRAME.unpack_from(frame)
        if number == 1 and not whole:
            salts = found  # the head is no witness
        if whole:
            sums = _summed(frame[:8], order, sums)
            sums = _summed(frame[_FRAME.size :], order, sums)
            whole = (found, (one, two)) == (salts, sums)
        yield _Frame(number, bool(size) and found == salts, whole)


def _summed(data: bytes, order: str, sums: Sums) -> Sums:
    """SQLite's checksum goes on over some more. Each step needs the one before."""
    one, two = sums
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + two) & _WORD
        two = (two + second + one) & _WORD
    return one, two
