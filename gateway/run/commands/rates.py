"""`keybrake rates FILE`: today's exchange rates as a table that `money.rates_file` can name.

What `make rates` does with npm, for whoever has the binary and nothing else: one small file, over
HTTPS, from where that package is mirrored. Rates decide what a call in another currency counts, so
nothing is fetched in the clear, and a table that a gateway would not load takes no other's place.
"""

from __future__ import annotations

import argparse
from datetime import date
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from gateway.run.commands import api, show
from gateway.run.values import is_loopback
from gateway.settings import MoneySettings
from vendors import refresh_rates
from vendors.rates import RatesMistake

SOURCE: Final = (
    "https://cdn.jsdelivr.net/npm/@fawazahmed0/currency-api@latest/v1/currencies/usd.json"
)
FETCH_TIMEOUT_S: Final = 30.0
SOURCE_BYTES_MAX: Final = 1_048_576
"""A day's file is some 10 KB."""

EXAMPLES = """examples:
  keybrake rates /var/lib/keybrake/rates.json
                                        then [money] rates_file = "…", and a reload
  keybrake rates rates.json --from usd.json
                                        from a file, where this machine may not fetch one
"""


def add(groups: Any) -> None:
    parser = groups.add_parser(
        "rates",
        help="today's exchange rates into a file, for money.rates_file",
        description=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="replaced when all of it is there")
    parser.add_argument(
        "--from",
        dest="source",
        metavar="SOURCE",
        default=SOURCE,
        help="v1/currencies/usd.json of the npm package @fawazahmed0/currency-api: a file, or "
        "where it is fetched from (default: %(default)s)",
    )
    parser.set_defaults(handle=run)


def run(args: argparse.Namespace) -> int:
    try:
        table = refresh_rates.read(_text(args.source))
    except RatesMistake as exc:
        raise api.CommandFailed(f"{args.source}: {exc}") from None
    try:
        told = refresh_rates.write(table, args.file)
    except (OSError, RatesMistake) as exc:
        why = exc.strerror if isinstance(exc, OSError) else exc
        raise api.CommandFailed(f"{args.file} is as it was: {why}") from None
    print(told)
    age_days = (date.today() - date.fromisoformat(table["date"])).days
    if age_days > MoneySettings().rates_age_max_days:
        show.say(f"it is {age_days} days old, too old to price anything but USD")
    show.say("a gateway whose money.rates_file names it takes it at a reload (SIGHUP), or a start")
    return 0


def _text(source: str) -> str:
    """Raises CommandFailed."""
    is_url = source.startswith(("http://", "https://"))
    try:
        return (_fetched(source) if is_url else Path(source).read_bytes()).decode()
    except HTTPError as exc:
        with exc:
            why = str(exc)
    except URLError as exc:
        why = getattr(exc.reason, "strerror", None) or str(exc.reason)
    except OSError as exc:
        why = exc.strerror or str(exc)
    except (HTTPException, ValueError) as exc:  # bytes that are no text, among others
        why = f"not a file of rates ({type(exc).__name__})"
    raise api.CommandFailed(f"{source}: {why}")


def _fetched(url: str) -> bytes:
    """Raises OSError, HTTPException, ValueError, Misused."""
    from gateway.upstream.backend import tls_context  # here: --help should be quick

    _judge(url)
    opener = build_opener(HTTPSHandler(context=tls_context()), Redirects)
    with opener.open(url, timeout=FETCH_TIMEOUT_S) as answer:
        content: bytes = answer.read(SOURCE_BYTES_MAX + 1)
    if len(content) > SOURCE_BYTES_MAX:
        raise OSError(f"longer than {SOURCE_BYTES_MAX:,} bytes")
    return content


class Redirects(HTTPRedirectHandler):
    """Followed, but not into the clear."""

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        _judge(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _judge(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise api.Misused(f"{url}: rates are fetched by https only")
