"""What the crash tests share: a gateway that will kill itself, calls until it has, and the looks
that are taken afterwards."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.sandbox.launch import Sandbox
from tests.house import Answer, Closed, Gateway, VaultKey
from tests.wishes import Wish, in_cents, taken

LAUNCHER: Final = Path(__file__).with_name("launcher.py")
KILLED: Final = -signal.SIGKILL
PLAIN: Final = ("-m", "gateway")
CALL_ID: Final = "keybrake-call-id"
LOOKS_MAX: Final = 20_000
"""Looks at the sandbox before a test gives up: half a minute or so."""


def arm(gateway: Gateway, point: str, nth: int = 1) -> None:
    """From its next start on, the gateway kills itself when it comes by this point."""
    gateway.program = (str(LAUNCHER), point, str(nth))


def disarm(gateway: Gateway) -> None:
    gateway.program = PLAIN


def ask(gateway: Gateway, key: VaultKey, wish: Wish, **headers: str) -> Answer | None:
    """The answer; None if the gateway was killed over it, or before it."""
    try:
        return gateway.call(key, "POST", wish.path, form=wish.form(), **headers)
    except (Closed, ConnectionError):
        return None


@dataclass(slots=True)
class Tally:
    """What the answers so far leave possible, in cents. least, most: in the books. paid_least,
    paid_most: at the vendor."""

    least: int = 0
    most: int = 0
    paid_least: int = 0
    paid_most: int = 0
    ids: set[str] = field(default_factory=set, repr=False)
    """The calls that were answered."""

    def answered(self, wish: Wish, status: int, call_id: str | None) -> None:
        assert status in (200, 402, 409, 429, 500, 502), status
        assert call_id
        self.ids.add(call_id)
        self.least += wish.counted(status)
        self.most += wish.counted(status)
        self.paid_least += wish.charged_at_least(status)
        self.paid_most += wish.charged_at_most(status)

    def may_count(self, cents: int) -> None:
        """Over-count that a kill may leave."""
        self.most += cents

    def may_be_paid(self, cents: int) -> None:
        self.paid_most += cents

    def check(self, record: Any, vendor: Sandbox) -> None:
        """The books of one key, all of whose calls are in this tally, and the vendor's."""
        spent, charged = in_cents(record["spent_usd"]), vendor.charged()
        assert spent >= charged
        assert self.least <= spent <= self.most
        assert self.paid_least <= charged <= self.paid_most
        assert record["held_usd"] == "0.00"
        assert record["over_cap_usd"] == "0.00"
        assert taken(record) <= in_cents(record["cap_usd"])


def call_until_killed(
    gateway: Gateway, key: VaultKey, wishes: Iterable[Wish], tally: Tally
) -> Wish:
    """One call after the other. Returns the one that got no answer."""
    for wish in wishes:
        answer = ask(gateway, key, wish)
        if answer is None:
            assert gateway.wait() == KILLED
            return wish
        tally.answered(wish, answer.status, answer.headers.get(CALL_ID))
    raise AssertionError("the gateway never came by the point")


def verified(gateway: Gateway) -> int:
    """`keybrake ledger verify` on the books of a gateway that is down. Returns how many entries
    they have."""
    told = gateway.run("ledger", "verify", "--json")
    assert told.returncode == 0, (told.stdout, told.stderr)
    return sum(int(shard["entries"]) for shard in json.loads(told.stdout)["shards"])


def audit(gateway: Gateway) -> list[Any]:
    """The calls with a hold, as the audit log tells them, newest first."""
    answer = gateway.admin("GET", "/vault/calls/export?format=ndjson")
    assert answer.status == 200, answer
    rows = [json.loads(line) for line in answer.body.splitlines()]
    return [row for row in rows if row["state"] is not None]


def lose_audit(gateway: Gateway) -> None:
    """The gateway is down."""
    for part in gateway.directory.glob("audit.db*"):
        part.unlink()


def posts(vendor: Sandbox) -> int:
    """How many POSTs the vendor has seen."""
    return sum(vendor.stats()["posts"].values())


def until_posts(vendor: Sandbox, count: int) -> None:
    """Until the vendor has seen so many."""
    for _ in range(LOOKS_MAX):
        if posts(vendor) >= count:
            return
    raise AssertionError(f"the vendor never saw {count} POSTs")
