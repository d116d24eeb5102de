"""`keybrake calls …`: the audit log, to read, to follow, to take away."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final

from gateway.run.commands import api, keys, show

COLUMNS: Final = (
    "at", "id", "run", "method", "path", "decision", "code", "status", "quote_usd", "cost_usd",
    "state", "duration_ms",
)  # fmt: skip
FILTERS: Final = {
    "run": ("run", "of one run: scenario/execution"),
    "scenario": ("scenario", "of all runs of a scenario"),
    "key": ("key_id", "of one key: vk_…"),
    "label": ("label", "of keys with this label"),
    "vendor": ("vendor", "of one vendor"),
    "account": ("account", "of one account"),
    "operation": ("operation", "of one operation of the vendor"),
    "decision": ("decision", "allowed or refused"),
    "code": ("code", "refused with this code"),
    "state": ("state", "settled, in_doubt, …"),
    "object": ("object_id", "of one vendor's object: pi_…"),
}
"""Option -> the admin API's filter, and what it means."""

WIDTHS: Final = {
    "at": 24, "id": 31, "run": 28, "method": 6, "path": 32, "decision": 8, "code": 20, "status": 6,
    "quote_usd": 8, "cost_usd": 8, "state": 8,
}  # fmt: skip
"""Of a line that is told before the next one is known; a longer text takes its room."""

EXAMPLES = """examples:
  keybrake calls list --decision refused
  keybrake calls tail --run make-billing-scenario/8f31
  keybrake calls export --format csv --output calls.csv
"""


def add(groups: Any) -> None:
    group = groups.add_parser(
        "calls",
        help="the audit log: list, tail, export",
        description=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="newest first")
    api.add_limit(listing)
    tailing = commands.add_parser("tail", help="new calls as they come, until Ctrl-C")
    tailing.add_argument(
        "--interval", type=float, default=1.0, metavar="S", help="seconds (default 1)"
    )
    exporting = commands.add_parser("export", help="all of it")
    exporting.add_argument("--format", choices=["csv", "ndjson"], default="ndjson")
    exporting.add_argument("--output", metavar="FILE", help="(default: stdout)")
    for parser, run in ((listing, run_list), (tailing, run_tail), (exporting, run_export)):
        for option, (_, text) in FILTERS.items():
            parser.add_argument(f"--{option}", help=text)
        api.add_options(parser)
        parser.set_defaults(handle=run)


def run_list(args: argparse.Namespace) -> int:
    keys.show_list(args, "/vault/calls", COLUMNS, **_filters(args))
    return 0


def run_tail(args: argparse.Namespace) -> int:
    gateway, seen = api.connect(args), ""
    if not args.json:
        print(_in_columns([show.heading(name) for name in COLUMNS]), flush=True)
    for row in gateway.rows("/vault/calls", _filters(args), limit=1):
        seen = row["id"]
    while True:
        for row in newer(gateway, _filters(args), seen):
            seen = row["id"]
            show.as_json_lines([row]) if args.json else print(_line(row), flush=True)
        time.sleep(args.interval)


def newer(gateway: api.Api, filters: dict[str, Any], seen: str) -> Iterator[dict[str, Any]]:
    """Calls after the one that was seen last, oldest first. Ids sort by time."""
    fresh = []
    for row in gateway.rows("/vault/calls", filters, limit=None):
        if row["id"] <= seen:
            break
        fresh.append(row)
    yield from reversed(fresh)


def run_export(args: argparse.Namespace) -> int:
    pieces = api.connect(args).stream(
        "/vault/calls/export", {"format": args.format, **_filters(args)}
    )
    with ExitStack() as stack:
        target: BinaryIO = sys.stdout.buffer
        if args.output:
            target = stack.enter_context(_opened(args.output))
        for piece in pieces:
            target.write(piece)
        target.flush()
    return 0


def _opened(path: str) -> BinaryIO:
    try:
        return Path(path).open("wb")
    except OSError as exc:
        raise api.CommandFailed(f"--output {path}: {exc.strerror}") from None


def _filters(args: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(args, option) for option, (name, _) in FILTERS.items()}


def _line(row: dict[str, Any]) -> str:
    return _in_columns([show.cell(row.get(name)) for name in COLUMNS])


def _in_columns(texts: Sequence[str]) -> str:
    padded = (
        text.rjust(WIDTHS.get(name, 0)) if "_usd" in name else text.ljust(WIDTHS.get(name, 0))
        for name, text in zip(COLUMNS, texts, strict=True)
    )
    return "  ".join(padded).rstrip()
