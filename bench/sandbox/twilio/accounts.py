"""Accounts, subaccounts and keys, and what an account owes.

An account's own answer carries its `auth_token`: whoever reads it can go around any gateway. API
keys may not ask for it, nor make keys. A new subaccount has a token of its own; its parent's
credentials act on it too, and what it spends is on its own bill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from bench.sandbox.twilio import prices
from bench.sandbox.twilio.asked import Asked, page_2010, uri
from bench.sandbox.twilio.errors import authenticate, invalid, not_found
from bench.sandbox.twilio.world import World, new_sid, rfc2822
from bench.sandbox.wire import Obj

OPENING_BALANCE_MICROS: Final = 100_000_000
STATUSES: Final = frozenset({"active", "suspended", "closed"})
CATEGORIES: Final = {
    "sms": ("sms", "messages"),
    "mms": ("mms", "messages"),
    "whatsapp": ("channels-whatsapp-outbound", "messages"),
    "messenger": ("channels-messenger-outbound", "messages"),
    "rcs": ("rcs-messages-outbound", "messages"),
    "carrier_fee": ("sms-messages-carrierfees", "messages"),
    "failed_fee": ("failed-message-processing-fee", "messages"),
    "call": ("calls", "minutes"),
    "recording": ("recordings", "minutes"),
    "number": ("phonenumbers", "numbers"),
    "verify_channel": ("verify-channel-fees", "attempts"),
    "verify_success": ("verify-successful-verifications", "verifications"),
    "lookup": ("lookups", "requests"),
    "studio": ("studio-engagements", "engagements"),
}
"""What we call a kind of money -> the usage category and its unit."""
SPANS: Final = frozenset(
    {
        "AllTime",  # codespell:ignore alltime
        "Today", "Yesterday", "ThisMonth", "LastMonth", "Daily", "Monthly", "Yearly",
    }
)  # fmt: skip


class Register:
    """How the resources below find and make accounts; `api.TwilioApi` is one."""

    def children(self, world: World) -> list[World]:
        raise NotImplementedError

    def open_account(self, parent: World, name: str) -> World:
        raise NotImplementedError


# Accounts.


def fetch(asked: Asked) -> Obj:
    """By the owner, not by a key."""
    return show(asked.world)


def update(asked: Asked) -> Obj:
    world, fields = asked.world, asked.fields
    status = fields.one("Status")
    if status and status not in STATUSES:
        raise invalid("Status", status)
    world.status = status or world.status
    world.friendly_name = fields.one("FriendlyName") or world.friendly_name
    return show(world)


def lister(register: Register) -> Callable[[Asked], Obj]:
    def read(asked: Asked) -> Obj:
        worlds = [asked.caller, *register.children(asked.caller)]
        return page_2010(asked, "accounts", ((world.sid, world) for world in worlds), show)

    return read


def maker(register: Register) -> Callable[[Asked], Obj]:
    def create(asked: Asked) -> Obj:
        name = asked.fields.one("FriendlyName")
        return show(register.open_account(asked.caller, name))

    return create


def show(world: World) -> Obj:
    base = f"/2010-04-01/Accounts/{world.sid}"
    parts = ("messages", "calls", "incoming_phone_numbers", "keys", "balance")
    names = ("Messages", "Calls", "IncomingPhoneNumbers", "Keys", "Balance")
    return {
        "auth_token": world.token,
        "date_created": rfc2822(world.created_us),
        "date_updated": rfc2822(world.created_us),
        "friendly_name": world.friendly_name,
        "owner_account_sid": world.parent.sid if world.parent else world.sid,
        "sid": world.sid,
        "status": world.status,
        "subresource_uris": {
            part: f"{base}/{name}.json" for part, name in zip(parts, names, strict=True)
        },
        "type": "Full",
        "uri": f"{base}.json",
    }


# Keys and tokens.


def make_key(asked: Asked) -> Obj:
    """Its secret is shown once, and works from now on."""
    world = asked.world
    sid, secret = new_sid("SK"), new_sid("")
    world.keys[sid] = secret
    return {**_key(world, sid, asked.fields.one("FriendlyName")), "secret": secret}


def list_keys(asked: Asked) -> Obj:
    rows = ((sid, sid) for sid in reversed(asked.world.keys))
    return page_2010(asked, "keys", rows, lambda sid: _key(asked.world, sid, ""))


def delete_key(asked: Asked) -> None:
    if asked.world.keys.pop(asked.ids[0], None) is None:
        raise not_found(asked.path)


def _key(world: World, sid: str, name: str) -> Obj:
    moment = rfc2822(world.now_us)
    return {"sid": sid, "friendly_name": name, "date_created": moment, "date_updated": moment}


def make_token(asked: Asked) -> Obj:
    ttl = asked.fields.number("Ttl", 86_400, least=1, most=86_400)
    return {
        "account_sid": asked.world.sid,
        "date_created": rfc2822(asked.world.now_us),
        "date_updated": rfc2822(asked.world.now_us),
        "ice_servers": [],
        "password": new_sid(""),
        "ttl": str(ttl),
        "username": new_sid(""),
    }


def refuse_keys(by_key: bool) -> None:
    """Raises TwilioError where an API key asks for what only the account itself may."""
    if by_key:
        raise authenticate()


# Money.


def balance(asked: Asked) -> Obj:
    left = OPENING_BALANCE_MICROS - asked.world.charged.total()
    return {
        "account_sid": asked.world.sid,
        "balance": prices.dollars(left),
        "currency": "USD",
    }


def usage(asked: Asked) -> Obj:
    """All that was billed since the sandbox began, whichever span is asked for."""
    if asked.ids and asked.ids[0] not in SPANS:
        raise not_found(asked.path)
    return page_2010(asked, "usage_records", _records(asked), lambda record: record)


def _records(asked: Asked) -> Iterator[tuple[str, Any]]:
    world, wanted = asked.world, asked.fields.one("Category")
    total = world.charged.total()
    rows = [("totalprice", "usd", total, total // 1_000_000)]
    for kind, (category, unit) in CATEGORIES.items():
        rows.append((category, unit, world.charged[kind], world.units[kind]))
    today = datetime.fromtimestamp(world.now_us // 1_000_000, UTC)
    for category, unit, micros, units in rows:
        if wanted in ("", category):
            yield (
                category,
                {
                    "account_sid": world.sid,
                    "api_version": "2010-04-01",
                    "as_of": today.isoformat(timespec="seconds"),
                    "category": category,
                    "count": str(units),
                    "count_unit": unit,
                    "description": category.replace("-", " "),
                    "end_date": today.date().isoformat(),
                    "price": prices.dollars(micros),
                    "price_unit": "usd",
                    "start_date": today.date().isoformat(),
                    "subresource_uris": {},
                    "uri": f"{uri(asked, 'Usage/Records')}?Category={category}",
                    "usage": str(units),
                    "usage_unit": unit,
                },
            )
