"""Signing in with the admin key, out again, and ending sessions.

A wrong key counts as a guess from that address, apart from those of the API: after so many in a
minute (`server.guesses_per_minute`) not even the right one is looked at until the minute is over,
so trying keys here is slow however many are sent. Where the person was going is kept, whether the
session ended on the way or never was.
"""

from __future__ import annotations

import hmac
import logging
from typing import Final

from gateway.dashboard.guard import ROOT, SIGN_IN, page_within, set_cookie
from gateway.dashboard.pages import Desk, Page, Visit, go_to
from gateway.http.message import Response
from gateway.vault.secrets import digest

_log = logging.getLogger("keybrake")
DOOR: Final = "sign-in "
WAIT: Final = "Wait a minute, then try again."
WRONG: Final = "This is not the admin key of this gateway."


async def show(desk: Desk, visit: Visit) -> Response:
    if visit.session.name:
        return go_to(page_within(visit.query.one("next")))
    desk.renderer.warm()
    return await _page(desk, visit, visit.query.one("next"), "")


async def sign_in(desk: Desk, visit: Visit) -> Response:
    """The cookie's value is known to the browser alone; here it is kept as a hash."""
    desk.renderer.warm()
    wanted, key = visit.form.one("next"), visit.form.one("key")
    house, peer = desk.house, visit.request.peer
    if (wait := house.doors.guesses.must_wait(peer, visit.now_us, DOOR)) is not None:
        return await _page(desk, visit, wanted, f"{wait.text} {WAIT}", status=wait.status)
    if not hmac.compare_digest(digest(key), house.admin_digest):
        told = house.doors.guesses.wrong(peer, visit.now_us, DOOR)
        _log.warning("a wrong admin key at the dashboard", extra={"peer": peer})
        return await _page(desk, visit, wanted, WRONG, status=told.status)
    desk.sessions.end(visit.session.name)  # its cookie is another one from now on
    agent = visit.request.headers.get(b"user-agent", b"").decode("latin-1")
    session, value = desk.sessions.open(peer, agent, visit.now_us)
    _log.info("signed in at the dashboard", extra={"peer": peer, "session": session.name})
    age_s = house.doors.settings.dashboard.session_max_h * 3_600
    cookie = set_cookie(value, age_s, secure=visit.is_https(house.base_url))
    return go_to(page_within(wanted), headers=(cookie,))


async def sign_out(desk: Desk, visit: Visit) -> Response:
    desk.sessions.end(visit.session.name)
    gone = set_cookie("", 0, secure=visit.is_https(desk.house.base_url))
    return go_to(SIGN_IN, headers=(gone,))


async def end_session(desk: Desk, visit: Visit) -> Response:
    """One by its name, or all others with `all`."""
    name = visit.form.one("session")
    if name == "all":
        desk.sessions.end_all(but=visit.session)
    else:
        desk.sessions.end(name)
    return go_to(f"{ROOT}/settings#sessions")


async def _page(desk: Desk, visit: Visit, wanted: str, wrong: str, status: int = 200) -> Response:
    return await desk.page(
        visit, "sign_in.html", status=status, wrong=wrong, next=page_within(wanted)
    )


PAGES: Final = (
    Page("GET", "/sign-in", show, open=True),
    Page("POST", "/sign-in", sign_in, open=True),
    Page("POST", "/sign-out", sign_out),
    Page("POST", "/sessions/end", end_session),
)
