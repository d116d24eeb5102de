"""`keybrake reconcile`: how far the looking after open calls is, or one look at the vendor now."""

from __future__ import annotations

import argparse
from typing import Any, Final

from gateway.run.commands import api, show

COLUMNS: Final = (
    "vendor", "account", "open", "due", "next_due_at", "last_look_at", "lookups",
    "backing_off_until", "last_error",
)  # fmt: skip

EXAMPLES = """examples:
  keybrake reconcile                    each account: what is open, when it is looked at next
  keybrake reconcile call_…             ask the vendor now what became of a call
"""


def add(groups: Any) -> None:
    parser = groups.add_parser(
        "reconcile",
        help="what is looked at again, or one call now",
        description=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("id", nargs="?", help="call_…: look at this one now")
    api.add_options(parser)
    parser.set_defaults(handle=run)


def run(args: argparse.Namespace) -> int:
    gateway = api.connect(args)
    if args.id is not None:
        found = gateway.post(f"/vault/calls/{api.segment(args.id)}/reconcile", {})
        show.as_json(found) if args.json else show.as_record(found)
        return 0
    answer = gateway.get("/vault/reconciler")
    if args.json:
        show.as_json(answer)
        return 0
    if not answer["enabled"]:
        show.say("the reconciler is switched off ([reconciler] enabled): what is open stays open")
    show.as_table([{**row, "open": _open(row["queue"])} for row in answer["accounts"]], COLUMNS)
    return 0


def _open(queue: dict[str, int]) -> str:
    return ", ".join(f"{count} {state}" for state, count in queue.items() if count) or "nothing"
