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
from typing import TYPE_CHECKING, Any, Final

from gateway.run import log, paste
from gateway.run.banner import banner, first_vendor, sandbox_words
from gateway.run.commands import (
    api,
    backup,
    calls,
    completion,
    doctor,
    issuers,
    keys,
    local,
    quote,
    rates,
    ready,
    reconcile,
    runs,
    spend,
    stop,
)
from gateway.run.commands.parser import Parser, furnish
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
  keybrake backup                       a verified copy of the books, while calls go on
  keybrake doctor                       what is wrong, and what to do about it
"""
SERVE_EXAMPLES = """examples:
  keybrake serve                        on gateway.toml of this folder, if there is one
  keybrake serve --config /etc/keybrake/gateway.toml
  KEYBRAKE__SERVER__LISTEN=127.0.0.1:8090 keybrake serve
"""
DEMO_EXAMPLES = """examples:
  keybrake demo                         20 seconds, on a gateway that is gone afterwards
"""


def main(argv: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else list(argv)
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    args = make_parser().parse_args(words)
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
    parser = Parser(
        prog="keybrake",
        description=EXAMPLES + "\n\nHard spend caps for AI that acts through other people's APIs.",
        epilog="exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 cannot start, 4 refused",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--version", action="version", version=local.version(), help="show the version and exit"
    )
    groups = parser.add_subparsers(dest="group", required=True, metavar="COMMAND")
    serving = groups.add_parser(
        "serve", help="run the gateway in the foreground", description=SERVE_EXAMPLES
    )
    local.add_config_option(serving)
    serving.set_defaults(handle=run_serve)
    groups.add_parser(
        "demo",
        help="a key with a 500 USD cap, charged until it brakes",
        description=DEMO_EXAMPLES,
    ).set_defaults(handle=run_demo)
    for group in (
        keys, issuers, runs, calls, reconcile, quote, spend, stop, backup, rates, local, doctor,
        ready, completion,
    ):  # fmt: skip
        group.add(groups)
    furnish(parser)
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
    to_try = first_vendor(settings, sandbox=True)  # with nobody's real money
    trial = None
    if ready.admin_key is not None and to_try is not None and not settings.server.tls_cert_file:
        trial = trial_key(ready.admin_address, ready.admin_key, to_try.name)
    text = banner(settings, ready.address, ready.admin_key, trial, ready.admin_address)
    print(text, flush=True)


def trial_key(address: str, admin_key: str, vendor: str) -> dict[str, Any] | None:
    """A vault key to play with, at a first start with a sandbox. None: it could not be made."""
    connection = http.client.HTTPConnection(address, timeout=10)
    headers = {"Authorization": f"Bearer {admin_key}", "Content-Type": "application/json"}
    try:
        body = json.dumps(paste.trial_terms(vendor))
        connection.request("POST", "/vault/keys", body, headers)
        answer = connection.getresponse()
        made: dict[str, Any] = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return made if answer.status == 201 else None


def _told(text: str, code: int) -> int:
    print(text, file=sys.stderr)
    return code
