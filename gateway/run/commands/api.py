"""The admin side of a running gateway, as the command line speaks to it: JSON over HTTP.

A refusal becomes `Refused` with the gateway's own code and words; no answer at all becomes
`Unreachable`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from gateway.run.log import register_secret

DEFAULT_URL: Final = "http://127.0.0.1:8080"
TIMEOUT_S: Final = 60.0
PAGE: Final = 100


class CommandFailed(Exception):
    """One line for stderr, and the exit code that goes with it."""

    code = 1


class NotNow(CommandFailed):
    """What it needs is taken by another process, or not there."""

    code = 3


class Misused(CommandFailed):
    """The command cannot be carried out as it was typed."""

    code = 2


class Unreachable(CommandFailed):
    """No gateway answers there."""


class Untrusted(Unreachable):
    """Something answers there, with a certificate that cannot be checked here."""


class Refused(CommandFailed):
    """The gateway answered no. status, problem: of its answer."""

    code = 4

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.problem = problem
        words = problem.get("detail") or problem.get("message") or problem.get("title") or ""
        head = f"refused ({status} {problem.get('error', '?')})"
        rows = problem.get("errors") or ()  # the words would only say them all again, in one line
        mistakes = [f"  {row.get('field')}: {row.get('problem')}" for row in rows]
        super().__init__("\n".join([f"{head}:", *mistakes]) if mistakes else f"{head}: {words}")


class Api:
    """One gateway, one admin key."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Misused(f"--url {url}: must be http://host:port or https://host")
        self.url = url.rstrip("/")
        self._secure = parts.scheme == "https"
        self._address = (parts.hostname, parts.port)
        self._base = parts.path.rstrip("/")
        self._key = key

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        return self._json("GET", path + _query(query), None)

    def post(self, path: str, body: Mapping[str, Any], *, timeout_s: float = TIMEOUT_S) -> Any:
        return self._json("POST", path, body, timeout_s)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._json("PATCH", path, body)

    def rows(
        self, path: str, query: Mapping[str, Any], *, limit: int | None
    ) -> Iterator[dict[str, Any]]:
        """A list's rows, newest first, page by page. limit None: all of them."""
        after: str | None = None
        while limit is None or limit > 0:
            size = PAGE if limit is None else min(PAGE, limit)
            page = self.get(path, {**query, "limit": size, "starting_after": after})
            yield from page["data"]
            if not page["has_more"] or not page["data"]:
                return
            last = page["data"][-1]
            after = last.get("id") or last.get("run")
            limit = None if limit is None else limit - len(page["data"])

    def stream(self, path: str, query: Mapping[str, Any]) -> Iterator[bytes]:
        """A long answer, piece by piece; a refusal is raised right here."""
        answer = self._ask("GET", path + _query(query), None)
        return iter(lambda: answer.read(65_536), b"")

    def _json(
        self,
        method: str,
        target: str,
        body: Mapping[str, Any] | None,
        timeout_s: float = TIMEOUT_S,
    ) -> Any:
        try:
            return json.loads(self._ask(method, target, body, timeout_s).read())
        except (OSError, http.client.HTTPException, ValueError) as exc:
            raise Unreachable(f"{self.url} broke off its answer ({_why(exc)}); {HINT}") from None

    def _ask(
        self,
        method: str,
        target: str,
        body: Mapping[str, Any] | None,
        timeout_s: float = TIMEOUT_S,
    ) -> http.client.HTTPResponse:
        """Raises Unreachable, Refused."""
        host, port = self._address
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(host, port, timeout=timeout_s)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, self._base + target, sent, headers)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as exc:
            raise self._unreachable(exc) from None
        if answer.status >= 300:
            raise Refused(answer.status, _problem(answer.read()))
        return answer

    def _unreachable(self, exc: Exception) -> Unreachable:
        if checked := getattr(exc, "verify_message", ""):  # an ssl.SSLCertVerificationError
            return Untrusted(f"the certificate at {self.url} is not trusted ({checked}); {TRUST}")
        hint = HINT
        if isinstance(exc, http.client.RemoteDisconnected) and not self._secure:
            hint = "if it speaks TLS, say so: --url or KEYBRAKE_URL with https://"
        return Unreachable(f"no gateway answers at {self.url} ({_why(exc)}); {hint}")


HINT: Final = "is it running? `keybrake serve` starts one, --url or KEYBRAKE_URL says where it is"

TRUST: Final = (
    "--url or KEYBRAKE_URL must have the name that it is for, "
    "and SSL_CERT_FILE names one that no authority signed"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """--url, --admin-key-file and --json, which every command that asks a gateway takes."""
    parser.add_argument(
        "--url",
        default=os.environ.get("KEYBRAKE_URL", DEFAULT_URL),
        help=f"the gateway (default: KEYBRAKE_URL, or {DEFAULT_URL})",
    )
    parser.add_argument(
        "--admin-key-file",
        metavar="FILE",
        help="where the admin key is (default: KEYBRAKE_ADMIN_KEY, or KEYBRAKE_ADMIN_KEY_FILE)",
    )
    add_json(parser)


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="JSON on stdout, for machines")


def add_limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--limit", type=_count, default=20, metavar="N", help="how many (default 20; 0: all)"
    )


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 0 or more")
    return int(text)


def connect(args: argparse.Namespace) -> Api:
    """Raises Misused when there is no admin key."""
    return Api(args.url, _admin_key(args.admin_key_file, os.environ))


def url_is_given(args: argparse.Namespace) -> bool:
    return "KEYBRAKE_URL" in os.environ or args.url != DEFAULT_URL


def segment(value: str) -> str:
    """An id as one piece of a path."""
    return quote(value, safe="")


def _admin_key(file: str | None, environ: Mapping[str, str]) -> str:
    file = file or (
        None if "KEYBRAKE_ADMIN_KEY" in environ else environ.get("KEYBRAKE_ADMIN_KEY_FILE")
    )
    try:
        key = Path(file).read_text().strip() if file else environ.get("KEYBRAKE_ADMIN_KEY", "")
    except OSError as exc:
        raise Misused(f"the admin key file {file} cannot be read: {exc.strerror}") from None
    if not key:
        raise Misused(
            "no admin key: set KEYBRAKE_ADMIN_KEY or use --admin-key-file; "
            "the gateway printed it when it was first started"
        )
    register_secret(key)
    return key


def _query(query: Mapping[str, Any] | None) -> str:
    given = {name: value for name, value in (query or {}).items() if value is not None}
    return "?" + urlencode(given) if given else ""


def _problem(body: bytes) -> Mapping[str, Any]:
    try:
        problem = json.loads(body)
    except ValueError:
        problem = None
    return problem if isinstance(problem, dict) else {"title": "the answer is not the gateway's"}


def _why(exc: Exception) -> str:
    return (exc.strerror if isinstance(exc, OSError) else None) or type(exc).__name__
