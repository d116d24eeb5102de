"""25 times SIGKILL at a random moment under load.

The vendor has bad days of its own meanwhile: slow answers, answers that never come, errors of its
own. After every kill the journals are verified, the gateway starts again, and for each key the
books must show at least what the vendor charged, at most what the answers told plus one open hold
for each caller, and never more than the cap. Then every caller that got no answer asks again under
its old Idempotency-Key, and whatever the kill had left of its call, it is charged once and counted
once.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest

from bench.sandbox.launch import Sandbox
from tests.crash.crowd import Broken, Call, Crowd, Cut, broken_off, retry, tell
from tests.crash.kills import Tally, audit, lose_audit, verified
from tests.house import Gateway, VaultKey
from tests.wishes import ENDPOINTS, in_cents, taken

pytestmark = pytest.mark.crash

CYCLES = 25
ROUNDS = 5
"""The cycles are split into so many tests, each with its own books, seeds and checkpoints."""
PATH = "/v1/*"


def bad_day(dice: random.Random) -> list[dict[str, Any]]:
    """Faults of the vendor's, each for a few calls; the last one makes all others slower."""
    kinds: list[dict[str, Any]] = [
        {"drop": True},
        {"drop_before_executing": True},
        {"half_body": True},
        {"status": 500, "execute": True},
        {"status": 409},
    ]
    few = [
        {"path": PATH, "method": "POST", "after": dice.randrange(60), "count": 2, **kind}
        for kind in kinds
    ]
    return [*few, {"path": PATH, "count": None, "latency_ms": dice.choice((0, 0, 2, 8))}]


def summed(tallies: Sequence[Tally]) -> tuple[int, int]:
    """What the vendor may have charged for all keys together."""
    return sum(t.paid_least for t in tallies), sum(t.paid_most for t in tallies)


class Books:
    """The keys of one gateway directory, and what is known of each."""

    def __init__(self, gateway: Gateway, vendor: Sandbox) -> None:
        self._gateway = gateway
        self._vendor = vendor
        self._tallies: dict[str, Tally] = {}

    def new_key(self, cap: int) -> VaultKey:
        key = self._gateway.make_key(daily_usd_cap=str(cap), allowed_endpoints=list(ENDPOINTS))
        self._tallies[key.id] = Tally()
        return key

    def of(self, key: VaultKey) -> Tally:
        return self._tallies[key.id]

    def check(self) -> None:
        """They are between what is known and what is possible."""
        spent = 0
        for key_id, tally in self._tallies.items():
            record = self._gateway.ask(f"/vault/keys/{key_id}")
            found = in_cents(record["spent_usd"])
            assert tally.least <= found <= tally.most
            assert record["held_usd"] == "0.00"
            assert taken(record) <= in_cents(record["cap_usd"])
            spent += found
        least, most = summed(list(self._tallies.values()))
        charged = self._vendor.charged()
        assert least <= charged <= most
        assert spent >= charged
        told = audit(self._gateway)
        assert sum(in_cents(row["cost_usd"]) for row in told) == spent

    def take_as_known(self) -> None:
        for key_id, tally in self._tallies.items():
            record = self._gateway.ask(f"/vault/keys/{key_id}")
            tally.least = tally.most = in_cents(record["spent_usd"])


def after_the_kill(books: Books, told: Sequence[Sequence[Call]]) -> list[Broken]:
    """What the callers know, and what they cannot know, goes into the tallies."""
    cut_off = [broken_off(calls) for calls in told]
    for calls, broken in zip(told, cut_off, strict=True):
        tally = books.of(broken.call.key)
        tell(tally, calls)
        tally.may_count(broken.over_count)
        tally.may_be_paid(broken.call.wish.cents)
    return cut_off


def after_the_retries(books: Books, cut_off: Sequence[Broken]) -> None:
    """Each call that broke off has its answer now, if only a 500 that the vendor has stored. One
    that is declined, and was in doubt, stays so: the refusal may be the retry's alone."""
    for broken in cut_off:
        call, tally = broken.call, books.of(broken.call.key)
        assert call.status in (200, 402, 429, 500), call
        tally.least += call.wish.counted(call.status)
        tally.most += broken.undone - broken.over_count
        tally.most += call.wish.cents if call.status != 429 else 0
        tally.paid_least += call.wish.charged_at_least(call.status)
        tally.paid_most -= call.wish.cents - call.wish.charged_at_most(call.status)


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_books_hold_through_kills_at_random_moments(
    gateway: Gateway, vendor: Sandbox, seed: int
) -> None:
    dice = random.Random(seed)
    gateway.env["KEYBRAKE__LEDGER__CHECKPOINT_ENTRIES"] = "100"
    books = Books(gateway, vendor)
    wide = books.new_key(50_000)
    for _ in range(CYCLES // ROUNDS):
        keys = [wide, books.new_key(100)]
        vendor.control("POST", "behave", bad_day(dice))
        cut = Cut(dice.randint(1, 600), at_answer=dice.random() < 0.5)
        told = await Crowd(gateway, dice, cut).run(keys, dice.randint(12, 32))
        cut_off = after_the_kill(books, told)
        verified(gateway)
        gateway.restart()
        books.check()
        vendor.calm()
        await retry(gateway, [broken.call for broken in cut_off])
        after_the_retries(books, cut_off)
        books.check()
        books.take_as_known()
    gateway.kill()
    lose_audit(gateway)
    verified(gateway)
    gateway.restart()
    books.check()
