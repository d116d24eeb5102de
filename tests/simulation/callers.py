"""Whoever calls: a request with its body on its way, an answer that is read, a hang-up in between.

A caller speaks to the proxy as a connection does: its request's `gone` tells that it hung up, its
body raises `ClientGone` then, and nothing of that cancels the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from gateway.http.body import NoBody
from gateway.http.message import Body, ClientGone, Request, Response
from tests.simulation.models import SID
from tests.simulation.story import KEYS, Step
from tests.simulation.wire import Way

FORM: Final = b"application/x-www-form-urlencoded"
TEXTS: Final = ("Your order is on its way.", "Your code is 1234.", "Hello")
PEOPLE: Final = ("+14155550100", "+14155550101", "+14155550102")
BIG_BYTES: Final = 3_000
"""A mail of this size passes through; `life.py` keeps nothing larger than 2,000."""


@dataclass(eq=False)
class Holder:
    """Who bears a key: its secret, and what the world knows of it. namespace: of its idempotency
    keys. revoked: the answer to a revoke that names it was given."""

    who: int
    key_id: str
    secret: str
    account_id: int
    namespace: str
    label: str
    expires_us: int | None = None
    revoked: str = ""


@dataclass(eq=False)
class Caller:
    """One call. lineage: its Idempotency-Key in its namespace, or itself. replayed: did the vendor
    say what it had said before?"""

    number: int
    step: Step
    holder: Holder
    way: Way
    lineage: str
    asked: tuple[str, str, dict[bytes, bytes], bytes]
    begun_us: int
    call_id: str = ""
    out: int = 0
    status: int = 0
    code: str | None = None
    over: bool = False
    records: int = 0
    gone: bool = False
    answer: bytes = b""
    replayed: bool = False
    on_gone: list[Callable[[], None]] = field(default_factory=list)

    @property
    def step_vendor(self) -> str:
        return KEYS[self.holder.who].vendor

    @property
    def writes(self) -> bool:
        return self.asked[0] == "POST"


class SlowBody:
    """A body that comes in pieces; a caller who hung up sends no more."""

    def __init__(self, caller: Caller, body: bytes, pause_s: float, pieces: int) -> None:
        self.length: int | None = len(body)
        size = max(1, -(-len(body) // pieces))
        self._left = [body[at : at + size] for at in range(0, len(body), size)]
        self._caller = caller
        self._pause_s = pause_s

    async def read_all(self, bytes_max: int) -> bytes:
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)

    async def read(self) -> bytes:
        if self._left and self._pause_s:
            await asyncio.sleep(self._pause_s)
        if self._left and self._caller.gone:
            raise ClientGone
        return self._left.pop(0) if self._left else b""


def request_of(caller: Caller, at_s: float) -> Request:
    method, target, headers, body = caller.asked
    random = Random(caller.step.salt)
    pause_s = random.choice((0.0, 0.0, 0.001, 0.05))
    pieces = random.choice((1, 1, 3))
    sent: Body = SlowBody(caller, body, pause_s, pieces) if body else NoBody()
    path, _, query = target.partition("?")
    lines = {b"authorization": b"Bearer " + caller.holder.secret.encode(), **headers}
    return Request(
        method, target, path, query, lines, "gw", sent, "192.0.2.1", at_s, lambda: caller.gone
    )


async def read_answer(caller: Caller, response: Response) -> bytes:
    """As slowly as it likes; whoever is gone reads no further."""
    if response.stream is None:
        return response.body
    pieces = []
    stream: Any = response.stream
    try:
        async for piece in stream:
            pieces.append(piece)
            if caller.gone:
                break
            await asyncio.sleep(0.005)
    finally:
        if hasattr(stream, "aclose"):
            await stream.aclose()
    return b"".join(pieces)


# -- what is asked ---------------------------------------------------------------------------------


def asked_by(
    step: Step, mail_of: Callable[[int], str]
) -> tuple[str, str, dict[bytes, bytes], bytes]:
    """Method, target, headers and body of a call. mail_of: the id of the mail that a step made."""
    headers = {b"idempotency-key": b"once-%d" % step.once} if step.once else {}
    what, of = step.what, step.of
    maker = _STRIPE.get(what)
    if maker is not None:
        path, form = maker(step, of)
        body = urlencode(form).encode()
        return "POST", f"/stripe/v1/{path}", {**headers, b"content-type": FORM}, body
    if what == "text":
        form = {"To": PEOPLE[step.salt % 3], "From": "+15005550006", "Body": TEXTS[step.size % 3]}
        body = urlencode(form).encode()
        path = f"/twilio/2010-04-01/Accounts/{SID}/Messages.json"
        return "POST", path, {**headers, b"content-type": FORM}, body
    if what in ("mail", "big mail", "schedule"):
        body = orjson.dumps(_mail(step))
        return "POST", "/resend/emails", {**headers, b"content-type": b"application/json"}, body
    if what == "cancel" and step.vendor == "stripe":
        path = f"/stripe/v1/payment_intents/pi_{of * 1000}/cancel"
        return "POST", path, {**headers, b"content-type": FORM}, b""
    if what == "cancel":
        return "POST", f"/resend/emails/{mail_of(of)}/cancel", headers, b""
    return "GET", _READS[step.who], {}, b""


def _mail(step: Step) -> dict[str, Any]:
    mail: dict[str, Any] = {
        "from": "Shop <shop@example.com>",
        "to": [f"p{n}@example.com" for n in range(step.size)],
        "subject": TEXTS[step.salt % 3],
        "text": "there",
    }
    if step.what == "big mail":
        mail["text"] = "x" * BIG_BYTES
    if step.what == "schedule":
        mail["scheduled_at"] = "2030-01-01T00:00:00Z"
    return mail


_READS: Final = (
    *("/stripe/v1/events", "/stripe/v1/payment_intents/pi_1", "/stripe/v1/events"),
    *("/stripe/v1/charges/ch_1", "/stripe/v1/charges/ch_2"),
    *(f"/twilio/2010-04-01/Accounts/{SID}/Messages.json",) * 2,
    *("/resend/emails", "/resend/emails"),
)


def _new(step: Step, **others: str) -> dict[str, Any]:
    return {
        "amount": step.size,
        "currency": "usd",
        "metadata[number]": step.number * 1000,
        **others,
    }


_STRIPE: Final[dict[str, Callable[[Step, int], tuple[str, dict[str, Any]]]]] = {
    "create": lambda step, of: ("payment_intents", _new(step)),
    "buy": lambda step, of: ("payment_intents", _new(step, confirm="true")),
    "authorize": lambda step, of: (
        "payment_intents",
        _new(step, confirm="true", capture_method="manual"),
    ),
    "charge": lambda step, of: ("charges", _new(step)),
    "preauthorize": lambda step, of: ("charges", _new(step, capture="false")),
    "confirm": lambda step, of: (f"payment_intents/pi_{of * 1000}/confirm", {}),
    "capture": lambda step, of: (f"payment_intents/pi_{of * 1000}/capture", _part(step)),
    "update": lambda step, of: (f"payment_intents/pi_{of * 1000}", {"amount": step.size}),
    "increment": lambda step, of: (
        f"payment_intents/pi_{of * 1000}/increment_authorization",
        {"amount": step.size},
    ),
    "refund": lambda step, of: ("refunds", {"charge": f"ch_{of * 1000}", "amount": step.size}),
    "capture charge": lambda step, of: (f"charges/ch_{of * 1000}/capture", {}),
}


def _part(step: Step) -> dict[str, Any]:
    if step.salt % 3:
        return {}
    return {"amount_to_capture": step.size, "final_capture": "true" if step.salt % 2 else "false"}
