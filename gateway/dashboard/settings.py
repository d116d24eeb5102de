"""The settings in force, each with where it comes from, and who is signed in.

Nothing is changed here: settings live in gateway.toml and the environment, where they can be
reviewed. Secrets show as [secret].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateway.dashboard.pages import Desk, Page, Shown, Visit
from gateway.http.message import Response


async def show(desk: Desk, visit: Visit) -> Response:
    return await desk.page(
        visit,
        "settings.html",
        nav="settings",
        sections=sections(desk.shown()),
        sessions=desk.sessions.all(visit.now_us),
        base_url=desk.house.base_url,
    )


def sections(shown: Sequence[Shown]) -> list[tuple[str, list[dict[str, str]]]]:
    """By their table of gateway.toml, in its order: (table, rows)."""
    rows = [
        {
            "name": entry.name.rpartition(".")[2],
            "value": text_of(entry.value),
            "origin": entry.origin,
            "section": entry.name.rpartition(".")[0],
        }
        for entry in shown
    ]
    grouped: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        grouped.setdefault(row["section"] or "admin key", []).append(row)
    return list(grouped.items())


def text_of(value: Any) -> str:
    """As a person would write it in the file."""
    if value is None or value in ("", [], {}, ()):
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:_}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} = {text}" for name, text in value.items())
    return str(value)


PAGES: Final = (Page("GET", "/settings", show),)
