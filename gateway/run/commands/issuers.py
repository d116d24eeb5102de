"""`keybrake issuers …`: keys that may only make vault keys, inside a template. What a scenario
holds."""

from __future__ import annotations

import argparse
from typing import Any

from gateway.run.commands import api, keys

COLUMNS = (
    "id", "name", "daily_usd_cap", "spent_usd", "held_usd", "remaining_usd", "status", "created_at",
    "revoked_at",
)  # fmt: skip

SHORT = (
    "id", "name", "status", "cap_usd", "spent_usd", "held_usd", "remaining_usd", "resets_at",
    "keys_per_hour", "template", "in_doubt_usd", "pending_usd", "standing_usd", "over_cap_usd",
    "created_at", "revoked_at",
)  # fmt: skip

EXAMPLES = """examples:
  keybrake issuers create --name billing --cap 2000 --key-cap 500 --allow 'POST /v1/payment_intents'
  keybrake issuers create --body issuer.json
  keybrake issuers list
  keybrake issuers show iss_…
  keybrake issuers update iss_… --cap 3000 --keys-per-hour 100
  keybrake issuers revoke iss_… --keep-keys
"""


def add(groups: Any) -> None:
    group = groups.add_parser(
        "issuers",
        help="issuer keys: create, list, show, update, revoke",
        description=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    making = commands.add_parser("create", help="make an issuer; its secret is shown once")
    making.add_argument("--name", help="for people")
    making.add_argument("--cap", metavar="USD", help="at most this much a day, over all its keys")
    making.add_argument("--key-cap", metavar="USD", help="at most this much a day for one key")
    making.add_argument(
        "--call-cap", type=int, metavar="N", help="at most so many calls a day for one key"
    )
    making.add_argument("--vendor", action="append", help="its keys may be for (default stripe)")
    making.add_argument(
        "--allow", action="append", metavar="'METHOD /path'", help="its keys may call"
    )
    making.add_argument(
        "--expires", metavar="24h", default="24h", help="its keys live at most so long"
    )
    making.add_argument("--keys-per-hour", type=int, metavar="N")
    making.add_argument(
        "--body", metavar="FILE", help="the whole request as JSON instead; - is stdin"
    )
    listing = commands.add_parser("list", help="newest first")
    api.add_limit(listing)
    shown = commands.add_parser("show", help="one issuer, with what its keys spent")
    keys.add_verbose(shown)
    updating = commands.add_parser("update", help="change its cap, pace, name or template")
    updating.add_argument("--cap", metavar="USD", help="at most this much a day, over all its keys")
    updating.add_argument("--keys-per-hour", metavar="N", help="none lifts it")
    updating.add_argument("--name", help="for people")
    updating.add_argument("--template", metavar="FILE", help="a whole new one, JSON; - is stdin")
    revoking = commands.add_parser("revoke", help="end an issuer and its keys")
    for parser in (shown, updating, revoking):
        parser.add_argument("id", help="iss_…")
    revoking.add_argument("--keep-keys", action="store_true", help="its keys live on")
    keys.add_in_flight(revoking)
    for parser, run in (
        (making, run_create), (listing, run_list), (shown, run_show), (updating, run_update),
        (revoking, run_revoke),
    ):  # fmt: skip
        api.add_options(parser)
        parser.set_defaults(handle=run)


def run_create(args: argparse.Namespace) -> int:
    body = keys.read_body(args.body) if args.body else _body(args)
    made = api.connect(args).post("/vault/issuers", body)
    keys.show_made(made, args.json, "the issuer key is shown this once; only its hash is kept")
    return 0


def run_list(args: argparse.Namespace) -> int:
    keys.show_list(args, "/vault/issuers", COLUMNS)
    return 0


def run_show(args: argparse.Namespace) -> int:
    record = api.connect(args).get(f"/vault/issuers/{api.segment(args.id)}")
    keys.show_one(record, SHORT, args)
    return 0


def run_update(args: argparse.Namespace) -> int:
    body: dict[str, Any] = {
        "daily_usd_cap": args.cap,
        "keys_per_hour": keys.whole(args.keys_per_hour),
        "name": args.name,
        "template": keys.read_body(args.template, "--template") if args.template else None,
    }
    changes = {
        name: None if value in keys.LIFTED else value
        for name, value in body.items()
        if value is not None
    }
    if not changes:
        raise api.Misused("issuers update needs something to change")
    record = api.connect(args).patch(f"/vault/issuers/{api.segment(args.id)}", changes)
    keys.show_one(record, SHORT, args)
    return 0


def run_revoke(args: argparse.Namespace) -> int:
    body = {"in_flight": keys.in_flight(args)}
    if args.keep_keys:
        body["keys"] = "keep"
    answer = api.connect(args).post(f"/vault/issuers/{api.segment(args.id)}/revoke", body)
    keys.show_revoked(answer, args)
    return 0


def _body(args: argparse.Namespace) -> dict[str, Any]:
    if args.cap is None or not args.allow:
        raise api.Misused(
            "issuers create needs --cap USD and --allow 'METHOD /path' (or --body FILE)"
        )
    template = {
        "vendors": args.vendor or ["stripe"],
        "allowed_endpoints": args.allow,
        "daily_usd_cap_max": args.key_cap or args.cap,
        "daily_call_cap_max": args.call_cap,
        "expires_in_max": args.expires,
    }
    body = {
        "name": args.name,
        "daily_usd_cap": args.cap,
        "keys_per_hour": args.keys_per_hour,
        "template": {name: value for name, value in template.items() if value is not None},
    }
    return {name: value for name, value in body.items() if value is not None}
