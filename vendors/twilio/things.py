"""Messages and calls as Twilio shows them, as far as money goes.

A price is null until it is known, and then a string with a negative number (`"-0.00750"`), in the
account's currency. It is read digit by digit and rounded up to a micro; anything else than a
string or null, another currency than USD, or a status that is not known is `Unclear`, and whoever
asked stays on the safe side.

What Twilio's price of a message leaves out is added: the carriers' fee of each segment, the
Engagement Suite's fee for one that was scheduled, pumping protection, Meta's part of a WhatsApp
message. What cannot be seen in the message (short links; recordings and machine detection of a
call) is remembered in the object's id, behind a `+`: `CA…+12500`, in micros.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from vendors.twilio import segments
from vendors.twilio.addresses import SMS
from vendors.twilio.destinations import UNKNOWN, Countries, countries_of, is_e164
from vendors.twilio.mailtime import read_mail_time
from vendors.twilio.messages import pumping
from vendors.twilio.prices import Prices

Tree = Mapping[str, Any]

_FIGURE: Final = re.compile(r"-?([0-9]{1,9})(?:\.([0-9]{1,12}))?", re.ASCII)
_COUNT: Final = re.compile(r"[0-9]{1,4}", re.ASCII)
_SID: Final = re.compile(r"((?:SM|MM|CA)[0-9a-f]{32})(?:\+([0-9]{1,12}))?", re.ASCII)

_BILLED: Final = frozenset({"sent", "delivered", "undelivered", "read", "partially_delivered"})
_WAITING: Final = frozenset({"queued", "accepted", "scheduled", "sending"})
_MMS: Final = "MM"
"""How the id of one begins, also where it is text alone (`SendAsMms`)."""
RCS: Final = "rcs"
"""May go out as an SMS, and then pays the carriers as one."""
_CALL_WAITING: Final = frozenset({"queued", "initiated", "ringing", "in-progress"})
_CALL_UNANSWERED: Final = frozenset({"busy", "failed", "no-answer", "canceled"})
_NO_FEE: Final = frozenset(
    {
        *(12400, 20500, 20504, 21408, 30002, 30008, 30036, 30103, 30450, 30454, 30500),
        *(63010, 63012, 63013, 63018, 63021, 63024, 63032, 63038, 90010),
    }
)
"""Errors for which a failed message bears no processing fee (support article 27502337507483)."""
_SCHEDULED_US: Final = 240_000_000
"""A message can be scheduled five minutes ahead at the least; one that was sent so long after it
was made is taken for one, which errs high."""


class Unclear(Exception):
    """An answer that does not say what it must. The text says what is wrong, without showing the
    answer."""


def read_tree(body: bytes) -> Tree:
    """Raises Unclear for what is no JSON object."""
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise Unclear("the answer is not JSON") from exc
    if not isinstance(tree, dict):
        raise Unclear("the answer is not a JSON object")
    return tree


def split_id(object_id: str) -> tuple[str, int] | None:
    """The SID, and the micros that Twilio's price leaves out; None for any other id."""
    match = _SID.fullmatch(object_id)
    return None if match is None else (match[1], int(match[2] or 0))


def join_id(sid: str, hidden_micros: int) -> str:
    return f"{sid}+{hidden_micros}" if hidden_micros else sid


def is_call(sid: str) -> bool:
    return sid.startswith("CA")


def message_cost(tree: Tree, hidden_micros: int, prices: Prices) -> int | None:
    """What a message came to, in micros; None: not known yet. Raises Unclear."""
    status = _word(tree, "status")
    if status in _WAITING:
        return None
    if status == "canceled":
        return 0
    price = read_price(tree)
    if status == "failed":
        error = tree.get("error_code")
        waived = isinstance(error, int) and error in _NO_FEE
        fee = 0 if waived else prices.messages.failed
        return (price or 0) + fee
    if status not in _BILLED:
        raise Unclear("the message has a status that is not known")
    channel, places = _reached(tree)
    if status == "undelivered" and channel == "whatsapp":
        return price or 0
    if price is None:
        return None
    left_out = _left_out(tree, channel, places, price, prices)
    if was_scheduled(tree) and not hidden_micros:  # one fee for both, and hidden it counts already
        left_out += prices.messages.engagement
    return price + hidden_micros + left_out


def call_cost(tree: Tree, hidden_micros: int) -> int | None:
    """What a call came to, in micros; None: not known yet. Raises Unclear."""
    status = _word(tree, "status")
    if status in _CALL_WAITING:
        return None
    price = read_price(tree)
    if status in _CALL_UNANSWERED:
        return price or 0
    if status != "completed":
        raise Unclear("the call has a status that is not known")
    return None if price is None else price + hidden_micros


def read_price(tree: Tree) -> int | None:
    """Micros, rounded up; None while it is not known. Raises Unclear."""
    price = tree.get("price")
    if price is None:
        return None
    micros = figure(price)
    if micros is None:
        raise Unclear("the price is no decimal number")
    unit = tree.get("price_unit")
    if not isinstance(unit, str) or unit.upper() != "USD":
        raise Unclear("the price is in another currency")
    return micros


def figure(value: object) -> int | None:
    """Its absolute value in micros, rounded up; None for what is no decimal number in a string."""
    match = _FIGURE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    whole, decimals = match[1], match[2] or ""
    rest = 1 if decimals[6:].strip("0") else 0
    return int(whole) * 1_000_000 + int(decimals[:6].ljust(6, "0")) + rest


def _left_out(tree: Tree, channel: str, places: Countries, price: int, prices: Prices) -> int:
    extra = pumping(places, prices)
    if channel in (SMS, RCS):
        extra += _carriers(tree, places, price, prices)
    row = prices.channels.get(channel)
    passed_on = row.passed_on if row is not None and price <= row.fee else 0
    return extra + passed_on


def _carriers(tree: Tree, places: Countries, price: int, prices: Prices) -> int:
    """Their fee. A number that may be anywhere (a toll-free one) may pay the dearest of them, but
    no more than was held for it."""
    media = _count(tree.get("num_media")) > 0 or str(tree.get("sid")).startswith(_MMS)
    number = 1 if media else _segments(tree)
    fee = prices.carrier(places, media=media)
    if fee is not None:
        return fee * number
    held = (prices.unknown.mms if media else prices.unknown.sms) * number
    return max(0, min(prices.dearest_carrier(media=media) * number, held - price))


def was_scheduled(tree: Tree) -> bool:
    made, sent = read_mail_time(tree.get("date_created")), read_mail_time(tree.get("date_sent"))
    return made is not None and sent is not None and sent - made >= _SCHEDULED_US


def _segments(tree: Tree) -> int:
    """`"0"` until a Messaging Service has chosen a sender: then the text says it."""
    listed = _count(tree.get("num_segments"))
    text = tree.get("body")
    return listed or segments.count_most(text if isinstance(text, str) else "")[0]


def _word(tree: Tree, name: str) -> str:
    word = tree.get(name)
    return word if isinstance(word, str) else ""


def _count(value: object) -> int:
    """A number in a string; 0 for anything else."""
    fits = isinstance(value, str) and _COUNT.fullmatch(value) is not None
    return int(str(value)) if fits else 0


def _reached(tree: Tree) -> tuple[str, Countries]:
    """Channel and countries of the one it went to. Raises Unclear."""
    to = tree.get("to")
    if not isinstance(to, str):
        raise Unclear("the message is to nobody")
    channel, colon, rest = to.rpartition(":")
    return channel if colon else SMS, countries_of(rest) if is_e164(rest) else UNKNOWN
