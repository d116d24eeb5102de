"""`/vault/keys`: make, list, show and amend vault keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from gateway.admin.house import House
from gateway.admin.paging import PAGE_FIELDS, first_of, limit_of, no_such_start
from gateway.admin.routes import ADMIN, MAKERS, Answer, Ask, Route, Who
from gateway.admin.unlisted import warnings
from gateway.admin.views import key_record, self_record, status
from gateway.errors import NotFound
from gateway.ids import make_id
from gateway.vault.fields import choice, matching, mistake, refuse, text
from gateway.vault.keys import Key
from gateway.vault.records import of_issuer, of_label, of_vendor
from gateway.vault.termsreader import AMEND_FIELDS, KEY_FIELDS, read_amendment, read_terms

_ID: Final = "[a-z]+_[0-9a-z]{26}"
_LIST_FIELDS: Final = (
    *PAGE_FIELDS,
    text("label", "Keys with this agent_run_label."),
    matching("vendor", "Keys for this vendor.", "[a-z][a-z0-9_]{0,31}", "a vendor's name"),
    matching("issuer_id", "Keys that this issuer made.", _ID, "an issuer's id"),
    choice("status", "Keys in this state.", ["active", "expired", "revoked"]),
)


def find_key(house: House, ask: Ask) -> Key:
    """The key that the path names. To an issuer only its own exist. Raises NotFound."""
    key = house.registry.key(ask.path["id"])
    issuer = ask.bearer.issuer
    if key is None or (issuer is not None and key.terms.issuer_id != issuer.terms.issuer_id):
        raise NotFound(f"There is no vault key {ask.path['id'][:64]}.")
    return key


def shown(house: House, key: Key) -> dict[str, Any]:
    now_us = house.now_us()
    standing = house.ledger.standing(key.account_id, now_us)
    return key_record(key, standing, now_us, house.alias(key))


async def create(house: House, ask: Ask) -> Answer:
    now_us = house.now_us()
    key_id = make_id("vk_", now_us)
    issuer = ask.bearer.issuer
    terms = read_terms(ask.body, house.known, key_id, now_us, issuer)
    terms = replace(terms, sandbox=house.doors.settings.vendors[terms.vendor].sandbox)
    reopens = issuer is None and house.registry.runs.revoked(terms.label)
    key, secret = await house.registry.issue(terms, issuer, ask.remember(key_id))
    told = warnings(terms, house.doors.vendors[terms.vendor])
    if reopens:
        told.append(
            f"Run '{terms.label}' was revoked. A key of the admin's opens it again: other keys "
            "with this label that were not revoked themselves spend again, too."
        )
    return {
        **shown(house, key),
        "key": secret,
        "base_url": house.base_url,
        **({"warnings": told} if told else {}),
    }


async def list_keys(house: House, ask: Ask) -> Answer:
    wanted = {name: value for name, value in ask.query.items() if name in _MATCHES}

    def fits(key: Key) -> bool:
        return all(_MATCHES[name](house, key) == value for name, value in wanted.items())

    limit, after = limit_of(ask.query), ask.query.get("starting_after", "")
    if after and ((start := house.registry.key(after)) is None or not fits(start)):
        raise no_such_start(after)
    found: list[Key] = []
    async for key in house.registry.walk(_in_record(wanted), before=after):
        if fits(key):
            found.append(key)
        if len(found) > limit:
            break
    return first_of(found, limit).shown("/vault/keys", lambda key: shown(house, key))


def _in_record(wanted: Mapping[str, str]) -> bytes:
    """What stands in the records of all that can match: of several wishes, the one that fewest
    keys fit."""
    rare_first = (("label", of_label), ("issuer_id", of_issuer), ("vendor", of_vendor))
    return next((look(wanted[name]) for name, look in rare_first if name in wanted), b"")


_MATCHES: Final[Mapping[str, Callable[[House, Key], str | None]]] = {
    "label": lambda _, key: key.terms.label,
    "vendor": lambda _, key: key.terms.vendor,
    "issuer_id": lambda _, key: key.terms.issuer_id,
    "status": lambda house, key: status(key, house.now_us()),
}


async def show(house: House, ask: Ask) -> Answer:
    return shown(house, find_key(house, ask))


async def show_self(house: House, ask: Ask) -> Answer:
    """What a vault key may see of itself, while it lives."""
    key, now_us = ask.bearer.key, house.now_us()
    assert key is not None, "the row lets vault keys in only"
    refusal = house.registry.no_longer(key, key.terms.label, now_us)
    if refusal is not None:
        raise refusal
    standing = house.ledger.standing(key.account_id, now_us)
    return self_record(key, standing, now_us, house.alias(key))


async def amend(house: House, ask: Ask) -> Answer:
    key = find_key(house, ask)
    async with house.registry.amending:
        now_us = house.now_us()
        terms, top_up = read_amendment(ask.body, key.terms, now_us)
        if not key.alive(now_us):
            refuse([mistake("id", "is revoked or expired, and cannot be amended")])
        notes = ask.remember(key.terms.key_id)
        if top_up is not None:
            day = house.ledger.standing(key.account_id, now_us).day
            await house.ledger.top_up(
                key.account_id,
                top_up.amount_micros,
                day=day,
                until_us=top_up.until_us,
                notes=notes,
            )
            notes = ()
        if terms != key.terms or notes:
            await house.registry.amend(key, terms, notes)
    return shown(house, key)


ROUTES: Final = (
    Route("POST", "/vault/keys", MAKERS, create, "Make a vault key", "NewKey", 201,
          body=KEY_FIELDS),
    Route("GET", "/vault/keys", ADMIN, list_keys, "List vault keys, newest first", "KeyList",
          query=_LIST_FIELDS),
    Route("GET", "/vault/keys/self", frozenset({Who.KEY}), show_self,
          "What the bearer may see of itself", "OwnKey"),
    Route("GET", "/vault/keys/{id}", ADMIN, show, "Show a vault key", "Key"),
    Route("PATCH", "/vault/keys/{id}", ADMIN, amend,
          "Change caps, rate, name, expiry or mode, or top up today's cap", "Key",
          body=AMEND_FIELDS),
)  # fmt: skip
