"""What a hold remembers of its call beside money, in the one short text that the ledger keeps.

`rate|base|vendor key|trace|acts for`: the rate the quote was made at; what the object had cost
before we knew it, in micros; the idempotency key that the vendor got; by what a vendor that shows
no such keys can find the call again; and the headers that chose another account than our own
(`stripe-account=acct_1`). It is all that the reconciler has to go by after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ledger import Hold
from vendors.rates import Rate


class Remark(NamedTuple):
    rate: Rate | None = None
    base_micros: int = 0
    vendor_key: str = ""
    trace: str = ""
    acts_for: str = ""

    def text(self) -> str:
        plain = f"{self.rate or ''}|{self.base_micros}|{self.vendor_key}|{self.trace}"
        return f"{plain}|{self.acts_for}" if self.acts_for else plain

    def account_headers(self) -> dict[bytes, bytes]:
        """For a look-up that is to see what the call saw."""
        pairs = (line.split("=", 1) for line in self.acts_for.split(",") if line)
        return {name.encode(): value.encode("latin-1") for name, value in pairs}


def acting_for(account_headers: Mapping[bytes, bytes]) -> str:
    """Account headers as a remark has them: account ids hold neither comma nor bar."""
    if not account_headers:
        return ""
    lines = (f"{n.decode()}={v.decode('latin-1')}" for n, v in sorted(account_headers.items()))
    return ",".join(lines)


def read_remark(text: str) -> Remark:
    """Also of the two parts that earlier versions wrote, and of none."""
    rate, base, *rest = (*text.split("|", 4), "", "", "", "", "")[:5]
    return Remark(Rate.parse(rate) if rate else None, int(base or 0), *rest)


def remark_of(hold: Hold) -> Remark:
    return read_remark(hold.remark)
