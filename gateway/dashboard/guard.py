"""What keeps a page to its person: headers, the cookie, and the look at where a form came from.

Nothing inline is ever run: the policy lets scripts, styles and pictures come from here alone, so a
text that slipped through escaping would still be only a text. A form has to carry its session's
token, and a browser's own word on where it came from (Sec-Fetch-Site, Origin) must not speak
against it; the cookie does not leave this site at all (SameSite=Strict).
"""

from __future__ import annotations

import hmac
from typing import Final
from urllib.parse import SplitResult, urlsplit

from gateway.dashboard.sessions import Session
from gateway.http.message import Headers, Request

COOKIE: Final = "keybrake_session"
_NAME: Final = COOKIE.encode()
ROOT: Final = "/dashboard"

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""data: is for the small pictures that Pico's style sheet draws into form fields."""
HEADERS: Final[Headers] = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
]
PRIVATE: Final[Headers] = [*HEADERS, (b"cache-control", b"no-store")]


def cookies_of(request: Request) -> list[str]:
    """Values of cookies of our name. A host's cookies are shared by all that lives on it, whatever
    its port: odd ones beside ours must not hide it (Python's own reader gives up at the first of
    them), nor one of our name that somebody else set."""
    pairs = (pair.partition(b"=") for pair in request.headers.get(b"cookie", b"").split(b";"))
    return [value.decode("latin-1") for name, _, value in pairs if name.strip() == _NAME and value]


def set_cookie(value: str, age_s: int, *, secure: bool) -> tuple[bytes, bytes]:
    """value '' with age 0 takes it away."""
    guarded = "; Secure" if secure else ""
    text = f"{COOKIE}={value}; Path={ROOT}; Max-Age={age_s}; HttpOnly; SameSite=Strict{guarded}"
    return b"set-cookie", text.encode()


def came_from_elsewhere(request: Request) -> bool:
    """Does the browser say that another site sent this?"""
    site = request.headers.get(b"sec-fetch-site")
    if site is not None and site not in (b"same-origin", b"none"):
        return True
    origin = request.headers.get(b"origin")
    if origin is None or site is not None:
        return False
    return (split(origin.decode("latin-1")).hostname or "") != request.host


def is_genuine(session: Session, token: str) -> bool:
    """Does the form carry its session's own token?"""
    return hmac.compare_digest(session.csrf.encode(), token.encode())


def split(address: str) -> SplitResult:
    """The parts of an address that somebody typed; none, if it is no address."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def page_within(target: str) -> str:
    """A place to go on to, if it is a page of ours; else the first one. Never another site."""
    parts = split(target)
    plain = target.isascii() and target.isprintable() and "\\" not in target
    ours = parts.path == ROOT or parts.path.startswith(ROOT + "/")
    if not plain or parts.scheme or parts.netloc or not ours or parts.path.startswith(SIGN_IN):
        return ROOT
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


SIGN_IN: Final = f"{ROOT}/sign-in"
