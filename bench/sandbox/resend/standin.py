"""Resend as the house knows it: its teams' mails, its error shape, and what a test may say.

GET  /_sandbox/mails      all mails that went out: {"team", "id", "recipients"}, oldest first
POST /_sandbox/deliver    {"id", "event"}: what became of a mail (`last_event`)
POST /_sandbox/advance    {"seconds"}: so much time has passed
POST /_sandbox/limits     {"per_second", "window_s", "daily", "monthly"}, null: none; for all
                          teams, or the one of "key". Nothing is enforced before this is said
POST /_sandbox/domains    {"verified": [...]}: the only domains that may send; null: any
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import orjson

from bench.sandbox.resend import emails
from bench.sandbox.resend.api import ResendApi
from bench.sandbox.resend.errors import ResendError
from bench.sandbox.resend.world import MAIL_MICROS, Limits, World
from bench.sandbox.standin import Action, Log, Refused
from bench.sandbox.wire import Obj

SCRIPTED: Final = {
    401: "missing_api_key",
    403: "invalid_api_key",
    404: "not_found",
    409: "resource_locked",
    422: "validation_error",
    429: "rate_limit_exceeded",
    500: "application_error",
    503: "service_unavailable",
}


class ResendStandIn(ResendApi):
    """ResendApi with what a test may ask of it."""

    stored_statuses: frozenset[int] = frozenset()
    """Only what was sent is kept under an idempotency key."""

    def scripted_error(self, status: int) -> bytes:
        name = SCRIPTED.get(status, "application_error")
        return orjson.dumps(ResendError(status, name, f"Scripted {status}.").body)

    def stats(self) -> Obj:
        """charged: `usd_micros` at 0.0009 USD a mail. mails: recipients that were sent to, in all
        and by team."""
        for world in self.worlds:
            world.catch_up()
        total = sum(world.counts.mails for world in self.worlds)
        charged = {"usd_micros": total * MAIL_MICROS} if total else {}
        return {
            "charged": charged,
            "mails": total,
            "mails_by_team": {world.name: world.counts.mails for world in self.worlds},
        }

    def accounts(self) -> list[Obj]:
        return [_team(world) for world in self.worlds]

    def actions(self) -> Mapping[tuple[str, str], Action]:
        return {
            ("GET", "mails"): lambda data: self._mails(),
            ("POST", "deliver"): self._deliver,
            ("POST", "advance"): self._advance,
            ("POST", "limits"): self._limits,
            ("POST", "domains"): self._domains,
        }

    def _mails(self) -> Obj:
        found = []
        for world in self.worlds:
            world.catch_up()
            found += [
                {"team": world.name, "id": mail.email_id, "recipients": mail.recipients}
                for mail in world.sent
            ]
        return {"mails": found}

    def _deliver(self, data: Any) -> Obj:
        for world in self.worlds:
            world.catch_up()
            if data["id"] in world.tables["email"]:
                return emails.deliver(world, data["id"], data["event"])
        raise Refused(404, f"no such mail: {data['id']}")

    def _advance(self, data: Any) -> Obj:
        self.clock.ahead_s += int(data["seconds"])
        return {"now": self.clock.stamp()}

    def _limits(self, data: Any) -> Obj:
        known = {item.name for item in fields(Limits)}
        unknown = data.keys() - known - {"key"}
        if unknown:
            raise ValueError(f"unknown limits: {', '.join(sorted(unknown))}")
        for world in self._named(data):
            for name in data.keys() & known:
                setattr(world.limits, name, data[name])
        return {}

    def _domains(self, data: Any) -> Obj:
        verified = data["verified"]
        for world in self._named(data):
            world.verified = None if verified is None else {name.lower() for name in verified}
        return {}

    def _named(self, data: Any) -> list[World]:
        """The team of `key`, made when it is not there yet, or all teams."""
        if "key" not in data:
            return self.worlds
        return [self.team_of(data["key"])]


def _team(world: World) -> Obj:
    world.catch_up()
    return {
        "account": world.name,
        "mails": world.counts.mails,
        "scheduled": sum(len(mail.recipients) for mail in world.due.values()),
        "canceled": world.counts.canceled,
        "requests": world.counts.requests,
        "idempotency_keys": len(world.remembered),
        "objects": {kind: len(table) for kind, table in world.tables.items() if table},
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    """None beside the common ones."""


def build(options: argparse.Namespace, log: Log) -> ResendStandIn:
    """Raises ValueError for a secret that is none."""
    return ResendStandIn(options.secret, keep=options.forget_after, log=log)
