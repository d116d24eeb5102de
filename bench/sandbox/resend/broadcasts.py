"""Broadcasts: one mail to all contacts of a segment; and automations that an event sets off.

Neither says in its request how many mails it sends.
"""

from __future__ import annotations

from bench.sandbox.resend import audience, emails, lists, mail
from bench.sandbox.resend.asked import Asked
from bench.sandbox.resend.errors import invalid, missing
from bench.sandbox.resend.world import World, new_id, stamp
from bench.sandbox.wire import Obj

SET = ("name", "from", "subject", "reply_to", "preview_text", "html", "text", "topic_id")


def create(asked: Asked) -> Obj:
    """POST /broadcasts: a draft, or with `send` at once (or scheduled)."""
    world, given = asked.world, asked.fields
    segment = given.get("segment_id") or given.get("audience_id")
    if not segment:
        raise missing("segment_id")
    world.get("segment", segment)
    for name in ("from", "subject"):
        asked.member(name)
    mail.address(given["from"], "from")
    broadcast: Obj = {
        "object": "broadcast",
        "id": new_id(),
        **{name: given.get(name) for name in SET},
        "segment_id": segment,
        "audience_id": segment,
        "status": "draft",
        "created_at": world.clock.stamp(),
        "scheduled_at": None,
        "sent_at": None,
    }
    if given.get("scheduled_at") and given.get("send") is not True:
        raise invalid("The `scheduled_at` field needs `send` to be true.")
    if given.get("send") is True:
        broadcast = _send(world, broadcast, given.get("scheduled_at"))
    world.put("broadcast", broadcast)
    return {"object": "broadcast", "id": broadcast["id"]}


def recipients(world: World, broadcast: Obj) -> tuple[str, ...]:
    """Contacts of the segment who did not unsubscribe."""
    found = tuple(
        contact["email"]
        for contact in audience.contacts_in(world, broadcast["segment_id"])
        if not contact["unsubscribed"]
    )
    return emails.wanted(world, found, broadcast["topic_id"])


def _send(world: World, broadcast: Obj, scheduled: object) -> Obj:
    found = recipients(world, broadcast)
    world.check_quota(len(found))
    if scheduled:
        at = mail.moment(scheduled, world.clock.now())
        world.send(broadcast["id"], found, at)
        return {**broadcast, "status": "scheduled", "scheduled_at": stamp(at)}
    world.send(broadcast["id"], found)
    return {**broadcast, "status": "sent", "sent_at": world.clock.stamp()}


def send(asked: Asked) -> Obj:
    broadcast = _draft(asked)
    scheduled = asked.fields.get("scheduled_at")
    asked.world.put("broadcast", _send(asked.world, broadcast, scheduled))
    return {"object": "broadcast", "id": broadcast["id"]}


def _draft(asked: Asked) -> Obj:
    broadcast = asked.world.get("broadcast", asked.ids[0])
    if broadcast["status"] != "draft":
        raise invalid(f"This broadcast is {broadcast['status']} and no longer a draft.")
    return broadcast


def update(asked: Asked) -> Obj:
    broadcast, given = _draft(asked), asked.fields
    changed = {**broadcast, **{name: given[name] for name in SET if name in given}}
    segment = given.get("segment_id") or given.get("audience_id")
    if segment:
        asked.world.get("segment", segment)
        changed |= {"segment_id": segment, "audience_id": segment}
    asked.world.put("broadcast", changed)
    return {"object": "broadcast", "id": broadcast["id"]}


def retrieve(asked: Asked) -> Obj:
    return asked.world.get("broadcast", asked.ids[0])


def listing(asked: Asked) -> Obj:
    return lists.page(asked.world.newest_first("broadcast"), asked.query)


def list_recipients(asked: Asked) -> Obj:
    broadcast = asked.world.get("broadcast", asked.ids[0])
    found = [{"id": email, "email": email} for email in recipients(asked.world, broadcast)]
    return lists.page(found, asked.query)


def cancel(asked: Asked) -> Obj:
    broadcast = asked.world.get("broadcast", asked.ids[0])
    asked.world.call_back(broadcast["id"])
    asked.world.put("broadcast", {**broadcast, "status": "draft", "scheduled_at": None})
    return {"object": "broadcast", "id": broadcast["id"]}


def duplicate(asked: Asked) -> Obj:
    broadcast = asked.world.get("broadcast", asked.ids[0])
    copy = {**broadcast, "id": new_id(), "status": "draft", "scheduled_at": None, "sent_at": None}
    asked.world.put("broadcast", copy)
    return {"object": "broadcast", "id": copy["id"]}


def delete(asked: Asked) -> Obj:
    broadcast = asked.world.get("broadcast", asked.ids[0])
    asked.world.due.pop(broadcast["id"], None)
    del asked.world.tables["broadcast"][broadcast["id"]]
    return {"object": "broadcast", "id": broadcast["id"], "deleted": True}


def _trigger(step: Obj) -> object:
    config = step.get("config")
    return config.get("event_name") if isinstance(config, dict) else None


def send_event(asked: Asked) -> Obj:
    """POST /events/send: every enabled automation on this event mails the contact, once for each
    of its `send_email` steps."""
    name = asked.member("event")
    address = asked.fields.get("email")
    if asked.fields.get("contact_id"):
        address = asked.world.get("contact", asked.fields["contact_id"])["email"]
    if not address:
        raise missing("contact_id")
    address = mail.address(address, "email")
    for automation in asked.world.newest_first("automation"):
        steps = automation["steps"]
        hears = any(_trigger(step) == name for step in steps)
        if automation["status"] == "enabled" and hears:
            for step in steps:
                if step.get("type") == "send_email":
                    asked.world.send(new_id(), (address,))
    return {"object": "event", "event": name}
