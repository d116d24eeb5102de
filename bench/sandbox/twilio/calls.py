"""Phone calls and the conference participants that are calls in disguise.

A call lasts as long as its `TimeLimit` allows, or a minute if it has none (or what a test says
through the door, never beyond the limit), and is over the pace's settle_ms after it was made;
its price is known then. Every started minute of every leg is billed; each `<Dial>`ed number in its
TwiML is a leg. Numbers that end in `people.CALL_ENDINGS` are not reached, which costs nothing.
Recording is billed apart and is not in `price`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from xml.sax.saxutils import unescape

from bench.sandbox.twilio import people, prices
from bench.sandbox.twilio.asked import Asked, Fields, page_2010
from bench.sandbox.twilio.errors import TwilioError, invalid, wrong
from bench.sandbox.twilio.world import World, fixed_sid, new_sid, rfc2822
from bench.sandbox.wire import Obj

TIME_LIMIT_MAX_S: Final = 14_400
TYPICAL_S: Final = 60
DIALED: Final = re.compile(
    r"<Number[^>]*>([^<]*)</Number>|<Dial[^>]*>\s*(\+?[\d() .-]+)<", re.ASCII
)
OVER: Final = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})


@dataclass(slots=True)
class PhoneCall:
    """legs: the numbers that are called, the first one is `to`. limit_s: of each leg."""

    sid: str
    world: World
    to: str
    sender: str
    limit_s: int | None
    records: bool
    created_us: int
    legs: list[str] = field(default_factory=list)
    status: str = "queued"
    start_us: int | None = None
    end_us: int | None = None
    seconds: int | None = None
    billed_micros: int | None = None

    def start(self) -> None:
        if self.status == "queued" and self.legs[0][-5:] not in people.CALL_ENDINGS:
            self.status, self.start_us = "in-progress", self.world.now_us

    def end_by_itself(self) -> None:
        if self.status not in OVER:
            missed = people.CALL_ENDINGS.get(self.legs[0][-5:])
            self.end(missed or "completed", self.limit_s or TYPICAL_S)

    def end(self, status: str, seconds: int) -> None:
        """The line is dead: the bill."""
        self.status, self.end_us = status, self.world.now_us
        if status != "completed":
            self.seconds = 0
            return
        self.start_us = self.start_us or self.end_us
        self.seconds = min(seconds, self.limit_s or TIME_LIMIT_MAX_S)
        minutes = max(1, -(-self.seconds // 60))
        listed = minutes * sum(map(prices.voice, self.legs))
        self.billed_micros = self.world.bill("call", self.sid, listed, minutes * len(self.legs))
        if self.records:
            self.world.bill("recording", self.sid, minutes * prices.RECORDING_PER_MINUTE, minutes)


# What the API does.


def create(asked: Asked) -> Obj:
    return show(_dial(asked, needs_terms=True))


def participate(asked: Asked) -> Obj:
    """A conference calls somebody."""
    call = _dial(asked, needs_terms=False)
    name = asked.ids[0]
    conference = name if re.fullmatch(r"CF[0-9a-f]{32}", name) else fixed_sid("CF", name)
    return {
        "account_sid": call.world.sid,
        "call_sid": call.sid,
        "label": asked.fields.one("Label") or None,
        "conference_sid": conference,
        "date_created": rfc2822(call.created_us),
        "date_updated": rfc2822(call.created_us),
        "end_conference_on_exit": False,
        "muted": False,
        "hold": False,
        "status": "queued",
        "start_conference_on_enter": True,
        "coaching": False,
        "call_sid_to_coach": None,
        "queue_time": None,
        "uri": f"/2010-04-01/Accounts/{call.world.sid}/Conferences/{conference}/Participants/"
        f"{call.sid}.json",
    }


def fetch(asked: Asked) -> Obj:
    call: PhoneCall = asked.world.get("call", asked.ids[0], asked.path)
    return show(call)


def update(asked: Asked) -> Obj:
    """Hang up, or go on with other TwiML, which may dial more people."""
    call: PhoneCall = asked.world.get("call", asked.ids[0], asked.path)
    status = asked.fields.one("Status")
    if status not in ("", "canceled", "completed"):
        raise invalid("Status", status)
    if call.status in OVER:
        raise wrong(21220, "Call is not in-progress. Cannot redirect.")
    if asked.fields.has("TimeLimit"):
        call.limit_s = _limit(asked.fields)
    call.legs += _dialed(asked.fields.one("Twiml"))
    if status == "canceled" and call.status == "queued":
        call.end("canceled", 0)
    elif status:
        began_us = call.start_us or asked.world.now_us
        call.end("completed", (asked.world.now_us - began_us) // 1_000_000)
    return show(call)


def delete(asked: Asked) -> None:
    call: PhoneCall = asked.world.get("call", asked.ids[0], asked.path)
    if call.status not in OVER:
        raise TwilioError(409, 20009, "Cannot delete this call because it's in progress")
    del asked.world.table("call")[call.sid]


def lister(asked: Asked) -> Obj:
    return page_2010(asked, "calls", _matching(asked), show)


def _matching(asked: Asked) -> Iterator[tuple[str, PhoneCall]]:
    to, sender, status = (asked.fields.one(name) for name in ("To", "From", "Status"))
    for call in asked.world.newest_first("call"):
        if to in ("", call.to) and sender in ("", call.sender) and status in ("", call.status):
            yield call.sid, call


def _dial(asked: Asked, *, needs_terms: bool) -> PhoneCall:
    fields, world = asked.fields, asked.world
    to, sender = _to(fields), _sender(fields)
    given = [name for name in ("Url", "Twiml", "ApplicationSid") if fields.one(name)]
    if needs_terms and not given:
        raise wrong(21205, "Url parameter is required.")
    records = fields.is_true("Record") or fields.one("ConferenceRecord") == "record-from-start"
    legs = [to, *_dialed(fields.one("Twiml"))]
    call = PhoneCall(new_sid("CA"), world, to, sender, _limit(fields), records, world.now_us, legs)
    world.put("call", call.sid, call)
    settle_us = world.town.pace.settle_ms * 1_000
    world.town.later(call.created_us + settle_us // 2, call.start)
    world.town.later(call.created_us + settle_us, call.end_by_itself)
    return call


def _to(fields: Fields) -> str:
    given = fields.one("To")
    if not given:
        raise wrong(21201, "No 'To' number is specified")
    if given.startswith(("client:", "sip:")):
        return given
    number = people.e164(given)
    if number is None:
        raise wrong(21217, f"Phone number does not appear to be valid: {given}")
    people.refuse_magic(number, people.TO_CALL)
    return number


def _sender(fields: Fields) -> str:
    given = fields.one("From")
    if not given:
        raise wrong(21213, "No 'From' number is specified")
    if given.startswith(("client:", "sip:")):
        return given
    number = people.e164(given)
    if number is None:
        raise wrong(21212, f"The source phone number provided, {given}, is not valid.")
    people.refuse_magic(number, people.FROM_CALL)
    return number


def _limit(fields: Fields) -> int | None:
    if not fields.one("TimeLimit"):
        return None
    return fields.number("TimeLimit", TIME_LIMIT_MAX_S, least=1, most=TIME_LIMIT_MAX_S)


def _dialed(twiml: str) -> list[str]:
    found = ("".join(match.groups("")).strip() for match in DIALED.finditer(twiml))
    numbers = (people.e164(unescape(text)) for text in found)
    return [number for number in numbers if number]


def show(call: PhoneCall) -> Obj:
    sid, account = call.sid, call.world.sid
    uri = f"/2010-04-01/Accounts/{account}/Calls/{sid}"
    billed = call.billed_micros
    return {
        "account_sid": account,
        "annotation": None,
        "answered_by": None,
        "api_version": "2010-04-01",
        "caller_name": None,
        "date_created": rfc2822(call.created_us),
        "date_updated": rfc2822(call.end_us or call.start_us or call.created_us),
        "direction": "outbound-api",
        "duration": None if call.seconds is None else str(call.seconds),
        "end_time": rfc2822(call.end_us),
        "forwarded_from": None,
        "from": call.sender,
        "from_formatted": call.sender,
        "group_sid": None,
        "parent_call_sid": None,
        "phone_number_sid": fixed_sid("PN", call.sender),
        "price": None if billed is None else prices.dollars(-billed),
        "price_unit": "USD",
        "queue_time": "0",
        "sid": sid,
        "start_time": rfc2822(call.start_us),
        "status": call.status,
        "subresource_uris": {
            "recordings": f"{uri}/Recordings.json",
            "streams": f"{uri}/Streams.json",
            "transcriptions": f"{uri}/Transcriptions.json",
        },
        "to": call.to,
        "to_formatted": call.to,
        "trunk_sid": None,
        "uri": f"{uri}.json",
    }


# What the control door does.


def hang_up(call: PhoneCall, data: Any) -> Obj:
    """`{"sid", "seconds"?, "status"?}`: the call ends now, having lasted so long."""
    status = data.get("status", "completed")
    if status not in OVER or call.status in OVER:
        raise ValueError(f"a call that is {call.status} cannot become {status}")
    call.end(status, int(data.get("seconds", TYPICAL_S)))
    return show(call)
