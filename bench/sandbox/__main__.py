"""`python -m bench.sandbox stripe`: start a sandbox, say where it listens, run until told.

Vendors: stripe, twilio, resend; `python -m bench.sandbox twilio --help` shows a vendor's options.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import signal
import sys
from pathlib import Path

import uvloop

from bench.sandbox import standin
from bench.sandbox.house import House, MoneyLog
from bench.sandbox.wire import listen


def arguments(argv: list[str]) -> argparse.Namespace:
    """The vendor decides which options there are, so it is read first."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.sandbox", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("vendor", choices=standin.NAMES)
    parser.add_argument("--listen", default="127.0.0.1:0", help="host:port; port 0: any free one")
    parser.add_argument(
        "--secret", action="append", default=[], help="a credential to accept (repeatable)"
    )
    parser.add_argument("--state-file", type=Path, help="append each movement of money as a line")
    parser.add_argument("--forget-after", type=int, default=20_000, help="objects kept of a kind")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when stdin ends")
    if argv and argv[0] in standin.NAMES:
        standin.maker(argv[0]).add_options(parser)
    return parser.parse_args(argv)


async def serve(options: argparse.Namespace) -> None:
    vendor = standin.maker(options.vendor).build(options, MoneyLog(options.state_file))
    house = House(vendor)
    host, _, port = options.listen.rpartition(":")
    server, house.connections, address = await listen(house, host, int(port))
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if options.exit_with_parent:
        loop.add_reader(sys.stdin.fileno(), lambda: os.read(0, 4_096) or ended.set())  # type: ignore[func-returns-value]
    print(json.dumps({"vendor": options.vendor, "address": address()}), flush=True)
    gc.collect()
    gc.freeze()
    await ended.wait()
    server.close()
    for connection in list(house.connections):
        connection.hang_up()


def main() -> int:
    try:
        uvloop.run(serve(arguments(sys.argv[1:])))
    except (OSError, ValueError, ModuleNotFoundError) as exc:
        print(f"sandbox: {exc}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
