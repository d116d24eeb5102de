"""Emails: sent one by one or in batches, listed, moved, canceled; and what becomes of them.

Test addresses (`delivered@resend.dev`, `bounced+label@resend.dev`, …) tell by their name what
happens; for all others a test says so. An address that is suppressed, or whose contact left the
mail's topic, gets nothing; a suppressed one counts all the same here (Resend does not say).
"""

from __future__ import annotations

from typing import Any, Final

from bench.sandbox.resend import lists, mail
from bench.sandbox.resend.asked import Asked
from bench.sandbox.resend.errors import ResendError, invalid
from bench.sandbox.resend.world import World, new_id, stamp
from bench.sandbox.wire import Obj

BATCH_MAX: Final = 100
EVENTS: Final = frozenset(
    {
        "bounced", "canceled", "clicked", "complained", "delivered", "delivery_delayed", "failed",
        "opened", "queued", "scheduled", "sent", "suppressed",
    }
)  # fmt: skip
TEST_DOMAIN: Final = "resend.dev"


def send(asked: Asked) -> Obj:
    """POST /emails."""
    world = asked.world
    found = mail.read(asked.data, world.clock.now())
    _may_send(asked, found)
    world.check_quota(len(found.recipients))
    return {"id": _accept(world, found)}


def batch(asked: Asked) -> Obj:
    """POST /emails/batch: strict, all or none; permissive, those that are well."""
    items = asked.data
    if not isinstance(items, list) or not 1 <= len(items) <= BATCH_MAX:
        raise invalid(f"A batch must be a list of 1 to {BATCH_MAX} emails.")
    mode = (asked.request.header(b"x-batch-validation") or b"strict").decode("latin-1")
    if mode not in ("strict", "permissive"):
        raise invalid("The x-batch-validation header must be strict or permissive.")
    good: list[mail.Mail] = []
    wrong: list[Obj] = []
    for index, item in enumerate(items):
        try:
            found = mail.read(item, asked.world.clock.now(), batched=True)
            _may_send(asked, found)
            good.append(found)
        except ResendError as error:
            if mode == "strict":
                raise
            wrong.append({"index": index, "message": str(error)})
    asked.world.check_quota(sum(len(found.recipients) for found in good))
    answer: Obj = {"data": [{"id": _accept(asked.world, found)} for found in good]}
    if mode == "permissive":
        answer["errors"] = wrong
    return answer


def _may_send(asked: Asked, found: mail.Mail) -> None:
    domain = found.sender.rpartition("@")[2].lower()
    verified = asked.world.verified
    if verified is not None and domain not in verified and domain != TEST_DOMAIN:
        raise ResendError(
            403,
            "validation_error",
            f"The {domain} domain is not verified. Please, add and verify your domain on "
            "https://resend.com/domains",
        )
    if asked.key.domain is not None and asked.key.domain != domain:
        raise ResendError(
            403, "restricted_api_key", f"This API key may only send from {asked.key.domain}"
        )


def _accept(world: World, found: mail.Mail) -> str:
    email_id = new_id()
    recipients = wanted(world, found.recipients, found.shown["topic_id"])
    later = found.scheduled is not None
    email: Obj = {
        "object": "email",
        "id": email_id,
        "message_id": f"<{email_id}@sandbox.resend.dev>",
        **found.shown,
        "created_at": world.clock.stamp(),
        "scheduled_at": stamp(found.scheduled) if found.scheduled is not None else None,
        "last_event": "scheduled" if later else _first_event(world, recipients),
    }
    world.put("email", email)
    world.send(email_id, recipients, found.scheduled)
    return email_id


def wanted(world: World, recipients: tuple[str, ...], topic: Any) -> tuple[str, ...]:
    """Those who did not leave the topic."""
    if not topic:
        return recipients
    out = {
        contact["email"]
        for contact in world.newest_first("contact")
        if contact["topics"].get(topic) == "opt_out"
    }
    return tuple(address for address in recipients if address.lower() not in out)


def _first_event(world: World, recipients: tuple[str, ...]) -> str:
    if not recipients:
        return "failed"
    if suppressed(world, recipients[0]):
        return "suppressed"
    name, _, domain = recipients[0].lower().rpartition("@")
    event = name.partition("+")[0]
    return event if domain == TEST_DOMAIN and event in EVENTS else "sent"


def suppressed(world: World, address: str) -> bool:
    return any(item["email"] == address.lower() for item in world.newest_first("suppression"))


def retrieve(asked: Asked) -> Obj:
    return asked.world.get("email", asked.ids[0])


def listing(asked: Asked) -> Obj:
    """Without the contents."""
    hidden = ("html", "text", "object", "tags", "topic_id")
    found = (
        {name: value for name, value in email.items() if name not in hidden}
        for email in asked.world.newest_first("email")
    )
    return lists.page(found, asked.query)


def update(asked: Asked) -> Obj:
    """PATCH /emails/{id}: another moment for a mail that is still scheduled."""
    world = asked.world
    email = world.get("email", asked.ids[0])
    waiting = world.due.get(email["id"])
    if waiting is None:
        raise invalid("Only scheduled emails can be updated")
    at = mail.moment(asked.member("scheduled_at"), world.clock.now())
    waiting.at = at
    world.put("email", {**email, "scheduled_at": stamp(at)})
    return {"object": "email", "id": email["id"]}


def cancel(asked: Asked) -> Obj:
    world = asked.world
    email = world.get("email", asked.ids[0])
    world.call_back(email["id"])
    world.put("email", {**email, "last_event": "canceled"})
    return {"object": "email", "id": email["id"]}


def share(asked: Asked) -> Obj:
    email = asked.world.get("email", asked.ids[0])
    return {"object": "email", "id": email["id"], "url": f"https://resend.com/share/{new_id()}"}


def deliver(world: World, email_id: str, event: str) -> Obj:
    """A test says what became of a mail."""
    if event not in EVENTS:
        raise ValueError(f"no such event: {event}")
    return world.put("email", {**world.get("email", email_id), "last_event": event})
