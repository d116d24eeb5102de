"""The admin side on a ledger in memory, asked as a client asks: a request in, status and JSON out.

Every JSON answer is checked against the schema that the OpenAPI document gives for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from jsonschema import Draft202012Validator, FormatChecker

from gateway.admin.api import AdminApi, find_route
from gateway.admin.schemas import SCHEMAS
from gateway.call.verdicts import Asked, Explanation, Verdict
from gateway.clock import HandClock
from gateway.errors import KeyUnknown, RateLimited, Refusal
from gateway.http.message import Request, Response
from gateway.reconcile.crew import Account, NotOpen, Watched
from gateway.settings import AccountSettings, Secret, ServerSettings, Settings, VendorSettings
from gateway.vault.keys import Key
from gateway.vault.registry import Registry
from gateway.vault.secrets import Kind, digest, mint
from ledger import Ending, Hold, Shed
from ledger.history import (
    CallRow,
    Filters,
    Found,
    NoSuchCall,
    Overview,
    Place,
    Records,
    Series,
    VendorHealth,
)
from tests.fakes import FakeLedger
from vendors.contract import Vendor
from vendors.rates import Rates
from vendors.stripe import STRIPE, Stripe

BODY: Mapping[str, Any] = {
    "vendor": "stripe",
    "daily_usd_cap": 500,
    "allowed_endpoints": ["POST /v1/payment_intents", "GET /v1/customers/*"],
    "expires_in": "2h",
    "agent_run_label": "make-billing-scenario/8f31",
}
ISSUER_BODY: Mapping[str, Any] = {
    "daily_usd_cap": 1000,
    "template": {
        "vendors": ["stripe"],
        "allowed_endpoints": ["POST /v1/payment_intents", "GET /v1/customers/**"],
        "daily_usd_cap_max": 500,
        "expires_in_max": "4h",
    },
}


class WholeBody:
    def __init__(self, body: bytes) -> None:
        self._body = body

    @property
    def length(self) -> int:
        return len(self._body)

    async def read_all(self, bytes_max: int) -> bytes:
        return self._body

    async def read(self) -> bytes:
        return self._body


class FakeHistory:
    """An audit log in memory, with the shape of the real one's answers."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.followed: list[Ending | Shed] = []
        self.flushed = 0
        self.spent: list[dict[str, Any]] = []
        self.run_of: dict[str, dict[str, Any]] = {}
        self.spent_by: dict[str, list[dict[str, Any]]] = {}
        self.asked_spend: list[tuple[str, int, int, dict[str, Any]]] = []
        self.trouble: Exception | None = None
        self.complete_since_us: int | None = None
        self.seen = Overview(0, 0, 0, 0, 0, 0, 0, 0, None, None, ())
        self.health: list[VendorHealth] = []

    def metrics(self) -> dict[str, float]:
        return {"written": len(self.rows), "waiting": 0}

    def add(self, **facts: Any) -> None:
        given: dict[str, Any] = {"id": "call_1", "at_us": 1, "key_id": "vk_1", **facts}
        row = CallRow(**given)._asdict()
        row["lookups"] = []
        del row["own_cost_micros"]
        self.rows.insert(0, {**row, "restored_micros": 0})

    async def flush(self) -> bool:
        if self.trouble is not None:
            raise self.trouble
        self.flushed += 1
        return True

    async def call(self, call_id: str) -> dict[str, Any] | None:
        return next((row for row in self.rows if row["id"] == call_id), None)

    async def calls(
        self,
        filters: Filters,
        limit: int,
        *,
        starting_after: str | None = None,
        ending_before: str | None = None,
    ) -> list[dict[str, Any]]:
        rows = [row for row in self.rows if _fits(row, filters)]
        if starting_after is not None:
            ids = [row["id"] for row in rows]
            if starting_after not in ids:
                raise NoSuchCall(starting_after)
            rows = rows[ids.index(starting_after) + 1 :]
        return rows[:limit]

    async def search(
        self,
        filters: Filters,
        limit: int,
        *,
        starting_after: str | None = None,
        before: Place | None = None,
    ) -> Found:
        return Found(await self.calls(filters, limit, starting_after=starting_after), None, False)

    async def series(
        self, by: str | None, since_us: int, until_us: int, step: str, top: int = 5
    ) -> Series:
        return Series(3_600_000_000, (), ())

    async def export(self, filters: Filters) -> AsyncIterator[dict[str, Any]]:
        for row in self.rows:
            if _fits(row, filters):
                yield row

    async def runs(
        self,
        since_us: int,
        until_us: int,
        limit: int,
        *,
        by: str = "run",
        starting_after: str | None = None,
    ) -> Records:
        if starting_after == "nobody":
            raise NoSuchCall(starting_after)
        found = [
            row for row in self.spent if by in row and since_us <= row["last_at_us"] < until_us
        ]
        return self._told(found[:limit])

    async def spend(
        self, by: str, since_us: int, until_us: int, limit: int, **wishes: Any
    ) -> Records:
        if wishes["starting_after"] == "nobody":
            raise NoSuchCall("nobody")
        self.asked_spend.append((by, since_us, until_us, wishes))
        return self._told(self.spent_by[by][:limit])

    def _told(self, found: list[dict[str, Any]]) -> Records:
        records = Records(found)
        records.complete_since_us = self.complete_since_us
        return records

    async def overview(self, since_us: int, until_us: int) -> Overview:
        return self.seen

    async def vendor_health(self, since_us: int) -> list[VendorHealth]:
        return [one for one in self.health if one.last_at_us >= since_us]

    async def run(self, label: str) -> dict[str, Any] | None:
        return self.run_of.get(label)

    def follow(self, endings: Iterable[Ending | Shed]) -> None:
        self.followed += endings


