"""Resend's endpoints: method and path to the function that runs it and the status it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Final

from bench.sandbox.resend import account, audience, broadcasts, emails
from bench.sandbox.resend.asked import Asked
from bench.sandbox.resend.errors import ResendError, not_allowed
from bench.sandbox.wire import Obj

Handler = Callable[[Asked], Obj]
METHODS: Final = ("GET", "POST", "PATCH", "PUT", "DELETE")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """sends: what a key with sending access only may call, and what Idempotency-Key works on."""

    handler: Handler
    status: int = 200
    sends: bool = False


def _endpoints() -> dict[str, Endpoint]:
    table = {
        "POST /emails": Endpoint(emails.send, sends=True),
        "POST /emails/batch": Endpoint(emails.batch, sends=True),
        "GET /emails": Endpoint(emails.listing),
        "GET /emails/*": Endpoint(emails.retrieve),
        "PATCH /emails/*": Endpoint(emails.update),
        "POST /emails/*/cancel": Endpoint(emails.cancel),
        "POST /emails/*/share": Endpoint(emails.share),
        "POST /broadcasts": Endpoint(broadcasts.create, 201),
        "GET /broadcasts": Endpoint(broadcasts.listing),
        "GET /broadcasts/*": Endpoint(broadcasts.retrieve),
        "PATCH /broadcasts/*": Endpoint(broadcasts.update),
        "DELETE /broadcasts/*": Endpoint(broadcasts.delete),
        "POST /broadcasts/*/send": Endpoint(broadcasts.send),
        "POST /broadcasts/*/cancel": Endpoint(broadcasts.cancel),
        "POST /broadcasts/*/duplicate": Endpoint(broadcasts.duplicate, 201),
        "GET /broadcasts/*/recipients": Endpoint(broadcasts.list_recipients),
        "POST /events/send": Endpoint(broadcasts.send_event, 202),
        "POST /contacts": Endpoint(audience.create, 201),
        "GET /contacts": Endpoint(audience.listing),
        "GET /contacts/*": Endpoint(audience.retrieve),
        "PATCH /contacts/*": Endpoint(audience.update),
        "DELETE /contacts/*": Endpoint(audience.delete),
        "GET /contacts/*/segments": Endpoint(audience.list_contact_segments),
        "POST /contacts/*/segments/*": Endpoint(audience.add_segment),
        "DELETE /contacts/*/segments/*": Endpoint(audience.remove_segment),
        "GET /contacts/*/topics": Endpoint(audience.list_topics),
        "PATCH /contacts/*/topics": Endpoint(audience.update_topics),
        "POST /api-keys": Endpoint(account.create_key, 201),
        "GET /api-keys": Endpoint(account.list_keys),
        "DELETE /api-keys/*": Endpoint(account.delete_key),
        "POST /domains/*/verify": Endpoint(account.verify_domain),
        "POST /templates/*/publish": Endpoint(account.publish_template),
        "POST /suppressions": Endpoint(account.suppress, 201),
        "GET /suppressions": Endpoint(account.list_suppressions),
        "GET /suppressions/*": Endpoint(account.retrieve_suppression),
        "DELETE /suppressions/*": Endpoint(account.release),
        "GET /usage": Endpoint(account.usage),
    }
    for root in ("/audiences", "/segments"):
        table |= {
            f"POST {root}": Endpoint(audience.create_segment, 201),
            f"GET {root}": Endpoint(audience.list_segments),
            f"GET {root}/*": Endpoint(audience.retrieve_segment),
            f"PATCH {root}/*": Endpoint(audience.update_segment),
            f"DELETE {root}/*": Endpoint(audience.delete_segment),
            f"POST {root}/*/contacts": Endpoint(audience.create, 201),
            f"GET {root}/*/contacts": Endpoint(audience.listing),
            f"GET {root}/*/contacts/*": Endpoint(audience.retrieve),
            f"PATCH {root}/*/contacts/*": Endpoint(audience.update),
            f"DELETE {root}/*/contacts/*": Endpoint(audience.delete),
        }
    for kind in account.RECORDS:
        made = account.records(kind)
        table |= {name: Endpoint(handler, status) for name, (handler, status) in made.items()}
    return table


ENDPOINTS: Final = _endpoints()


def route(method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
    """The endpoint and the ids in its path. Raises 405 for another method, 404 for no path."""
    parts = path.split("/")[1:]
    for pattern, ids in _patterns(parts):
        found = ENDPOINTS.get(f"{method} {pattern}")
        if found is not None:
            return found, ids
    known = any(f"{m} {pattern}" in ENDPOINTS for pattern, _ in _patterns(parts) for m in METHODS)
    raise not_allowed() if known else ResendError(404, "not_found", "Not found")


def _patterns(parts: list[str]) -> list[tuple[str, tuple[str, ...]]]:
    """All ways to read a path's segments as words or ids, words first; the first is a word."""
    if not all(parts) or len(parts) > 4:
        return []
    found = []
    for shape in product((False, True), repeat=len(parts) - 1):
        pairs = list(zip(parts, (False, *shape), strict=True))
        pattern = "/" + "/".join("*" if is_id else part for part, is_id in pairs)
        found.append((pattern, tuple(part for part, is_id in pairs if is_id)))
    return found
