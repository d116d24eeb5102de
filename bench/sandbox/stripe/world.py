"""What one Stripe account owns: objects, events, idempotency keys, what payers were charged.

A world belongs to one credential (and connected account). Objects are stored in the shape in which
they are answered and are replaced, never changed in place, so an event can keep the object as it
was. Memory is bounded: beyond `keep` objects of a kind, the oldest are forgotten.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bench.sandbox.stripe import errors
from bench.sandbox.wire import Answer, Obj

PREFIX: Final = {
    "payment_intent": "pi_3",
    "charge": "ch_3",
    "refund": "re_3",
    "customer": "cus_",
    "payment_method": "pm_1",
    "product": "prod_",
    "price": "price_1",
    "file": "file_1",
    "event": "evt_1",
    "request": "req_",
}
TITLES: Final = {"payment_method": "PaymentMethod"}
"""How Stripe spells a kind in `No such …`, where it differs."""


@dataclass(frozen=True, slots=True)
class Event:
    event_id: str
    kind: str
    created: int
    subject: Obj
    request_id: str
    idempotency_key: str | None


@dataclass(slots=True)
class Remembered:
    """One idempotency key. answer None: the first request is still running."""

    route: str
    params: Obj
    request_id: str
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happens when a payment method is used. how: succeed, decline, action, processing.
    refund: the status that its refunds get at once."""

    how: str = "succeed"
    code: str | None = None
    decline_code: str | None = None
    refund: str = "succeeded"


Log = Callable[[str, Obj, int], None]
"""Told of each movement of money: kind (charge, refund), object, minor units."""


class World:
    __slots__ = (
        "account",
        "charged",
        "events",
        "idempotency_key",
        "keep",
        "livemode",
        "log",
        "outcomes",
        "refunded",
        "remembered",
        "request_id",
        "shared_methods",
        "tables",
    )

    def __init__(self, account: str, *, livemode: bool, keep: int, log: Log) -> None:
        self.account = account
        self.livemode = livemode
        self.keep = keep
        self.log = log
        self.tables: dict[str, dict[str, Obj]] = {kind: {} for kind in PREFIX}
        self.events: deque[Event] = deque(maxlen=3 * keep)
        self.remembered: dict[str, Remembered] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.shared_methods: dict[str, str] = {}
        self.charged: dict[str, int] = {}
        self.refunded: dict[str, int] = {}
        self.request_id = ""
        self.idempotency_key: str | None = None

    # Objects.

    def put(self, item: Obj) -> Obj:
        """Store an object, new or changed."""
        table = self.tables[item["object"]]
        table[item["id"]] = item
        if len(table) > self.keep:
            oldest = next(iter(table))
            del table[oldest]
            self.outcomes.pop(oldest, None)
        return item

    def find(self, kind: str, object_id: str) -> Obj | None:
        return self.tables[kind].get(object_id)

    def get(self, kind: str, object_id: str, *, param: str | None = None) -> Obj:
        """param: the parameter that named it; None: the path did, so a miss is 404."""
        item = self.tables[kind].get(object_id)
        if item is None:
            title = TITLES.get(kind, kind)
            if param is None:
                raise errors.no_such(title, object_id, "intent" if "intent" in kind else "id")
            raise errors.no_such(title, object_id, param, 400)
        return item

    def newest_first(self, kind: str) -> Iterator[Obj]:
        return reversed(self.tables[kind].values())

    # Money.

    def charge_payer(self, charge: Obj, amount: int) -> None:
        """A payer's money moved: the figure that the gateway's books are compared with."""
        code = charge["currency"]
        self.charged[code] = self.charged.get(code, 0) + amount
        self.log("charge", charge, amount)

    def pay_back(self, refund: Obj, amount: int) -> None:
        code = refund["currency"]
        self.refunded[code] = self.refunded.get(code, 0) + amount
        self.log("refund", refund, amount)

    # Events and replays.

    def tell(self, kind: str, subject: Obj) -> None:
        self.events.append(
            Event(new_id("event"), kind, now(), subject, self.request_id, self.idempotency_key)
        )

    def remember(self, key: str, entry: Remembered) -> None:
        self.remembered[key] = entry
        if len(self.remembered) > self.keep:
            del self.remembered[next(iter(self.remembered))]


_random = random.Random()


def new_id(kind: str) -> str:
    """A fresh id that looks like Stripe's and never repeats between two sandboxes."""
    return f"{PREFIX[kind]}{_random.getrandbits(92):023x}"


def now() -> int:
    """Seconds since 1970, as in every `created`."""
    return int(time.time())
