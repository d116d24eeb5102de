"""`keybrake revoke …`, `keybrake resume …`: the brake for a vendor, an account, or everything."""

from __future__ import annotations

import argparse
from typing import Any

from gateway.run.commands import api, keys, show

REVOKE_EXAMPLES = """examples:
  keybrake revoke --all --abort         stop everything now, calls in flight too
  keybrake revoke --vendor twilio       all keys of a vendor; no new ones until it is resumed
  keybrake revoke --account acme --cancel-open
  keybrake revoke --vendor stripe --account acme
"""
RESUME_EXAMPLES = """examples:
  keybrake resume --all                 let keys be made again; those revoked stay revoked
  keybrake resume --vendor twilio
  keybrake resume --label make-billing-scenario/8f31
  keybrake resume --prefix make-billing-scenario/
"""


def add(groups: Any) -> None:
    revoking = groups.add_parser(
        "revoke",
        help="revoke a vendor, an account or everything, and bar new keys",
        description=REVOKE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_scope(revoking)
    keys.add_in_flight(revoking)
    revoking.add_argument(
        "--cancel-open", action="store_true", help="cancel at the vendor what these keys left open"
    )
    resuming = groups.add_parser(
        "resume",
        help="let keys be made again for what was revoked, or a run go on",
        description=RESUME_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_scope(resuming)
    which = resuming.add_mutually_exclusive_group()
    which.add_argument("--label", help="a run that was revoked: scenario/execution")
    which.add_argument("--prefix", help="all runs whose label begins so")
    for parser, run in ((revoking, run_revoke), (resuming, run_resume)):
        api.add_options(parser)
        parser.set_defaults(handle=run)


def _add_scope(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vendor", help="this vendor")
    parser.add_argument("--account", help="this account")
    parser.add_argument("--all", action="store_true", help="everything")


def run_revoke(args: argparse.Namespace) -> int:
    body = {**_scope(args), "in_flight": keys.in_flight(args)}
    if args.cancel_open:
        body["cancel_open_intents"] = True
    keys.show_revoked(api.connect(args).post("/vault/revoke", body), args)
    return 0


def run_resume(args: argparse.Namespace) -> int:
    runs = {"label": args.label, "prefix": args.prefix}
    named = {name: value for name, value in runs.items() if value}
    body = {**named, **_scope(args, bool(named), " (of runs: --label or --prefix)")}
    answer = api.connect(args).post("/vault/resume", body)
    show.as_json(answer) if args.json else show.as_record(answer)
    if args.json:
        return 0
    if named:
        show.say("its calls may leave; keys that were revoked themselves stay so")
    elif not answer.get("barred"):
        show.say("nothing is barred any more")
    return 0


def _scope(args: argparse.Namespace, named: bool = False, others: str = "") -> dict[str, Any]:
    """What is meant; it must be said, since without a word it would be everything. Raises
    Misused."""
    scope = {"vendor": args.vendor, "account": args.account, "all": args.all or None}
    found = {name: value for name, value in scope.items() if value is not None}
    if not found and not named:
        raise api.Misused(f"say what: --vendor NAME, --account NAME, or --all{others}")
    return found
