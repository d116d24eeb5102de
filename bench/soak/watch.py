"""What a soak looks at while it runs: the gateway's process from outside (/proc), its own figures
(/metrics), its files, its budgets."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from bench.machine import TICKS_PER_SECOND
from bench.soak.house import House

_SERIES: Final = re.compile(r"(?m)^(\w+)(?:\{([^}]*)\})? ([0-9.e+-]+)$")
ADDED: Final = {
    "held": ("keybrake_open_holds", 'state="held"'),
    "standing": ("keybrake_open_holds", 'state="standing"'),
    "pending": ("keybrake_open_holds", 'state="pending"'),
    "in_doubt": ("keybrake_open_holds", 'state="in_doubt"'),
    "reconciler_queue": ("keybrake_reconciler_queue", ""),
    "audit_waiting": ("keybrake_audit_waiting_rows", ""),
    "connections": ("keybrake_connections", ""),
}
"""Column -> family, and what its labels must have in them; all such series are added up."""


@dataclass(frozen=True, slots=True)
class Sample:
    """at_s: since the begin. life: which start of the gateway, from 1. figures: by ADDED."""

    at_s: float
    life: int
    rss_mb: float
    fds: int
    threads: int
    cpu_s: float
    journal_mb: float
    books_mb: float
    figures: dict[str, int]
    over_caps: tuple[str, ...]


def look(
    house: House, at_s: float, steady: Sequence[str], more: Mapping[tuple[str, str], int]
) -> Sample:
    """steady: the ids of the keys whose caps are never lowered. more: as in `over_cap`. Raises
    OSError, HTTPException or RuntimeError while the gateway is away."""
    _, page = house.ask("GET", "/metrics")
    status = _status(house.pid)
    return Sample(
        at_s=round(at_s, 1),
        life=house.lives,
        rss_mb=round(int(status["VmRSS"].split()[0]) / 1_024, 2),
        fds=len(os.listdir(f"/proc/{house.pid}/fd")),
        threads=int(status["Threads"]),
        cpu_s=_cpu_s(house.pid),
        journal_mb=_size_mb(house.folder.glob("ledger-*.db*")),
        books_mb=_size_mb(p for p in house.folder.rglob("*") if "backups" not in p.parts),
        figures=figures(page.decode()),
        over_caps=tuple(
            filter(None, (over_cap(house.told(f"/vault/keys/{k}"), more) for k in steady))
        ),
    )


def figures(page: str) -> dict[str, int]:
    """Of a page of metrics."""
    found = dict.fromkeys(ADDED, 0)
    for name, labels, value in _SERIES.findall(page):
        for column, (family, part) in ADDED.items():
            if name == family and part in labels:
                found[column] += int(float(value))
    return found


def over_cap(record: Mapping[str, Any], more: Mapping[tuple[str, str], int]) -> str:
    """What stands above the cap in a key's record, in words; '' when all is well. more: micro-USD
    by key and day, of top-ups: where one has ended, what was spent of it stays."""
    counted = Decimal(record["spent_usd"]) + Decimal(record["held_usd"])
    topped_up = Decimal(more.get((record["id"], record["day"]), 0)) / 1_000_000
    if counted <= Decimal(record["cap_usd"]) + topped_up:
        return ""
    return f"{record['id']} counts {counted} over a cap of {record['cap_usd']} on {record['day']}"


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def _size_mb(paths: Any) -> float:
    total = 0
    for path in paths:
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue  # an archive that got its name a moment ago
    return round(total / 1e6, 2)
