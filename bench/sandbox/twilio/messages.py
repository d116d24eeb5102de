"""Messages from creation to their last status, and when their price shows.

    queued, accepted (service)     at once
    scheduled                      until SendAt (canceled before: nothing is billed)
      -> sent                      after half of the pace's settle_ms: a sender is chosen
      -> delivered, undelivered, failed or still sent: after settle_ms; this is when it is billed
         price is null until price_ms later

Billed as Twilio says it bills: sent, delivered and undelivered in full (carrier fees apart, never
in `price`), a failed one with a processing fee per message unless its error code is exempt, an
undelivered WhatsApp message not at all. `num_segments` is "0" until a service chose its sender.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from bench.sandbox.twilio import message_terms, people, prices
from bench.sandbox.twilio.asked import Asked, page_2010
from bench.sandbox.twilio.errors import TwilioError, invalid
from bench.sandbox.twilio.message_terms import Draft
from bench.sandbox.twilio.world import SECOND_US, World, new_sid, rfc2822
from bench.sandbox.wire import Obj

WAITING: Final = frozenset({"queued", "accepted", "scheduled", "sending"})
OVER: Final = frozenset(
    {"delivered", "undelivered", "failed", "canceled", "read", "partially_delivered"}
)
STATUSES: Final = WAITING | OVER | {"sent"}
ERRORS: Final = {
    30001: "Queue overflow",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Carrier violation",
    30008: "Unknown error",
    30450: "Message delivery blocked",
}
DAY_US: Final = 86_400 * SECOND_US


@dataclass(slots=True)
class Message:
    """billed_micros: its own price, None while it is not billed. fee_billed_micros: of the carrier
    or for processing. price_shown: may a reader see the price?"""

    sid: str
    world: World
    draft: Draft
    status: str
    created_us: int
    updated_us: int
    sent_us: int | None = None
    sender: str | None = None
    body: str = ""
    error: int | None = None
    segments: int | None = None
    billed_micros: int | None = None
    fee_billed_micros: int = 0
    is_over: bool = False
    price_shown: bool = False
    fetches: int = 0

    def send(self) -> None:
        """It leaves: the sender is known from here on."""
        if self.status not in WAITING or people.destiny(self.draft.number).status == "":
            return
        self.status = "sent"
        self._leave()

    def _leave(self) -> None:
        draft = self.draft
        self.updated_us = self.world.now_us
        self.sent_us = self.sent_us or self.updated_us
        self.sender = draft.sender or _service_sender(draft)
        if self.segments is None:
            self.segments = draft.segments if draft.kind in ("sms", "rcs") else 1

    def end_by_itself(self) -> None:
        """What becomes of it if nobody interferes."""
        destiny = people.destiny(self.draft.number)
        if self.is_over or destiny.status == "":
            return
        self.end(destiny.status, destiny.error, fee=destiny.fee, percent=destiny.percent)
        self.world.town.later(
            self.updated_us + self.world.town.pace.price_ms * 1_000, self.show_price
        )

    def show_price(self) -> None:
        self.price_shown = True

    def end(self, status: str, error: int | None, *, fee: bool = True, percent: int = 100) -> None:
        """Its last status, and its bill."""
        self._leave()
        self.status, self.error, self.is_over = status, error, True
        draft, world = self.draft, self.world
        if status == "failed":
            if fee:
                self.fee_billed_micros = world.bill("failed_fee", self.sid, prices.FAILED_MICROS)
        elif status != "canceled" and not (status == "undelivered" and draft.kind == "whatsapp"):
            units = self.segments or 1
            listed = draft.price_micros * percent // 100
            self.billed_micros = world.bill(draft.kind, self.sid, listed, units)
            self.fee_billed_micros = world.bill(
                "carrier_fee", self.sid, draft.fee_micros, units if draft.fee_micros else 0
            )

    def reprice(self, micros: int) -> None:
        """The vendor's last word on its price."""
        self.world.adjust(self.draft.kind, self.sid, micros - (self.billed_micros or 0))
        self.billed_micros = micros


def _service_sender(draft: Draft) -> str:
    channel, _ = people.split_channel(draft.to)
    return f"{channel}:{people.OWNED}" if channel else people.OWNED


# What the API does.


def create(asked: Asked) -> Obj:
    draft, world = message_terms.read(asked), asked.world
    now_us = world.now_us
    message = Message(
        new_sid("MM" if draft.kind == "mms" else "SM"),
        world,
        draft,
        "queued" if draft.service is None else "accepted",
        now_us,
        now_us,
        sender=draft.sender,
        body=draft.body,
    )
    if draft.service is None:
        message.segments = draft.segments if draft.kind in ("sms", "rcs") else 1
    if draft.send_at_us is not None:
        message.status = "scheduled"
    world.put("message", message.sid, message)
    pace, starts_us = world.town.pace, draft.send_at_us or now_us
    world.town.later(starts_us + pace.settle_ms * 500, message.send)
    world.town.later(starts_us + pace.settle_ms * 1_000, message.end_by_itself)
    return show(message)


