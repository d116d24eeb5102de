"""Revokes, resumes and new keys that come between each other's turns: whoever was answered is right
after a restart too, so at rest the books tell the same as what is in memory."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import pytest

from gateway.clock import HandClock
from gateway.errors import PolicyRefused
from gateway.ids import make_id
from gateway.vault import cuts
from gateway.vault import keyring as keyring_module
from gateway.vault.allowlist import Allowlist
from gateway.vault.bars import Bar
from gateway.vault.issuers import Issuer, IssuerTerms, Template
from gateway.vault.registry import Registry
from gateway.vault.terms import Terms
from tests.fakes import FakeLedger

LABELS = ("a/1", "a/2", "b/1", "ab")
PREFIXES = ("a/", "a", "b/")
BARS = (Bar(), Bar("stripe"), Bar(None, "acme"), Bar("twilio"))
ALLOWED = Allowlist.parse(["POST /v1/charges"])
ROUNDS, AT_ONCE = 4, 12


class Crowd:
    """Several admins and issuers at work on one registry."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.clock = HandClock()
        self.ledger = FakeLedger(self.clock.now_us)
        self.registry = Registry.load(self.ledger, self.clock)
        self.issuers: list[Issuer] = []
        self.made: list[str] = []

    async def work(self) -> None:
        for _ in range(2):
            now_us = self.moment_us()
            template = Template(frozenset({"stripe"}), ALLOWED, 100, 86_400)
            terms = IssuerTerms(make_id("iss_", now_us), template, 1_000, now_us)
            self.issuers.append((await self.registry.found_issuer(terms))[0])
        for _ in range(ROUNDS):
            await self.registry.resume(Bar())  # or nobody would make keys for long
            await asyncio.gather(*(self.act() for _ in range(AT_ONCE)))

    async def act(self) -> None:
        for _ in range(self.chance.randrange(6)):
            await asyncio.sleep(0)
        registry, pick = self.registry, self.chance.choice
        acts: tuple[Callable[[], Awaitable[object]], ...] = (
            *(self.issue, self.issue, self.issue, self.revoke),
            lambda: registry.revoke_run(label=pick(LABELS), abort=False),
            lambda: registry.revoke_run(prefix=pick(PREFIXES), abort=False),
            lambda: registry.bar(pick(BARS), abort=False),
            lambda: registry.resume(pick(BARS)),
            lambda: registry.reopen_run(pick(LABELS)),
            lambda: registry.reopen_prefix(pick(PREFIXES)),
        )
        with contextlib.suppress(PolicyRefused):
            await pick(acts)()

    async def issue(self) -> None:
        now_us, issuer = self.moment_us(), self.chance.choice((None, *self.issuers))
        terms = Terms(
            key_id=make_id("vk_", now_us),
            vendor="stripe",
            account=self.chance.choice(("default", "acme")),
            allowed=ALLOWED,
            daily_cap_micros=5,
            created_at_us=now_us,
            expires_at_us=None,
            label=self.chance.choice(LABELS),
            issuer_id=None if issuer is None else issuer.terms.issuer_id,
        )
        key, _ = await self.registry.issue(terms, issuer)
        self.made.append(key.terms.key_id)

    async def revoke(self) -> None:
        key = self.registry.key(self.chance.choice(self.made)) if self.made else None
        if key is not None:
            await self.registry.revoke([key], abort=False)

    def moment_us(self) -> int:
        self.clock.advance(0.001)
        return self.clock.now_us()


def told(registry: Registry) -> tuple[object, ...]:
    keys = {
        key.terms.key_id: (key.revoked_at_us, key.account_id, key.parent_id)
        for key in registry.all_keys()
    }
    budgets = {issuer.terms.issuer_id: issuer.budgets for issuer in registry.issuers()}
    runs = registry.runs
    revoked = {label: runs.revoked(label) for label in (*LABELS, "a/9", "b/9", "c/9")}
    return keys, budgets, revoked, runs.labels, runs.prefixes, registry.bars.in_force


@pytest.mark.parametrize("kept", [0, 20_000], ids=["asleep", "kept"])
async def test_at_rest_the_books_tell_what_memory_does(
    kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring_module, "KEPT_MAX", kept)
    monkeypatch.setattr(keyring_module, "TURN_S", 0.0)
    monkeypatch.setattr(cuts, "NOTES_AT_ONCE", 2)
    made = 0
    for seed in range(25):
        crowd = Crowd(seed)
        await crowd.work()
        made += len(crowd.made)
        assert told(crowd.registry) == told(Registry.load(crowd.ledger, crowd.clock)), seed
    assert made > 100
