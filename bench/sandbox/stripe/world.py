"""What one Stripe account owns: objects, events, idempotency keys, and what money moved.

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
    "application_fee": "fee_1",
    "billing.meter": "mtr_1",
    "checkout.session": "cs_test_a1",
    "coupon": "",
    "credit_note": "cn_1",
    "credit_note_line_item": "cnli_1",
    "customer_balance_transaction": "cbtxn_1",
    "dispute": "du_1",
    "fee_refund": "fr_1",
    "invoice": "in_1",
    "invoice_payment": "inpay_1",
    "invoiceitem": "ii_1",
    "line_item": "il_1",
    "payment_link": "plink_1",
    "payout": "po_1",
    "plan": "plan_",
    "promotion_code": "promo_1",
    "quote": "qt_1",
    "subscription": "sub_1",
    "subscription_item": "si_",
    "subscription_schedule": "sub_sched_1",
    "tax_rate": "txr_1",
    "topup": "tu_1",
    "transfer": "tr_1",
    "transfer_reversal": "trr_1",
    "v2.money_management.inbound_transfer": "ibt_test_",
    "v2.money_management.outbound_payment": "obp_test_",
    "v2.money_management.payout_intent": "pyi_test_",
}
TITLES: Final = {"payment_method": "PaymentMethod", "line_item": "invoice line item"}
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
"""Told of each movement of money: kind (charge, refund, transfer, …), object, minor units."""


class World:
    """outflow, inflow: the merchant's own money that left (refunds among it) or came, gross, by
    currency. more: by object id, members that are answered only when expanded. waiting: what
    happens once an object (an intent, an invoice) is paid. rehearsing: a copy that plays a call
    to see what it would bill; nobody pays here and nobody is told."""

    __slots__ = (
        "account",
        "charged",
        "events",
        "idempotency_key",
        "inflow",
        "keep",
        "livemode",
        "log",
        "more",
        "outcomes",
        "outflow",
        "refunded",
        "rehearsing",
        "remembered",
        "request_id",
        "shared_methods",
        "tables",
        "waiting",
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
        self.outflow: dict[str, int] = {}
        self.inflow: dict[str, int] = {}
        self.more: dict[str, Obj] = {}
        self.waiting: dict[str, Step] = {}
        self.rehearsing = False
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
            for notes in (self.outcomes, self.more, self.waiting):
                notes.pop(oldest, None)
        return item

    def drop(self, kind: str, object_id: str) -> Obj:
        """Delete an object that its path named; the answer Stripe gives."""
        self.get(kind, object_id)
        del self.tables[kind][object_id]
        return {"id": object_id, "object": kind, "deleted": True}

    def find(self, kind: str, object_id: str) -> Obj | None:
        return self.tables[kind].get(object_id)

    def get(self, kind: str, object_id: str, *, param: str | None = None) -> Obj:
        """param: the parameter that named it; None: the path did, so a miss is 404."""
        if not isinstance(object_id, str):
            raise errors.invalid("string", param or "id", object_id)
        item = self.tables[kind].get(object_id)
        if item is None or (param is not None and item.get("deleted")):
            title = TITLES.get(kind, kind)
            if param is None:
                raise errors.no_such(title, object_id, "intent" if "intent" in kind else "id")
            raise errors.no_such(title, object_id, param, 400)
        return item

    def live(self, kind: str, object_id: str) -> Obj:
        """An object that its path, or another object, names and that is not deleted."""
        item = self.get(kind, object_id)
        if item.get("deleted"):
            raise errors.no_such(kind, object_id)
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
        self.pay_out("refund", refund, amount)

    def pay_out(self, kind: str, subject: Obj, amount: int) -> None:
        """The merchant's money leaves: to a payer, a connected account, a bank."""
        code = subject["currency"]
        self.outflow[code] = self.outflow.get(code, 0) + amount
        self.log(kind, subject, amount)

    def take_in(self, kind: str, subject: Obj, amount: int) -> None:
        """Money comes to the merchant otherwise than from a payer: taken back, or topped up."""
        code = subject["currency"]
        self.inflow[code] = self.inflow.get(code, 0) + amount
        self.log(kind, subject, amount)

    def once_paid(self, object_id: str, step: Step) -> None:
        self.waiting[object_id] = step

    def paid(self, item: Obj) -> None:
        """An intent or an invoice is paid: what waited for that happens now."""
        step = self.waiting.pop(item["id"], None)
        if step is not None:
            step(self, item)

    def rehearsal(self) -> World:
        """A copy to play a call on. Objects are never changed in place, so copied tables do."""
        copy = World(self.account, livemode=self.livemode, keep=self.keep, log=_unheard)
        copy.tables = {kind: dict(table) for kind, table in self.tables.items()}
        copy.more = dict(self.more)
        copy.outcomes = dict(self.outcomes)
        copy.shared_methods = dict(self.shared_methods)
        copy.rehearsing = True
        return copy

    # Events and replays.

    def tell(self, kind: str, subject: Obj) -> None:
        self.events.append(
            Event(new_id("event"), kind, now(), subject, self.request_id, self.idempotency_key)
        )

    def remember(self, key: str, entry: Remembered) -> None:
        self.remembered[key] = entry
        if len(self.remembered) > self.keep:
            del self.remembered[next(iter(self.remembered))]


Step = Callable[[World, Obj], None]


def _unheard(kind: str, subject: Obj, amount: int) -> None:
    pass


_random = random.Random()


def new_id(kind: str) -> str:
    """A fresh id that looks like Stripe's and never repeats between two sandboxes."""
    return f"{PREFIX[kind]}{_random.getrandbits(92):023x}"


def now() -> int:
    """Seconds since 1970, as in every `created`."""
    return int(time.time())
