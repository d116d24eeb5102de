"""What reading and quoting a request costs, per vendor, in microseconds of CPU.

    python -m bench.micro.quoting [--rounds 9] [--calls 4000]

Each case goes the way a call goes: the operation is found, the request read once, and priced. The
rounds of all cases are interleaved, so that a noisy neighbour hits them alike; the best and the
median round are shown, beside the bar that the case is meant to stay under.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import orjson

from vendors import VENDORS
from vendors.contract import Quote, Sent
from vendors.rates import Rates

_FORM: Final = "application/x-www-form-urlencoded"
_SID: Final = "AC" + "0123456789abcdef" * 2
_NO_RATES: Final = Rates.load("", "2", 30).at(int(time.time() * 1_000_000))


@dataclass(frozen=True, slots=True)
class Case:
    """bar_us: what it is meant to stay under."""

    name: str
    vendor: str
    path: str
    content_type: str
    body: bytes
    bar_us: int


def _intent(**more: str) -> bytes:
    return urlencode({"amount": "1200", "currency": "usd", **more}).encode()


def _mail(size: int) -> bytes:
    mail = {
        "from": "Acme <billing@example.com>",
        "to": ["ada@example.com", "grace@example.com"],
        "cc": "team@example.com",
        "subject": "Your invoice",
        "tags": [{"name": "run", "value": "make-billing-scenario"}],
        "html": "",
    }
    mail["html"] = "x" * (size - len(orjson.dumps(mail)))
    return orjson.dumps(mail)


CASES: Final = (
    Case("stripe, a form of 38 bytes", "stripe", "/v1/payment_intents", _FORM,
         b"amount=1200&currency=usd&confirm=false", 15),
    Case("stripe, a form of 15 fields", "stripe", "/v1/payment_intents", _FORM,
         _intent(customer="cus_123456789", description="March, 2 seats", confirm="true",
                 off_session="true", payment_method="pm_card_visa", receipt_email="a@example.com",
                 **{f"metadata[order_{n}]": f"value {n}" for n in range(7)}), 60),
    Case("twilio, a message of 160 characters", "twilio",
         f"/2010-04-01/Accounts/{_SID}/Messages.json", _FORM,
         urlencode({"To": "+14155550123", "From": "+14155550100",
                    "Body": ("Your code is 123456. It is valid for ten minutes. " * 4)[:160]})
         .encode(), 25),
    Case("resend, a mail of 1 KB", "resend", "/emails", "application/json", _mail(1_024), 40),
)  # fmt: skip


def carried(case: Case) -> Callable[[], Quote]:
    """One reading and one quote of the case."""
    vendor = VENDORS[case.vendor]
    headers = {b"content-type": case.content_type.encode(), b"user-agent": b"bench"}

    def once() -> Quote:
        operation = vendor.operation("POST", case.path, "")
        sent = Sent("POST", case.path, "", case.content_type, case.body, headers)
        quote = vendor.quote(vendor.read(operation, sent), _NO_RATES, (), None)
        assert isinstance(quote, Quote)
        return quote

    return once


def timed_us(once: Callable[[], Quote], calls: int) -> float:
    """Microseconds of this process's CPU for one."""
    began = time.process_time()
    for _ in range(calls):
        once()
    return (time.process_time() - began) / calls * 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.micro.quoting", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=4_000)
    options = parser.parse_args()
    works = {case: carried(case) for case in CASES}
    rounds: dict[Case, list[float]] = {case: [] for case in CASES}
    gc.disable()
    for _ in range(options.rounds):
        for case, once in works.items():
            rounds[case].append(timed_us(once, options.calls))
    print(f"{'read and quote':38} {'best':>7} {'median':>7} {'bar':>5}  µs of CPU")
    for case, found in rounds.items():
        best, median = min(found), statistics.median(found)
        kept = "" if best <= case.bar_us else "  above the bar"
        print(f"{case.name:38} {best:7.1f} {median:7.1f} {case.bar_us:5}{kept}")


if __name__ == "__main__":
    main()
