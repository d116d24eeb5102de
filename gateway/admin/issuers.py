"""`/vault/issuers`: make, list, show and amend issuers. Revoking them: `revoke.py`."""

from __future__ import annotations

from typing import Any, Final

from gateway.admin.house import House
from gateway.admin.paging import PAGE_FIELDS, cut
from gateway.admin.routes import ADMIN, Answer, Ask, Route
from gateway.admin.views import issuer_record
from gateway.errors import NotFound
from gateway.ids import make_id
from gateway.vault.fields import mistake, refuse
from gateway.vault.issuerreader import (
    ISSUER_AMEND_FIELDS,
    ISSUER_FIELDS,
    read_issuer_amendment,
    read_issuer_terms,
)
from gateway.vault.issuers import Issuer


def find_issuer(house: House, ask: Ask) -> Issuer:
    """Raises NotFound."""
    issuer = house.registry.issuer(ask.path["id"])
    if issuer is None:
        raise NotFound(f"There is no issuer {ask.path['id'][:64]}.")
    return issuer


def shown(house: House, issuer: Issuer) -> dict[str, Any]:
    return issuer_record(issuer, house.ledger.standing(issuer.account_id, house.now_us()))


async def create(house: House, ask: Ask) -> Answer:
    now_us = house.now_us()
    issuer_id = make_id("iss_", now_us)
    terms = read_issuer_terms(ask.body, house.known, issuer_id, now_us)
    issuer, secret = await house.registry.found_issuer(terms, ask.remember(issuer_id))
    return {**shown(house, issuer), "key": secret, "base_url": house.base_url}


async def list_issuers(house: House, ask: Ask) -> Answer:
    chosen = cut(house.registry.issuers(), lambda issuer: issuer.terms.issuer_id, ask.query)
    return chosen.shown("/vault/issuers", lambda issuer: shown(house, issuer))


async def show(house: House, ask: Ask) -> Answer:
    return shown(house, find_issuer(house, ask))


async def amend(house: House, ask: Ask) -> Answer:
    issuer = find_issuer(house, ask)
    async with house.registry.amending:
        terms = read_issuer_amendment(ask.body, house.known, issuer.terms)
        if issuer.revoked_at_us is not None:
            refuse([mistake("id", "is revoked, and cannot be amended")])
        await house.registry.amend_issuer(issuer, terms, ask.remember(terms.issuer_id))
    return shown(house, issuer)


ROUTES: Final = (
    Route("POST", "/vault/issuers", ADMIN, create, "Make an issuer", "NewIssuer", 201,
          body=ISSUER_FIELDS),
    Route("GET", "/vault/issuers", ADMIN, list_issuers, "List issuers, newest first",
          "IssuerList", query=PAGE_FIELDS),
    Route("GET", "/vault/issuers/{id}", ADMIN, show, "Show an issuer", "Issuer"),
    Route("PATCH", "/vault/issuers/{id}", ADMIN, amend,
          "Change an issuer's cap, template, pace or name", "Issuer", body=ISSUER_AMEND_FIELDS),
)  # fmt: skip
