"""`keybrake backup`: a verified copy of the books and the audit log, from whoever has them open.

A gateway that runs is the only one who can read its journals, so it is asked over HTTP. Where none
runs, the ledger is locked and copied right here. Which of the two is true the lock says; with --url
or KEYBRAKE_URL only the gateway is asked. Of the settings nothing but [ledger] is read.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from gateway.run.commands import api, local, show
from gateway.settings import LedgerSettings
from ledger import CopyFailed, LedgerRefused, Order, back_up, verify_copy

ANSWER_TIMEOUT_S: Final = 3_600.0
COLUMNS: Final = ("shard", "file", "archives", "seq", "mac")

EXAMPLES = """examples:
  keybrake backup                       a verified copy in [ledger] backups, also while calls go on
  keybrake backup --with-key            with ledger.key beside the books; else keep that apart
  keybrake backup --verify var/backups/2026-11-23T08-19-23Z
  keybrake backup --verify COPY --key /safe/ledger.key
"""


def add(groups: Any) -> None:
    parser = groups.add_parser(
        "backup",
        help="a verified copy of the books and the audit log",
        description=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--with-key", action="store_true", help="put the ledger's key in it")
    parser.add_argument("--verify", type=Path, metavar="COPY", help="look at a copy instead")
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help="to verify with (default: COPY's, or the ledger's)"
    )
    local.add_config_option(parser)
    api.add_options(parser)
    parser.set_defaults(handle=run)


HERE: Final = "a stopped gateway's books are copied without --url and KEYBRAKE_URL"
ELSEWHERE: Final = "--config names the settings of other books, --url a gateway that runs"


def run(args: argparse.Namespace) -> int:
    return run_verify(args) if args.verify is not None else run_copy(args)


def run_copy(args: argparse.Namespace) -> int:
    made = _asked_only(args) if api.url_is_given(args) else _made_here(args)
    if args.json:
        show.as_json(made)
        return 0
    print(made["path"])
    show.say(f"{made['bytes']:,} bytes, verified, in {made['seconds']:.1f} s; note the last rows:")
    show.as_table(made["shards"], COLUMNS, err=True)
    if not made["with_key"]:
        show.say("ledger.key is not in it: keep that apart, or no copy can be read")
    return 0


def _made_here(args: argparse.Namespace) -> dict[str, Any]:
    """Or by the gateway that has the ledger open."""
    settings, begun_s = local.ledger_settings_of(args), time.monotonic()
    order = Order(
        Path(settings.backups).absolute(),
        Path(settings.audit.removeprefix("sqlite:")),
        args.with_key,
    )
    try:
        copied = back_up(settings, order, time.time_ns() // 1_000)
    except CopyFailed as exc:
        raise api.CommandFailed(f"no backup was made: {exc}") from None
    except LedgerRefused as exc:
        if "in use" not in str(exc):
            raise api.NotNow(f"{exc}; {ELSEWHERE}") from None
        return _asked(args)
    seconds = round(time.monotonic() - begun_s, 3)
    return {"object": "backup", **asdict(copied), "verified": True, "seconds": seconds}


def _asked_only(args: argparse.Namespace) -> dict[str, Any]:
    try:
        return _asked(args)
    except api.Untrusted:
        raise
    except api.Unreachable as exc:
        raise api.Unreachable(f"{exc}; {HERE}") from None


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    body = {"with_key": True} if args.with_key else {}
    made: dict[str, Any] = api.connect(args).post("/vault/backup", body, timeout_s=ANSWER_TIMEOUT_S)
    return made


def run_verify(args: argparse.Namespace) -> int:
    os.nice(5)  # a gateway may be serving beside it
    try:
        report = verify_copy(args.verify, args.key or _key_for(args))
    except LedgerRefused as exc:
        raise api.CommandFailed(str(exc)) from None
    if args.json:
        show.as_json({"ok": report.ok, **asdict(report)})
    else:
        show.as_table([asdict(shard) for shard in report.shards], local.SHARD_COLUMNS)
    words = f"THE COPY IS NOT WHOLE: {report.first_error}"
    show.say("the copy is whole" if report.ok else words)
    return 0 if report.ok else 1


def _key_for(args: argparse.Namespace) -> Path | None:
    """The copy's own, or that of the ledger here."""
    if (args.verify / "ledger.key").exists():
        return None
    shards = local.ledger_settings_of(args).shards or LedgerSettings().shards
    return Path(shards[0].removeprefix("sqlite:")).parent / "ledger.key"
