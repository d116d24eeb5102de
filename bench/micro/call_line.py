"""What the line of a call costs: made, looked through for secrets, gathered and written to a pipe.

    python -m bench.micro.call_line [--rounds 9] [--calls 20000]

Microseconds of CPU per call, the best and the median round, rounds interleaved: JSON, text, and
what a call pays where `log.calls` is off.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import threading
import time
from types import SimpleNamespace
from typing import Any, Final

from gateway.call.doors import untold
from gateway.call.record import CallRecord
from gateway.run import calllines, log
from gateway.settings import LogSettings

SECRETS: Final = ("sk_live_0123456789abcdefghij", "5" * 32, "kb_admin_of_the_bench_0123456789")


def _journey() -> Any:
    record = CallRecord(
        id="call_01m83rzns0bkj6y7n043s43ra2",
        at_us=1_790_000_000_000_000,
        key_id="vk_01m83rznrq8bspwdcbgc1qa5ef",
        label="make-billing-scenario/8f31",
        run="make-billing-scenario/8f31",
        vendor="stripe",
        account="default",
        method="POST",
        path="/v1/payment_intents/pi_3Qabcdefghijklmnopqrstuv/confirm",
        operation="PostPaymentIntentsIntentConfirm",
        quote_micros=12_000_000,
        status=200,
        cost_micros=12_000_000,
        state="settled",
        duration_ms=35,
    )
    trace = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    request = SimpleNamespace(headers={b"traceparent": trace}, peer="192.0.2.1")
    return SimpleNamespace(record=record, request=request, vendor_us=30_000)


def _drain(reading: int) -> None:
    while os.read(reading, 1 << 20):
        pass


async def _round(form: str, calls: int) -> float:
    """form: `off`, or as in the settings."""
    reading, writing = os.pipe()
    reader = threading.Thread(target=_drain, args=(reading,))
    reader.start()
    with os.fdopen(writing, "w") as stream:
        log.set_up("info", form if form != "off" else "json", stream)
        tell = untold if form == "off" else calllines.teller(LogSettings())
        journey = _journey()
        began_ns = time.thread_time_ns()
        for number in range(calls):
            tell(journey)
            if not number % 500:
                await asyncio.sleep(0)
        log.way()[0].flush()
        spent_ns = time.thread_time_ns() - began_ns
    reader.join()
    os.close(reading)
    return spent_ns / 1000 / calls


def main() -> None:
    parser = argparse.ArgumentParser(description="What the line of a call costs.")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=20_000)
    args = parser.parse_args()
    for secret in SECRETS:
        log.register_secret(secret)
    took: dict[str, list[float]] = {"json": [], "text": [], "off": []}
    for _ in range(args.rounds):
        for form, rounds in took.items():
            rounds.append(asyncio.run(_round(form, args.calls)))
    print(f"{'form':<6} {'best us':>8} {'median us':>10}")
    for form, rounds in took.items():
        print(f"{form:<6} {min(rounds):>8.2f} {statistics.median(rounds):>10.2f}")


if __name__ == "__main__":
    main()
