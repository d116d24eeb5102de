"""What makes a journal tamper-evident: each row carries an HMAC over the row before it, its number
and its body.

    mac(n) = HMAC-SHA256(key, mac(n - 1) || n as 8 bytes || body(n))

The chain begins at a value made from the shard's own number and uuid, so that rows of one shard (or
of another ledger) never fit into another. Whoever does not hold the key cannot change, drop, insert
or reorder a row without breaking every link after it; only rows cut off the end are not missed.
"""

from __future__ import annotations

import hmac
from typing import Final, NamedTuple

BEGIN: Final = -1
PART: Final = -2


class Row(NamedTuple):
    """One group commit. entries: how many it carries. 0 marks a checkpoint, or the end of one that
    is written in parts; BEGIN and PART are its other rows."""

    seq: int
    entries: int
    body: bytes
    mac: bytes


class BrokenChain(Exception):
    """The text says where and how."""


class Chain:
    """The place after one row: its number and its mac."""

    __slots__ = ("_key", "mac", "seq")

    def __init__(self, key: bytes, seq: int, mac: bytes) -> None:
        self._key = key
        self.seq = seq
        self.mac = mac

    @classmethod
    def genesis(cls, key: bytes, shard: int, uuid: str) -> Chain:
        """The place before a shard's first row."""
        return cls(key, 0, hmac.digest(key, f"keybrake journal {shard} {uuid}".encode(), "sha256"))

    def next_mac(self, body: bytes) -> bytes:
        text = b"".join((self.mac, (self.seq + 1).to_bytes(8, "big"), body))
        return hmac.digest(self._key, text, "sha256")

    def go_on(self, mac: bytes) -> None:
        self.seq += 1
        self.mac = mac

    def follow(self, row: Row) -> None:
        """Raises BrokenChain unless the row is the next one, as it was written."""
        if row.seq != self.seq + 1:
            raise BrokenChain(f"row {self.seq + 1} is missing (row {row.seq} comes next)")
        if not self._holds(row):
            raise BrokenChain(f"row {row.seq} was altered, or one before it")
        self.go_on(row.mac)

    def _holds(self, row: Row) -> bool:
        """A damaged file has columns of other types, whatever its schema says."""
        try:
            return type(row.entries) is int and hmac.compare_digest(
                row.mac, self.next_mac(row.body)
            )
        except TypeError:
            return False
