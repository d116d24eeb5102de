"""`keybrake`: the command line. Data on stdout, talk on stderr, and exit codes that mean something.

| code | means |
| --- | --- |
| 0 | done |
| 1 | failed: no gateway answers, the books are not whole, … |
| 2 | the command or the settings are wrong |
| 3 | the gateway cannot start: port in use, folder not writable, ledger locked |
| 4 | the gateway refused |
"""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import os
import sys
import threading
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from gateway.run import log
from gateway.run.banner import TRIAL_KEY, banner, sandbox_words
from gateway.run.commands import (
    api,
    backup,
    calls,
    doctor,
    issuers,
    keys,
    local,
    quote,
    ready,
    runs,
    spend,
)
from gateway.run.config import ConfigMistakes
from gateway.run.modules import discovered
from gateway.run.sandbox import SandboxFailed, sandboxes
from gateway.settings import Settings

if TYPE_CHECKING:
    from gateway.run.app import Ready

USAGE: Final = 2
CANNOT_START: Final = 3

EXAMPLES = """examples:
  keybrake serve                        serve here, on the settings of gateway.toml
  keybrake demo                         see a key being charged until it brakes
  keybrake keys create --cap 500 --allow 'POST /v1/payment_intents' --label scenario/8f31
  keybrake quote vk_… 'POST /v1/charges' --data 'amount=900&currency=usd'
                                        its price and every rule it would meet, nothing sent
  keybrake calls tail                   the audit log as it grows
  keybrake spend --by account           who spent how much
  keybrake runs revoke scenario/8f31    stop one run now
"""


def main(argv: Sequence[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    try:
        code: int = args.handle(args)
        sys.stdout.flush()
    except ConfigMistakes as exc:
        return _told(str(exc), USAGE)
    except api.CommandFailed as exc:
        return _told(f"keybrake: {log.redact(str(exc))}", exc.code)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `… | head` is no mistake
        return 0
    return code


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="keybrake",
        description=EXAMPLES + "\nHard spend caps for AI that acts through other people's APIs.",
        epilog="exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 cannot start, 4 refused",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=local.version(), help="show the version and exit"
    )
    groups = parser.add_subparsers(dest="group", required=True, metavar="COMMAND")
    serving = groups.add_parser("serve", help="run the gateway in the foreground")
    local.add_config_option(serving)
    serving.set_defaults(handle=run_serve)
    groups.add_parser(
        "demo", help="a key with a 500 USD cap, charged until it brakes"
    ).set_defaults(handle=run_demo)
    for group in (keys, issuers, runs, calls, quote, spend, backup, local, doctor, ready):
        group.add(groups)
    return parser


# ── serve ───────────────────────────────────────────────────────────────────────────────────────


def run_serve(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    from gateway.run import app  # here: no other command needs a server, and --help should be quick

    settings = local.settings_of(args)
    log.set_up(settings.log.level, settings.log.format)
    try:
        with sandboxes(settings, discovered()) as pointed:
            again = partial(local.settings_of, args)
            return app.run(pointed, discovered(), partial(welcome, settings), again)
    except (app.StartRefused, SandboxFailed) as exc:
        return _told(f"keybrake cannot start: {log.redact(str(exc))}", CANNOT_START)


def run_demo(args: argparse.Namespace) -> int:
    from gateway.run.demo import run

    return run()


def welcome(settings: Settings, ready: Ready) -> None:
    """The door is open. The banner may need an answer of the gateway's own (a trial key), which the
    event loop that calls us is to give: so it is asked for in a thread."""
    logger = logging.getLogger(log.NAME)
    for vendor in settings.vendors.values():
        if vendor.sandbox:
            logger.warning(sandbox_words(vendor.name))
    logger.info("serving", extra={"address": ready.address, "admin_address": ready.admin_address})
    if ready.admin_key:
        log.register_secret(ready.admin_key)
    threading.Thread(target=_greet, args=(settings, ready), daemon=True, name="welcome").start()


def _greet(settings: Settings, ready: Ready) -> None:
    stripe = settings.vendors.get("stripe")  # what is tried is a charge: with nobody's real money
    tryable = ready.admin_key is not None and stripe is not None and stripe.sandbox
    tryable = tryable and settings.server.scheme == "http"  # our own certificate may bear any name
    vault_key = trial_key(ready.admin_address, ready.admin_key or "") if tryable else None
    print(
        banner(settings, ready.address, ready.admin_key, vault_key, ready.admin_address), flush=True
    )


def trial_key(address: str, admin_key: str) -> str | None:
    """A vault key to play with, at a first start with the sandbox. None: it could not be made."""
    connection = http.client.HTTPConnection(address, timeout=10)
    headers = {"Authorization": f"Bearer {admin_key}", "Content-Type": "application/json"}
    try:
        connection.request("POST", "/vault/keys", json.dumps(TRIAL_KEY), headers)
        answer = connection.getresponse()
        made = json.loads(answer.read()) if answer.status == 201 else {}
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    key: str | None = made.get("key")
    return key


def _told(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code
