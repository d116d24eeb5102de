"""What every revoke has in common, of a key, an issuer, a run, a vendor: the wishes of its form,
and what came of it in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.dashboard.forms import Form
from gateway.dashboard.words import count

CANCELS: Final = frozenset({"stripe"})
"""Vendors where a revoked key can leave something open that is cancelled there."""
NAMED_MAX: Final = 20


def wishes_of(form: Form) -> dict[str, Any]:
    """What is to become of calls on their way, and of what is open at the vendor."""
    wishes: dict[str, Any] = {"in_flight": form.one("in_flight") or "finish"}
    if form.one("cancel_open_intents"):
        wishes["cancel_open_intents"] = True
    return wishes


def came_of(first: str, answer: Mapping[str, Any]) -> str:
    """first: what is revoked now, a sentence."""
    parts = [first, _calls(answer)]
    if "canceled" in answer:
        parts.append(_canceled(answer["canceled"]))
    return " ".join(parts)


def _calls(answer: Mapping[str, Any]) -> str:
    flying, aborted, doubts = answer["in_flight"], answer["aborted"], answer["aborted_in_doubt"]
    if not flying:
        return "No call was on its way."
    if not aborted:
        return f"{count(flying, 'call')} on the way may finish."
    ended = f"{count(aborted, 'call')} on the way ended"
    if doubts:
        return f"{ended}; {doubts} of them had left in full, and may have happened."
    return f"{ended}, before anything was complete."


def _canceled(objects: list[dict[str, str]]) -> str:
    if not objects:
        return "Nothing was left open at the vendor."
    lines = [f"{one.get('object_id', '?')} {one.get('status', '?')}" for one in objects[:NAMED_MAX]]
    return f"At the vendor: {', '.join(lines)}."
