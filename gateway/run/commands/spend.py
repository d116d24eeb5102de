"""`keybrake spend`: who spent how much, by account, vendor, key, operation, scenario or day."""

from __future__ import annotations

import argparse
from typing import Any, Final

from gateway.run.commands import api, keys

BY: Final = {
    "account": ("vendor", "account"),
    "vendor": ("vendor",),
    "key": ("key_id",),
    "operation": ("vendor", "operation"),
    "scenario": ("scenario",),
    "day": ("day",),
}
"""What to group by -> the columns that name a group."""
COLUMNS: Final = (
    "calls", "refused", "cost_usd", "standing_usd", "pending_usd", "in_doubt_usd", "restored_usd",
    "first_at", "last_at",
)  # fmt: skip

EXAMPLES = """examples:
  keybrake spend
  keybrake spend --by day --since 2026-11-01T00:00:00Z --account acme
  keybrake spend --by operation --vendor twilio
"""


def add(groups: Any) -> None:
    parser = groups.add_parser(
        "spend",
        help="what was spent, by account, vendor, key, operation, scenario or day",
        description=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--by", choices=list(BY), default="account", help="(default account)")
    parser.add_argument("--since", metavar="TIME", help="(default: 30 days before --until)")
    parser.add_argument("--until", metavar="TIME", help="(default: now)")
    parser.add_argument("--vendor", help="only calls to this vendor")
    parser.add_argument("--account", help="only calls with this account's credentials")
    api.add_limit(parser)
    api.add_options(parser)
    parser.set_defaults(handle=run)


def run(args: argparse.Namespace) -> int:
    wishes = {name: getattr(args, name) for name in ("by", "since", "until", "vendor", "account")}
    keys.show_list(args, "/vault/spend", (*BY[args.by], *COLUMNS), **wishes)
    return 0
