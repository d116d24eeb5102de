"""May this key make this call now? Decided on the request's head alone, in the order of DESIGN's
promises.

Who calls (the vault key, found by its hash), is it alive, is this its vendor, is the canonical path
on its list, does a header act for an account it may not touch. What is refused here has cost
nothing, and a client that waits for `100 Continue` keeps its body. Rate and concurrency are the
key's own rules and are judged last, so that a refused call uses neither up."""

from __future__ import annotations

import base64
import binascii

from gateway.call.guesses import Guesses
from gateway.call.journey import Journey
from gateway.call.routes import Route, Routes
from gateway.errors import (
    EndpointNotAllowed,
    KeyMissing,
    PolicyRefused,
    RateLimited,
    Refusal,
    RequestMalformed,
    RouteUnknown,
    VendorMismatch,
)
from gateway.http.body import NoBody
from gateway.http.headgate import EMPTY_OBJECT
from gateway.http.message import Request
from gateway.settings import Settings
from gateway.upstream.pool import Upstream
from gateway.upstream.upstreams import Upstreams
from gateway.vault.paths import canonical
from gateway.vault.registry import Key, Registry
from gateway.vault.secrets import find_in_text, may_hold_key
from gateway.vault.terms import Mode, Terms
from vendors.contract import Money, RuleRefused, Vendor

BODILESS = frozenset({"GET", "HEAD", "DELETE"})
_OUR_KEY = b"vault_key_"
[_PERCENT] = b"%"
_SCHEMES_ALONE = frozenset({b"", b"bearer", b"basic"})
"""What a client sends whose variable for the key was empty."""


def find_key(request: Request, registry: Registry, guesses: Guesses, now_us: int) -> Key:
    """The key that the request bears. Raises KeyMissing, KeyUnknown, RequestMalformed, and
    RateLimited for unknown keys of an address that has guessed too often."""
    target = request.target.encode("latin-1")
    if (target.find(_OUR_KEY) >= 0 or _PERCENT in target) and find_in_text(target):
        raise misplaced_key("the path or query")
    header = request.headers.get(b"authorization")
    if header is None or header.lower() in _SCHEMES_ALONE:
        raise KeyMissing()
    for secret in bearers(header):
        if (key := registry.find(secret)) is not None:
            return key
    raise guesses.wrong(request.peer, now_us)


def misplaced_key(where: str) -> RequestMalformed:
    """A vault key where it would reach the vendor, or a log."""
    return RequestMalformed(f"A vault key stands in {where}; send it in Authorization only.")


def bearers(header: bytes) -> tuple[bytes, ...]:
    """The secrets that an Authorization header can mean: `Bearer KEY`, `Basic
    base64(user:password)` (Stripe puts the key in the user name, Twilio in the password), or `Basic
    KEY` raw."""
    scheme, _, value = header.partition(b" ")
    scheme = scheme.lower()
    if scheme == b"bearer":
        return (value,)
    if scheme != b"basic":
        return ()
    if value.startswith(_OUR_KEY):
        return (value,)
    try:
        user, _, password = base64.b64decode(value, validate=True).partition(b":")
    except binascii.Error:
        return ()
    return (user, password) if password.startswith(_OUR_KEY) else (user,)


def admit(journey: Journey, now_us: int) -> None:
    """Fill in what the head alone tells. Raises every refusal that it can earn; the key is
    alive."""
    request, route, terms = journey.request, journey.route, journey.key.terms
    path = own_path(journey, canonical(route.raw_path))
    journey.path = path
    journey.allow_path = allow_path = f"/{route.product}{path}" if route.product else path
    if not terms.allowed.allows(request.method, allow_path):
        raise EndpointNotAllowed(
            method=request.method, path=allow_path, allowed_endpoints=list(terms.allowed.entries)
        )
    journey.operation = journey.vendor.operation(request.method, path, route.product)
    if journey.operation.money is Money.MINTS:
        judge_minting(journey)
    journey.account_headers = account_headers(request, terms, journey.vendor)
    _judge_headers(request, journey.vendor)
    if (refusal := _judge_pace(journey.key, now_us)) is not None:
        if terms.mode is not Mode.SHADOW:
            raise refusal
        journey.would_refuse = refusal


def _judge_headers(request: Request, vendor: Vendor) -> None:
    """A vault key belongs into Authorization, which is not passed on. Raises RequestMalformed."""
    headers = request.headers
    ours = b"\n".join(headers.values()).count(_OUR_KEY)
    if ours <= 1 and headers[b"authorization"].find(_OUR_KEY) >= 0:
        return  # it is the one that the call came with
    for name, value in headers.items():
        if _OUR_KEY in value and name in vendor.request_headers and find_in_text(value):
            raise misplaced_key(f"the header {name.decode()}")


