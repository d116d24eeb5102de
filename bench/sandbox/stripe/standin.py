"""Stripe as the house knows it: its accounts' money, its error shape, and two actions of its own.

POST /_sandbox/payer      {"payment_intent", "succeeds", "payment_method"}: a payer or bank acts
POST /_sandbox/refund     {"refund", "status"}: a refund gets its final status
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import orjson

from bench.sandbox.standin import Action, Log, Refused
from bench.sandbox.stripe import intents, refunds
from bench.sandbox.stripe.api import StripeApi
from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.world import World
from bench.sandbox.wire import Obj

SCRIPTED: Final = {
    409: ("idempotency_error", "idempotency_key_in_use"),
    429: ("invalid_request_error", "rate_limit"),
}


class StripeStandIn(StripeApi):
    """StripeApi with what a test may ask of it."""

    stored_statuses = frozenset({400, 402, 424, 500})
    """Those of endpoints that began to run."""

    def scripted_error(self, status: int) -> bytes:
        kind, code = SCRIPTED.get(status, ("api_error", "sandbox_fault"))
        message = f"Scripted {status}."
        return orjson.dumps({"error": {"type": kind, "code": code, "message": message}})

    def stats(self) -> Obj:
        charged: Counter[str] = Counter()
        refunded: Counter[str] = Counter()
        for world in self.worlds:
            charged.update(world.charged)
            refunded.update(world.refunded)
        return {"charged": dict(charged), "refunded": dict(refunded)}

    def accounts(self) -> list[Obj]:
        return [_account(world) for world in self.worlds]

    def actions(self) -> Mapping[tuple[str, str], Action]:
        return {("POST", "payer"): self._payer, ("POST", "refund"): self._refund}

    def _payer(self, data: Any) -> Obj:
        world = self._world_with("payment_intent", data["payment_intent"])
        try:
            return intents.payer_acts(
                world,
                data["payment_intent"],
                succeeds=data.get("succeeds", True),
                token=data.get("payment_method"),
            )
        except StripeError as exc:
            raise Refused(exc.status, str(exc)) from None

    def _refund(self, data: Any) -> Obj:
        world = self._world_with("refund", data["refund"])
        try:
            return refunds.end(world, data["refund"], data["status"])
        except StripeError as exc:
            raise Refused(exc.status, str(exc)) from None

    def _world_with(self, kind: str, object_id: str) -> World:
        for world in self.worlds:
            if world.find(kind, object_id) is not None:
                return world
        raise KeyError(object_id)


def _account(world: World) -> Obj:
    return {
        "account": world.account,
        "livemode": world.livemode,
        "charged": world.charged,
        "refunded": world.refunded,
        "objects": {kind: len(table) for kind, table in world.tables.items() if table},
        "events": len(world.events),
        "idempotency_keys": len(world.remembered),
        "payment_intents": Counter(i["status"] for i in world.newest_first("payment_intent")),
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """None beside the common ones."""


def build(options: argparse.Namespace, log: Log) -> StripeStandIn:
    return StripeStandIn(frozenset(options.secret), keep=options.forget_after, log=log)
