"""`keybrake keys …`: make, list, show, amend and revoke vault keys."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gateway.run import paste
from gateway.run.commands import api, show

COLUMNS = (
    "id", "name", "vendor", "account", "agent_run_label", "cap_usd", "spent_usd", "held_usd",
    "remaining_usd", "status", "expires_at", "revoked_at",
)  # fmt: skip

SHORT = (
    "id", "name", "status", "vendor", "account", "agent_run_label", "allowed_endpoints", "mode",
    "cap_usd", "spent_usd", "held_usd", "remaining_usd", "resets_at", "calls_today",
    "daily_call_cap", "total_usd_cap", "total_remaining_usd", "per_call_usd_max", "in_doubt_usd",
    "pending_usd", "standing_usd", "over_cap_usd", "expires_at", "revoked_at", "last_used_at",
)  # fmt: skip
"""What a person asks of a key first; the rest with -v."""

EXAMPLES = """examples:
  keybrake keys create --cap 500 --allow 'POST /v1/payment_intents' --label billing/8f31
  keybrake keys create --vendor twilio --cap 5 --call-cap 50 --country US --label sms/1 \\
    --allow 'POST /2010-04-01/Accounts/*/Messages.json'
  keybrake keys create --vendor resend --cap 1 --allow 'POST /emails' --label mail/1
  keybrake keys list --status active --vendor stripe
  keybrake keys show vk_…
  keybrake keys update vk_… --cap 800
  keybrake keys update vk_… --top-up 50 --top-up-expires 2h
  keybrake keys update vk_… --expires 7d --name 'November invoices'
  keybrake keys revoke vk_… --abort
