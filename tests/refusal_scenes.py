"""One scene for each code of the refusals' table: what a caller does to be told so.

A scene gets a gateway, a vendor and a caller, makes the keys it needs, provokes the refusal and
returns it. What it says of itself (whose books must not move, what the vendor must have seen, the
facts to be told) is for `test_refusals.py` to check.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final

from bench.sandbox.launch import Sandbox
from tests.house import Answer, Gateway, VaultKey, Wire
from tests.speaker import INTENT, Meanwhile, Speaker, until

INTENTS: Final = "/v1/payment_intents"
CONNECTIONS_MAX: Final = 40
PLANTED: Final = '''\
"""Faults that sleep in the gateway under test until a scene wakes them."""

from dataclasses import replace
from pathlib import Path

import vendors
from vendors.stripe import STRIPE, Stripe

vendors.VENDORS = {**vendors.VENDORS, "acme": replace(STRIPE, name="acme")}

from gateway.call.retries import Retries
from ledger.journalfile import StoreFull
from ledger.store import SqliteStore

Retries.__init__.__kwdefaults__["wait_s"] = 0.2
settle, append = Stripe.settle, SqliteStore.append


def broken_settle(self, reading, quote, answer):
    if reading.fields.get("description") == "wake the bug":
        raise RuntimeError("a bug, planted")
    return settle(self, reading, quote, answer)


def full_append(self, entries, body):
    if Path("the-disk-is-full").exists():
        raise StoreFull
    append(self, entries, body)


Stripe.settle, SqliteStore.append = broken_settle, full_append
'''


@dataclass(slots=True)
class Scene:
    """What a scene works with. key: whose books are compared, as they stood `before` the refusal.
    reached: requests that the vendor has to see."""

    gateway: Gateway
    vendor: Sandbox
    caller: Speaker
    last: ExitStack
    key: VaultKey | None = None
    before: dict[str, Any] = field(default_factory=dict)
    reached: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    def on(self, key: VaultKey | None = None, **terms: Any) -> VaultKey:
        """From here on the books of this key stay as they are."""
        self.key = key or self.gateway.make_key(**terms)
        self.before = self.gateway.record(self.key)
        return self.key

    def on_in_doubt(self) -> VaultKey:
        """A new key, whose books will say that 12 USD are in doubt."""
        key = self.on()
        doubtful = ("spent_usd", "in_doubt_usd", "total_spent_usd")
        self.before |= dict.fromkeys(doubtful, "12.00") | {"remaining_usd": "488.00"}
        self.reached = 1
        return key

    def pay(self, key: VaultKey, form: Any = INTENT, **headers: str) -> Answer:
        return self.caller.call(key, "POST", INTENTS, form=form, **headers)

    def raw(self, data: str) -> Answer:
        self.caller.wire.send(data.encode("latin-1"))
        return self.caller.wire.answer()


# ── scenes: who calls, and where to ─────────────────────────────────────────────────────────────


def key_missing(scene: Scene) -> Answer:
    return scene.caller.ask("GET", "/stripe/v1/customers")


def key_unknown(scene: Scene) -> Answer:
    return scene.caller.call("vault_key_" + "0" * 36, "GET", "/v1/customers")


def key_revoked(scene: Scene) -> Answer:
    key = scene.on()
    scene.gateway.admin("POST", f"/vault/keys/{key.id}/revoke")
    return scene.pay(key)


def key_expired(scene: Scene) -> Answer:
    key = scene.on(expires_in="1s")
    until(lambda: scene.gateway.record(key)["status"], lambda status: status == "expired")
    return scene.pay(key)


def endpoint_not_allowed(scene: Scene) -> Answer:
    scene.facts = {"allowed_endpoints": ["GET /v1/**"], "method": "POST", "path": INTENTS}
    return scene.pay(scene.on(allowed_endpoints=["GET /v1/**"]))


def vendor_mismatch(scene: Scene) -> Answer:
    scene.facts = {"key_vendor": "acme", "vendor": "stripe"}
    return scene.pay(scene.on(vendor="acme"))


def policy_refused(scene: Scene) -> Answer:
    scene.facts = {"rule": "per_call_usd_max"}
    return scene.pay(scene.on(per_call_usd_max="11.99"))


def endpoint_unpriced(scene: Scene) -> Answer:
    scene.facts = {"setting": "allow_unpriced"}
    form = {"amount": 1200, "currency": "usd", "destination": "acct_1"}
    return scene.caller.call(scene.on(), "POST", "/v1/issuing/cards", form=form)


def route_unknown(scene: Scene) -> Answer:
    scene.facts = {"vendors": ["acme", "stripe"]}
    return scene.caller.ask("GET", "/nowhere/v1/customers")


def method_not_allowed(scene: Scene) -> Answer:
    return scene.caller.ask("DELETE", "/healthz")


# ── scenes: what it says ────────────────────────────────────────────────────────────────────────


def request_malformed(scene: Scene) -> Answer:
    return scene.raw("GET /stripe/v1/customers HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")


def request_timeout(scene: Scene) -> Answer:
    return scene.raw("POST /stripe/v1/payment_intents HTTP/1.1\r\nHost: a\r\n")


def body_too_large(scene: Scene) -> Answer:
    key = scene.on()
    headers = {
        "Authorization": f"Bearer {key.secret}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": "1048577",
    }
    return scene.caller.ask("POST", f"/stripe{INTENTS}", headers)


def media_type_unsupported(scene: Scene) -> Answer:
    return scene.pay(scene.on(), content_type="text/plain")


def amount_unreadable(scene: Scene) -> Answer:
    scene.facts = {"field": "amount"}
    return scene.pay(scene.on(), {**INTENT, "amount": "12.00"})


def head_too_large(scene: Scene) -> Answer:
    return scene.raw(f"GET /{'a' * 4096} HTTP/1.1\r\nHost: a\r\n\r\n")


def idempotency_conflict(scene: Scene) -> Answer:
    key = scene.gateway.make_key()
    scene.reached = 1
    assert scene.gateway.call(key, "POST", INTENTS, form=INTENT, idempotency_key="k").status == 200
    return scene.pay(scene.on(key), {**INTENT, "amount": 1201}, idempotency_key="k")


def idempotency_in_progress(scene: Scene) -> Answer:
    """While the first call with this key waits for its vendor, which never answers."""
    key = scene.gateway.make_key()
    scene.vendor.behave(path=INTENTS, stall=True)
    scene.reached = 1
    first = Meanwhile(
        lambda: scene.gateway.call(key, "POST", INTENTS, form=INTENT, idempotency_key="k")
    )
    scene.last.callback(first.result)
    until(lambda: scene.vendor.stats()["requests"])
    return scene.pay(scene.on(key), idempotency_key="k")


# ── scenes: budgets and pace ────────────────────────────────────────────────────────────────────

_MONEY: Final = ("cap_usd", "spent_usd", "held_usd", "remaining_usd")


def _budget(scene: Scene, cap: str, spent: str, left: str, blocked_by: str) -> None:
    scene.facts = dict(zip(_MONEY, (cap, spent, "0.00", left), strict=True))
    scene.facts["blocked_by"] = blocked_by


def _spent(scene: Scene, **terms: Any) -> VaultKey:
    """A key that has paid 12 USD already."""
    key = scene.gateway.make_key(**terms)
    assert scene.gateway.call(key, "POST", INTENTS, form=INTENT).status == 200
    scene.reached = 1
    return scene.on(key)


def daily_cap_exceeded(scene: Scene) -> Answer:
    _budget(scene, "20.00", "12.00", "8.00", "key_daily")
    return scene.pay(_spent(scene, daily_usd_cap=20))


def total_cap_exceeded(scene: Scene) -> Answer:
    _budget(scene, "20.50", "12.00", "8.50", "key_total")
    scene.facts["resets_at"] = None
    return scene.pay(_spent(scene, total_usd_cap="20.50"))


def call_count_exceeded(scene: Scene) -> Answer:
    _budget(scene, "500.00", "12.00", "488.00", "key_calls")
    scene.facts |= {"cap_calls": 1, "calls": 1}
    return scene.pay(_spent(scene, daily_call_cap=1))


def issuer_cap_exceeded(scene: Scene) -> Answer:
    _budget(scene, "20.00", "12.00", "8.00", "issuer_daily")
    template = {
        "vendors": ["stripe"],
        "allowed_endpoints": ["POST /v1/**"],
        "daily_usd_cap_max": 500,
    }
    asked = {"daily_usd_cap": 20, "template": template}
    made = scene.gateway.admin("POST", "/vault/issuers", asked)
    return scene.pay(
        _spent(scene, bearer=made.json()["key"], allowed_endpoints=["POST /v1/payment_intents"])
    )


def rate_limited(scene: Scene) -> Answer:
    scene.facts = {"limit": 1}
    return scene.pay(_spent(scene, rate_per_minute=1))


# ── scenes: the vendor, the disk, ourselves ─────────────────────────────────────────────────────


def vendor_unreachable(scene: Scene) -> Answer:
    """Stripe's host for files is a port where nobody listens; it has the same operations."""
    key = scene.on(allowed_endpoints=["POST /files/v1/**"])
    return scene.caller.call(key, "POST", f"/files{INTENTS}", form=INTENT)


