"""Stripe's door: who is it, which operation, which parameters, has this key been used before.

`begin` does all that may be refused without running the endpoint (401, 404 of an unknown URL,
parameter errors: none of them is remembered under an idempotency key) and claims the key.
`Operation.execute` runs the endpoint; from there on whatever comes out, errors included, is what a
retry with the same key gets again.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import replace
from typing import Final

import orjson

from bench.sandbox import form
from bench.sandbox.stripe import (
    customers,
    errors,
    files,
    money_management,
    params,
    reads,
)  # fmt: skip
from bench.sandbox.stripe.endpoint import Endpoint
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.routes import route, route_v2
from bench.sandbox.stripe.world import Log, Remembered, World, new_id
from bench.sandbox.wire import Answer, Begun, Headers, Obj, Request, Sink

VERSION: Final = b"2026-10-28.endive"
JSON: Final = (b"Content-Type", b"application/json")
FORM: Final = "application/x-www-form-urlencoded"
KEY: Final = re.compile(r"(sk|rk)_(test|live)_[A-Za-z0-9_]+", re.ASCII)
IDEMPOTENCY_KEY_MAX: Final = 255
PRODUCT: Final = re.compile(r"^/(files|connect|meter-events)(?=/v[12]/)")
"""Stripe's other hosts, when one address stands for all: a first segment names the host."""
CONTENTS: Final = re.compile(r"/v1/files/([A-Za-z0-9_]+)/contents")

_NO_IDS: Final[tuple[str, ...]] = ()
_NO_PARAMETERS: Final[Obj] = {}


class StripeApi:
    """All accounts of this sandbox. secrets empty: any well-formed secret key has an account."""

    name = "stripe"

    def __init__(self, secrets: frozenset[str], *, keep: int, log: Log) -> None:
        self._secrets = secrets
        self._keep = keep
        self._log = log
        self._worlds: dict[tuple[str, bytes], World] = {}

    @property
    def worlds(self) -> list[World]:
        return list(self._worlds.values())

    def reset(self) -> None:
        self._worlds.clear()

    def sink(self, method: str, path: str, headers: Headers) -> Sink | None:
        if method != "POST" or PRODUCT.sub("", path) != "/v1/files":
            return None
        for name, value in headers:
            if name == b"content-type" and value.startswith(b"multipart/form-data"):
                try:
                    return files.UploadSink(value.decode("latin-1"))
                except form.FormError:
                    return None
        return None

    def begin(self, request: Request) -> Answer | Begun:
        """A running operation, or the answer that needs none: an early refusal or a replay."""
        if not request.path.startswith("/v1/"):
            request = replace(request, path=PRODUCT.sub("", request.path))
        request_id = new_id("request")
        headers = _headers(request, request_id)
        try:
            world = self._world(request)
            return _open(world, request, request_id, headers)
        except StripeError as error:
            return _failed(error, headers, request_id)

    def _world(self, request: Request) -> World:
        key = credential(request)
        if key not in self._secrets and (self._secrets or not KEY.fullmatch(key)):
            raise errors.bad_key(key)
        account = request.header(b"stripe-account") or request.header(b"stripe-context") or b""
        world = self._worlds.get((key, account))
        if world is None:
            name = f"{key[:8]}…{key[-4:]}" + (f" {account.decode('latin-1')}" if account else "")
            world = World(name, livemode="_live_" in key, keep=self._keep, log=self._log)
            customers.seed(world)
            self._worlds[key, account] = world
        return world


def credential(request: Request) -> str:
    """The secret key: Bearer, Basic with the key as user name, or Basic with the bare key."""
    value = (request.header(b"authorization") or b"").decode("latin-1")
    scheme, _, rest = value.partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer" and rest:
        return rest
    if scheme.lower() != "basic" or not rest:
        raise errors.no_key()
    if KEY.fullmatch(rest):
        return rest
    try:
        return base64.b64decode(rest, validate=True).decode("ascii").partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        raise errors.no_key() from None


def _headers(request: Request, request_id: str) -> list[tuple[bytes, bytes]]:
    version = request.header(b"stripe-version") or VERSION
    return [JSON, (b"Request-Id", request_id.encode()), (b"Stripe-Version", version)]


def _open(
    world: World, request: Request, request_id: str, headers: list[tuple[bytes, bytes]]
) -> Answer | Operation:
    contents = CONTENTS.fullmatch(request.path)
    if contents and request.method in ("GET", "HEAD"):
        given = params.read(form.decode(request.query, ""), files.CONTENTS)
        size = files.contents_size(world, (contents[1],), given)
        headers[0] = (b"Content-Type", b"application/octet-stream")
        return Answer(200, b"", headers, size)
    if request.path.startswith("/v2/"):
        return _open_v2(world, request, request_id, headers)
    if isinstance(request.upload, files.UploadSink):
        endpoint, ids, tree = _upload_endpoint(request.upload), _NO_IDS, _NO_PARAMETERS
    else:
        endpoint, ids = route("GET" if request.method == "HEAD" else request.method, request.path)
        tree = parameters(request)
    given = params.read(tree, endpoint.spec, endpoint.required)
    reads.check_expand(given.get("expand", ()))
    operation = Operation(world, endpoint, ids, given, headers, request_id)
    if request.method != "POST":
        return operation
    key = request.header(b"idempotency-key")
    return operation if key is None else _with_key(operation, request, key.decode("latin-1"), tree)


