"""Revoking a key or an issuer: a page that names it and asks once, and what came of it."""

from __future__ import annotations

from typing import Final

from gateway.dashboard.endpoints import title_of
from gateway.dashboard.guard import ROOT
from gateway.dashboard.pages import Desk, Page, Visit, go_to
from gateway.dashboard.revoking import CANCELS, came_of, wishes_of
from gateway.dashboard.words import count, page_of
from gateway.http.message import Response
from gateway.vault.keys import Key
from gateway.vault.records import of_issuer


async def ask_key(desk: Desk, visit: Visit) -> Response:
    key = await desk.api.ask("GET", f"/vault/keys/{visit.path['id']}")
    return await desk.page(
        visit,
        "key_revoke.html",
        nav="keys",
        key=key,
        title=title_of(key["vendor"]),
        cancels=key["vendor"] in CANCELS,
    )


async def revoke_key(desk: Desk, visit: Visit) -> Response:
    key_id, form = visit.path["id"], visit.form
    answer = await desk.api.ask("POST", f"/vault/keys/{key_id}/revoke", body=wishes_of(form))
    first = "The key is revoked." if answer["revoked"] else "The key had been revoked before."
    visit.session.said.append(came_of(first, answer))
    return go_to(page_of("keys", key_id))


async def ask_issuer(desk: Desk, visit: Visit) -> Response:
    issuer = await desk.api.ask("GET", f"/vault/issuers/{visit.path['id']}")
    alive = await living(desk, visit)
    return await desk.page(
        visit,
        "issuer_revoke.html",
        nav="keys",
        issuer=issuer,
        keys_alive=len(alive),
        in_flight=sum(len(key.in_flight) for key in alive),
    )


async def revoke_issuer(desk: Desk, visit: Visit) -> Response:
    issuer_id, form = visit.path["id"], visit.form
    body = {**wishes_of(form), "keys": form.one("keys") or "revoke"}
    answer = await desk.api.ask("POST", f"/vault/issuers/{issuer_id}/revoke", body=body)
    if body["keys"] == "keep":
        first = "The issuer is revoked. Its keys live on."
    else:
        first = f"The issuer is revoked, and with it {count(answer['revoked'], 'key')}."
    visit.session.said.append(came_of(first, answer))
    return go_to(f"{ROOT}/issuers")


async def living(desk: Desk, visit: Visit) -> list[Key]:
    """The issuer's keys that are alive; none of one that is not known."""
    issuer_id, now_us = visit.path["id"], visit.now_us
    walk = desk.house.registry.walk(of_issuer(issuer_id))
    return [key async for key in walk if key.terms.issuer_id == issuer_id and key.alive(now_us)]


PAGES: Final = (
    Page("GET", "/keys/{id}/revoke", ask_key),
    Page("POST", "/keys/{id}/revoke", revoke_key),
    Page("GET", "/issuers/{id}/revoke", ask_issuer),
    Page("POST", "/issuers/{id}/revoke", revoke_issuer),
)
