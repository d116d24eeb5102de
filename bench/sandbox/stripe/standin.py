"""Stripe as the house knows it: its accounts' money, its error shape; actions: `actions.py`."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from typing import Final

import orjson

from bench.sandbox.standin import Action, Log
from bench.sandbox.stripe import actions
from bench.sandbox.stripe.api import StripeApi
from bench.sandbox.stripe.world import World
from bench.sandbox.wire import Obj

MOVED: Final = ("charged", "refunded", "outflow", "inflow")
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
        """By currency, minor units, gross. charged: what payers paid. outflow: the merchant's money
        that left (refunded is part of it). inflow: what came otherwise than from a payer."""
        totals: dict[str, Counter[str]] = {name: Counter() for name in MOVED}
        for world in self.worlds:
            for name, total in totals.items():
                total.update(getattr(world, name))
        return {name: dict(total) for name, total in totals.items()}

    def accounts(self) -> list[Obj]:
        return [_account(world) for world in self.worlds]

    def actions(self) -> Mapping[tuple[str, str], Action]:
        return actions.actions(lambda: self.worlds)


def _account(world: World) -> Obj:
    return {
        "account": world.account,
        "livemode": world.livemode,
        "charged": world.charged,
        "refunded": world.refunded,
        "outflow": world.outflow,
        "inflow": world.inflow,
        "objects": {kind: len(table) for kind, table in world.tables.items() if table},
        "events": len(world.events),
        "idempotency_keys": len(world.remembered),
        "payment_intents": Counter(i["status"] for i in world.newest_first("payment_intent")),
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """None beside the common ones."""


def build(options: argparse.Namespace, log: Log) -> StripeStandIn:
    return StripeStandIn(frozenset(options.secret), keep=options.forget_after, log=log)
