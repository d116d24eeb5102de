"""Twilio as the house knows it: its accounts' bills, its error shape, and how a test plays the
carrier.

    POST /_sandbox/pace       {"settle_ms", "price_ms", …}: fields of `world.Pace` to change
    POST /_sandbox/advance    {"seconds"}: so much time has passed
    POST /_sandbox/deliver    {"sid", "status", "price"?, "error_code"?, "fee"?, "num_segments"?}
    POST /_sandbox/hangup     {"sid", "seconds"?, "status"?}: a call ends now
    POST /_sandbox/content    {"sid", "text", "media"?}: what a ContentSid stands for
    GET  /_sandbox/messages   all messages of all accounts, as their accounts see them
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import orjson

from bench.sandbox.standin import Action, Log
from bench.sandbox.twilio import calls, errors, messages
from bench.sandbox.twilio.api import TwilioApi
from bench.sandbox.twilio.world import Pace, World
from bench.sandbox.wire import Obj

SCRIPTED: Final = {
    401: (20003, "Authenticate"),
    404: (20404, "The requested resource was not found"),
    429: (20429, "Too Many Requests"),
    500: (20500, "An internal server error has occurred"),
    503: (20503, "Service Unavailable"),
}


class TwilioStandIn(TwilioApi):
    """TwilioApi with what a test may ask of it."""

    stored_statuses: frozenset[int] = frozenset()
    """There are no idempotency keys."""

    def scripted_error(self, status: int) -> bytes:
        code, message = SCRIPTED.get(status, (20001, f"Scripted {status}."))
        return orjson.dumps(errors.body(status, code, message))

    def stats(self) -> Obj:
        """charged: `usd_micros` in all; charged_micros: by kind; by_account: by kind for each."""
        self.town.catch_up()
        kinds: Counter[str] = Counter()
        for world in self.worlds:
            kinds.update(world.charged)
        return {
            "charged": {"usd_micros": kinds.total()},
            "charged_micros": dict(kinds),
            "by_account": {world.sid: dict(world.charged) for world in self.worlds},
            "messages": Counter(m.status for w in self.worlds for m in w.newest_first("message")),
            "calls": Counter(c.status for w in self.worlds for c in w.newest_first("call")),
        }

    def accounts(self) -> list[Obj]:
        self.town.catch_up()
        return [_account(world) for world in self.worlds]

    def actions(self) -> Mapping[tuple[str, str], Action]:
        return {
            ("POST", "pace"): self._change_pace,
            ("POST", "advance"): self._advance,
            ("POST", "deliver"): self._deliver,
            ("POST", "hangup"): self._hang_up,
            ("POST", "content"): self._set_content,
            ("GET", "messages"): lambda data: self._messages(),
        }

    def _change_pace(self, data: Any) -> Obj:
        pace = self.town.pace
        unknown = data.keys() - Pace.__slots__
        if unknown:
            raise ValueError(f"unknown fields of the pace: {', '.join(sorted(unknown))}")
        for name, value in data.items():
            setattr(pace, name, value)
        return {known.name: getattr(pace, known.name) for known in fields(pace)}

    def _advance(self, data: Any) -> Obj:
        self.town.clock.advance(data["seconds"])
        self.town.catch_up()
        return {"now_us": self.town.clock.now_us()}

    def _deliver(self, data: Any) -> Obj:
        self.town.catch_up()
        return messages.deliver(self._thing("message", data["sid"]), data)

    def _hang_up(self, data: Any) -> Obj:
        self.town.catch_up()
        return calls.hang_up(self._thing("call", data["sid"]), data)

    def _set_content(self, data: Any) -> Obj:
        self.town.content[data["sid"]] = (str(data["text"]), bool(data.get("media", False)))
        return {}

    def _messages(self) -> Obj:
        self.town.catch_up()
        found = (message for world in self.worlds for message in world.newest_first("message"))
        return {"messages": [messages.show(message) for message in found]}

    def _thing(self, kind: str, sid: str) -> Any:
        for world in self.worlds:
            found = world.table(kind).get(sid)
            if found is not None:
                return found
        raise KeyError(sid)


def _account(world: World) -> Obj:
    return {
        "account": world.sid,
        "parent": None if world.parent is None else world.parent.sid,
        "charged_micros": world.charged,
        "objects": {kind: len(table) for kind, table in world.tables.items() if table},
    }


def add_options(parser: argparse.ArgumentParser) -> None:
    pace = Pace()
    parser.add_argument(
        "--settle-ms", type=int, default=pace.settle_ms, help="a message or call is over after"
    )
    parser.add_argument(
        "--price-ms", type=int, default=pace.price_ms, help="from there until its price shows"
    )
    parser.add_argument(
        "--settle-fetches", type=int, help="a message is over when fetched so often, if sooner"
    )


def build(options: argparse.Namespace, log: Log) -> TwilioStandIn:
    """Raises ValueError for a secret that is none."""
    pace = Pace(
        settle_ms=options.settle_ms,
        price_ms=options.price_ms,
        settle_fetches=options.settle_fetches,
    )
    return TwilioStandIn(options.secret, pace=pace, keep=options.forget_after, log=log)
