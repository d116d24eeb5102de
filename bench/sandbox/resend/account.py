"""The rest of an account: domains, API keys, templates and other records, usage.

Most of it is records that are made, shown, changed and deleted alike; `records` makes those
operations from the members that each kind has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from bench.sandbox.resend import lists, mail
from bench.sandbox.resend.asked import Asked
from bench.sandbox.resend.errors import ResendError
from bench.sandbox.resend.world import Key, new_id, new_token
from bench.sandbox.wire import Obj

Handler = Callable[[Asked], Obj]
RECORDS: Final[Mapping[str, tuple[str, Sequence[str], str]]] = {
    "template": (
        "/templates",
        ("name", "alias", "from", "subject", "reply_to", "html", "text", "variables"),
        "name",
    ),
    "topic": (
        "/topics",
        ("name", "default_subscription", "description", "visibility"),
        "name",
    ),
    "automation": ("/automations", ("name", "status", "steps", "connections"), "name"),
    "event": ("/events", ("name", "schema"), "name"),
    "webhook": ("/webhooks", ("endpoint", "events", "status"), "endpoint"),
    "domain": (
        "/domains",
        ("name", "region", "open_tracking", "click_tracking", "tls"),
        "name",
    ),
}
"""Kind -> path, members, and the member that must be given."""


def records(kind: str) -> dict[str, tuple[Handler, int]]:
    """`METHOD path` -> (operation, status) of one kind."""
    path, names, needed = RECORDS[kind]

    def create(asked: Asked) -> Obj:
        asked.text(needed)
        item = {
            "object": kind,
            "id": new_id(),
            **_read(asked, names),
            "created_at": asked.world.clock.stamp(),
            **_extras(kind),
        }
        asked.world.put(kind, item)
        return item if kind in ("domain", "webhook") else {"object": kind, "id": item["id"]}

    def retrieve(asked: Asked) -> Obj:
        return asked.world.get(kind, asked.ids[0])

    def update(asked: Asked) -> Obj:
        item = asked.world.get(kind, asked.ids[0])
        given = _read(asked, [name for name in names if name in asked.fields])
        asked.world.put(kind, {**item, **given})
        return {"object": kind, "id": item["id"]}

    def delete(asked: Asked) -> Obj:
        item = asked.world.get(kind, asked.ids[0])
        del asked.world.tables[kind][item["id"]]
        return {"object": kind, "id": item["id"], "deleted": True}

    def listing(asked: Asked) -> Obj:
        return lists.page(asked.world.newest_first(kind), asked.query)

    return {
        f"POST {path}": (create, 201),
        f"GET {path}": (listing, 200),
        f"GET {path}/*": (retrieve, 200),
        f"PATCH {path}/*": (update, 200),
        f"DELETE {path}/*": (delete, 200),
    }


def _read(asked: Asked, names: Sequence[str]) -> Obj:
    given = {name: asked.fields.get(name) for name in names}
    if "steps" in given:
        given["steps"] = asked.objects("steps")
    return given


def _extras(kind: str) -> Obj:
    if kind == "domain":
        return {"status": "not_started", "records": []}
    if kind == "webhook":
        return {"signing_secret": f"whsec_{new_token()[3:]}"}
    return {"status": "draft"} if kind == "template" else {}


def verify_domain(asked: Asked) -> Obj:
    domain = asked.world.get("domain", asked.ids[0])
    asked.world.put("domain", {**domain, "status": "verified"})
    if asked.world.verified is not None:
        asked.world.verified.add(str(domain["name"]).lower())
    return {"object": "domain", "id": domain["id"]}


def publish_template(asked: Asked) -> Obj:
    template = asked.world.get("template", asked.ids[0])
    asked.world.put("template", {**template, "status": "published"})
    return {"object": "template", "id": template["id"]}


# API keys.


def create_key(asked: Asked) -> Obj:
    """A new real key of this team. Its token is shown once."""
    permission = asked.fields.get("permission", "full_access")
    if permission not in ("full_access", "sending_access"):
        raise ResendError(422, "invalid_access", "The `permission` field is not known.")
    domain = None
    if asked.fields.get("domain_id"):
        domain = str(asked.world.get("domain", asked.fields["domain_id"])["name"]).lower()
    record = {
        "id": new_id(),
        "name": asked.text("name"),
        "created_at": asked.world.clock.stamp(),
        "last_used_at": None,
    }
    token = new_token()
    asked.world.put("api_key", record)
    asked.world.keys[token] = Key(token, permission, domain)
    return {"id": record["id"], "token": token}


def list_keys(asked: Asked) -> Obj:
    return lists.page(asked.world.newest_first("api_key"), asked.query)


def delete_key(asked: Asked) -> Obj:
    del asked.world.tables["api_key"][asked.world.get("api_key", asked.ids[0])["id"]]
    return {}


# Suppressions and usage.


def suppress(asked: Asked) -> Obj:
    address = mail.address(asked.member("email"), "email").lower()
    item = {"object": "suppression", "id": new_id(), "email": address}
    asked.world.put("suppression", item)
    return {"object": "suppression", "id": item["id"]}


def list_suppressions(asked: Asked) -> Obj:
    return lists.page(asked.world.newest_first("suppression"), asked.query)


def _suppression(asked: Asked) -> Obj:
    """By id or by address."""
    for item in asked.world.newest_first("suppression"):
        if asked.ids[0] in (item["id"], item["email"]):
            return item
    raise ResendError(404, "not_found", "Suppression not found")


def retrieve_suppression(asked: Asked) -> Obj:
    return _suppression(asked)


def release(asked: Asked) -> Obj:
    item = _suppression(asked)
    del asked.world.tables["suppression"][item["id"]]
    return {"object": "suppression", "id": item["id"], "deleted": True}


def usage(asked: Asked) -> Obj:
    world = asked.world
    today, month = world.used_today(), world.used_this_month()
    limits = world.limits
    return {
        "object": "usage",
        "emails": {
            "daily": {
                "used": today, "limit": limits.daily, "sent": today, "received": 0,
                "resets_at": world.clock.stamp(),
            },
            "monthly": {
                "used": month, "limit": limits.monthly or 50_000, "sent": month, "received": 0,
                "resets_at": world.clock.stamp(),
            },
        },
        "contacts": {"used": len(world.tables["contact"]), "limit": None},
        "domains": {"used": len(world.tables["domain"]), "limit": None},
        "rate_limit": {"limit": limits.per_second or 10, "duration": "second"},
    }  # fmt: skip
