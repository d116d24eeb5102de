"""`/vault/reconciler` and its kin: what is still open, who looks after it and how far that is.

Nothing here decides anything: the queues are the reconciler's, and a look that a person asks for is
the same look, only sooner.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.admin.calls import open_calls, refuse_not_open
from gateway.admin.house import House
from gateway.admin.paging import LIMIT, PAGE_FIELDS
from gateway.admin.routes import ADMIN, Answer, Ask, Route
from gateway.admin.views import moment
from gateway.reconcile.crew import Account, NotOpen
from gateway.vault.fields import choice
from ledger import HoldState

_WAITING: Final = {"pending": HoldState.PENDING, "standing": HoldState.STANDING}


async def list_pending(house: House, ask: Ask) -> Answer:
    """Calls whose price is still to come, and calls whose money is committed and has not moved."""
    wanted = ask.query.get("state")
    states = _WAITING.values() if wanted is None else (_WAITING[wanted],)
    return await open_calls(house, ask, "/vault/pending", *states)


async def show(house: House, ask: Ask) -> Answer:
    return {
        "object": "reconciler",
        "enabled": house.doors.settings.reconciler.enabled,
        "accounts": [_account(account) for account in house.reconcilers.accounts()],
    }


async def look_now(house: House, ask: Ask) -> Answer:
    """Ask the vendor now, and book what it shows."""
    call_id = ask.path["id"]
    ask.fields()
    try:
        found = await house.reconcilers.look_now(call_id)
    except NotOpen as exc:
        await refuse_not_open(house, call_id, f"not looked at, {exc}")
    await house.history.flush()
    record = await house.history.call(call_id)
    return {
        "id": call_id,
        "object": "reconciliation",
        "state": None if record is None else record["state"],
        "found": found,
    }


def _account(account: Account) -> dict[str, Any]:
    return {
        "vendor": account.vendor,
        "account": account.account,
        "queue": account.queue,
        "due": account.due,
        "next_due_at": _time(account.next_due_us),
        "last_look_at": _time(account.last_look_us),
        "backing_off_until": _time(account.backing_off_until_us),
        "lookups": account.asked,
        "last_error": account.last_error or None,
    }


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else moment(at_us)


ROUTES: Final = (
    Route("GET", "/vault/pending", ADMIN, list_pending,
          "Calls that are pending or standing", "OpenCallList",
          query=(LIMIT, PAGE_FIELDS[1],
                 choice("state", "Those in this state only.", sorted(_WAITING)))),
    Route("GET", "/vault/reconciler", ADMIN, show,
          "What is looked at again, by vendor account", "Reconciler"),
    Route("POST", "/vault/calls/{id}/reconcile", ADMIN, look_now,
          "Ask the vendor now what became of a call", "Reconciliation"),
)  # fmt: skip
