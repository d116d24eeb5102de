"""Taking rights away: keys, runs, issuers, vendors, accounts, everything; and `/vault/resume`.

A revoke is in force before it is durable and durable before it is answered. Calls in flight finish,
or are ended with `in_flight: abort`. `cancel_open_intents` comes last: what a revoked key left open
at the vendor is cancelled there, which is the only write the gateway makes unasked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final

from gateway.admin.house import House
from gateway.admin.issuers import find_issuer
from gateway.admin.keys import find_key
from gateway.admin.routes import ADMIN, MAKERS, Answer, Ask, Route
from gateway.errors import AdminForbidden
from gateway.vault.bars import Bar
from gateway.vault.cuts import Cut
from gateway.vault.fields import choice, flag, matching, mistake, refuse, text
from gateway.vault.keys import Key
from gateway.vault.records import of_issuer, of_label, of_vendor
from gateway.vault.runs import LABEL_CHARS_MAX

_CUT_FIELDS: Final = (
    choice("in_flight", "What becomes of calls on their way. Default finish.", ["finish", "abort"]),
    flag("cancel_open_intents", "Cancel at the vendor what these keys left open."),
)
_RUN_FIELDS: Final = (
    text("label", "This run.", chars_max=LABEL_CHARS_MAX),
    text("prefix", "Every run whose label begins so.", chars_max=LABEL_CHARS_MAX),
)
_SCOPE_FIELDS: Final = (
    matching("vendor", "This vendor.", "[a-z][a-z0-9_]{0,31}", "a vendor's name"),
    matching("account", "This account.", "[A-Za-z0-9_.-]{1,64}", "an account's name"),
    flag("all", "Everything."),
)
_ISSUER_FIELDS: Final = (
    choice("keys", "What becomes of its keys. Default revoke.", ["revoke", "keep"]),
    *_CUT_FIELDS,
)
_RESUME_FIELDS: Final = (
    *_SCOPE_FIELDS,
    text(
        "label",
        "Calls with this effective label go on again; revoked keys stay so.",
        chars_max=LABEL_CHARS_MAX,
    ),
    text(
        "prefix",
        "Calls of every run whose label begins so go on again; revoked keys stay so.",
        chars_max=LABEL_CHARS_MAX,
    ),
)


async def revoke_key(house: House, ask: Ask) -> Answer:
    key, wishes = find_key(house, ask), ask.fields()
    if ask.bearer.issuer is not None and wishes.get("cancel_open_intents"):
        raise AdminForbidden("Only the admin key may cancel what a key left open at the vendor.")
    cut = await house.registry.revoke([key], abort=_aborts(wishes))
    return await _answer(house, cut, _these([key]), wishes)


async def revoke_run(house: House, ask: Ask) -> Answer:
    wishes = ask.fields()
    label, prefix = wishes.get("label", ""), wishes.get("prefix", "")
    if bool(label) == bool(prefix):
        refuse([mistake("label", "or prefix is required, and not both")])
    hit: Callable[[str], bool] = (lambda it: it.startswith(prefix)) if prefix else label.__eq__
    cut = await house.registry.revoke_run(label=label, prefix=prefix, abort=_aborts(wishes))
    named = (k async for k in house.registry.walk(of_label(label or prefix)) if hit(k.terms.label))
    return await _answer(house, cut, named, wishes)


async def revoke_issuer(house: House, ask: Ask) -> Answer:
    issuer, wishes = find_issuer(house, ask), ask.fields()
    keep = wishes.get("keys") == "keep"
    cut = await house.registry.revoke_issuer(issuer, keep_keys=keep, abort=_aborts(wishes))
    issuer_id = issuer.terms.issuer_id
    walk = _these([]) if keep else house.registry.walk(of_issuer(issuer_id))
    named = (key async for key in walk if key.terms.issuer_id == issuer_id)
    return await _answer(house, cut, named, wishes)


async def revoke_all(house: House, ask: Ask) -> Answer:
    wishes = ask.fields()
    bar = _bar(house, wishes)
    cut = await house.registry.bar(bar, abort=_aborts(wishes))
    walk = house.registry.walk(of_vendor(bar.vendor))
    named = (key async for key in walk if bar.stops(key.terms.vendor, key.terms.account))
    return {**await _answer(house, cut, named, wishes), "barred": _barred(house)}


async def resume(house: House, ask: Ask) -> Answer:
    wishes = ask.fields()
    label, prefix = wishes.get("label"), wishes.get("prefix")
    if (label or prefix) and len(wishes) > 1:
        refuse([mistake("label" if label else "prefix", "stands alone")])
    if label:
        await house.registry.reopen_run(label)
    elif prefix:
        await _reopen_prefix(house, prefix)
    else:
        await house.registry.resume(_bar(house, wishes))
    return {"barred": _barred(house)}


async def _reopen_prefix(house: House, prefix: str) -> None:
    """Raises InvalidRequest where a wider prefix would go on refusing them."""
    if (wider := house.registry.runs.wider(prefix)) is not None:
        refuse([mistake("prefix", f"is part of {wider}, which is revoked: resume that")])
    await house.registry.reopen_prefix(prefix)


def _bar(house: House, wishes: Mapping[str, Any]) -> Bar:
    vendor, account = wishes.get("vendor"), wishes.get("account")
    everything = wishes.get("all") is True
    if everything == bool(vendor or account):
        refuse([mistake("vendor", "or account, or all: true, is required")])
    if vendor is not None and vendor not in house.known:
        refuse([mistake("vendor", f"{vendor} is not set up here")])
    here = [vendor] if vendor is not None else list(house.known)
    if account is not None and not any(account in house.known[name].accounts for name in here):
        refuse([mistake("account", f"{account} is no account here")])
    return Bar(vendor, account)


def _barred(house: House) -> list[dict[str, object]]:
    return [bar.shown() for bar in house.registry.bars.in_force]


def _aborts(wishes: Mapping[str, Any]) -> bool:
    return wishes.get("in_flight") == "abort"


async def _these(keys: Iterable[Key]) -> AsyncIterator[Key]:
    for key in keys:
        yield key


async def _answer(
    house: House, cut: Cut, named: AsyncIterator[Key], wishes: Mapping[str, Any]
) -> dict[str, Any]:
    """named: the keys that were asked for, those that had been revoked before included. Nobody
    looks for them unless that is asked for."""
    answer: dict[str, Any] = {
        "revoked": len(cut.keys),
        "in_flight": cut.in_flight,
        "aborted": cut.aborted,
        "aborted_in_doubt": cut.in_doubt,
        "keys": list(cut.keys),
    }
    if wishes.get("cancel_open_intents"):
        answer["canceled"] = await house.canceller.cancel_open([key async for key in named])
    return answer


ROUTES: Final = (
    Route("POST", "/vault/keys/{id}/revoke", MAKERS, revoke_key, "Revoke a vault key", "Revoked",
          body=_CUT_FIELDS),
    Route("POST", "/vault/issuers/{id}/revoke", ADMIN, revoke_issuer,
          "Revoke an issuer, and its keys unless they are kept", "Revoked", body=_ISSUER_FIELDS),
    Route("POST", "/vault/runs/revoke", ADMIN, revoke_run,
          "Revoke a run, or all runs of a scenario, until the admin makes a new key", "Revoked",
          body=(*_RUN_FIELDS, *_CUT_FIELDS)),
    Route("POST", "/vault/revoke", ADMIN, revoke_all,
          "Revoke a vendor, an account or everything, and bar new keys until resumed", "Barred",
          body=(*_SCOPE_FIELDS, *_CUT_FIELDS)),
    Route("POST", "/vault/resume", ADMIN, resume,
          "Let keys be made again for what was revoked, or calls of a run go on", "Resumed",
          body=_RESUME_FIELDS),
)  # fmt: skip