def _in_doubt(scene: Scene, **fault: Any) -> Answer:
    scene.vendor.behave(path=INTENTS, **fault)
    scene.facts = {"in_doubt": True}
    return scene.pay(scene.on_in_doubt())


def vendor_redirected(scene: Scene) -> Answer:
    return _in_doubt(scene, redirect="https://evil.example/")


def vendor_broke_off(scene: Scene) -> Answer:
    return _in_doubt(scene, half_body=True)


def vendor_timeout(scene: Scene) -> Answer:
    return _in_doubt(scene, stall=True)


def internal(scene: Scene) -> Answer:
    """A bug after the vendor answered: what it did is charged, and nobody could read what."""
    return scene.pay(scene.on_in_doubt(), {**INTENT, "description": "wake the bug"})


def ledger_unavailable(scene: Scene) -> Answer:
    key = scene.on()
    full = scene.gateway.directory / "the-disk-is-full"
    full.touch()

    def make_room() -> None:
        full.unlink()
        until(lambda: scene.gateway.request("GET", "/readyz").status, lambda status: status == 200)

    scene.last.callback(make_room)
    return scene.pay(key)


def draining(scene: Scene) -> Answer:
    """Where no connection is left to give: this one is told to try elsewhere."""
    scene.caller.wire.close()
    wires = [scene.gateway.wire() for _ in range(CONNECTIONS_MAX)]
    scene.caller.wire = Wire(scene.gateway.address)
    answer = scene.caller.wire.answer()
    for wire in wires:
        wire.close()
    scene.last.callback(until, lambda: _has_room(scene.gateway))
    return answer