"""


def add(groups: Any) -> None:
    group = groups.add_parser(
        "keys",
        help="vault keys: create, list, show, update, revoke",
        description=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_create(commands)
    listing = commands.add_parser("list", help="newest first")
    api.add_limit(listing)
    listing.add_argument("--status", choices=["active", "expired", "revoked"])
    for option, text in (
        ("vendor", "for this vendor"),
        ("label", "of this run"),
        ("issuer", "iss_…"),
    ):
        listing.add_argument(f"--{option}", help=text)
    shown = commands.add_parser("show", help="one key, with what it spent")
    add_verbose(shown)
    _add_update(commands)
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
    add_verbose(parser)
    api.add_options(parser)
    parser.set_defaults(handle=run_create)


def _add_update(commands: Any) -> None:
    parser = commands.add_parser(
        "update", help="change caps, expiry, rate, name or mode; top up today"
    )
    parser.add_argument("id", help="vk_…")
    parser.add_argument("--cap", metavar="USD", help="at most this much a day")
    parser.add_argument("--top-up", metavar="USD", help="so much more today, once")
    parser.add_argument(
        "--top-up-expires", metavar="2h", help="the top-up ends then, or with the day"
    )
    parser.add_argument("--expires", metavar="2h", help="from now on; s, m, h or d; never")
    parser.add_argument("--total-cap", metavar="USD", help="in its whole life; none lifts it")
    parser.add_argument("--per-call-max", metavar="USD", help="in one call; none lifts it")
    parser.add_argument("--call-cap", metavar="N", help="calls a day; none lifts it")
    parser.add_argument("--rate", metavar="N", help="calls in any 60 seconds; none lifts it")
    parser.add_argument("--concurrency", metavar="N", help="calls at once; none lifts it")
    parser.add_argument("--name", help="for people")
    parser.add_argument("--mode", choices=["enforce", "shadow"])
    api.add_options(parser)
    parser.set_defaults(handle=run_update)


def run_create(args: argparse.Namespace) -> int:
    body = read_body(args.body) if args.body else _body(args)
    made = api.connect(args).post("/vault/keys", body)
    for warning in made.get("warnings", ()):
        show.say(f"warning: {show.plain(warning)}")
    if args.json or args.verbose:
        show_made(made, args.json, "the key is shown this once; only its hash is kept")
        return 0
    print(f"{made['key']}\n")
    show.as_record(_few(made))
    print(f"\n{paste.call_line(str(made.get('base_url', args.url)), made, str(made['key']))}")
    show.say("\nthe key is the first line, shown this once; only its hash is kept")
    return 0


def _few(made: dict[str, Any]) -> dict[str, Any]:
    """Of a new key, what whoever uses it must know."""
    names = {
        "id": "id", "base_url": "base_url", "account_sid": "account_sid",
        "daily_usd_cap": "cap_usd",
        "total_usd_cap": "total_usd_cap", "daily_call_cap": "daily_call_cap",
        "allowed_endpoints": "endpoints", "expires_at": "expires_at", "agent_run_label": "label",
    }  # fmt: skip
    return {shown: made.get(name) for name, shown in names.items()}


def run_list(args: argparse.Namespace) -> int:
    wishes = {"status": args.status, "vendor": args.vendor, "label": args.label}
    show_list(args, "/vault/keys", COLUMNS, issuer_id=args.issuer, **wishes)
    return 0


def run_show(args: argparse.Namespace) -> int:
    record = api.connect(args).get(f"/vault/keys/{api.segment(args.id)}")
    show_one(record, SHORT, args)
    return 0


def run_update(args: argparse.Namespace) -> int:
    """What the gateway refuses, it says best; here only that something is asked for."""
    body: dict[str, Any] = {
        "daily_usd_cap": args.cap,
        "total_usd_cap": args.total_cap,
        "per_call_usd_max": args.per_call_max,
        "daily_call_cap": whole(args.call_cap),
        "rate_per_minute": whole(args.rate),
        "concurrency_max": whole(args.concurrency),
        "name": args.name,
        "mode": args.mode,
        "expires_in": args.expires,
    }
    changes: dict[str, Any] = {
        name: None if value in LIFTED else value
        for name, value in body.items()
        if value is not None
    }
    if args.top_up is not None:
        changes["top_up"] = {"usd": args.top_up}
        if args.top_up_expires is not None:
            changes["top_up"]["expires_in"] = args.top_up_expires
    if not changes:
        raise api.Misused("keys update needs something to change: see keybrake keys update --help")
    record = api.connect(args).patch(f"/vault/keys/{api.segment(args.id)}", changes)
    show_one(record, SHORT, args)
    return 0


def run_revoke(args: argparse.Namespace) -> int:
    answer = api.connect(args).post(
        f"/vault/keys/{api.segment(args.id)}/revoke", {"in_flight": in_flight(args)}
    )
    show_revoked(answer, args)
    return 0


# ── what other groups share ─────────────────────────────────────────────────────────────────────


LIFTED = ("none", "never")
"""What takes a limit away."""


def whole(text: str | None) -> int | str | None:
    """A number as one, anything else for the gateway to judge."""
    return int(text) if text is not None and text.isascii() and text.isdigit() else text


def add_verbose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-v", "--verbose", action="store_true", help="the whole record")


def show_one(record: dict[str, Any], short: tuple[str, ...], args: argparse.Namespace) -> None:
    """JSON, all of it, or what is asked for most; sums that are nothing are left out."""
    if args.json:
        show.as_json(record)
    elif getattr(args, "verbose", False):
        show.as_record(record)
    else:
        shown = {name: record.get(name) for name in short}
        zeros = ("in_doubt_usd", "pending_usd", "standing_usd", "over_cap_usd", "held_usd")
        show.as_record({n: v for n, v in shown.items() if not (n in zeros and v == "0.00")})


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


def read_body(file: str, option: str = "--body") -> dict[str, Any]:
    """Raises Misused."""
    try:
        body = json.loads(sys.stdin.read() if file == "-" else Path(file).read_text())
    except (OSError, ValueError) as exc:
        raise api.Misused(f"{option} {file}: {exc}") from None
    if not isinstance(body, dict):
        raise api.Misused(f"{option} {file}: must be a JSON object")
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
