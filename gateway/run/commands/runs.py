"""`keybrake runs …`: what each run of a scenario spent, and the brake for one of them."""

from __future__ import annotations

import argparse
from typing import Any

from gateway.run.commands import api, keys, show

COLUMNS = (
    "run", "scenario", "calls", "refused", "cost_usd", "in_doubt_usd", "first_at", "last_at",
)  # fmt: skip

EXAMPLES = """examples:
  keybrake runs list
  keybrake runs show make-billing-scenario/8f31
  keybrake runs revoke make-billing-scenario/8f31 --abort
  keybrake runs revoke --prefix make-billing-scenario/
"""


def add(groups: Any) -> None:
    group = groups.add_parser(
        "runs",
        help="runs of scenarios: list, show, revoke",
        description=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="latest first")
    api.add_limit(listing)
    shown = commands.add_parser(
        "show", help="one run: what it spent, by operation, refusal, state and key"
    )
    shown.add_argument("label", help="scenario/execution")
    revoking = commands.add_parser("revoke", help="end a run: all its keys, all its calls")
    which = revoking.add_mutually_exclusive_group(required=True)
    which.add_argument("label", nargs="?", help="scenario/execution")
    which.add_argument("--prefix", help="all runs whose label begins so")
    keys.add_in_flight(revoking)
    for parser, run in ((listing, run_list), (shown, run_show), (revoking, run_revoke)):
        api.add_options(parser)
        parser.set_defaults(handle=run)


def run_list(args: argparse.Namespace) -> int:
    keys.show_list(args, "/vault/runs", COLUMNS)
    return 0


def run_show(args: argparse.Namespace) -> int:
    record = api.connect(args).get("/vault/runs/detail", {"label": args.label})
    if args.json:
        show.as_json(record)
        return 0
    parts = {
        name: value
        for name, value in record.items()
        if isinstance(value, list) and all(isinstance(row, dict) for row in value)
    }
    show.as_record({name: value for name, value in record.items() if name not in parts})
    for rows in parts.values():
        if rows:
            print()
            show.as_table(rows, list(rows[0]))
    return 0


def run_revoke(args: argparse.Namespace) -> int:
    which = {"prefix": args.prefix} if args.prefix else {"label": args.label}
    answer = api.connect(args).post(
        "/vault/runs/revoke", which | {"in_flight": keys.in_flight(args)}
    )
    keys.show_revoked(answer, args)
    if not answer["revoked"]:
        show.say(
            f"no active key carried {args.prefix or args.label!r}: "
            "is it spelled as in `keybrake runs list`?"
        )
    return 0
