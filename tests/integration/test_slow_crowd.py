"""A crowd of slow connections: all of them end by their deadlines, in bounded memory, and calls go
on meanwhile. `python -m bench.slow` holds two thousand open and takes the time."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Final

from bench.sandbox.launch import Sandbox
from bench.slow import KINDS, Crowd
from tests.house import Gateway
from tests.speaker import INTENT, until

CROWD: Final = 200
MEMORY_BYTES: Final = 150_000_000
LIMITS: Final = """\
head_timeout_s = 2.0
body_timeout_s = 2.0
write_timeout_s = 2.0
idle_timeout_s = 2.0
"""
BIG: Final = "/stripe/files/v1/files/file_1/contents?size=67108864"


def rss_bytes(gateway: Gateway) -> int:
    pages = Path(f"/proc/{gateway.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def connections(gateway: Gateway) -> int:
    """Of the callers' side, as the gateway counts them."""
    page = gateway.request("GET", "/metrics", admin=True).body.decode()
    lines = [line for line in page.splitlines() if line.startswith("keybrake_connections")]
    return int(float(lines[0].split()[-1]))


def test_a_slow_crowd_ends_by_its_deadlines_and_stops_nobody(
    vendor: Sandbox, tmp_path: Path
) -> None:
    with Gateway.start(tmp_path, vendor.base_url, server=LIMITS) as gateway:
        slow = gateway.make_key(allowed_endpoints=["POST /v1/**", "GET /files/v1/**"])
        honest = gateway.make_key(daily_usd_cap="100000")
        crowd = Crowd(gateway.address, slow.secret, CROWD, big=BIG)
        most = [0]
        paid = 0

        def go_on() -> int:
            nonlocal paid
            crowd.tick()
            paid += gateway.call(honest, "POST", "/v1/payment_intents", form=INTENT).status == 200
            most.append(rss_bytes(gateway))
            return connections(gateway)

        assert go_on() > CROWD // 2
        until(go_on, lambda left: left <= 2)
        crowd.tick()
        how = Counter((slow.kind, slow.ended) for slow in crowd.all if slow.kind != "read")
        crowd.close()
        each = CROWD // len(KINDS)
        assert how == {("head", "408"): each, ("body", "408"): each, ("idle", "closed"): each}
        assert paid == len(most) - 1, "every honest call was answered"
        assert max(most) < MEMORY_BYTES
        assert gateway.record(slow)["spent_usd"] == "0.00"
        assert gateway.stop() == 0
