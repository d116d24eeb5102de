"""The house without sockets and without a disk: real books, keys, doors and vendors, put together
as `gateway/run/app.py` does, on what `pretend.py` pretends.

What a call finds here is what it finds in a house that has been open for a while: its key among a
hundred others, a warm connection, shapes of messages that are known.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, cast
from unittest.mock import patch

from bench import load
from bench.micro.pretend import PretendLoop, PretendStore, PretendWriter
from gateway.call.doors import Doors
from gateway.call.guesses import Guesses
from gateway.call.lanes import Lanes
from gateway.call.proxy import Proxy
from gateway.call.retries import Retries
from gateway.call.routes import Routes
from gateway.call.turns import Turns
from gateway.call.turnstile import Turnstile
from gateway.clock import SystemClock
from gateway.http.body import NoBody, WholeBody
from gateway.http.message import Request
from gateway.ids import make_id
from gateway.metrics import Metrics
from gateway.run import calllines, log
from gateway.settings import AccountSettings, LedgerSettings, Secret, Settings, VendorSettings
from gateway.upstream.upstreams import Upstreams
from gateway.vault.allowlist import Allowlist
from gateway.vault.registry import Key, Registry
from gateway.vault.terms import Terms
from ledger import Ledger
from ledger.history import CallRow, History
from ledger.writer import Writer
from vendors import VENDORS
from vendors.rates import Rates

KEYS: Final = 100
ALLOWED: Final = (
    "GET /v1/balance",
    "GET /v1/customers/*",
    "POST /v1/customers",
    "GET /v1/payment_intents/**",
    "POST /v1/payment_intents",
    "POST /v1/payment_intents/*/confirm",
    "POST /v1/refunds",
)
"""What a scenario that bills its customers is given."""
SECRETS: Final = ("sk_live_0123456789abcdefghij0123", "kb_admin_of_the_bench_0123456789")
CHARGE: Final = b"amount=1200&currency=usd&confirm=true"
_CAP_MICROS: Final = 10**15

_ANSWER_HEAD: Final = (
    "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\n"
    "Content-Type: application/json\r\nContent-Length: %d\r\nConnection: keep-alive\r\n"
    "Access-Control-Allow-Credentials: true\r\nAccess-Control-Allow-Origin: *\r\n"
    "Access-Control-Max-Age: 300\r\nCache-Control: no-cache, no-store\r\n"
    "Request-Id: req_0123456789abcd\r\nStripe-Version: 2025-04-30.basil\r\n"
    "Vary: Origin\r\nStrict-Transport-Security: max-age=63072000\r\n\r\n"
)
_INTENT: Final = (
    '{"id":"pi_%024x","object":"payment_intent","amount":1200,"amount_capturable":0,'
    '"amount_details":{"tip":{}},"amount_received":1200,"application":null,'
    '"application_fee_amount":null,"automatic_payment_methods":null,"canceled_at":null,'
    '"cancellation_reason":null,"capture_method":"automatic_async",'
    '"client_secret":"pi_0_secret_0","confirmation_method":"automatic","created":1795000000,'
    '"currency":"usd","customer":null,"description":null,"last_payment_error":null,'
    '"latest_charge":"ch_000000000000000000000001","livemode":true,"metadata":{},'
    '"next_action":null,"payment_method":"pm_000000000000000000000001",'
    '"payment_method_types":["card"],"processing":null,"status":"succeeded"}'
)


def intent(number: int) -> bytes:
    """What Stripe shows of a payment that succeeded; each has an id of its own, since the house
    remembers objects."""
    return (_INTENT % number).encode()


ANSWER: Final = (_ANSWER_HEAD % len(intent(0)) + _INTENT).encode()
"""Of a vendor, with the place for a number."""


class Stripe:
    """Answers whatever is asked with a payment that succeeded."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self, asked: bytes) -> bytes:
        return ANSWER % next(self._numbers)


class NoLog:
    """An audit log that keeps nothing."""

    def record(self, row: CallRow) -> None: ...
    def follow(self, endings: Any) -> None: ...
    def give_back(self, hold_id: int, refund_id: str, micros: int) -> None: ...