def own_path(journey: Journey, path: str) -> str:
    """The path as the vendor gets it: what stands for the account in it becomes the real one."""
    terms, vendor = journey.key.terms, journey.vendor
    alias = vendor.alias(terms.key_id)
    if not alias:
        return path
    user = basic_user(journey.request.headers.get(b"authorization", b""))
    names = {alias, user} - {""}
    try:
        path, called = vendor.own_path(
            path, journey.route.product, journey.upstream.account, names, terms.vendor_accounts
        )
    except RuleRefused as exc:
        raise PolicyRefused(exc.why, rule=exc.rule) from None
    journey.called = called or (user if len(user) == len(alias) else alias)
    return path


def basic_user(header: bytes) -> str:
    """The user name of HTTP Basic, '' where there is none that a path could name."""
    scheme, _, value = header.partition(b" ")
    if scheme.lower() != b"basic":
        return ""
    try:
        user = base64.b64decode(value, validate=True).partition(b":")[0]
    except binascii.Error:
        return ""
    return "" if _OUR_KEY in user else user.decode("latin-1")


def judge_body(body: bytes) -> None:
    """Raises RequestMalformed for a body that would tell the vendor a vault key."""
    if may_hold_key(body) and find_in_text(body):
        raise misplaced_key("the body")


async def drop_empty_body(request: Request) -> None:
    """Of a method that has no body: `{}`, which some SDKs send with it, is dropped. Raises
    RequestMalformed for any other, RequestTimeout, ClientGone."""
    if await request.body.read_all(len(EMPTY_OBJECT)) != EMPTY_OBJECT:
        raise RequestMalformed(f"{request.method} has no body.")
    request.body = NoBody()


def judge_vendor(route: Route, key: Key) -> None:
    """Does this path lead to the key's vendor? Raises VendorMismatch."""
    name = key.terms.vendor
    if route.vendor is None and name not in route.owners:
        raise VendorMismatch(key_vendor=name, vendors=sorted(route.owners))
    if route.vendor is not None and route.vendor != name:
        raise VendorMismatch(key_vendor=name, vendor=route.vendor)


def way_of(terms: Terms, upstreams: Upstreams) -> Upstream:
    """The way to the key's own account. Raises VendorMismatch for one that was taken out of the
    settings."""
    try:
        return upstreams.account(terms.vendor, terms.account)
    except KeyError:
        raise VendorMismatch(
            f"The account {terms.account} of {terms.vendor} is not set up here.",
            key_vendor=terms.vendor,
        ) from None


def judge_sandbox(key: Key, settings: Settings) -> None:
    """What was handed out to play with must not move money once real credentials are there. Raises
    PolicyRefused."""
    terms = key.terms
    if terms.sandbox and not settings.vendors[terms.vendor].sandbox:
        raise PolicyRefused(
            f"This key was made on the {terms.vendor} sandbox; it never works on real credentials. "
            "Make a new one.",
            rule="sandbox",
        )


def judge_minting(journey: Journey) -> None:
    named = journey.key.terms.mint_endpoints
    method, path = journey.request.method, journey.allow_path
    if named is None or not named.allows(method, path):
        raise PolicyRefused(
            f"{method} {path} hands out access that works without the gateway; "
            "a key needs it in mint_endpoints.",
            rule="mint_endpoints",
            operation=journey.operation.name,
        )


def account_headers(request: Request, terms: Terms, vendor: Vendor) -> dict[bytes, bytes]:
    found = {}
    for name in vendor.account_headers:
        value = request.headers.get(name)
        if value is None:
            continue
        if value.decode("latin-1") not in terms.vendor_accounts:
            raise PolicyRefused(
                f"{name.decode()} names an account that is not in the key's vendor_accounts.",
                rule="account",
                header=name.decode(),
            )
        found[name] = value
    return found


def _judge_pace(key: Key, now_us: int) -> Refusal | None:
    limit = key.terms.concurrency_max
    if limit is not None and len(key.in_flight) > limit:
        return RateLimited("Too many calls of this key at once.", retry_after_s=1, limit=limit)
    wait_s = key.admit_rate(now_us)
    if wait_s is not None:
        return RateLimited(
            "Too many calls of this key in a minute.",
            retry_after_s=wait_s,
            limit=key.terms.rate_per_minute,
        )
    return None


def resolve(routes: Routes, request: Request) -> Route:
    """The route, or a refusal that tells a bent vendor path from a path that leads nowhere."""
    try:
        return routes.resolve(request.host, request.path)
    except RouteUnknown:
        if any(trick in request.path for trick in ("%", ";", "\\", "//", "/.")):
            raise EndpointNotAllowed(
                "The path is not in its plain form.", method=request.method, path=request.path
            ) from None
        raise
