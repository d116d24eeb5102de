"""Resend's door: the edge, the key, the limits, the endpoint, and whether this was sent before.

The edge refuses whoever has no User-Agent, in plain text, before anything else. Idempotency-Key
works on `POST /emails` and `POST /emails/batch` only; a replay looks exactly like the first answer.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from bench.sandbox import form
from bench.sandbox.resend import body, errors
from bench.sandbox.resend.asked import Asked
from bench.sandbox.resend.errors import ResendError
from bench.sandbox.resend.routes import Endpoint, route
from bench.sandbox.resend.world import Clock, Key, Remembered, World
from bench.sandbox.standin import Log
from bench.sandbox.wire import Answer, Begun, Headers, Obj, Request, Sink

TOKEN: Final = re.compile(r"re_[A-Za-z0-9_]{4,}", re.ASCII)
JSON: Final = (b"Content-Type", b"application/json; charset=utf-8")
EDGE: Final = Answer(403, b"error code: 1010", [(b"Content-Type", b"text/plain; charset=UTF-8")])
KEY_MAX: Final = 256

HeaderList = list[tuple[bytes, bytes]]


class ResendApi:
    """All teams of this sandbox: one for each secret. Without secrets any well-formed key has a
    team of its own. A secret may be `re_…:sending_access` or `re_…:sending_access:example.com`."""

    name = "resend"

    def __init__(self, secrets: list[str], *, keep: int, log: Log) -> None:
        self._secrets = [_parts(secret) for secret in secrets]
        self._keep = keep
        self._log = log
        self.clock = Clock()
        self._worlds: dict[str, World] = {}
        self._know_secrets()

    @property
    def worlds(self) -> list[World]:
        return list(self._worlds.values())

    def reset(self) -> None:
        self.clock.ahead_s = 0
        self._worlds.clear()
        self._know_secrets()

    def _know_secrets(self) -> None:
        for key in self._secrets:
            self._open_team(key)

    def _open_team(self, key: Key) -> World:
        name = f"{key.token[:6]}…{key.token[-4:]}"
        world = World(name, self.clock, keep=self._keep, log=self._log)
        world.keys[key.token] = key
        self._worlds[key.token] = world
        return world

    def sink(self, method: str, path: str, headers: Headers) -> Sink | None:
        return body.sink_for(method, path, headers)

    def begin(self, request: Request) -> Answer | Begun:
        """A running operation, or the answer that needs none."""
        if not request.header(b"user-agent"):
            return Answer(EDGE.status, EDGE.body, list(EDGE.headers))
        headers: HeaderList = [JSON, (b"Date", self.clock.date())]
        try:
            world, key = self._caller(request)
            world.catch_up()
            _limit(world, headers)
            return _open(world, key, request, headers)
        except ResendError as error:
            return _failed(error, headers)

    def _caller(self, request: Request) -> tuple[World, Key]:
        value = (request.header(b"authorization") or b"").decode("latin-1")
        scheme, _, token = value.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise errors.missing_key()
        token = token.strip()
        world = self.team_of(token)
        return world, world.keys[token]

    def team_of(self, token: str) -> World:
        """The team that a key belongs to. Raises ResendError when there is none."""
        for world in self._worlds.values():
            if token in world.keys:
                return world
        if self._secrets or not TOKEN.fullmatch(token):
            raise errors.bad_key()
        return self._open_team(Key(token))


def _parts(secret: str) -> Key:
    """Raises ValueError, without showing it."""
    token, _, rest = secret.partition(":")
    permission, _, domain = rest.partition(":")
    permission = permission or "full_access"
    if not TOKEN.fullmatch(token) or permission not in ("full_access", "sending_access"):
        raise ValueError("a Resend secret is re_…, maybe with :sending_access[:domain]")
    return Key(token, permission, domain or None)


def _limit(world: World, headers: HeaderList) -> None:
    """Count the request; the headers say where the team stands."""
    left, is_over = world.count_request()
    shown = world.limits.per_second or 10
    headers += [
        (b"ratelimit-limit", b"%d" % shown),
        (b"ratelimit-remaining", b"%d" % left),
        (b"ratelimit-reset", b"1"),
        (b"ratelimit-policy", b"%d;w=1" % shown),
    ]
    if is_over:
        headers.append((b"retry-after", b"1"))
        raise ResendError(
            429,
            "rate_limit_exceeded",
            f"Too many requests. You can only make {shown} requests per second. See rate limit "
            "response headers for more information. Or contact support to increase rate limit.",
        )


def _open(world: World, key: Key, request: Request, headers: HeaderList) -> Answer | Operation:
    method = "GET" if request.method == "HEAD" else request.method
    endpoint, ids = route(method, request.path)
    if key.permission == "sending_access" and not endpoint.sends:
        raise errors.restricted_key()
    query = dict(form.pairs(request.query))
    asked = Asked(world, key, request, ids, query, body.json_of(request))
    operation = Operation(endpoint, asked, headers)
    name = request.header(b"idempotency-key")
    if not endpoint.sends or name is None:
        return operation
    return _with_key(operation, name.decode("latin-1"))


def _with_key(operation: Operation, name: str) -> Answer | Operation:
    """Replay, refuse, or claim the key."""
    if not 1 <= len(name) <= KEY_MAX:
        raise ResendError(
            400, "invalid_idempotency_key", "The idempotency key must be 1 to 256 characters."
        )
    asked = operation.asked
    name = f"{asked.request.path} {name}"
    digest = body.digest_of(asked.request)
    known = asked.world.recalled(name)
    if known is None:
        operation.claim(name, Remembered(digest, asked.world.clock.now()))
        return operation
    if known.digest != digest:
        raise ResendError(
            409,
            "invalid_idempotent_request",
            "Same idempotency key used with a different request payload.",
        )
    if known.answer is None:
        raise ResendError(
            409,
            "concurrent_idempotent_requests",
            "Same idempotency key used while original request is still in progress.",
        )
    return Answer(known.answer.status, known.answer.body, operation.full_headers())


class Operation:
    """One endpoint about to run for one request; see `wire.Begun`."""

    __slots__ = ("_endpoint", "_entry", "_headers", "_name", "asked")

    def __init__(self, endpoint: Endpoint, asked: Asked, headers: HeaderList) -> None:
        self._endpoint = endpoint
        self._headers = headers
        self._name: str | None = None
        self._entry: Remembered | None = None
        self.asked = asked

    def claim(self, name: str, entry: Remembered) -> None:
        self._name, self._entry = name, entry
        self.asked.world.remember(name, entry)

    def execute(self) -> Answer:
        """Only what was sent is remembered: what was refused may come again."""
        try:
            result = self._endpoint.handler(self.asked)
        except ResendError as error:
            self.abandon()
            return _failed(error, self.full_headers())
        answer = Answer(self._endpoint.status, orjson.dumps(result), self.full_headers())
        if self._entry is not None:
            self._entry.answer = answer
        return answer

    def full_headers(self) -> HeaderList:
        """With the quotas as they stand: used this month; used today on the free plan."""
        world = self.asked.world
        headers = [*self._headers, (b"x-resend-monthly-quota", b"%d" % world.used_this_month())]
        if world.limits.daily is not None:
            headers.append((b"x-resend-daily-quota", b"%d" % world.used_today()))
        return headers

    def substitute(self, answer: Answer, *, stored: bool) -> Answer:
        answer = Answer(answer.status, answer.body, self.full_headers())
        if self._entry is not None and self._entry.answer is None:
            if stored:
                self._entry.answer = answer
            else:
                self.abandon()
        return answer

    def abandon(self) -> None:
        if self._name is not None:
            self.asked.world.remembered.pop(self._name, None)


def _failed(error: ResendError, headers: HeaderList) -> Answer:
    data: Obj = error.body
    return Answer(error.status, orjson.dumps(data), headers)