def fetch(asked: Asked) -> Obj:
    message: Message = asked.world.get("message", asked.ids[0], asked.path)
    message.fetches += 1
    hurry = asked.world.town.pace.settle_fetches
    if hurry is not None and message.fetches >= hurry and message.status != "scheduled":
        message.end_by_itself()
        if message.is_over:
            message.show_price()
    return show(message)


def update(asked: Asked) -> Obj:
    """Cancel what is scheduled, or forget the text."""
    message: Message = asked.world.get("message", asked.ids[0], asked.path)
    status = asked.fields.one("Status")
    if status:
        if status != "canceled":
            raise invalid("Status", status)
        if message.status != "scheduled":
            raise TwilioError(
                409, 30409, f"Message cannot be canceled: its status is {message.status}"
            )
        message.status, message.is_over = "canceled", True
        message.updated_us = asked.world.now_us
    if asked.fields.has("Body"):
        if asked.fields.one("Body"):
            raise invalid("Body", "only an empty one is possible")
        message.body = ""
    return show(message)


def delete(asked: Asked) -> None:
    message: Message = asked.world.get("message", asked.ids[0], asked.path)
    if not message.is_over:
        raise TwilioError(409, 20009, "Cannot delete this message before it is complete")
    del asked.world.table("message")[message.sid]


def lister(asked: Asked) -> Obj:
    return page_2010(asked, "messages", _matching(asked), show)


def legacy_lister(asked: Asked) -> Obj:
    return page_2010(asked, "sms_messages", _matching(asked), show)


def _matching(asked: Asked) -> Iterator[tuple[str, Message]]:
    """`DateSent` means the whole day (UTC) of a moment, `DateSent>` and `DateSent<` include what
    they name. A message that has not left yet is found by when it was created."""
    fields = asked.fields
    to, sender = fields.one("To"), fields.one("From")
    days = [text[: len("2026-11-23")] for text in fields.all("DateSent")]
    least = [_span(text)[0] for text in days + fields.all("DateSent>")]
    most = [_span(text)[1] for text in days + fields.all("DateSent<")]
    for message in asked.world.newest_first("message"):
        at_us = message.sent_us or message.created_us
        if to not in ("", message.draft.to) or sender not in ("", message.sender):
            continue
        if all(at_us >= one for one in least) and all(at_us < one for one in most):
            yield message.sid, message


def _span(text: str) -> tuple[int, int]:
    """From when to before when: a second, or a day, also where it is given by its midnight."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise invalid("DateSent", text) from None
    start_us = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) * SECOND_US
    return start_us, start_us + (SECOND_US if start_us % DAY_US else DAY_US)


def show(message: Message) -> Obj:
    draft, sid = message.draft, message.sid
    uri = f"/2010-04-01/Accounts/{message.world.sid}/Messages/{sid}"
    has_price = message.price_shown and message.billed_micros is not None
    return {
        "account_sid": message.world.sid,
        "api_version": "2010-04-01",
        "body": message.body,
        "date_created": rfc2822(message.created_us),
        "date_sent": rfc2822(message.sent_us),
        "date_updated": rfc2822(message.updated_us),
        "direction": "outbound-api",
        "error_code": message.error,
        "error_message": None if message.error is None else ERRORS.get(message.error, "Failed"),
        "from": message.sender,
        "messaging_service_sid": draft.service,
        "num_media": str(draft.media),
        "num_segments": str(message.segments or 0),
        "price": prices.dollars(-(message.billed_micros or 0)) if has_price else None,
        "price_unit": "USD" if message.sent_us else None,
        "sid": sid,
        "status": message.status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": draft.to,
        "uri": f"{uri}.json",
    }


# What the control door does.


def deliver(message: Message, data: Any) -> Obj:
    """`{"sid", "status", "error_code"?, "price"?, "num_segments"?}`. A last status bills and shows
    the price at once; price: instead of the list's, null to keep it unknown."""
    status = data.get("status", "delivered")
    if status not in STATUSES:
        raise ValueError(f"status: {status}")
    if "num_segments" in data:
        message.segments = int(data["num_segments"])
    if status in WAITING:
        message.status = status
    elif message.is_over:
        message.status, message.error = status, data.get("error_code", message.error)
        message.updated_us = message.world.now_us
    else:
        message.end(status, data.get("error_code"), fee=bool(data.get("fee", True)))
    if isinstance(data.get("price"), str):
        message.reprice(prices.micros_of(data["price"]))
    message.price_shown = message.is_over and data.get("price", "") is not None
    return show(message)
