"""Contacts and the segments they are in (audiences, by their older name).

A contact is found by id or by address. A segment's contacts are what a broadcast goes to.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from bench.sandbox.resend import lists, mail
from bench.sandbox.resend.asked import Asked, objects
from bench.sandbox.resend.errors import not_found
from bench.sandbox.resend.world import World, new_id
from bench.sandbox.wire import Obj

SHOWN = ("id", "email", "first_name", "last_name", "created_at", "unsubscribed")
TOPIC_STATES = ("opt_in", "opt_out")


def create_segment(asked: Asked) -> Obj:
    world = asked.world
    segment = {"id": new_id(), "name": asked.text("name"), "created_at": world.clock.stamp()}
    world.put("segment", segment)
    return {"object": _word(asked), "id": segment["id"], "name": segment["name"]}


def _word(asked: Asked) -> str:
    return "audience" if asked.request.path.startswith("/audiences") else "segment"


def retrieve_segment(asked: Asked) -> Obj:
    return {"object": _word(asked), **asked.world.get("segment", asked.ids[0])}


def update_segment(asked: Asked) -> Obj:
    segment = asked.world.get("segment", asked.ids[0])
    asked.world.put("segment", {**segment, "name": asked.fields.get("name", segment["name"])})
    return {"object": _word(asked), "id": segment["id"]}


def delete_segment(asked: Asked) -> Obj:
    segment = asked.world.get("segment", asked.ids[0])
    del asked.world.tables["segment"][segment["id"]]
    return {"object": _word(asked), "id": segment["id"], "deleted": True}


def list_segments(asked: Asked) -> Obj:
    return lists.page(asked.world.newest_first("segment"), asked.query)


def contacts_in(world: World, segment_id: str) -> list[Obj]:
    """Newest first."""
    return [c for c in world.newest_first("contact") if segment_id in c["segments"]]


# Contacts.


def create(asked: Asked) -> Obj:
    """POST /contacts, or below an audience. A known address is changed, not doubled."""
    world, given = asked.world, asked.fields
    address = mail.address(asked.member("email"), "email").lower()
    segments = _segments(given.get("segments"))
    if asked.ids:
        segments.append(asked.ids[0])
    if given.get("audience_id"):
        segments.append(given["audience_id"])
    for segment_id in segments:
        world.get("segment", segment_id)
    known = _find(world, address)
    contact: Obj = known or {
        "id": new_id(),
        "email": address,
        "first_name": None,
        "last_name": None,
        "created_at": world.clock.stamp(),
        "unsubscribed": False,
        "segments": (),
        "topics": {},
        "properties": {},
    }
    contact = _with(contact, given)
    contact["segments"] = tuple(dict.fromkeys((*contact["segments"], *segments)))
    world.put("contact", contact)
    return {"object": "contact", "id": contact["id"]}


def _segments(value: Any) -> list[Any]:
    """Ids, given as texts or as objects with an `id`."""
    listed = value if isinstance(value, list) else []
    return [item.get("id") if isinstance(item, dict) else item for item in listed]


def _with(contact: Obj, given: Obj) -> Obj:
    names = ("first_name", "last_name", "unsubscribed", "properties")
    return {**contact, **{name: given[name] for name in names if name in given}}


def _find(world: World, identifier: str) -> Obj | None:
    found = world.tables["contact"].get(identifier)
    if found is not None:
        return found
    address = unquote(identifier).lower()
    return next((c for c in world.newest_first("contact") if c["email"] == address), None)


def contact_of(asked: Asked, position: int = -1) -> Obj:
    """The contact that the path names, by id or address."""
    found = _find(asked.world, asked.ids[position])
    if found is None:
        raise not_found("Contact")
    return found


def shown(contact: Obj) -> Obj:
    return {name: contact[name] for name in SHOWN}


def retrieve(asked: Asked) -> Obj:
    contact = contact_of(asked)
    return {"object": "contact", **shown(contact), "properties": contact["properties"]}


def update(asked: Asked) -> Obj:
    contact = contact_of(asked)
    asked.world.put("contact", _with(contact, asked.fields))
    return {"object": "contact", "id": contact["id"]}


def delete(asked: Asked) -> Obj:
    contact = contact_of(asked)
    del asked.world.tables["contact"][contact["id"]]
    return {"object": "contact", "contact": contact["id"], "deleted": True}


def listing(asked: Asked) -> Obj:
    """All contacts, or those of the segment in the path or the query."""
    segment_id = asked.ids[0] if asked.ids else asked.query.get("segment_id")
    if segment_id is None:
        found = list(asked.world.newest_first("contact"))
    else:
        asked.world.get("segment", segment_id)
        found = contacts_in(asked.world, segment_id)
    return lists.page([shown(contact) for contact in found], asked.query)


def add_segment(asked: Asked) -> Obj:
    contact = contact_of(asked, 0)
    segment = asked.world.get("segment", asked.ids[1])
    segments = tuple(dict.fromkeys((*contact["segments"], segment["id"])))
    asked.world.put("contact", {**contact, "segments": segments})
    return {"object": "segment", "id": segment["id"]}


def remove_segment(asked: Asked) -> Obj:
    contact = contact_of(asked, 0)
    left = tuple(one for one in contact["segments"] if one != asked.ids[1])
    asked.world.put("contact", {**contact, "segments": left})
    return {"object": "segment", "id": asked.ids[1], "deleted": True}


def list_contact_segments(asked: Asked) -> Obj:
    contact = contact_of(asked, 0)
    found = [asked.world.get("segment", one) for one in reversed(contact["segments"])]
    return lists.page(found, asked.query)


def list_topics(asked: Asked) -> Obj:
    contact = contact_of(asked, 0)
    found = [
        {**topic, "subscription": contact["topics"].get(topic["id"], "opt_in")}
        for topic in asked.world.newest_first("topic")
    ]
    return lists.page(found, asked.query)


def update_topics(asked: Asked) -> Obj:
    contact = contact_of(asked, 0)
    bare = isinstance(asked.data, list)
    given = objects(asked.data, "topics") if bare else asked.objects("topics")
    topics = {**contact["topics"]}
    for item in given:
        if item.get("subscription") in TOPIC_STATES:
            topics[str(item.get("id"))] = item["subscription"]
    asked.world.put("contact", {**contact, "topics": topics})
    return {"object": "contact", "id": contact["id"]}
