"""The journey of a call in a small house: real books on a disk, real keys, a vendor in memory.

`Calls` is a caller's side without sockets: `call` hands a request to the proxy and reads its
answer. When it closes it checks what must hold whenever no call is under way: nothing is held,
nobody waits, every place is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

import orjson

from gateway.call.doors import Doors
from gateway.call.guesses import Guesses
from gateway.call.lanes import Lanes
from gateway.call.proxy import Proxy
from gateway.call.retries import Retries
from gateway.call.routes import Routes
from gateway.call.turns import Turns
from gateway.call.turnstile import Turnstile
from gateway.clock import HandClock
from gateway.http.body import NoBody
from gateway.http.message import Body, Headers, Request
from gateway.ids import make_id
from gateway.metrics import Metrics
from gateway.settings import MIB, AccountSettings, Secret, ServerSettings, Settings, VendorSettings
from gateway.upstream.order import Gate, Order, OutcomeUnknown, Reply, Watch, open_gate
from gateway.upstream.scrub import Scrubber
from gateway.upstream.upstreams import Upstreams
from gateway.vault.allowlist import Allowlist
from gateway.vault.issuers import Issuer, IssuerTerms, Template
from gateway.vault.registry import Key, Registry
from gateway.vault.terms import Terms
from ledger import Ending, HoldState, Ledger, Shed, Standing
from ledger.history import CallRow, History
from tests.ledgers import Deaths, open_in
from tests.model_stripe import ModelStripe
from tests.telco import OWN, TELCO
from vendors import VENDORS
from vendors.contract import Lookup
from vendors.rates import Rates

USD = 1_000_000
DAY_S = 86_400
SECRET = "sk_test_51KeybrakeCallsNotARealKey0123456789"
RATES = Rates.load("", "2", 30)
NOW_US = (RATES.date.toordinal() - 719_163) * DAY_S * 1_000_000 + DAY_S * 500_000
EVERYTHING = ("POST /v1/**", "GET /v1/**", "DELETE /v1/**", "POST /files/**")

Vendor = Callable[[Order], tuple[int, Any, Iterable[tuple[bytes, bytes]]]]


class Pieces:
    """Where a pretended answer's pieces come from. ended: it was closed, or read to its end."""

    def __init__(self, *pieces: bytes) -> None:
        self.scrubber = Scrubber(SECRET)
        self.left = list(pieces)
        self.ended = False

    async def piece(self) -> bytes:
        return self.left.pop(0) if self.left else b""

    def end(self) -> None:
        self.ended = True


class PretendUpstream:
    """The way to a vendor that is a function. gate: calls wait for it once their last byte left."""

    authorization = b"Bearer " + SECRET.encode()
    account = OWN

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.livemode: bool | None = False
        self.gate: asyncio.Event | None = None
        self.reached = asyncio.Event()
        self.whole_bytes_max: int | None = None
        self.sources: list[Pieces] = []

    async def send(self, order: Order, watch: Watch) -> Reply:
        watch.gate()
        try:
            said = self.vendor(order)
        except OutcomeUnknown:
            watch.left = True
            raise
        if not isinstance(order.body, bytes):
            while await order.body.read():
                pass
        watch.left = True
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()
        return self._reply(order, *said)

    async def look(
        self, lookup: Lookup, headers: Mapping[bytes, bytes], gate: Gate = open_gate
    ) -> Reply:
        gate()
        method = b"GET" if lookup.body is None else b"POST"
        target = lookup.target.replace("{account}", self.account).encode()
        lines = list(headers.items())
        order = Order(method, target, lines, lookup.body or b"", lookup.product, MIB)
        return self._reply(order, *self.vendor(order))

    def _reply(
        self, order: Order, status: int, tree: Any, headers: Iterable[tuple[bytes, bytes]]
    ) -> Reply:
        body = tree if isinstance(tree, bytes) else orjson.dumps(tree)
        reply = Reply(Pieces(body), status, list(headers), len(body))
        limit = order.whole_bytes_max if self.whole_bytes_max is None else self.whole_bytes_max
        if len(body) <= limit:
            reply.body = body
        self.sources.append(cast("Pieces", reply._source))
        return reply


