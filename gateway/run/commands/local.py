"""Commands that look at this machine's files: settings, the books, the sandbox, the version."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

from gateway.run import config, modules, sandbox
from gateway.run.commands import api, show
from gateway.settings import LedgerSettings, Settings
from ledger import LedgerRefused, ShardReport, verify
from vendors.contract import Vendor

IS_BINARY: Final = "_keybrake" in sys.builtin_module_names
"""deploy/binary/keybrake.c, which this interpreter is then linked with."""


CONFIG_EXAMPLES = """examples:
  keybrake config check                 all mistakes at once, each with its line
  keybrake config show                  what is in force, and where each value comes from
  keybrake config show --json --config /etc/keybrake/gateway.toml
"""
LEDGER_EXAMPLES = """examples:
  keybrake ledger verify                every row of the books, while the gateway is stopped
  keybrake backup --verify COPY         the same of a copy, at any time
"""
OPENAPI_EXAMPLES = """examples:
  keybrake openapi > openapi.json       for a client or a generator; no key is needed
"""
SANDBOX_EXAMPLES = """examples:
  keybrake sandbox stripe               on 127.0.0.1:8420, for tests of your own
  keybrake sandbox twilio --listen 127.0.0.1:0 --secret AC…:TOKEN
"""
SHARD_COLUMNS: Final = tuple(field.name for field in fields(ShardReport))


def add_config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="settings (default: gateway.toml here, if there is one)",
    )


def settings_of(args: argparse.Namespace) -> Settings:
    """Raises ConfigMistakes."""
    return config.load(args.config, os.environ)


def ledger_settings_of(args: argparse.Namespace) -> LedgerSettings:
    """Raises ConfigMistakes, of [ledger] only."""
    return config.load_ledger(args.config, os.environ)


def add(groups: Any) -> None:
    _add_config(groups)
    _add_ledger(groups)
    openapi = groups.add_parser(
        "openapi",
        help="the admin API's OpenAPI document, from a gateway",
        description=OPENAPI_EXAMPLES,
    )
    api.add_options(openapi)
    openapi.set_defaults(handle=run_openapi)
    standing_in = groups.add_parser(
        "sandbox",
        help="a vendor's stand-in of our own, by itself",
        description=SANDBOX_EXAMPLES,
    )
    standing_in.add_argument("vendor", help="stripe, twilio or resend")
    standing_in.add_argument("--listen", default="127.0.0.1:8420", help="(default 127.0.0.1:8420)")
    standing_in.add_argument(
        "--secret",
        action="append",
        default=[],
        help="a credential it accepts, Twilio's as AC…:TOKEN or AC…:SK…:SECRET; repeat it",
    )
    standing_in.set_defaults(handle=run_sandbox)
    groups.add_parser(
        "version", help="this version", description="examples:\n  keybrake version\n"
    ).set_defaults(handle=run_version)


def _add_config(groups: Any) -> None:
    group = groups.add_parser("config", help="settings: check, show", description=CONFIG_EXAMPLES)
    commands = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    checking = commands.add_parser(
        "check", help="all mistakes at once; exit code 2 if there are any"
    )
    showing = commands.add_parser("show", help="what is in force, and where each value comes from")
    for parser, run in ((checking, run_check), (showing, run_show)):
        add_config_option(parser)
        parser.set_defaults(handle=run)
    api.add_json(showing)


def _add_ledger(groups: Any) -> None:
    group = groups.add_parser("ledger", help="the books: verify", description=LEDGER_EXAMPLES)
    commands = group.add_subparsers(dest="command", required=True, metavar="COMMAND")
    verifying = commands.add_parser(
        "verify",
        help="prove that no entry was changed and that a replay gives the live books; "
        "the gateway must be stopped",
    )
    add_config_option(verifying)
    api.add_json(verifying)
    verifying.set_defaults(handle=run_verify)


def run_check(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    for vendor in settings.vendors.values():
        if vendor.sandbox:
            show.say(f"{vendor.name}: no real credentials; calls would go to our own sandbox")
    show.say("the settings are fine")
    return 0


def run_show(args: argparse.Namespace) -> int:
    settings = settings_of(args)
    vendors = modules.furnished(settings.vendors, modules.discovered())
    rows = [
        {"name": row.name, "value": row.value, "origin": row.origin}
        for row in config.show(settings, vendors)
        if not _means_nothing(row, vendors)
    ]
    show.as_json(rows) if args.json else show.as_table(rows, ("name", "value", "origin"))
    return 0


def _means_nothing(row: config.Shown, vendors: Mapping[str, Vendor]) -> bool:
    """An id of an account whose vendor has none."""
    parts = row.name.split(".")
    if len(parts) != 5 or parts[4] not in ("account_sid", "api_key_sid"):
        return False
    return not vendors[parts[1]].sandbox_credential.account


def run_verify(args: argparse.Namespace) -> int:
    try:
        report = verify(ledger_settings_of(args))
    except LedgerRefused as exc:
        raise api.NotNow(str(exc)) from None
    if args.json:
        show.as_json({"ok": report.ok, **asdict(report)})
    else:
        rows = [asdict(shard) for shard in report.shards]
        show.as_table(rows, SHARD_COLUMNS)
    show.say(
        "the books are whole" if report.ok else f"THE BOOKS ARE NOT WHOLE: {report.first_error}"
    )
    return 0 if report.ok else 1


def run_openapi(args: argparse.Namespace) -> int:
    show.as_json(api.Api(args.url, "").get("/openapi.json"))
    return 0


def run_sandbox(args: argparse.Namespace) -> int:
    """Becomes the stand-in: its output, its signals, its exit code."""
    if not sandbox.has_stand_in(args.vendor):
        raise api.Misused(f"there is no sandbox of {args.vendor}")
    keys = [word for secret in args.secret for word in ("--secret", secret)]
    sys.stdout.flush()
    command = sandbox.command(args.vendor, "--listen", args.listen, *keys)
    os.execv(command[0], command)


def run_version(args: argparse.Namespace) -> int:
    print(version())
    return 0


def version() -> str:
    """Says too whether this is the one-file build, which has its interpreter inside."""
    built = f" (binary, Python {platform.python_version()})" if IS_BINARY else ""
    return f"keybrake {importlib.metadata.version('keybrake')}{built}"