def _has_room(gateway: Gateway) -> bool:
    with gateway.wire() as wire:
        wire.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        return wire.answer().status == 200


# ── the table ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table of refusals. retry: Stripe-Should-Retry, where a vendor is known that
    has it. closes: it ends the connection. plain: nobody could know yet that the caller is an SDK,
    or it is none of a vendor's business."""

    status: int
    scene: Callable[[Scene], Answer]
    retry: str | None = "false"
    closes: bool = False
    plain: bool = False


SCENES: Final = {
    row.scene.__name__: row
    for row in (
        Row(401, key_missing),
        Row(401, key_unknown),
        Row(401, key_revoked),
        Row(401, key_expired),
        Row(403, endpoint_not_allowed),
        Row(403, vendor_mismatch),
        Row(403, policy_refused),
        Row(403, endpoint_unpriced),
        Row(400, request_malformed, retry=None, closes=True, plain=True),
        Row(404, route_unknown),
        Row(405, method_not_allowed, retry=None, plain=True),
        Row(408, request_timeout, retry=None, closes=True, plain=True),
        Row(413, body_too_large, closes=True),
        Row(415, media_type_unsupported),
        Row(422, amount_unreadable),
        Row(431, head_too_large, retry=None, closes=True, plain=True),
        Row(409, idempotency_conflict),
        Row(409, idempotency_in_progress, retry="true"),
        Row(429, daily_cap_exceeded),
        Row(429, total_cap_exceeded),
        Row(429, call_count_exceeded),
        Row(429, issuer_cap_exceeded),
        Row(429, rate_limited, retry="true"),
        Row(500, internal, retry=None),
        Row(502, vendor_unreachable, retry=None),
        Row(502, vendor_redirected, retry=None),
        Row(502, vendor_broke_off, retry=None),
        Row(503, ledger_unavailable, retry=None),
        Row(503, draining, retry=None, closes=True, plain=True),
        Row(504, vendor_timeout, retry=None),
    )
}
