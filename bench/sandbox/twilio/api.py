"""Twilio's door: which product, who is it, which endpoint, which account, JSON or XML.

One address stands for all of Twilio's hosts: a first path segment names the product
(`/verify/v2/…`), or the Host does (`verify.twilio.com`); without either it is `api`. Credentials
are HTTP Basic, `AC…:token` or `SK…:secret`. Nothing is idempotent: a request that comes twice is
done twice.

`begin` refuses what may be refused without running an endpoint; `Operation.execute` runs it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote

import orjson

from bench.sandbox import form
from bench.sandbox.standin import Log
from bench.sandbox.twilio import errors, xml
from bench.sandbox.twilio.accounts import Register, refuse_keys
from bench.sandbox.twilio.asked import Asked, Fields
from bench.sandbox.twilio.errors import TwilioError
from bench.sandbox.twilio.routes import Endpoint, Routes
from bench.sandbox.twilio.world import Pace, Town, World, new_sid
from bench.sandbox.wire import Answer, Begun, Headers, Obj, Request, Sink

PRODUCTS: Final = frozenset({"api", "verify", "lookups", "messaging", "pricing", "studio"})
"""Those with endpoints here; any other product's name in a path or Host leads to 404."""
HOST: Final = re.compile(r"([a-z-]+)(?:\.[a-z0-9-]+)*\.twilio\.com", re.ASCII)
PRODUCT: Final = re.compile(r"/([a-z][a-z-]*)(/(?:v\d+|2010-04-01)/.*)", re.ASCII | re.DOTALL)
ACCOUNT: Final = re.compile(r"AC[0-9a-fA-F]{32}", re.ASCII)
API_ROOT: Final = "/2010-04-01/"
SUFFIX: Final = re.compile(r"\.(json|xml)\Z", re.ASCII)
FORM: Final = "application/x-www-form-urlencoded"
CHALLENGE: Final = (b"WWW-Authenticate", b'Basic realm="Twilio API"')


class TwilioApi(Register):
    """All accounts of this sandbox. secrets: `AC…:token` or `AC…:SK…:secret`; none: any well-formed
    account has a world of its own, with any token."""

    name = "twilio"

    def __init__(self, secrets: Iterable[str], *, pace: Pace, keep: int, log: Log) -> None:
        self._secrets = [_parts(secret) for secret in secrets]
        self._pace, self._keep, self._log = pace, keep, log
        self._routes = Routes(self)
        self.town = self._fresh_town()
        self._worlds: dict[str, World] = {}
        self._know_secrets()

    @property
    def worlds(self) -> list[World]:
        return list(self._worlds.values())

    def reset(self) -> None:
        self.town = self._fresh_town()
        self._worlds.clear()
        self._know_secrets()

    def _fresh_town(self) -> Town:
        pace = Pace(**{name: getattr(self._pace, name) for name in Pace.__slots__})
        return Town(pace, self._keep, self._log)

    def _know_secrets(self) -> None:
        for account, key, secret in self._secrets:
            world = self._worlds.get(account)
            if world is None:
                token = new_sid("") if key else secret
                world = self._worlds[account] = World(self.town, account, token)
            if key:
                world.keys[key] = secret
            else:
                world.token = secret

    # Register.

    def children(self, world: World) -> list[World]:
        return [child for child in self._worlds.values() if child.parent is world]

    def open_account(self, parent: World, name: str) -> World:
        child = World(self.town, new_sid("AC"), new_sid(""), parent)
        child.friendly_name = name or child.friendly_name
        self._worlds[child.sid] = child
        return child

    # A request.

    def sink(self, method: str, path: str, headers: Headers) -> Sink | None:
        return None

    def begin(self, request: Request) -> Answer | Begun:
        self.town.catch_up()
        product, path = _product(request)
        as_xml, bare = _format(product, path)
        headers = [
            (b"Content-Type", b"application/xml" if as_xml else b"application/json"),
            (b"Twilio-Request-Id", new_sid("RQ").encode()),
            (b"Twilio-Concurrent-Requests", b"1"),
        ]
        try:
            caller, by_key = self._caller(request)
            method = "GET" if request.method == "HEAD" else request.method
            endpoint, ids = self._routes.find(product, method, bare)
            if caller.is_hurried():
                raise errors.too_many()
            if endpoint.owner_only:
                refuse_keys(by_key)
            world, ids = self._payer(caller, product, path, ids)
            asked = Asked(world, caller, product, path, ids, _fields(request), request.body)
            return Operation(endpoint, asked, headers, as_xml=as_xml)
        except TwilioError as error:
            return _failed(error, headers, as_xml=as_xml)

    def _caller(self, request: Request) -> tuple[World, bool]:
        """Whose credentials these are, and whether they are an API key's."""
        user, password = _basic(request)
        for world in self._worlds.values():
            if world.sid == user and world.token == password and world.status != "closed":
                return world, False
            if user in world.keys and world.keys[user] == password:
                return world, True
        is_open = not self._secrets and ACCOUNT.fullmatch(user) and user not in self._worlds
        if not is_open or not password:
            raise errors.authenticate()
        world = self._worlds[user] = World(self.town, user, password)
        return world, False

    def _payer(
        self, caller: World, product: str, path: str, ids: tuple[str, ...]
    ) -> tuple[World, tuple[str, ...]]:
        """The account that a path of the 2010 API names: the caller's own or a child of it."""
        if product != "api" or not ids:
            return caller, ids
        world = self._worlds.get(ids[0])
        if world is None or caller not in (world, world.parent):
            raise errors.not_found(path)
        return world, ids[1:]


