"""`keybrake calls …`: the audit log, to read, to follow, to take away; and what is still open, with
a person's word on what became of it.

`tail` outlives its gateway: while none answers it says so once, and goes on where it was. Calls are
asked for by pages until one is known, and what was shown in the last seconds is remembered, since a
row may be written after a later one."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final

from gateway.run.commands import api, keys, show

COLUMNS: Final = (
    "at", "id", "run", "method", "path", "decision", "code", "status", "quote_usd", "cost_usd",
    "state", "duration_ms", "rule",
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
    "quote_usd": 8, "cost_usd": 8, "state": 8, "duration_ms": 11,
}  # fmt: skip
"""Of a line that is told before the next one is known; a longer text takes its room."""
OPEN_COLUMNS: Final = (
    "id", "at", "state", "counts_usd", "age_s", "vendor", "account", "operation", "run", "looks",
    "next_look_at", "evidence",
)  # fmt: skip
OVERLAP: Final = 200
"""Calls that a look reads beyond the newest it knows: rows are written a moment after a call ends,
and not in the order of their ids."""

EXAMPLES = """examples:
  keybrake calls list --decision refused
  keybrake calls tail --run make-billing-scenario/8f31
  keybrake calls export --format csv --output calls.csv
  keybrake calls show call_…            one call, whole
  keybrake calls in-doubt               nobody knows yet what became of these; they count in full
  keybrake calls pending                their price, or the move of their money, is still to come
  keybrake calls resolve call_… --settled 12.00 --reason 'seen in the dashboard as ch_1'
  keybrake calls resolve call_… --released --reason 'the vendor has no such call'
"""


def add(groups: Any) -> None:
    group = groups.add_parser(
        "calls",
        help="the audit log: list, tail, export, show; what is open: in-doubt, pending, resolve",
        description=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="newest first")
    api.add_limit(listing)
    tailing = commands.add_parser("tail", help="new calls as they come, until Ctrl-C")
    tailing.add_argument(
        "--interval", type=_seconds, default=1.0, metavar="S", help="seconds (default 1)"
    )
    exporting = commands.add_parser("export", help="all of it")
    exporting.add_argument("--format", choices=["csv", "ndjson"], default="ndjson")
    exporting.add_argument("--output", metavar="FILE", help="(default: stdout)")
    for parser, run in ((listing, run_list), (tailing, run_tail), (exporting, run_export)):
        for option, (_, text) in FILTERS.items():
            parser.add_argument(f"--{option}", help=text)
        for moment, text in (("since", "from this time on"), ("until", "before this time")):
            if parser is not tailing:
                parser.add_argument(f"--{moment}", metavar="TIME", help=f"{text} (RFC 3339)")
        api.add_options(parser)
        parser.set_defaults(handle=run)
    _add_open(commands)


def _add_open(commands: Any) -> None:
    shown = commands.add_parser("show", help="one call, whole")
    doubtful = commands.add_parser("in-doubt", help="calls of which nobody knows what became")
    waiting = commands.add_parser("pending", help="calls that are pending or standing")
    waiting.add_argument("--state", choices=["pending", "standing"])
    resolving = commands.add_parser(
        "resolve", help="say what became of a call in doubt, or pending"
    )
    for parser in (shown, resolving):
        parser.add_argument("id", help="call_…")
    outcome = resolving.add_mutually_exclusive_group(required=True)
    outcome.add_argument("--settled", metavar="USD", help="it went through and cost so much")
    outcome.add_argument("--released", action="store_true", help="it never happened")
    resolving.add_argument("--reason", required=True, help="how that is known; it is kept")
    for parser in (doubtful, waiting):
        api.add_limit(parser)
    for parser, run in (
        (shown, run_show), (doubtful, run_in_doubt), (waiting, run_pending),
        (resolving, run_resolve),
    ):  # fmt: skip
        api.add_options(parser)
        parser.set_defaults(handle=run)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3_600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0.1 to 3600")
    return seconds


def run_show(args: argparse.Namespace) -> int:
    record = api.connect(args).get(f"/vault/calls/{api.segment(args.id)}")
    show.as_json(record) if args.json else show.as_record(record)
    return 0


def run_in_doubt(args: argparse.Namespace) -> int:
    keys.show_list(args, "/vault/in-doubt", OPEN_COLUMNS)
    return 0


def run_pending(args: argparse.Namespace) -> int:
    keys.show_list(args, "/vault/pending", OPEN_COLUMNS, state=args.state)
    return 0


def run_resolve(args: argparse.Namespace) -> int:
    body = {"outcome": "released" if args.released else "settled", "reason": args.reason}
    if not args.released:
        body["cost_usd"] = args.settled
    answer = api.connect(args).post(f"/vault/calls/{api.segment(args.id)}/resolve", body)
    show.as_json(answer) if args.json else show.as_record(answer)
    return 0


def run_list(args: argparse.Namespace) -> int:
    keys.show_list(args, "/vault/calls", COLUMNS, **_filters(args))
    return 0


def run_tail(args: argparse.Namespace) -> int:
    gateway, filters = api.connect(args), _filters(args)
    seen = Seen(row["id"] for row in gateway.rows("/vault/calls", filters, limit=OVERLAP))
    if not args.json:
        print(_in_columns([show.heading(name) for name in COLUMNS]), flush=True)
    lost = False
    while True:
        try:
            for row in seen.new(gateway.rows("/vault/calls", filters, limit=None)):
                show.as_json_lines([row]) if args.json else print(_line(row), flush=True)
            if lost:
                show.say(f"{gateway.url} answers again")
            lost = False
        except api.Unreachable as exc:
            if not lost:
                show.say(f"{exc}; waiting for it")
            lost = True
        except api.Refused as exc:
            if exc.status < 500:
                raise
        time.sleep(args.interval)


class Seen:
    """Ids that were shown: the newest, as many as a look reads again."""

    __slots__ = ("_ids",)

    def __init__(self, ids: Iterable[str]) -> None:
        self._ids = set(ids)

    def new(self, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Of rows that come newest first, those that were not shown, oldest first. Ids sort by
        time; nothing before the oldest that is remembered is new."""
        fresh: list[dict[str, Any]] = []
        known, oldest = 0, min(self._ids, default="")
        for row in rows:
            known += row["id"] in self._ids
            if known >= OVERLAP or row["id"] < oldest:
                break
            if row["id"] not in self._ids:
                fresh.append(row)
        self._ids.update(row["id"] for row in fresh)
        self._ids = set(sorted(self._ids)[-OVERLAP:])
        return fresh[::-1]


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
    found = {name: getattr(args, option) for option, (name, _) in FILTERS.items()}
    return found | {name: getattr(args, name, None) for name in ("since", "until")}


def _line(row: dict[str, Any]) -> str:
    return _in_columns([show.plain(row.get(name)) for name in COLUMNS])


def _in_columns(texts: Sequence[str]) -> str:
    padded = (
        text.rjust(WIDTHS.get(name, 0)) if "_usd" in name else text.ljust(WIDTHS.get(name, 0))
        for name, text in zip(COLUMNS, texts, strict=True)
    )
    return "  ".join(padded).rstrip()
