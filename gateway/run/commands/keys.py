"""`keybrake keys …`: make, list, show and revoke vault keys."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gateway.run.commands import api, show

COLUMNS = (
    "id", "name", "vendor", "account", "agent_run_label", "daily_usd_cap", "spent_usd", "held_usd",
    "remaining_usd", "status", "expires_at", "revoked_at",
)  # fmt: skip

EXAMPLES = """examples:
  keybrake keys create --cap 500 --allow 'POST /v1/payment_intents' --label billing/8f31
  keybrake keys create --vendor twilio --cap 5 --call-cap 50 --country US --label sms/1 \\
    --allow 'POST /2010-04-01/Accounts/*/Messages.json'
  keybrake keys create --vendor resend --cap 1 --allow 'POST /emails' --label mail/1
  keybrake keys list
  keybrake keys revoke vk_… --abort
"""


def add(groups: Any) -> None:
    group = groups.add_parser(
        "keys",
        help="vault keys: create, list, show, revoke",
        description=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_create(commands)
    listing = commands.add_parser("list", help="newest first")
    api.add_limit(listing)
    shown = commands.add_parser("show", help="one key, with what it spent")
    revoking = commands.add_parser("revoke", help="end a key; no call of it leaves afterwards")
    for parser in (shown, revoking):
        parser.add_argument("id", help="vk_…")
    add_in_flight(revoking)
    for parser, run in ((listing, run_list), (shown, run_show), (revoking, run_revoke)):
        api.add_options(parser)
        parser.set_defaults(handle=run)


def _add_create(commands: Any) -> None:
    parser = commands.add_parser("create", help="make a key; its secret is shown once")
    parser.add_argument("--vendor", default="stripe", help="(default: stripe)")
    parser.add_argument("--cap", metavar="USD", help="at most this much a day (0: reads only)")
    parser.add_argument(
        "--allow",
        action="append",
        metavar="'METHOD /path'",
        help="an endpoint it may call; repeat it",
    )
    parser.add_argument("--expires", metavar="2h", help="s, m, h or d; never (default 24h)")
    parser.add_argument("--label", help="the run it belongs to: scenario/execution")
    parser.add_argument("--name", help="for people")
    parser.add_argument("--account", help="of the vendor (default: default, or the only one)")
    parser.add_argument("--total-cap", metavar="USD", help="at most this much in its whole life")
    parser.add_argument(
        "--call-cap",
        type=int,
        metavar="N",
        help="at most so many calls a day (Twilio messages, Resend recipients)",
    )
    parser.add_argument(
        "--country", action="append", metavar="DE", help="the only countries (Twilio); repeat it"
    )
    parser.add_argument("--per-call-max", metavar="USD", help="at most this much in one call")
    parser.add_argument("--timezone", help="whose midnight begins a day (default UTC)")
    parser.add_argument(
        "--shadow", action="store_true", help="report what it would refuse, let it pass"
    )
    parser.add_argument(
        "--body",
        metavar="FILE",
        help="the whole request as JSON instead, for terms without an option (docs/keys.md); "
        "- is stdin",
    )
    api.add_options(parser)
    parser.set_defaults(handle=run_create)


def run_create(args: argparse.Namespace) -> int:
    body = read_body(args.body) if args.body else _body(args)
    made = api.connect(args).post("/vault/keys", body)
    show_made(made, args.json, "the key is shown this once; only its hash is kept")
    return 0


def run_list(args: argparse.Namespace) -> int:
    show_list(args, "/vault/keys", COLUMNS)
    return 0


def run_show(args: argparse.Namespace) -> int:
    record = api.connect(args).get(f"/vault/keys/{api.segment(args.id)}")
    show.as_json(record) if args.json else show.as_record(record)
    return 0


def run_revoke(args: argparse.Namespace) -> int:
    answer = api.connect(args).post(
        f"/vault/keys/{api.segment(args.id)}/revoke", {"in_flight": in_flight(args)}
    )
    show_revoked(answer, args)
    return 0


# ── what other groups share ─────────────────────────────────────────────────────────────────────


def add_in_flight(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--abort",
        action="store_true",
        help="end its calls in flight too, instead of letting them finish",
    )


def in_flight(args: argparse.Namespace) -> str:
    return "abort" if args.abort else "finish"


def show_list(args: argparse.Namespace, path: str, columns: tuple[str, ...], **query: Any) -> None:
    rows = api.connect(args).rows(path, query, limit=args.limit or None)
    if args.json:
        show.as_json_lines(rows)
        return
    shown = list(rows)
    show.as_table(shown, columns)
    if args.limit and len(shown) == args.limit:
        show.say(f"the latest {args.limit}; --limit 0 shows all")


def show_made(made: dict[str, Any], as_json: bool, word: str) -> None:
    show.as_json(made) if as_json else show.as_record(made)
    if not as_json:
        show.say(word)


def show_revoked(answer: dict[str, Any], args: argparse.Namespace) -> None:
    show.as_json(answer) if args.json else show.as_record(answer)


def read_body(file: str) -> dict[str, Any]:
    """Raises Misused."""
    try:
        body = json.loads(sys.stdin.read() if file == "-" else Path(file).read_text())
    except (OSError, ValueError) as exc:
        raise api.Misused(f"--body {file}: {exc}") from None
    if not isinstance(body, dict):
        raise api.Misused(f"--body {file}: must be a JSON object")
    return body


def _body(args: argparse.Namespace) -> dict[str, Any]:
    """The request, from the options that were given; what it lacks, the gateway says best."""
    if args.cap is None or not args.allow or not args.label:
        raise api.Misused(
            "keys create needs --cap USD, --allow 'METHOD /path' and --label SCENARIO/EXECUTION "
            "(or --body FILE)"
        )
    body = {
        "vendor": args.vendor,
        "daily_usd_cap": args.cap,
        "allowed_endpoints": args.allow,
        "agent_run_label": args.label,
        "name": args.name,
        "account": args.account,
        "total_usd_cap": args.total_cap,
        "per_call_usd_max": args.per_call_max,
        "daily_call_cap": args.call_cap,
        "countries": args.country,
        "timezone": args.timezone,
        "mode": "shadow" if args.shadow else None,
        "expires_in": None if args.expires == "never" else args.expires,
    }
    never = {"expires_in"} if args.expires == "never" else set()
    return {name: value for name, value in body.items() if value is not None or name in never}
