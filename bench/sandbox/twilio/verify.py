"""Verify: each code that is sent costs its channel's fee, each code that is right costs again.

A second send to the same address within ten minutes goes on with the same verification, up to five
attempts. The code is the pace's (`123456`) unless the request brings `CustomCode`. A verification
that is approved, canceled or expired can no longer be checked: 404.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from bench.sandbox.twilio import people, prices
from bench.sandbox.twilio.asked import Asked, page_v1, url
from bench.sandbox.twilio.errors import TwilioError, not_found, wrong
from bench.sandbox.twilio.world import SECOND_US, World, iso8601, new_sid
from bench.sandbox.wire import Obj

SENDS_MAX: Final = 5
CHECKS_MAX: Final = 5
LIFE_US: Final = 600 * SECOND_US
CHANNELS: Final = frozenset({"sms", "call", "whatsapp", "email"})
WHATSAPP_MICROS: Final = 3_400
EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
SERVICE: Final = re.compile(r"VA[0-9a-f]{32}", re.ASCII)
NO_SERVICE: Final = "VA" + "0" * 32


@dataclass(slots=True)
class Verification:
    sid: str
    world: World
    service: str
    to: str
    channel: str
    code: str
    created_us: int
    updated_us: int
    status: str = "pending"
    checks: int = 0
    attempts: list[tuple[int, str, str]] = field(default_factory=list)

    def send(self, channel: str) -> None:
        """One attempt, which costs whatever becomes of it."""
        self.channel, self.updated_us = channel, self.world.now_us
        self.attempts.append((self.updated_us, channel, new_sid("VL")))
        self.world.bill("verify_channel", self.sid, _fee(channel, self.to))

    def approve(self) -> None:
        self.status, self.updated_us = "approved", self.world.now_us
        self.world.bill("verify_success", self.sid, prices.VERIFY_SUCCESS_MICROS)

    def is_open(self) -> bool:
        return self.status == "pending" and self.world.now_us < self.created_us + LIFE_US


def _fee(channel: str, to: str) -> int:
    if channel == "sms":
        return prices.destination(to)[1]
    if channel == "call":
        return prices.voice(to)
    return WHATSAPP_MICROS if channel == "whatsapp" else 0


# Verifications.


def create(asked: Asked) -> Obj:
    service = _service(asked)
    fields, world = asked.fields, asked.world
    to, channel = _to(asked), fields.one("Channel")
    code = fields.one("CustomCode") or world.town.pace.code
    if not re.fullmatch(r"\d{4,10}", code, re.ASCII):
        raise wrong(60200, "Invalid parameter `CustomCode`")
    running = _running(world, service, to)
    if running is None:
        now_us = world.now_us
        running = Verification(new_sid("VE"), world, service, to, channel, code, now_us, now_us)
        world.put("verification", running.sid, running)
    elif len(running.attempts) >= SENDS_MAX:
        raise TwilioError(429, 60203, "Max send attempts reached")
    running.send(channel)
    return _whole(asked, running)


def fetch(asked: Asked) -> Obj:
    found = _named(asked)
    return _whole(asked, found)


def update(asked: Asked) -> Obj:
    """The caller checked the code by other means, or gives up."""
    found, status = _named(asked), asked.fields.one("Status")
    if status not in ("approved", "canceled"):
        raise wrong(60200, "Invalid parameter `Status`")
    if not found.is_open():
        raise not_found(asked.path)
    if status == "approved":
        found.approve()
    else:
        found.status = "canceled"
    return _whole(asked, found)


def check(asked: Asked) -> Obj:
    service, fields = _service(asked), asked.fields
    if fields.one("VerificationSid"):
        found = asked.world.table("verification").get(fields.one("VerificationSid"))
    elif fields.one("To"):
        found = _running(asked.world, service, _address(fields.one("To")) or fields.one("To"))
    else:
        raise wrong(60200, "Invalid parameter `To`")
    if found is None or found.service != service or not found.is_open():
        raise not_found(asked.path)
    if found.checks >= CHECKS_MAX:
        raise TwilioError(429, 60202, "Max check attempts reached")
    found.checks += 1
    if fields.one("Code") == found.code:
        found.approve()
    return {**show(found), "sna_attempts_error_codes": []}


def _running(world: World, service: str, to: str) -> Verification | None:
    found: Verification
    for found in world.newest_first("verification"):
        if found.to == to and found.service == service and found.is_open():
            return found
    return None


def _named(asked: Asked) -> Verification:
    """By its sid, or by whom it was sent to."""
    service, name = asked.ids
    found: Verification | None = asked.world.table("verification").get(name)
    found = found or _running(asked.world, service, name)
    if found is None or found.service != service:
        raise not_found(asked.path)
    return found


def _to(asked: Asked) -> str:
    to, channel = asked.fields.one("To"), asked.fields.one("Channel")
    if channel not in CHANNELS:
        raise wrong(60200, "Invalid parameter `Channel`")
    address = _address(to)
    if address is None or (channel == "email") != ("@" in address):
        raise wrong(60200, f"Invalid parameter `To`: {to}")
    people.refuse_magic(address, people.TO_MESSAGE)
    return address


def _address(to: str) -> str | None:
    return to if EMAIL.fullmatch(to) else people.e164(to)


def show(found: Verification) -> Obj:
    return {
        "sid": found.sid,
        "service_sid": found.service,
        "account_sid": found.world.sid,
        "to": found.to,
        "channel": found.channel,
        "status": found.status,
        "valid": found.status == "approved",
        "amount": None,
        "payee": None,
        "date_created": iso8601(found.created_us),
        "date_updated": iso8601(found.updated_us),
    }


def _whole(asked: Asked, found: Verification) -> Obj:
    """With what a check does not show."""
    attempts = [
        {"time": iso8601(at_us), "channel": channel, "attempt_sid": sid}
        for at_us, channel, sid in found.attempts
    ]
    own_url = url(asked, f"/v2/Services/{found.service}/Verifications/{found.sid}")
    return {
        **show(found),
        "lookup": {},
        "sna": None,
        "send_code_attempts": attempts,
        "url": own_url,
    }


# Services.


def create_service(asked: Asked) -> Obj:
    name = asked.fields.one("FriendlyName")
    if not name:
        raise wrong(60200, "Invalid parameter `FriendlyName`")
    sid = new_sid("VA")
    moment = iso8601(asked.world.now_us)
    item: Obj = {
        "sid": sid,
        "account_sid": asked.world.sid,
        "friendly_name": name,
        "code_length": asked.fields.number("CodeLength", 6, least=4, most=10),
        "date_created": moment,
        "date_updated": moment,
        "url": url(asked, f"/v2/Services/{sid}"),
        "links": {"verifications": url(asked, f"/v2/Services/{sid}/Verifications")},
    }
    asked.world.put("verify_service", sid, item)
    return item


def fetch_service(asked: Asked) -> Obj:
    item: Obj = asked.world.get("verify_service", asked.ids[0], asked.path)
    return item


def list_services(asked: Asked) -> Obj:
    rows = ((item["sid"], item) for item in asked.world.newest_first("verify_service"))
    return page_v1(asked, "services", rows, lambda item: item)


def _service(asked: Asked) -> str:
    """Any well-formed service exists, made or not."""
    sid = asked.ids[0]
    if not SERVICE.fullmatch(sid) or sid == NO_SERVICE:
        raise not_found(asked.path)
    return sid
