"""`keybrake ready`: may calls be sent to this gateway? For health checks of containers and scripts:
one request, no key, and an exit code."""

from __future__ import annotations

import argparse
from typing import Any

from gateway.run.commands import api, show

EXAMPLES = """examples:
  keybrake ready                        for health checks: exit code 0 or 1
  keybrake ready --url https://gw1.example.com
"""


def add(groups: Any) -> None:
    parser = groups.add_parser(
        "ready", help="may calls be sent there? exit code 0 or 1", description=EXAMPLES
    )
    api.add_options(parser)
    parser.set_defaults(handle=run)


def run(args: argparse.Namespace) -> int:
    try:
        ready = api.Api(args.url, "").get("/readyz")
    except api.CommandFailed as exc:
        show.say(f"{args.url} is not ready: {exc}")
        return 1
    if args.json:
        show.as_json(ready)
    else:
        show.say(f"{args.url} is ready")
    return 0
