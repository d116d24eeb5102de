"""`keybrake quote …`: what a call of a key would cost and whether it would pass, without making
it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from gateway.run.commands import api, show

FACTS: Final = (
    "allowed", "code", "would_refuse", "operation", "quote_usd", "how", "would_hold_usd", "units",
    "countries", "lookups", "remaining_now_usd", "remaining_usd",
)  # fmt: skip
REFUSED: Final = 4
"""The exit code of a call that would be refused, as that of a refused command."""

EXAMPLES = """examples:
  keybrake quote vk_… 'POST /v1/payment_intents' --data 'amount=1200&currency=usd'
  keybrake quote vk_… 'POST /emails' --data '{"to": ["a@example.com"], …}'
  keybrake quote vk_… 'POST /v1/payment_intents' --data @body.txt --header 'Content-Type: …'
"""


def add(groups: Any) -> None:
    parser = groups.add_parser(
        "quote",
        help="what a call would cost, and every rule it would meet; nothing is sent",
        description=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("key", help="vk_…")
    parser.add_argument("call", metavar="'METHOD /path'", help="as in a key's allowed endpoints")
    parser.add_argument("--data", default="", help="its body; @FILE reads one, @- is stdin")
    parser.add_argument(
        "--header", action="append", default=[], metavar="'Name: value'", help="repeat it"
    )
    api.add_options(parser)
    parser.set_defaults(handle=run)


def run(args: argparse.Namespace) -> int:
    answer = api.connect(args).post("/vault/quote", request(args))
    if args.json:
        show.as_json(answer)
    else:
        show.as_record({name: answer.get(name) for name in FACTS})
        print()
        rows = [{**row, "pass": "yes" if row["pass"] else "NO"} for row in answer["rules"]]
        show.as_table(rows, ("pass", "rule", "detail"))
    return 0 if answer["allowed"] else REFUSED


def request(args: argparse.Namespace) -> dict[str, Any]:
    """Raises Misused."""
    method, space, path = args.call.partition(" ")
    if not space:
        raise api.Misused("the call is a method, a space and a path: 'POST /v1/payment_intents'")
    headers = dict(map(_header, args.header))
    body = _data(args.data)
    if body and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = _media(body)
    return {"key": args.key, "method": method, "path": path, "headers": headers, "body": body}


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise api.Misused(f"--header {text}: must be 'Name: value'")
    return name.strip(), value.strip()


def _data(text: str) -> str:
    if not text.startswith("@"):
        return text
    try:
        return sys.stdin.read() if text == "@-" else Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise api.Misused(f"--data {text}: {exc}") from None


def _media(body: str) -> str:
    """JSON if it is JSON, else what a form sends."""
    try:
        json.loads(body)
    except ValueError:
        return "application/x-www-form-urlencoded"
    return "application/json"
