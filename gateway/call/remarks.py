"""What a hold remembers of its call beside money, in the one short text that the ledger keeps.

`rate|base|vendor key|trace`: the rate the quote was made at; what the object had cost before we
knew it, in micros; the idempotency key that the vendor got; and by what a vendor that shows no such
keys can find the call again. It is all that the reconciler has to go by after a restart."""

from __future__ import annotations

from typing import NamedTuple

from ledger import Hold
from vendors.rates import Rate


class Remark(NamedTuple):
    rate: Rate | None = None
    base_micros: int = 0
    vendor_key: str = ""
    trace: str = ""

    def text(self) -> str:
        return f"{self.rate or ''}|{self.base_micros}|{self.vendor_key}|{self.trace}"


def read_remark(text: str) -> Remark:
    """Also of the two parts that earlier versions wrote, and of none."""
    rate, base, vendor_key, trace = (*text.split("|", 3), "", "", "", "")[:4]
    return Remark(Rate.parse(rate) if rate else None, int(base or 0), vendor_key, trace)


def remark_of(hold: Hold) -> Remark:
    return read_remark(hold.remark)
