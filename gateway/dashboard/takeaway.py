"""What is taken from a new key to where it works: its secret, shown once, ready lines, and Make's
blueprints as files.

The secret leaves the session with the page that shows it; asked for again, the page says so. A
blueprint has no secret in it, unless a person who holds the secret sends it along and asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.blueprints.fill import Blueprint, Unfit, catalogue, fill
from gateway.dashboard.endpoints import title_of
from gateway.dashboard.guard import PRIVATE
from gateway.dashboard.pages import Desk, Page, Visit
from gateway.dashboard.snippets import STAND_IN, Sample, make_fields, sample_of, snippets
from gateway.errors import AdminForbidden, NotFound
from gateway.http.message import Response

OWN_PATHS: Final = {
    "stripe": ("POST", "/v1/payment_intents"),
    "twilio": ("POST", "/2010-04-01/Accounts/x/Messages.json"),
    "resend": ("POST", "/emails"),
}
"""What a vendor's blueprints call, in the form that a list is asked about."""


class OtherKey(AdminForbidden):
    message = "This is not the secret of this key, so it is not written into a file."


async def made(desk: Desk, visit: Visit) -> Response:
    key_id, once = visit.path["id"], visit.session.once
    key = await desk.api.ask("GET", f"/vault/keys/{key_id}")
    secret = once.pop(key_id, "") if visit.request.method == "GET" else ""
    sample = _sample(desk, key)
    base_url, sid = desk.house.base_url, key["account_sid"]
    return await desk.page(
        visit,
        "key_made.html",
        nav="keys",
        key=key,
        title=title_of(key["vendor"]),
        secret=secret,
        sample=sample,
        only_here=only_here(base_url),
        fields=make_fields(sample, base_url, secret or STAND_IN),
        snippets=snippets(sample, base_url, secret or STAND_IN, sid),
        blueprints=offers(key["vendor"]),
    )


def only_here(base_url: str) -> str:
    """The host of an address that leads from this machine to itself, '' of any other."""
    host = urlsplit(base_url).hostname or ""
    with suppress(ValueError):
        return host if ip_address(host).is_loopback else ""
    return host if host == "localhost" else ""


def offers(vendor: str) -> Sequence[Blueprint]:
    """Those that a vault key of this vendor works in."""
    return [it for it in catalogue() if it.needs == "vault key" and vendor in it.vendors]


async def blueprint(desk: Desk, visit: Visit) -> Response:
    """As a file. secret: with it inside, from the page that shows it."""
    key = await desk.api.ask("GET", f"/vault/keys/{visit.path['id']}")
    form = visit.form
    name = form.one("blueprint")
    if name not in [offer.name for offer in offers(key["vendor"])]:
        raise NotFound("There is no such blueprint for this key.")
    secret = form.one("secret") if form.one("with_secret") else ""
    if secret:
        found = desk.house.registry.find(secret.encode())
        if found is None or found.terms.key_id != key["id"]:
            raise OtherKey()
    content = filled(name, key, desk.house.base_url, _own_path(desk, key), secret or None)
    disposition = f'attachment; filename="keybrake-{name.replace("_", "-")}.blueprint.json"'
    headers = [
        (b"content-type", b"application/json"),
        (b"content-disposition", disposition.encode()),
        *PRIVATE,
    ]
    return Response(200, headers, content)


def filled(
    name: str,
    key: dict[str, Any],
    base_url: str,
    path: str | None,
    secret: str | None,
    terms: Mapping[str, Any] | None = None,
) -> bytes:
    """A label that Make would take for an expression of its own is left out."""
    facts: dict[str, Any] = {
        "base_url": base_url,
        "path": path,
        "account_sid": key["account_sid"],
        "key": secret,
        "terms": terms,
    }
    try:
        return fill(name, **facts, label=key["agent_run_label"])
    except Unfit:
        return fill(name, **facts)


def _own_path(desk: Desk, key: dict[str, Any]) -> str | None:
    """None where the key may call what the blueprints call; else what it may."""
    found = desk.house.registry.key(key["id"])
    own = OWN_PATHS.get(key["vendor"])
    if found is None or own is None or found.terms.allowed.allows(*own):
        return None
    sample = _sample(desk, key)
    return None if sample.has_gaps else sample.path


def _sample(desk: Desk, key: dict[str, Any]) -> Sample:
    vendor = desk.house.doors.vendors.get(key["vendor"])
    return sample_of(vendor, key["vendor"], key["allowed_endpoints"], key["account_sid"])


PAGES: Final = (
    Page("GET", "/keys/{id}/made", made),
    Page("POST", "/keys/{id}/blueprint", blueprint),
)
