"""What a request to send a message asks for, and all that Twilio refuses about it.

The outcome is a `Draft`: who, over which channel, how many segments, for how much by the list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from bench.sandbox.twilio import people, prices
from bench.sandbox.twilio.asked import Asked, Fields
from bench.sandbox.twilio.errors import TwilioError, wrong
from bench.sandbox.twilio.segments import count_segments
from bench.sandbox.twilio.world import SECOND_US

BODY_MAX: Final = 1_600
MEDIA_MAX: Final = 10
SCHEDULE_S: Final = (300, 3_024_000)
SERVICE: Final = re.compile(r"MG[0-9a-f]{32}", re.ASCII)
NO_SERVICE: Final = "MG" + "0" * 32
CONTENT: Final = re.compile(r"HX[0-9a-f]{32}", re.ASCII)
NO_CONTENT: Final = "HX" + "0" * 32
TEMPLATE: Final = ("Hello {{1}}, your order {{2}} is on its way.", False)
"""What a ContentSid stands for until a test says otherwise."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that may be sent. to, sender: as they will be shown. number: the destination
    without its channel. kind: sms, mms, whatsapp, messenger or rcs. segments: of its text, what is
    billed for sms and rcs. price_micros, fee_micros: by the list. send_at_us: None for at once."""

    to: str
    number: str
    sender: str | None
    service: str | None
    body: str
    media: int
    kind: str
    segments: int
    price_micros: int
    fee_micros: int
    send_at_us: int | None


def read(asked: Asked) -> Draft:
    """Raises TwilioError."""
    fields = asked.fields
    to, channel, number = _to(fields)
    service = _service(asked)
    sender = _sender(fields, channel, service)
    body, has_media, is_template = _content(asked)
    media = len(fields.all("MediaUrl")) or int(has_media)
    smart = fields.is_true("SmartEncoded") or (service is not None and not channel)
    segments = count_segments(body, smart=smart)
    kind = channel or ("mms" if _is_mms(fields, number, media) else "sms")
    price_micros, fee_micros = _prices(kind, number, segments, is_template=is_template)
    return Draft(
        to, number, sender, service, body, media, kind, segments, price_micros, fee_micros,
        _send_at(asked, service),
    )  # fmt: skip


def _to(fields: Fields) -> tuple[str, str, str]:
    """The address as shown, its channel, its number."""
    given = fields.one("To")
    if not given:
        raise wrong(21604, "A 'To' phone number is required.")
    channel, rest = people.split_channel(given)
    if channel == "messenger":
        if not rest:
            raise people.no_such_number(given)
        return given, channel, rest
    number = people.e164(rest)
    if number is None:
        raise people.no_such_number(given)
    people.refuse_magic(number, people.TO_MESSAGE)
    return (f"{channel}:{number}" if channel else number), channel, number


def _service(asked: Asked) -> str | None:
    given = asked.fields.one("MessagingServiceSid")
    if not given:
        return None
    if not SERVICE.fullmatch(given) or given == NO_SERVICE:
        raise TwilioError(404, 21701, f"The Messaging Service {given} does not exist")
    return given


def _sender(fields: Fields, channel: str, service: str | None) -> str | None:
    given = fields.one("From")
    if not given:
        if service is None:
            raise wrong(21603, "A 'From' phone number is required.")
        return None
    its_channel, rest = people.split_channel(given)
    if its_channel != channel:
        raise wrong(21910, "Invalid From and To pair. From and To should be of the same channel")
    number = people.e164(rest)
    known = number or people.SHORT_CODE.fullmatch(rest) or people.NAME.fullmatch(rest)
    if not known and channel != "messenger":
        code, text = people.FROM_MESSAGE["+15005550001"]
        raise wrong(code, text.format(number=rest))
    people.refuse_magic(number or rest, people.FROM_MESSAGE)
    shown = number or rest
    return f"{channel}:{shown}" if channel else shown


def _content(asked: Asked) -> tuple[str, bool, bool]:
    """The text, whether a template brings media, whether it is a template."""
    fields = asked.fields
    content_sid = fields.one("ContentSid")
    if content_sid:
        text, has_media = _rendered(asked, content_sid)
        return text, has_media, True
    body, media = fields.one("Body"), fields.all("MediaUrl")
    if not body and not any(media):
        raise wrong(21602, "Message body is required.")
    if len(body) > BODY_MAX:
        raise wrong(21617, "The concatenated message body exceeds the 1600 character limit")
    if len(media) > MEDIA_MAX:
        raise wrong(21623, "Number of media files exceeds allowed limit")
    for link in media:
        if not link.startswith(("http://", "https://")):
            raise wrong(21620, f"Invalid media URL(s): {link}")
    return body, False, False


def _rendered(asked: Asked, content_sid: str) -> tuple[str, bool]:
    if not CONTENT.fullmatch(content_sid) or content_sid == NO_CONTENT:
        raise wrong(21655, "The ContentSid is Invalid")
    text, has_media = asked.world.town.content.get(content_sid, TEMPLATE)
    try:
        variables = orjson.loads(asked.fields.one("ContentVariables", "{}"))
        for name, value in variables.items():
            text = text.replace("{{" + name + "}}", str(value))
    except (orjson.JSONDecodeError, AttributeError):
        raise wrong(21656, "The ContentVariables is Invalid") from None
    if len(text) > BODY_MAX:
        raise wrong(21617, "The concatenated message body exceeds the 1600 character limit")
    return text, has_media


def _is_mms(fields: Fields, number: str, media: int) -> bool:
    """Media to a country without MMS goes out as an SMS with a link."""
    country, _ = prices.destination(number)
    return country in prices.MMS_COUNTRIES and bool(media or fields.is_true("SendAsMms"))


def _prices(kind: str, number: str, segments: int, *, is_template: bool) -> tuple[int, int]:
    """Twilio's price, and the carrier's fee, by the list."""
    if kind == "whatsapp":
        return prices.whatsapp(number, template=is_template), 0
    if kind == "messenger":
        return prices.WHATSAPP_MICROS, 0
    if kind == "mms":
        return prices.MMS_MICROS, prices.carrier_fee(number, mms=True)
    _, each = prices.destination(number)
    return each * segments, prices.carrier_fee(number, mms=False) * segments


def _send_at(asked: Asked, service: str | None) -> int | None:
    fields = asked.fields
    schedule, send_at = fields.one("ScheduleType"), fields.one("SendAt")
    if not schedule and not send_at:
        return None
    if schedule != "fixed":
        raise wrong(35127, "ScheduleType must be 'fixed' when SendAt is given")
    if not send_at:
        raise wrong(35111, "SendAt parameter is required to schedule a message")
    if service is None:
        raise wrong(35118, "MessagingServiceSid is required to schedule a message")
    try:
        at_us = int(datetime.fromisoformat(send_at).timestamp()) * SECOND_US
    except ValueError:
        raise wrong(35112, f"Invalid SendAt: {send_at}") from None
    least, most = (asked.world.now_us + seconds * SECOND_US for seconds in SCHEDULE_S)
    if not least <= at_us <= most:
        raise wrong(35114, "SendAt time must be between 300 and 3024000 seconds from now")
    return at_us