def _fits(row: Mapping[str, Any], filters: Filters) -> bool:
    if not (filters.since_us or 0) <= row["at_us"] < (filters.until_us or row["at_us"] + 1):
        return False
    return all(
        (wanted := getattr(filters, name, None)) is None or wanted == row[name] for name in row
    )


class FakeCanceller:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def cancel_open(self, keys: Iterable[Key]) -> list[dict[str, str]]:
        self.asked += [key.terms.key_id for key in keys]
        return [{"object_id": "pi_1", "status": "canceled"}]


class FakeReconcilers:
    """looked: the calls that somebody asked for. watching: how far the looking after any is."""

    def __init__(self) -> None:
        self.looked: list[str] = []
        self.watching = Watched(None, 0, "")
        self.known: list[Account] = []
        self.not_open: NotOpen | None = None

    def watched(self, hold: Hold) -> Watched:
        return self.watching

    def accounts(self) -> list[Account]:
        return self.known

    async def look_now(self, call_id: str) -> str:
        self.looked.append(call_id)
        if self.not_open is not None:
            raise self.not_open
        return "nothing new"


class FakeExplainer:
    """Says what it was told to say. asked: by whom and what."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Asked]] = []
        self.says = Explanation((Verdict("key", True, "The key is alive."),), "Op", "", 0, 0, None)

    async def explain(self, key: Key, asked: Asked) -> Explanation:
        self.asked.append((key.terms.key_id, asked))
        return self.says


class FakeGuesses:
    """Three wrong keys, then no more."""

    def __init__(self) -> None:
        self.addresses: list[str] = []

    def wrong(self, address: str, now_us: int, door: str = "") -> Refusal:
        self.addresses.append(address)
        return KeyUnknown() if len(self.addresses) <= 3 else RateLimited(retry_after_s=60)

    def must_wait(self, address: str, now_us: int, door: str) -> Refusal | None:
        return RateLimited(retry_after_s=60) if self.addresses.count(address) >= 3 else None


class FakeMetrics:
    def render(self) -> bytes:
        return b"keybrake_calls_total 1\n"


RATES = Rates.load(None, "2", 30)


@dataclass(frozen=True, slots=True)
class PretendedTwilio(Stripe):
    """As far as the admin side looks: a vendor whose paths name an account."""

    name: str = "twilio"
    key_terms: frozenset[str] = frozenset({"countries", "call_time_limit_s", "vendor_accounts"})

    prices_date: str = "2026-05-25"

    def alias(self, key_id: str) -> str:
        return f"AC_{key_id}"


VENDORS: Mapping[str, Vendor] = {"stripe": STRIPE, "twilio": PretendedTwilio()}


@dataclass
class FakeDoors:
    settings: Settings
    clock: HandClock
    registry: Registry
    ledger: FakeLedger
    history: FakeHistory = field(default_factory=FakeHistory)
    guesses: FakeGuesses = field(default_factory=FakeGuesses)
    metrics: FakeMetrics = field(default_factory=FakeMetrics)
    vendors: Mapping[str, Vendor] = field(default_factory=lambda: VENDORS)

    def rates(self) -> Rates:
        return RATES.at(self.clock.now_us())


def settings() -> Settings:
    secret = Secret("sk_test_1")
    stripe = VendorSettings(
        "stripe",
        "https://api.stripe.com",
        accounts={name: AccountSettings(name, secret) for name in ("default", "acme")},
    )
    twilio = VendorSettings(
        "twilio",
        "https://api.twilio.com",
        accounts={"main": AccountSettings("main", secret)},
        sandbox=True,
    )
    server = ServerSettings(public_url="https://gw1.example.com")
    return Settings(server=server, vendors={"stripe": stripe, "twilio": twilio})


class Side:
    """The whole side, and a client of it."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.ledger = FakeLedger(self.clock.now_us)
        self.admin_key = mint(Kind.ADMIN)
        self.canceller = FakeCanceller()
        self.reconcilers = FakeReconcilers()
        self.explainer = FakeExplainer()
        self.history = FakeHistory()
        self.restart()

    def restart(self) -> None:
        registry = Registry.load(self.ledger, self.clock)
        doors = FakeDoors(settings(), self.clock, registry, self.ledger, self.history)
        self.registry = registry
        self.api = AdminApi(
            doors, digest(self.admin_key), self.canceller, self.reconcilers, self.explainer
        )

    async def raw(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        key: str | None = "",
        headers: Mapping[bytes, bytes] | None = None,
    ) -> Response:
        """key: '' for the admin key, None for none."""
        self.clock.advance(0.001)
        path, _, query = target.partition("?")
        sent = dict(headers or {})
        if key is not None:
            sent[b"authorization"] = f"Bearer {key or self.admin_key}".encode()
        request = Request(
            method, target, path, query, sent, "gw1.example.com", WholeBody(body), "127.0.0.1", 0.0
        )
        return await self.api.answer(request)

    async def ask(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        key: str | None = "",
        once: str | None = None,
    ) -> tuple[int, Any]:
        """once: the Idempotency-Key."""
        sent = b"" if body is None else orjson.dumps(body)
        headers = {} if once is None else {b"idempotency-key": once.encode()}
        response = await self.raw(method, target, sent, key=key, headers=headers)
        answer = orjson.loads(response.body)
        _check(method, target, response, answer)
        return response.status, answer

    async def key(self, **changes: Any) -> dict[str, Any]:
        status, answer = await self.ask("POST", "/vault/keys", {**BODY, **changes})
        assert status == 201, answer
        return dict(answer)

    async def issuer(self, **changes: Any) -> dict[str, Any]:
        status, answer = await self.ask("POST", "/vault/issuers", {**ISSUER_BODY, **changes})
        assert status == 201, answer
        return dict(answer)


def _check(method: str, target: str, response: Response, answer: Any) -> None:
    """The answer is what the document says it is."""
    name = "Problem"
    media = dict(response.headers)[b"content-type"]
    if media == b"application/json":
        route, _ = find_route(method, target.partition("?")[0])
        name = route.answers
    schema = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(answer)
