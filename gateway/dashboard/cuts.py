"""Revoking a run, or all runs of a scenario, with one confirmation that names what it hits; and
letting a run go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.dashboard.guard import ROOT
from gateway.dashboard.pages import Desk, Page, Visit, go_to
from gateway.dashboard.revoking import NAMED_MAX, came_of, wishes_of
from gateway.dashboard.words import count, with_query
from gateway.errors import InvalidRequest
from gateway.http.message import Response
from gateway.vault.records import of_label


@dataclass(frozen=True, slots=True)
class Hit:
    """What a revoke would take away now. keys: (id, name, label) of those alive, at most NAMED_MAX.
    in_flight: calls on their way, of other keys too. vendors: of all its keys, revoked ones too."""

    alive: int
    keys: tuple[tuple[str, str, str], ...]
    in_flight: int
    vendors: frozenset[str]


async def hit_by(desk: Desk, label: str, prefix: str, now_us: int) -> Hit:
    """label, or prefix: as a revoke takes them."""
    registry = desk.house.registry

    def fits(name: str) -> bool:
        return name.startswith(prefix) if prefix else name == label

    walk = registry.walk(of_label(label or prefix))
    named = [key async for key in walk if fits(key.terms.label)]
    alive = [key for key in named if key.alive(now_us)]
    in_flight = {id(f) for f in registry.flights() if fits(f.label)}
    in_flight |= {id(f) for key in alive for f in key.in_flight}
    listed = tuple((k.terms.key_id, k.terms.name, k.terms.label) for k in alive[:NAMED_MAX])
    return Hit(len(alive), listed, len(in_flight), frozenset(k.terms.vendor for k in named))


async def confirm(desk: Desk, visit: Visit) -> Response:
    return await _confirm(desk, visit, visit.query.one("label"), visit.query.one("prefix"), [])


async def revoke(desk: Desk, visit: Visit) -> Response:
    form = visit.form
    label, prefix = form.one("label"), form.one("prefix")
    wishes = {**wishes_of(form), **({"prefix": prefix} if prefix else {"label": label})}
    try:
        answer = await desk.api.ask("POST", "/vault/runs/revoke", body=wishes)
    except InvalidRequest as refusal:
        return await _confirm(desk, visit, label, prefix, refusal.facts.get("errors", []))
    first = f"{_named(label, prefix)} is revoked, with {count(answer['revoked'], 'key')}."
    visit.session.said.append(came_of(first, answer))
    if prefix:
        return go_to(with_query(f"{ROOT}/runs", by="scenario"))
    return go_to(with_query(f"{ROOT}/runs/one", label=label))


async def reopen(desk: Desk, visit: Visit) -> Response:
    """A run by its label, or all of a scenario by their prefix."""
    label, prefix = visit.form.one("label"), visit.form.one("prefix")
    body = {"prefix": prefix} if prefix else {"label": label}
    await desk.api.ask("POST", "/vault/resume", body=body)
    visit.session.said.append(f"{_named(label, prefix)} may call again. Revoked keys stay so.")
    if prefix:
        return go_to(with_query(f"{ROOT}/runs", by="scenario"))
    return go_to(with_query(f"{ROOT}/runs/one", label=label))


def _named(label: str, prefix: str) -> str:
    return f"Every run that begins with {prefix}" if prefix else f"The run {label}"


async def _confirm(
    desk: Desk, visit: Visit, label: str, prefix: str, errors: list[dict[str, str]]
) -> Response:
    if bool(label) == bool(prefix):
        raise InvalidRequest("Which run? Its label stands behind ?label=, a scenario's ?prefix=.")
    hit = await hit_by(desk, label, prefix, visit.now_us)
    return await desk.page(
        visit,
        "run_revoke.html",
        status=400 if errors else 200,
        nav="runs",
        label=label,
        prefix=prefix,
        hit=hit,
        can_cancel="stripe" in hit.vendors,
        abort=visit.form.one("in_flight") == "abort",
        errors=errors,
    )


PAGES: Final = (
    Page("GET", "/runs/revoke", confirm),
    Page("POST", "/runs/revoke", revoke),
    Page("POST", "/runs/reopen", reopen),
)
