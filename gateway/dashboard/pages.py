"""One row per page: where it is, how it is asked for, who answers it; and what an answerer gets.

A page is a face on the admin side: handlers ask `desk.api.ask("GET", "/vault/keys", …)` as a client
would, and turn the JSON into HTML. What no call of `/vault` tells comes from the house's own doors.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from urllib.parse import urlencode, urlsplit

from gateway.admin.api import AdminApi
from gateway.admin.house import House
from gateway.dashboard.assets import Assets
from gateway.dashboard.budgets import Budgets
from gateway.dashboard.forms import Form, read_form
from gateway.dashboard.guard import PRIVATE, ROOT, is_genuine
from gateway.dashboard.live import Live
from gateway.dashboard.render import Renderer
from gateway.dashboard.sessions import Session, Sessions
from gateway.errors import AdminForbidden
from gateway.http.message import Request, Response

HTML: Final = (b"content-type", b"text/html; charset=utf-8")
NOBODY: Final = Session(b"", "", "", "", "", 0, 0)


@dataclass(slots=True)
class Visit:
    """A request as a page gets it. path: the values of the row's braces. query: what stands behind
    the `?`. form: of a POST, its token already looked at. session: NOBODY on the sign-in page."""

    request: Request
    session: Session
    path: Mapping[str, str]
    query: Form
    form: Form
    now_us: int

    @property
    def is_fragment(self) -> bool:
        """Does htmx ask, for a part of the page that is open?"""
        return self.request.headers.get(b"hx-request") == b"true"

    def is_https(self, base_url: str) -> bool:
        """Did the person come by https, as far as can be known here? base_url: this instance's own
        name; who comes by another one, such as a tunnel to the machine, is taken at their word."""
        own = urlsplit(base_url)
        named = own.scheme == "https" and own.hostname == self.request.host
        return self.request.is_https or named

    @property
    def here(self) -> str:
        """This page's address with its query, for links back to it."""
        path, query = self.request.path, self.request.query
        return f"{path}?{query}" if query else path

    def turned(self, **changes: Any) -> str:
        """This page's address with some of its query changed; None takes a name out. A page begins
        anew: its place in a list is dropped."""
        kept = [
            (name, text)
            for name, text in self.query.items()
            if name not in changes and name not in ("after", "before") and text
        ]
        added = [(name, str(value)) for name, value in changes.items() if value is not None]
        query = urlencode([*kept, *added])
        return f"{self.request.path}?{query}" if query else self.request.path


class Shown(Protocol):
    """One setting as it is in force: see `gateway/run/config.py`."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> Any: ...
    @property
    def origin(self) -> str: ...


@dataclass(slots=True)
class Desk:
    """Handed to every handler: the admin side, and what makes pages."""

    api: AdminApi
    sessions: Sessions
    live: Live
    budgets: Budgets
    assets: Assets
    renderer: Renderer
    shown: Callable[[], Sequence[Shown]]
    """Every setting in force."""

    @property
    def house(self) -> House:
        return self.api.house

    async def page(
        self, visit: Visit, template: str, *, status: int = 200, **facts: Any
    ) -> Response:
        """A whole page. facts: what the template names; nav: its entry in the menu."""
        settings, session = self.house.doors.settings, visit.session
        said: list[str] = []
        if session.name and not visit.is_fragment:
            said, session.said = session.said, []
        text = await self.renderer.render(
            template,
            visit=visit,
            session=session,
            csrf=session.csrf,
            said=said,
            asset=self.assets.address,
            sandboxes=sorted(n for n, vendor in settings.vendors.items() if vendor.sandbox),
            trouble=self.house.ledger.trouble,
            draining=self.house.draining,
            now_us=visit.now_us,
            **{"nav": "", **facts},
        )
        return Response(status, [HTML, *PRIVATE], text)


Handler = Callable[[Desk, Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """open: without a session. What is posted carries the session's token, unless it is open."""

    method: str
    path: str
    handle: Handler
    open: bool = False
    segments: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "segments", tuple((ROOT + self.path).split("/")))

    def matches(self, path: str) -> dict[str, str] | None:
        """The values of the braces, if the path is one of this row's."""
        theirs = path.split("/")
        if len(theirs) != len(self.segments):
            return None
        found = {}
        for mine, given in zip(self.segments, theirs, strict=True):
            if mine.startswith("{") and given:
                found[mine[1:-1]] = given
            elif mine != given:
                return None
        return found


class FormExpired(AdminForbidden):
    message = "This form is not from this session: load its page again, and send it from there."


def posted(session: Session, body: bytes) -> Form:
    """A form that carries its session's token. Raises FormExpired, RequestMalformed."""
    form = read_form(body)
    if not is_genuine(session, form.one("csrf")):
        raise FormExpired()
    return form


def go_to(target: str, *, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Response:
    """After a form: the browser asks for this page next, so that a reload sends nothing twice."""
    return Response(303, [(b"location", target.encode("ascii")), *headers, *PRIVATE])