class PretendUpstreams:
    def __init__(self, upstream: PretendUpstream) -> None:
        self.upstream = upstream

    def account(self, vendor: str, account: str) -> PretendUpstream:
        return self.upstream


class KeptHistory:
    """An audit log in memory."""

    def __init__(self) -> None:
        self.rows: list[CallRow] = []
        self.followed: list[Ending | Shed] = []
        self.given_back: list[tuple[int, str, int]] = []

    def record(self, row: CallRow) -> None:
        self.rows.append(row)

    def follow(self, endings: Sequence[Ending | Shed]) -> None:
        self.followed += endings

    def give_back(self, hold_id: int, refund_id: str, micros: int) -> None:
        self.given_back.append((hold_id, refund_id, micros))


class SentBody:
    """A request's body that is all there. gone: raised when it is read."""

    def __init__(self, body: bytes, gone: Exception | None = None) -> None:
        self.length: int | None = len(body)
        self._body = body
        self._gone = gone

    async def read_all(self, bytes_max: int) -> bytes:
        return await self.read()

    async def read(self) -> bytes:
        if self._gone is not None:
            raise self._gone
        body, self._body = self._body, b""
        return body


@dataclass(frozen=True)
class Seen:
    """What the caller got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def code(self) -> str | None:
        error = self.json.get("error")
        return error if isinstance(error, str) else None


@dataclass
class Holder:
    """A key and its secret."""

    key: Key
    secret: str


@dataclass
class Calls:
    """See above. vendor: what answers; a ModelStripe unless a test brings its own."""

    directory: Path
    vendor: Vendor
    settings: Settings
    clock: HandClock
    shards: int
    ledger: Ledger = field(init=False)
    registry: Registry = field(init=False)
    doors: Doors = field(init=False)
    proxy: Proxy = field(init=False)
    upstream: PretendUpstream = field(init=False)
    history: KeptHistory = field(init=False)

    async def start(self, through: Any = lambda store: store) -> None:
        """Build the house on what the disk holds."""
        loop = asyncio.get_running_loop()
        self.ledger = await open_in(
            self.directory, clock=self.clock, shards=self.shards, on_death=Deaths(), through=through
        )
        self.registry = Registry.load(self.ledger, self.clock)
        self.upstream = PretendUpstream(self.vendor)
        self.history = KeptHistory()
        vendors = {**VENDORS, "telco": TELCO}
        products = {name: frozenset(vendor.products) for name, vendor in vendors.items()}
        settings = self.settings.vendors["stripe"]
        self.doors = Doors(
            settings=self.settings,
            loop=loop,
            clock=self.clock,
            vendors=vendors,
            routes=Routes(vendors, products, {"stripe.gw": "stripe"}),
            registry=self.registry,
            ledger=self.ledger,
            history=cast("History", self.history),
            upstreams=cast("Upstreams", PretendUpstreams(self.upstream)),
            lanes=Lanes(loop),
            turns=Turns(loop),
            retries=Retries(self.ledger, loop),
            turnstiles={(name, "default"): Turnstile(settings, loop) for name in vendors},
            guesses=Guesses(3),
            metrics=Metrics(),
            rates=lambda: RATES.at(self.clock.now_us()),
        )
        self.proxy = Proxy(self.doors)

    async def stop(self) -> None:
        self.check_idle()
        await self.ledger.close()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def check_idle(self) -> None:
        assert not list(self.ledger.open_holds(HoldState.OPEN)), "nobody ended a hold"
        assert not self.proxy._retries._running
        assert not self.doors.turns._lines
        for turnstile in self.doors.turnstiles.values():
            assert (turnstile._inside, len(turnstile._lines)) == (0, 0)
        assert not [key for key in self.registry.all_keys() if key.in_flight]

    async def key(self, issuer: Issuer | None = None, **changes: Any) -> Holder:
        """500 USD a day for everything, unless the terms say otherwise."""
        self.clock.advance(0.001)
        now_us = self.clock.now_us()
        terms = Terms(
            key_id=make_id("vk_", now_us),
            vendor="stripe",
            account="default",
            allowed=Allowlist.parse(EVERYTHING),
            daily_cap_micros=500 * USD,
            created_at_us=now_us,
            expires_at_us=None,
            label=f"scn/{now_us}",
            issuer_id=None if issuer is None else issuer.terms.issuer_id,
        )
        return Holder(*await self.registry.issue(replace(terms, **changes), issuer))

    async def issuer(self, daily_micros: int = 1000 * USD) -> Issuer:
        self.clock.advance(0.001)
        now_us = self.clock.now_us()
        template = Template(
            frozenset({"stripe"}), Allowlist.parse(EVERYTHING), 500 * USD, 365 * DAY_S
        )
        terms = IssuerTerms(make_id("iss_", now_us), template, daily_micros, now_us)
        issuer, _ = await self.registry.found_issuer(terms)
        return issuer

    def request(
        self,
        secret: str,
        method: str,
        target: str,
        form: Mapping[str, Any] | None = None,
        *,
        body: Body | None = None,
        host: str = "gw",
        gone: Callable[[], bool] = lambda: False,
        **headers: str,
    ) -> Request:
        """A header `idempotency_key=…` goes out as `idempotency-key`."""
        sent = {name.replace("_", "-").encode(): text.encode() for name, text in headers.items()}
        if secret:
            sent[b"authorization"] = b"Bearer " + secret.encode()
        if form is not None:
            sent.setdefault(b"content-type", b"application/x-www-form-urlencoded")
            body = SentBody(urlencode(form).encode())
        path, _, query = target.partition("?")
        loop_s = asyncio.get_running_loop().time()
        body = body or NoBody()
        return Request(method, target, path, query, sent, host, body, "192.0.2.1", loop_s, gone)

    async def call(
        self,
        holder: Holder,
        method: str,
        path: str,
        form: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> Seen:
        """A call to the vendor of the key, under its name."""
        self.clock.advance(0.001)
        target = f"/{holder.key.terms.vendor}{path}"
        return await self.ask(self.request(holder.secret, method, target, form, **others))

    async def ask(self, request: Request) -> Seen:
        response = await self.proxy.answer(request)
        body = response.body
        if response.stream is not None:
            async with aclosing(cast("Any", response.stream)) as pieces:
                body = b"".join([piece async for piece in pieces])
        return Seen(response.status, _shown(response.headers), body)

    def standing(self, holder: Holder | Issuer) -> Standing:
        account = holder.key.account_id if isinstance(holder, Holder) else holder.account_id
        return self.ledger.standing(account, self.clock.now_us())

    def spent(self, holder: Holder | Issuer) -> int:
        """Today, in micro-USD."""
        return self.standing(holder).spent_micros

    @property
    def row(self) -> CallRow:
        """Of the last call."""
        return self.history.rows[-1]


def _shown(headers: Headers) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers}


def settings(**changes: Any) -> Settings:
    account = AccountSettings("default", Secret(SECRET))
    stripe = VendorSettings("stripe", "https://api.stripe.com", accounts={"default": account})
    stripe = replace(stripe, queue_wait_s=0.05, **changes)
    return Settings(server=ServerSettings(), vendors={"stripe": stripe})


@asynccontextmanager
async def calls_in(
    directory: Path,
    vendor: Vendor | None = None,
    *,
    shards: int = 2,
    through: Any = lambda store: store,
    **changes: Any,
) -> AsyncIterator[Calls]:
    """changes: of the vendor's settings."""
    calls = Calls(
        directory, vendor or ModelStripe(), settings(**changes), HandClock(NOW_US), shards
    )
    await calls.start(through)
    yield calls
    await calls.stop()


class Script:
    """A vendor that says one thing after the other; an exception is raised. orders: what it got."""

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.orders: list[Order] = []

    def __call__(self, order: Order) -> tuple[int, Any, Iterable[tuple[bytes, bytes]]]:
        self.orders.append(order)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        status, tree, *headers = step
        return status, tree, headers


def intent(amount: int, status: str = "requires_confirmation", **others: Any) -> dict[str, Any]:
    """A payment intent as Stripe shows it, in cents."""
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "status": status,
        "currency": "usd",
        "amount": amount,
        "amount_received": amount if status == "succeeded" else 0,
        "amount_capturable": amount if status == "requires_capture" else 0,
        "livemode": False,
        **others,
    }
