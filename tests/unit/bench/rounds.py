"""Rounds that were made up, of us, of a peer and of the way straight to the vendor."""

from __future__ import annotations

from dataclasses import replace

from bench.scenarios import Round

ROUND = Round(
    contender="keybrake FULL",
    kind="charge",
    callers=32,
    requests=1_000,
    wall_s=1.0,
    cpu_s=0.4,
    load_cpu_s=0.3,
    p50_s=0.010,
    p99_s=0.050,
    p999_s=0.080,
    refused=0,
    broken=0,
    rss_bytes=50_000_000,
)
PEER = replace(ROUND, contender="aiohttp", cpu_s=0.2)
DIRECT = replace(ROUND, contender="direct", cpu_s=0.0, p50_s=0.002)
