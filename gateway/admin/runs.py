"""`/vault/runs`: what runs, and whole scenarios, spent."""

from __future__ import annotations

from typing import Any, Final

from gateway.admin.house import House
from gateway.admin.paging import PAGE_FIELDS, first_of, limit_of, no_such_start
from gateway.admin.routes import ADMIN, Answer, Ask, Route
from gateway.admin.span import SPAN_FIELDS, span_of
from gateway.admin.views import complete_since, spend_record
from gateway.admin.views import moment as shown_moment
from gateway.errors import NotFound
from gateway.vault.fields import choice, text
from gateway.vault.records import of_label
from gateway.vault.runs import LABEL_CHARS_MAX
from ledger.history import NoSuchCall


async def list_runs(house: House, ask: Ask) -> Answer:
    await house.fresh()
    query, limit = ask.query, limit_of(ask.query)
    since_us, until_us = span_of(query, house.now_us())
    by, after = query.get("by", "run"), query.get("starting_after")
    try:
        found = await house.history.runs(since_us, until_us, limit + 1, by=by, starting_after=after)
    except NoSuchCall:
        raise no_such_start(after or "") from None

    def shown(record: dict[str, Any]) -> dict[str, Any]:
        return {"object": by, **spend_record(record), **_state(house, by, record[by])}

    page = first_of(found, limit).shown("/vault/runs", shown)
    return page | complete_since(found.complete_since_us)


async def detail(house: House, ask: Ask) -> Answer:
    await house.fresh()
    label = ask.query["label"]
    record = await house.history.run(label)
    walk = house.registry.walk(of_label(label))
    keys = [key.terms.key_id async for key in walk if key.terms.label == label]
    if record is None and not keys:
        raise NotFound(f"There is no run {label}.")
    return {
        "object": "run",
        "run": label,
        **({} if record is None else spend_record(record)),
        **_state(house, "run", label),
        "keys": keys,
    }


def _state(house: House, by: str, name: str) -> dict[str, Any]:
    """Is it revoked, and since when? A scenario is if the prefix of its runs is."""
    runs = house.registry.runs
    if by == "scenario":
        name = f"{name}/"
    if not runs.revoked(name):
        return {"revoked": False, "revoked_at": None}
    times = [at_us for prefix, at_us in runs.prefixes.items() if name.startswith(prefix)]
    first = min([*times, *filter(None, [runs.labels.get(name)])])
    return {"revoked": True, "revoked_at": shown_moment(first)}


ROUTES: Final = (
    Route("GET", "/vault/runs", ADMIN, list_runs,
          "Spend by run or by scenario, the latest call first", "RunList",
          query=(*PAGE_FIELDS, choice("by", "Default run.", ["run", "scenario"]), *SPAN_FIELDS)),
    Route("GET", "/vault/runs/detail", ADMIN, detail,
          "One run: spend by operation, refusal, state and key", "Run",
          query=(text("label", "The run's effective label.", required=True,
                      chars_max=LABEL_CHARS_MAX),)),
)  # fmt: skip