@dataclass(frozen=True, slots=True)
class SmallHouse:
    """key, secret: of the caller."""

    doors: Doors
    proxy: Proxy
    key: Key
    secret: str

    def charge(self, *headers: tuple[str, str]) -> bytes:
        """A payment of 12 USD as bytes, as `make bench` asks for it."""
        body = CHARGE.decode()
        return load.form_post("/stripe/v1/payment_intents", self.secret, body, *headers)

    def read(self) -> bytes:
        """A look at a customer, which costs nothing."""
        target, bearer = "/stripe/v1/customers/cus_1", f"Bearer {self.secret}"
        return load.request("GET", target, headers=[("Authorization", bearer)])

    def request(self, body: bytes = CHARGE) -> Request:
        """The same as a handler gets it; b'' is the look."""
        method, path = ("POST", "payment_intents") if body else ("GET", "customers/cus_1")
        headers = {
            b"host": b"127.0.0.1:8080",
            b"authorization": f"Bearer {self.secret}".encode(),
            b"content-type": b"application/x-www-form-urlencoded",
            b"content-length": b"%d" % len(body),
        }
        target, whole = f"/stripe/v1/{path}", WholeBody(body) if body else NoBody()
        return Request(method, target, target, "", headers, "127.0.0.1", whole, "192.0.2.1", 0.0)


def settings_in(directory: str) -> Settings:
    account = AccountSettings("default", Secret(SECRETS[0]))
    stripe = VendorSettings("stripe", "http://stripe.invalid", accounts={"default": account})
    shard = f"sqlite:{directory}/ledger-0.db"
    books = LedgerSettings(shards=(shard,), checkpoint_entries=10**9, reserve_bytes=4_096)
    return Settings(ledger=books, vendors={"stripe": stripe})


@asynccontextmanager
async def books(*, threaded: bool = False) -> AsyncIterator[Ledger]:
    """A real ledger of one shard, whose journal goes nowhere."""
    with tempfile.TemporaryDirectory(prefix="keybrake-micro-") as directory:
        with patch("ledger.journal.Writer", Writer if threaded else PretendWriter):
            ledger = await Ledger.open(
                settings_in(directory).ledger,
                SystemClock(),
                on_death=print,
                through=lambda _: PretendStore(),
            )
        try:
            yield ledger
        finally:
            await ledger.close()


@asynccontextmanager
async def small_house() -> AsyncIterator[SmallHouse]:
    async with books() as ledger:
        with open(os.devnull, "w") as nowhere:  # noqa: ASYNC230  # it makes nobody wait
            for secret in SECRETS:
                log.register_secret(secret)
            log.set_up("info", "json", nowhere)
            doors = _doors(ledger)
            for number in range(KEYS):
                key, secret = await _key(doors.registry, number)
            try:
                yield SmallHouse(doors, Proxy(doors), key, secret)
            finally:
                await doors.upstreams.close()
                await doors.registry.close()
                log.way()[0].flush()


def _doors(ledger: Ledger) -> Doors:
    loop, clock = asyncio.get_running_loop(), SystemClock()
    PretendLoop.vendor = staticmethod(Stripe())
    settings = settings_in("")
    vendors = {"stripe": VENDORS["stripe"]}
    products = {"stripe": frozenset(vendors["stripe"].products)}
    rates = Rates.load("", "2", 30)
    return Doors(
        settings=settings,
        loop=loop,
        clock=clock,
        vendors=vendors,
        routes=Routes(vendors, products, {}),
        registry=Registry.load(ledger, clock),
        ledger=ledger,
        history=cast("History", NoLog()),
        upstreams=Upstreams(settings.vendors, loop, vendors),
        lanes=Lanes(loop),
        turns=Turns(loop),
        retries=Retries(ledger, loop),
        turnstiles={("stripe", "default"): Turnstile(settings.vendors["stripe"], loop)},
        guesses=Guesses(settings.server.guesses_per_minute),
        metrics=Metrics(),
        rates=lambda: rates.at(clock.now_us()),
        call_ended=calllines.teller(settings.log),
    )


async def _key(registry: Registry, number: int) -> tuple[Key, str]:
    now_us = SystemClock().now_us()
    terms = Terms(
        key_id=make_id("vk_", now_us),
        vendor="stripe",
        account="default",
        allowed=Allowlist.parse(ALLOWED),
        daily_cap_micros=_CAP_MICROS,
        created_at_us=now_us,
        expires_at_us=now_us + 7_200_000_000,
        label=f"make-billing-scenario/{number:04x}",
    )
    return await registry.issue(terms, None)
