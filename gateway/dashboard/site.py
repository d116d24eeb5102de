"""The dashboard: one request in, one page out.

The table of all pages decides: is there such a page, who may see it (a session, or anybody), and
did a form come from here. Then the row's handler answers. Who is not signed in is led to the
sign-in page and on to where they were going. A refusal becomes a page that says it in words,
whatever part of the house it came from.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from time import perf_counter
from typing import Final
from urllib.parse import urlencode

from gateway.admin.api import AdminApi
from gateway.admin.fresh import AS_IT_IS, asked_at
from gateway.dashboard import (
    calls,
    cuts,
    doubts,
    issuers,
    keymaker,
    keys,
    onekey,
    overview,
    runs,
    settings,
    sign_in,
    spend,
    stopping,
    takeaway,
    vendors,
    whatif,
)
from gateway.dashboard.assets import Assets
from gateway.dashboard.budgets import Budgets
from gateway.dashboard.forms import FORM_BYTES_MAX, Form, read_form
from gateway.dashboard.guard import (
    PRIVATE,
    ROOT,
    SIGN_IN,
    came_from_elsewhere,
    cookies_of,
    page_within,
    split,
)
from gateway.dashboard.live import Live
from gateway.dashboard.pages import (
    HTML,
    NOBODY,
    Desk,
    FormExpired,
    Page,
    Shown,
    Visit,
    go_to,
    posted,
)
from gateway.dashboard.render import Renderer
from gateway.dashboard.sessions import Session, Sessions
from gateway.errors import Internal, MethodNotAllowed, NotFound, Refusal
from gateway.http.message import ClientGone, Request, Response
from gateway.settings import DashboardSettings

_log = logging.getLogger("keybrake")

PAGES: Final[Sequence[Page]] = (
    *overview.PAGES,
    *doubts.PAGES,
    *keys.PAGES,
    *keymaker.PAGES,
    *takeaway.PAGES,
    *onekey.PAGES,
    *whatif.PAGES,
    *stopping.PAGES,
    *issuers.PAGES,
    *calls.PAGES,
    *runs.PAGES,
    *cuts.PAGES,
    *spend.PAGES,
    *settings.PAGES,
    *vendors.PAGES,
    *sign_in.PAGES,
)
STATIC: Final = f"{ROOT}/static/"
LIVE: Final = f"{ROOT}/live"
ONCE_MORE: Final = b"""<!doctype html><html lang="en"><meta charset="utf-8">
<title>Keybrake</title><meta http-equiv="refresh" content="0"><p>One moment \xe2\x80\xa6"""
"""To who follows a link from another site: the strict cookie stays at home on that request, and
comes with the next, which this page makes."""


class Dashboard:
    """One for the process."""

    __slots__ = ("_desk",)

    def __init__(self, api: AdminApi, shown: Callable[[], Sequence[Shown]]) -> None:
        """shown: every setting in force."""
        house = api.house

        def limits() -> DashboardSettings:
            return house.doors.settings.dashboard

        self._desk = Desk(
            api,
            Sessions(limits, lambda: house.admin_digest),
            Live(self._news, lambda: limits().live_connections_max),
            Budgets(house),
            Assets(),
            Renderer(),
            shown,
        )

    def owns(self, path: str) -> bool:
        return path == ROOT or path.startswith(f"{ROOT}/")

    def close(self) -> None:
        """The house drains: nobody is told of news any more, and no template is made ready."""
        self._desk.live.close()
        self._desk.renderer.close()

    async def answer(self, request: Request) -> Response:
        """Never raises but for what the request's body raises when its client is gone."""
        visit = Visit(request, NOBODY, {}, Form(()), Form(()), self._desk.house.now_us())
        try:
            return await self._answer(visit)
        except Refusal as refusal:
            return await self._told(visit, refusal)
        except ClientGone:
            raise
        except Exception:
            _log.exception("%s %s failed inside the gateway", request.method, request.path)
            return await self._told(visit, Internal())

    async def _answer(self, visit: Visit) -> Response:
        request, desk = visit.request, self._desk
        if request.path.startswith(STATIC):
            return desk.assets.answer(request, request.path.removeprefix(STATIC))
        visit.query = read_form(request.query)
        is_live = request.path == LIVE
        find = partial(desk.sessions.find, now_us=visit.now_us, touch=not is_live)
        session = next(filter(None, map(find, cookies_of(request))), None)
        if session is not None:
            visit.session = session
        if is_live:
            return self._listen(visit, session)
        page, visit.path = find_page(request.method, request.path)
        if session is None and not page.open:
            return _to_sign_in(request)
        if page.method == "POST":
            if came_from_elsewhere(request):
                raise FormExpired()
            body = await request.body.read_all(FORM_BYTES_MAX)
            visit.form = read_form(body) if page.open else posted(visit.session, body)
            return await page.handle(desk, visit)
        with asked_at(AS_IT_IS if visit.is_fragment else perf_counter()):
            return await page.handle(desk, visit)

    def _listen(self, visit: Visit, session: Session | None) -> Response:
        if session is None or came_from_elsewhere(visit.request):
            return Response(401, [HTML, *PRIVATE])
        sessions, clock = self._desk.sessions, self._desk.house.now_us
        return self._desk.live.stream(
            visit.request, lambda: sessions.alive(session, clock()), PRIVATE
        )

    async def _told(self, visit: Visit, refusal: Refusal) -> Response:
        answer = await self._desk.page(visit, "told.html", status=refusal.status, refusal=refusal)
        if isinstance(refusal, MethodNotAllowed):
            answer.headers = [*answer.headers, (b"allow", str(refusal.facts["allow"]).encode())]
        answer.close = refusal.close
        return answer

    def _news(self) -> Hashable:
        """Differs whenever a page could look different: a call ended, money moved, a key was made,
        changed or revoked."""
        house = self._desk.house
        books, log = house.ledger.metrics(), house.history.metrics()
        return books["entries"], books["queued"], log["written"], log["waiting"]


def find_page(method: str, path: str) -> tuple[Page, dict[str, str]]:
    """The row that fits, a written-out path before one with braces. Raises NotFound,
    MethodNotAllowed."""
    path = path.rstrip("/") or path
    asked = "GET" if method == "HEAD" else method
    fits = [(page, found) for page in PAGES if (found := page.matches(path)) is not None]
    fits = [(page, found) for page, found in fits if not found] or fits
    if not fits:
        raise NotFound("There is no such page.")
    for page, found in fits:
        if page.method == asked:
            return page, found
    raise MethodNotAllowed(allow=", ".join(sorted({page.method for page, _ in fits})))


def _to_sign_in(request: Request) -> Response:
    """Keeps the page: of a form, and of htmx, the one that was open."""
    if request.headers.get(b"sec-fetch-site") == b"cross-site" and request.method == "GET":
        return Response(200, [HTML, *PRIVATE], ONCE_MORE)
    target = request.target
    opened = request.headers.get(b"hx-current-url") or request.headers.get(b"referer", b"")
    if request.method != "GET" or b"hx-request" in request.headers:
        parts = split(opened.decode("latin-1"))
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    wanted = page_within(target)
    where = SIGN_IN if wanted == ROOT else f"{SIGN_IN}?{urlencode({'next': wanted})}"
    if b"hx-request" in request.headers:
        return Response(401, [(b"hx-redirect", where.encode()), HTML, *PRIVATE])
    return go_to(where)
