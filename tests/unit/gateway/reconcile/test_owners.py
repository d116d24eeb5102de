"""Whose a budget is."""

from __future__ import annotations

from gateway.reconcile.owners import Owner, Owners
from tests.reconciling import Scene


async def test_a_budget_is_known_by_its_key(scene: Scene) -> None:
    owners = Owners(scene.calls.registry)
    first = scene.key.key
    issuer = await scene.calls.issuer()
    issued = (await scene.calls.key(issuer)).key
    later = await scene.calls.key(account="acme")
    assert owners.of(later.key.account_id) == Owner("stripe", "acme")
    for _ in range(2):
        assert owners.of(first.account_id) == Owner("stripe", "default")
    assert owners.of(999) == Owner()
    assert owners.parent(issued.account_id) == issuer.account_id