def _open_v2(
    world: World, request: Request, request_id: str, headers: list[tuple[bytes, bytes]]
) -> Answer | Operation:
    """JSON both ways; a key is kept for POST and DELETE, and only for what succeeded."""
    endpoint, ids = route_v2(request.method, request.path)
    query = form.decode(request.query, "")
    given = {**query, **money_management.body_of(request)}
    operation = OperationV2(world, endpoint, ids, given, headers, request_id)
    key = request.header(b"idempotency-key")
    if request.method not in ("POST", "DELETE") or key is None:
        return operation
    return _with_key(operation, request, key.decode("latin-1"), given)


def _upload_endpoint(upload: files.UploadSink) -> Endpoint:
    return Endpoint(lambda world, ids, given: files.create(world, upload), files.PLAIN)


def parameters(request: Request) -> Obj:
    """Query and body as one tree. Raises StripeError for a body Stripe would not read."""
    body = request.body
    try:
        if not body:
            return form.decode(request.query, "") if request.query else {}
        content_type = (request.header(b"content-type") or FORM.encode()).decode("latin-1")
        media = content_type.partition(";")[0].strip().lower()
        if media == FORM:
            return form.decode(request.query, body.decode("utf-8"))
        if media != "multipart/form-data":
            raise errors.wrong_content_type(media)
        tree = form.decode(request.query, "")
        for name, value in form.multipart_pairs(body, content_type):
            form.put(tree, name, value)
        return tree
    except (form.FormError, UnicodeDecodeError) as exc:
        raise StripeError(400, f"Invalid request: parameters cannot be read ({exc}).") from None


def _with_key(operation: Operation, request: Request, key: str, tree: Obj) -> Answer | Operation:
    """Replay, refuse, or claim the key for this operation."""
    if not 1 <= len(key) <= IDEMPOTENCY_KEY_MAX:
        raise StripeError(
            400, "Idempotency keys must be between 1 and 255 characters.", kind="idempotency_error"
        )
    operation.headers.append((b"Idempotency-Key", key.encode("latin-1")))
    world, target = operation.world, f"{request.method} {request.path}"
    known = world.remembered.get(key)
    if known is None:
        upload = request.upload
        params_seen = {"upload": upload.size} if isinstance(upload, files.UploadSink) else tree
        operation.claim(key, Remembered(target, params_seen, operation.request_id))
        return operation
    if known.answer is None:
        raise errors.key_in_use(key)
    if known.route != target or (not request.upload and known.params != tree):
        raise errors.key_reused(key)
    headers = [
        *operation.headers,
        (b"Original-Request", known.request_id.encode()),
        (b"Idempotent-Replayed", b"true"),
    ]
    return Answer(known.answer.status, operation.replay(known.answer), headers)


class Operation:
    """One endpoint about to run for one request; see `wire.Begun`."""

    __slots__ = ("_entry", "_key", "endpoint", "given", "headers", "ids", "request_id", "world")

    def __init__(
        self,
        world: World,
        endpoint: Endpoint,
        ids: tuple[str, ...],
        given: Obj,
        headers: list[tuple[bytes, bytes]],
        request_id: str,
    ) -> None:
        self.world = world
        self.endpoint = endpoint
        self.ids = ids
        self.given = given
        self.headers = headers
        self.request_id = request_id
        self._key: str | None = None
        self._entry: Remembered | None = None

    def claim(self, key: str, entry: Remembered) -> None:
        self._key, self._entry = key, entry
        self.world.remember(key, entry)
        self.headers.append((b"Original-Request", entry.request_id.encode()))

    def execute(self) -> Answer:
        world = self.world
        world.request_id, world.idempotency_key = self.request_id, self._key
        try:
            result = self.endpoint.handler(world, self.ids, self.given)
            wanted = self.given.get("expand")
            if wanted:
                result = reads.expand(world, result, wanted)
            answer = Answer(200, orjson.dumps(result), self.headers)
        except StripeError as error:
            answer = _failed(error, self.headers, self.request_id)
        if self._entry is not None:
            self._entry.answer = answer
        return answer

    def replay(self, first: Answer) -> bytes:
        """The body that a repeat of the request gets."""
        return first.body

    def substitute(self, answer: Answer, *, stored: bool) -> Answer:
        answer = Answer(answer.status, answer.body, self.headers)
        if self._entry is not None:
            if stored:
                self._entry.answer = answer
            else:
                self.abandon()
        return answer

    def abandon(self) -> None:
        if self._key is not None:
            self.world.remembered.pop(self._key, None)


class OperationV2(Operation):
    """One below /v2: what failed may run again, what succeeded answers as it is now."""

    __slots__ = ()

    def execute(self) -> Answer:
        answer = super().execute()
        if answer.status >= 400:
            self.abandon()
        return answer

    def replay(self, first: Answer) -> bytes:
        made = orjson.loads(first.body)
        now = self.world.find(made["object"], made["id"])
        return first.body if now is None else orjson.dumps(now)


def _failed(error: StripeError, headers: list[tuple[bytes, bytes]], request_id: str) -> Answer:
    log_url = f"https://dashboard.stripe.com/test/logs/{request_id}"
    body = orjson.dumps({"error": {**error.body, "request_log_url": log_url}})
    return Answer(error.status, body, [*headers, *error.headers])