class Operation:
    """One endpoint about to run for one request; see `wire.Begun`."""

    __slots__ = ("_as_xml", "_asked", "_endpoint", "_headers")

    def __init__(
        self,
        endpoint: Endpoint,
        asked: Asked,
        headers: list[tuple[bytes, bytes]],
        *,
        as_xml: bool,
    ) -> None:
        self._endpoint = endpoint
        self._asked = asked
        self._headers = headers
        self._as_xml = as_xml

    def execute(self) -> Answer:
        try:
            result = self._endpoint.handler(self._asked)
        except TwilioError as error:
            return _failed(error, self._headers, as_xml=self._as_xml)
        if result is None:
            return Answer(204, b"", self._headers)
        body = _body(result, self._asked.path, self._endpoint.status, as_xml=self._as_xml)
        return Answer(self._endpoint.status, body, self._headers)

    def substitute(self, answer: Answer, *, stored: bool) -> Answer:
        """Nothing is ever kept for a replay."""
        return Answer(answer.status, answer.body, answer.headers + self._headers[1:])

    def abandon(self) -> None:
        """Nothing was claimed."""


def _parts(secret: str) -> tuple[str, str, str]:
    """Account, API key or '', and what it knows. Raises ValueError, without showing it."""
    parts = secret.split(":")
    if len(parts) == 2 and ACCOUNT.fullmatch(parts[0]) and parts[1]:
        return parts[0], "", parts[1]
    if len(parts) == 3 and ACCOUNT.fullmatch(parts[0]) and parts[1].startswith("SK") and parts[2]:
        return parts[0], parts[1], parts[2]
    raise ValueError("a Twilio secret is AC…:token or AC…:SK…:secret")


def _product(request: Request) -> tuple[str, str]:
    """The product, and the path on its host."""
    path = unquote(request.path)
    found = PRODUCT.fullmatch(path)
    if found is not None:
        return found[1], found[2]
    host = (request.header(b"host") or b"").decode("latin-1").partition(":")[0]
    named = HOST.fullmatch(host)
    return (named[1] if named else "api"), path


def _format(product: str, path: str) -> tuple[bool, str]:
    """Is XML wanted, and the path without its suffix."""
    if product != "api" or not path.startswith(API_ROOT):
        return False, path
    suffix = SUFFIX.search(path)
    return suffix is None or suffix[1] == "xml", SUFFIX.sub("", path)


def _basic(request: Request) -> tuple[str, str]:
    value = (request.header(b"authorization") or b"").decode("latin-1")
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "basic":
        raise errors.authenticate()
    try:
        user, _, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise errors.authenticate() from None
    return user, password


def _fields(request: Request) -> Fields:
    """Query and body. A body that is no form says nothing."""
    pairs = form.pairs(request.query)
    content_type = (request.header(b"content-type") or FORM.encode()).decode("latin-1")
    if request.body and content_type.partition(";")[0].strip().lower() == FORM:
        pairs += form.pairs(request.body.decode("utf-8", "replace"))
    return Fields(pairs)


def _body(data: Obj, path: str, status: int, *, as_xml: bool) -> bytes:
    return xml.render(data, path, status) if as_xml else orjson.dumps(data)


def _failed(error: TwilioError, headers: list[tuple[bytes, bytes]], *, as_xml: bool) -> Answer:
    body = _body(error.body, "", error.status, as_xml=as_xml)
    more = [CHALLENGE] if error.status == 401 else []
    return Answer(error.status, body, [*headers, *more])
