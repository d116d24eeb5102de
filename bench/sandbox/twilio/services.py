"""Newer products in small: Messaging Services, Twilio's own price list, Studio flows.

A flow sends what it likes: an execution here sends three SMS to the contact, which nothing in the
request shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from bench.sandbox.twilio import people, prices
from bench.sandbox.twilio.asked import Asked, page_v1, url
from bench.sandbox.twilio.errors import invalid, not_found, wrong
from bench.sandbox.twilio.world import iso8601, new_sid
from bench.sandbox.wire import Obj

FLOW_MESSAGES: Final = 3


# Messaging Services.


def create(asked: Asked) -> Obj:
    name = asked.fields.one("FriendlyName")
    if not name:
        raise wrong(21704, "FriendlyName is required")
    sid, moment = new_sid("MG"), iso8601(asked.world.now_us)
    item: Obj = {
        "account_sid": asked.world.sid,
        "date_created": moment,
        "date_updated": moment,
        "friendly_name": name,
        "inbound_request_url": None,
        "links": {"phone_numbers": url(asked, f"/v1/Services/{sid}/PhoneNumbers")},
        "sid": sid,
        "smart_encoding": True,
        "status_callback": asked.fields.one("StatusCallback") or None,
        "sticky_sender": True,
        "url": url(asked, f"/v1/Services/{sid}"),
        "usecase": "undeclared",
        "validity_period": 14_400,
    }
    asked.world.put("messaging_service", sid, item)
    return item


def fetch(asked: Asked) -> Obj:
    item: Obj = asked.world.get("messaging_service", asked.ids[0], asked.path)
    return item


def update(asked: Asked) -> Obj:
    name = asked.fields.one("FriendlyName")
    item = fetch(asked)
    item = {**item, "friendly_name": name or item["friendly_name"]}
    asked.world.put("messaging_service", item["sid"], item)
    return item


def delete(asked: Asked) -> None:
    item = fetch(asked)
    del asked.world.table("messaging_service")[item["sid"]]


def lister(asked: Asked) -> Obj:
    rows = ((item["sid"], item) for item in asked.world.newest_first("messaging_service"))
    return page_v1(asked, "services", rows, lambda item: item)


# Prices.


def countries(asked: Asked) -> Obj:
    return page_v1(asked, "countries", _countries(), lambda iso: _named(asked, iso))


def _countries() -> Iterator[tuple[str, Any]]:
    for iso in sorted({iso for iso, _ in prices.SMS.values()}):
        yield iso, iso


def _named(asked: Asked, iso: str) -> Obj:
    return {
        "country": iso,
        "iso_country": iso,
        "url": url(asked, f"/v1/Messaging/Countries/{iso}"),
    }


def country(asked: Asked) -> Obj:
    """What this account pays, the pace's drift included; one carrier stands for all."""
    iso = asked.ids[0]
    rates = [micros for known, micros in prices.SMS.values() if known == iso]
    if not rates:
        raise not_found(asked.path)
    now = max(rates) * asked.world.town.pace.drift_percent // 100
    kinds = ("local", "mobile", "toll-free", "shortcode") if iso in ("US", "CA") else ("mobile",)
    shown = [
        {
            "base_price": prices.dollars(max(rates)),
            "current_price": prices.dollars(now),
            "number_type": kind,
        }
        for kind in kinds
    ]
    carrier = {"carrier": "Sandbox Wireless", "mcc": "310", "mnc": "000", "prices": shown}
    return {
        **_named(asked, iso),
        "inbound_sms_prices": [shown[0]],
        "outbound_sms_prices": [carrier],
        "price_unit": "USD",
    }


# Studio.


def execute_flow(asked: Asked) -> Obj:
    flow, fields = asked.ids[0], asked.fields
    to, sender = people.e164(fields.one("To")), fields.one("From")
    if to is None:
        raise invalid("To", fields.one("To"))
    if not sender:
        raise invalid("From", sender)
    sid, moment = new_sid("FN"), iso8601(asked.world.now_us)
    _, each = prices.destination(to)
    asked.world.bill("studio", sid, each * FLOW_MESSAGES, FLOW_MESSAGES)
    return {
        "account_sid": asked.world.sid,
        "contact_channel_address": to,
        "context": {},
        "date_created": moment,
        "date_updated": None,
        "flow_sid": flow,
        "links": {},
        "sid": sid,
        "status": "active",
        "url": url(asked, f"/v2/Flows/{flow}/Executions/{sid}"),
    }
