"""The admin side: everything under /vault, and what machines ask. One request in, one answer out.

The table of all rows decides: is there such a path (404), does it take this method (405), may this
bearer ask (401, 403), can query and body be read (400, all mistakes at once). Then the row's
handler answers. A refusal becomes a problem document, whatever part of the house it came from.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from gateway.admin import (
    backup,
    calls,
    health,
    issuers,
    keys,
    openapi,
    quote,
    reconciler,
    revoke,
    runs,
    spend,
    vendors,
)
from gateway.admin.bodies import read_object, read_query
from gateway.admin.house import Canceller, Doors, Explainer, House, Reconcilers
from gateway.admin.problems import CannotReadLog, CannotRecordNow, problem, respond
from gateway.admin.replays import Replays, request_digest, slot_name
from gateway.admin.routes import ANYONE, Ask, Bearer, Route, Who
from gateway.errors import (
    AdminForbidden,
    AdminKeyMissing,
    AdminKeyUnknown,
    Internal,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    Refusal,
)
from gateway.http.message import Request, Response
from gateway.settings import Settings
from gateway.vault.fields import mistake, read_fields
from gateway.vault.secrets import digest
from ledger import CannotRecord
from ledger.history import Trouble

_log = logging.getLogger("keybrake")
_IDEMPOTENCY_KEY: Final = re.compile(rb"[\x20-\x7e]{1,255}")

ROUTES: Final[Sequence[Route]] = (
    *keys.ROUTES,
    *issuers.ROUTES,
    *revoke.ROUTES,
    *calls.ROUTES,
    *reconciler.ROUTES,
    *runs.ROUTES,
    *spend.ROUTES,
    *vendors.ROUTES,
    *quote.ROUTES,
    *backup.ROUTES,
    *health.ROUTES,
    openapi.ROUTE,
)


INSIDE: Final = Bearer(Who.ADMIN, "admin")
"""Who asks from inside: the dashboard, for a person who signed in with the admin key."""


class AdminApi:
    """One for the process. `opened` once the listeners are; `draining` while it shuts down."""

    __slots__ = ("_address", "_house", "_replays")

    def __init__(
        self,
        doors: Doors,
        admin_digest: bytes,
        canceller: Canceller,
        reconcilers: Reconcilers,
        explainer: Explainer,
    ) -> None:
        self._house = House(
            doors,
            admin_digest,
            canceller,
            reconcilers,
            explainer,
            openapi.document(ROUTES),
            doors.settings.server.public_url,
        )
        self._address = ""
        self._replays = Replays(doors.ledger, self._account_of)

    def opened(self, address: str) -> None:
        """host:port of the callers' listener, unless the settings name a public URL."""
        self._address = f"{self._house.doors.settings.server.scheme}://{address}"
        self._house.base_url = self._house.base_url or self._address

    def renew(self, settings: Settings, admin_digest: bytes | None) -> None:
        """Other settings are in force. admin_digest: None leaves the admin key as it is."""
        self._house.base_url = settings.server.public_url or self._address
        self._house.admin_digest = admin_digest or self._house.admin_digest

    @property
    def house(self) -> House:
        return self._house

    @property
    def draining(self) -> bool:
        return self._house.draining

    @draining.setter
    def draining(self, value: bool) -> None:
        self._house.draining = value

    async def answer(self, request: Request) -> Response:
        """Never raises but for what the request's body raises when its client is gone."""
        try:
            return await self._answer(request)
        except MethodNotAllowed as refusal:
            return problem(refusal, refusal.facts.pop("allow"))
        except Refusal as refusal:
            return problem(refusal)
        except CannotRecord:
            return problem(CannotRecordNow())
        except Trouble:
            return problem(CannotReadLog())

    async def ask(
        self, method: str, path: str, query: str = "", body: Mapping[str, Any] | None = None
    ) -> Any:
        """The same calls from inside the house, by whoever has shown the admin key: the answer's
        JSON object, or the Response of a row that streams. Raises Refusal, whatever went wrong."""
        route, found = find_route(method, path)
        read = read_fields(read_query(query), route.query)
        try:
            return await route.handle(
                self._house, Ask(INSIDE, found, read, {} if body is None else body, route.body)
            )
        except CannotRecord:
            raise CannotRecordNow() from None
        except Trouble:
            raise CannotReadLog() from None

    async def _answer(self, request: Request) -> Response:
        route, path = find_route(request.method, request.path)
        bearer = self._bearer(request, route)
        query = read_fields(read_query(request.query), route.query)
        body = b""
        if request.method in ("POST", "PATCH"):
            body = await request.body.read_all(route.body_bytes_max)
        ask = Ask(bearer, path, query, read_object(body), route.body)
        idempotency_key = request.headers.get(b"idempotency-key")
        if idempotency_key is None or request.method not in ("POST", "PATCH"):
            return await self._handle(route, ask)
        return await self._once(route, ask, idempotency_key, request, body)

    async def _once(
        self, route: Route, ask: Ask, key: bytes, request: Request, body: bytes
    ) -> Response:
        """The first request with this Idempotency-Key is carried out, the others get its answer."""
        if _IDEMPOTENCY_KEY.fullmatch(key) is None:
            told = mistake("Idempotency-Key", "must be 1 to 255 printable ASCII characters")
            raise InvalidRequest(errors=[told])
        name = slot_name(ask.bearer, key.decode())
        asked = request_digest(request.method, request.path, body)
        now_us = self._house.now_us()
        await self._replays.sweep(now_us)
        kept, is_first = self._replays.begin(name, asked, now_us)
        if not is_first:
            return await asyncio.shield(kept.answer)
        ask.remember = partial(self._replays.binding, name, kept)
        answer = problem(Internal())
        try:
            answer = await self._handle(route, ask)
        except Refusal as refusal:
            answer = problem(refusal)
        except CannotRecord:
            answer = problem(CannotRecordNow())
        finally:
            self._replays.finish(name, kept, answer)
        return answer

    async def _handle(self, route: Route, ask: Ask) -> Response:
        try:
            answer = await route.handle(self._house, ask)
        except (Refusal, CannotRecord, Trouble):
            raise
        except Exception:
            _log.exception("%s %s failed inside the gateway", route.method, route.path)
            raise Internal() from None
        return answer if isinstance(answer, Response) else respond(route.status, answer)

    def _bearer(self, request: Request, route: Route) -> Bearer:
        """Who asks. Raises AdminKeyMissing, AdminKeyUnknown, AdminForbidden."""
        if route.who == ANYONE:
            return Bearer(None)
        header = request.headers.get(b"authorization")
        if header is None or header.lower() in (b"", b"bearer"):
            raise AdminKeyMissing()
        scheme, _, secret = header.partition(b" ")
        bearer = self._known(secret) if scheme.lower() == b"bearer" else None
        if bearer is None:
            told = self._house.doors.guesses.wrong(request.peer, self._house.now_us())
            raise told if isinstance(told, RateLimited) else AdminKeyUnknown()
        if bearer.who not in route.who:
            raise AdminForbidden()
        return bearer

    def _known(self, secret: bytes) -> Bearer | None:
        house = self._house
        if hmac.compare_digest(digest(secret), house.admin_digest):
            return Bearer(Who.ADMIN, "admin")
        if (issuer := house.registry.find_issuer(secret)) is not None:
            if issuer.revoked_at_us is not None:
                raise AdminKeyUnknown("This issuer key was revoked.")
            return Bearer(Who.ISSUER, issuer.terms.issuer_id, issuer=issuer)
        if (key := house.registry.find(secret)) is not None:
            return Bearer(Who.KEY, key.terms.key_id, key=key)
        return None

    def _account_of(self, identifier: str) -> int | None:
        registry = self._house.registry
        holder = registry.key(identifier) or registry.issuer(identifier)
        return None if holder is None else holder.account_id


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The row that fits, and the values of its braces; a path that is written out in a row is never
    another row's brace. HEAD is answered like GET, without its body. Raises NotFound, and
    MethodNotAllowed with `allow`."""
    segments = path.split("/")
    asked = "GET" if method == "HEAD" else method
    fits = [(route, found) for route in ROUTES if (found := route.matches(segments)) is not None]
    fits = [(route, found) for route, found in fits if not found] or fits
    if not fits:
        raise NotFound("Nothing lives at this path of the admin side.")
    for route, found in fits:
        if route.method == asked:
            return route, found
    allowed = {route.method for route, _ in fits}
    if "GET" in allowed:
        allowed.add("HEAD")
    raise MethodNotAllowed(allow=", ".join(sorted(allowed)))
