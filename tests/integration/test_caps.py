"""Caps under bursts: 256 callers who all want the same money at the same moment.

Every caller has its connection before the first byte leaves. While a burst runs, the budget is read
again and again from the admin side: spent and held together never pass the cap. What got through is
counted where it matters, at the vendor.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from bench import load
from bench.sandbox.launch import Sandbox
from tests.house import Gateway, VaultKey
from tests.wishes import DECLINED, ENDPOINTS, PAYS, Wish, any_wish, in_cents, taken

pytestmark = pytest.mark.load

CALLERS = 256


def error_of(result: load.Result) -> str:
    """Our code; empty for an answer of the vendor's."""
    told = json.loads(result.body).get("error", "")
    return told if isinstance(told, str) else ""


def posts(vendor: Sandbox) -> int:
    return sum(vendor.stats()["posts"].values())


async def burst(gateway: Gateway, requests: Sequence[bytes]) -> list[load.Result]:
    return await load.burst(gateway.address, requests, CALLERS)


async def watched_burst(
    gateway: Gateway, target: str, requests: Sequence[bytes]
) -> tuple[list[load.Result], list[Any]]:
    """A burst, and how a budget's record stood each time it was asked for meanwhile."""
    over = asyncio.Event()
    samples: list[Any] = []
    bearer = ("Authorization", f"Bearer {gateway.admin_key}")
    asking = load.request("GET", target, headers=[bearer])

    async def watch() -> None:
        while not over.is_set():
            [answer] = await load.burst(gateway.admin_address, [asking], 1)
            samples.append(json.loads(answer.body))

    async def run() -> list[load.Result]:
        try:
            return await burst(gateway, requests)
        finally:
            over.set()

    results, _ = await asyncio.gather(run(), watch())
    return results, samples


def make_issuer(gateway: Gateway, daily_usd_cap: str) -> dict[str, Any]:
    template = {
        "vendors": ["stripe"],
        "allowed_endpoints": list(ENDPOINTS),
        "daily_usd_cap_max": "1000",
    }
    answer = gateway.admin(
        "POST", "/vault/issuers", {"daily_usd_cap": daily_usd_cap, "template": template}
    )
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.json()
    return made


def issue(gateway: Gateway, issuer: dict[str, Any], label: str, **terms: Any) -> VaultKey:
    return gateway.make_key(
        bearer=issuer["key"], agent_run_label=label, allowed_endpoints=list(ENDPOINTS), **terms
    )


async def test_exactly_fifty_of_256_pass_in_each_of_20_rounds(
    gateway: Gateway, vendor: Sandbox
) -> None:
    for _ in range(20):
        vendor.reset()
        key = gateway.make_key(daily_usd_cap="500")
        results = await burst(gateway, [PAYS.request(key)] * CALLERS)
        assert Counter((r.status, error_of(r)) for r in results) == {
            (200, ""): 50,
            (429, "daily_cap_exceeded"): 206,
        }
        assert (posts(vendor), vendor.charged()) == (50, 50_000)
        record = gateway.record(key)
        assert (record["spent_usd"], record["held_usd"]) == ("500.00", "0.00")
        assert record["remaining_usd"] == "0.00"


async def test_a_refusal_tells_how_the_budget_stands(gateway: Gateway) -> None:
    key = gateway.make_key(daily_usd_cap="500")
    results = await burst(gateway, [PAYS.request(key)] * CALLERS)
    refused = [json.loads(r.body) for r in results if r.status == 429]
    assert {facts["cap_usd"] for facts in refused} == {"500.00"}
    assert {facts["blocked_by"] for facts in refused} == {"key_daily"}
    assert all(taken(facts) == 50_000 for facts in refused)
    assert {r.header("retry-after") for r in results} == {None}


def standing_cents(wishes: Sequence[Wish], results: Sequence[load.Result]) -> int:
    """What is not charged and counts all the same: authorisations, and declined intents that live
    on."""
    return sum(
        wish.counted(result.status) - wish.charged_at_least(result.status)
        for wish, result in zip(wishes, results, strict=True)
    )


@pytest.mark.parametrize("seed", range(5))
async def test_mixed_amounts_and_the_vendors_own_refusals(
    gateway: Gateway, vendor: Sandbox, seed: int
) -> None:
    """The cap holds at every moment, and what stays unspent is less than the least refused."""
    dice = random.Random(seed)
    wishes = [any_wish(dice) for _ in range(CALLERS)]
    key = gateway.make_key(daily_usd_cap="500", allowed_endpoints=list(ENDPOINTS))
    results, samples = await watched_burst(
        gateway, f"/vault/keys/{key.id}", [wish.request(key) for wish in wishes]
    )
    assert Counter(r.status for r in results).keys() == {200, 402, 429}
    assert {error_of(r) for r in results if r.status == 429} == {"daily_cap_exceeded"}
    told = [json.loads(r.body) for r in results if r.status == 429]
    assert max(taken(record) for record in (*samples, *told)) <= 50_000
    stands = standing_cents(wishes, results)
    record = gateway.record(key)
    assert in_cents(record["spent_usd"]) == vendor.charged() + stands
    assert in_cents(record["standing_usd"]) == stands

    refused = [w for w, r in zip(wishes, results, strict=True) if r.status == 429]
    refused.sort(key=lambda wish: wish.cents)
    again = await load.burst(gateway.address, [wish.request(key) for wish in refused], 1)
    still = [w.cents for w, r in zip(refused, again, strict=True) if r.status == 429]
    record = gateway.record(key)
    assert in_cents(record["remaining_usd"]) < min(still)
    assert record["held_usd"] == "0.00"
    assert in_cents(record["spent_usd"]) == vendor.charged() + stands + standing_cents(
        refused, again
    )
    assert in_cents(record["spent_usd"]) <= 50_000


async def test_keys_of_one_issuer_share_its_budget(gateway: Gateway, vendor: Sandbox) -> None:
    """Four keys that may spend 200 each, under an issuer that may spend 300: each cap holds."""
    issuer = make_issuer(gateway, "300")
    keys = [issue(gateway, issuer, f"crowd/{n}", daily_usd_cap="200") for n in range(4)]
    requests = [PAYS.request(keys[n % 3 if n % 2 else 3]) for n in range(CALLERS)]
    results, samples = await watched_burst(gateway, f"/vault/issuers/{issuer['id']}", requests)
    codes = Counter((r.status, error_of(r)) for r in results)
    assert codes[200, ""] == 30
    assert codes.keys() <= {
        (200, ""), (429, "issuer_cap_exceeded"), (429, "daily_cap_exceeded"),
    }  # fmt: skip
    assert (posts(vendor), vendor.charged()) == (30, 30_000)
    assert max(taken(record) for record in samples) <= 30_000
    assert gateway.ask(f"/vault/issuers/{issuer['id']}")["spent_usd"] == "300.00"
    spent = [in_cents(gateway.record(key)["spent_usd"]) for key in keys]
    assert sum(spent) == 30_000
    assert max(spent) <= 20_000


async def test_a_label_used_before_shares_its_budget_with_the_new_key(
    gateway: Gateway, vendor: Sandbox
) -> None:
    issuer = make_issuer(gateway, "1000")
    keys = [issue(gateway, issuer, "crowd/same", daily_usd_cap="200") for _ in range(4)]
    requests = [PAYS.request(keys[n % 4]) for n in range(CALLERS)]
    results = await burst(gateway, requests)
    assert Counter(r.status for r in results) == {200: 20, 429: CALLERS - 20}
    assert vendor.charged() == 20_000
    assert {gateway.record(key)["spent_usd"] for key in keys} == {"200.00"}


@pytest.mark.parametrize(
    ("terms", "passes", "code"),
    [
        ({"total_usd_cap": "120"}, 12, "total_cap_exceeded"),
        ({"daily_call_cap": 30}, 30, "call_count_exceeded"),
        ({"total_usd_cap": "300", "daily_usd_cap": "90"}, 9, "daily_cap_exceeded"),
    ],
)
async def test_every_kind_of_cap_holds_in_a_burst(
    gateway: Gateway, vendor: Sandbox, terms: dict[str, Any], passes: int, code: str
) -> None:
    key = gateway.make_key(**terms)
    results = await burst(gateway, [PAYS.request(key)] * CALLERS)
    assert Counter((r.status, error_of(r)) for r in results) == {
        (200, ""): passes,
        (429, code): CALLERS - passes,
    }
    assert (posts(vendor), vendor.charged()) == (passes, passes * 1000)
    assert gateway.record(key)["calls_today"] == passes


async def test_a_declined_call_gives_its_place_back(gateway: Gateway, vendor: Sandbox) -> None:
    """Calls are held and released like money."""
    key = gateway.make_key(daily_call_cap=5)
    answers = await load.burst(gateway.address, [DECLINED.request(key)] * 20, 1)
    assert Counter(r.status for r in answers) == {402: 20}
    results = await burst(gateway, [PAYS.request(key)] * CALLERS)
    assert Counter(r.status for r in results) == {200: 5, 429: CALLERS - 5}
    assert vendor.charged() == 5_000


async def test_budgets_in_two_shards_do_not_get_into_each_others_way(
    gateway: Gateway, vendor: Sandbox
) -> None:
    keys = [gateway.make_key(daily_usd_cap="250") for _ in range(2)]
    results = await burst(gateway, [PAYS.request(keys[n % 2]) for n in range(CALLERS)])
    assert Counter(r.status for r in results) == {200: 50, 429: CALLERS - 50}
    assert vendor.charged() == 50_000
    assert {gateway.record(key)["spent_usd"] for key in keys} == {"250.00"}
    assert gateway.stop() == 0
    told = gateway.run("ledger", "verify", "--json")
    assert told.returncode == 0, told
    holds_and_endings = [shard["entries"] for shard in json.loads(told.stdout)["shards"]]
    assert min(holds_and_endings) >= 50


async def test_retries_at_once_with_one_key_are_one_charge(
    gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key(daily_usd_cap="15")
    same = PAYS.request(key, ("Idempotency-Key", "bill-8f31"))
    results = await burst(gateway, [same] * 64)
    assert Counter(r.status for r in results) == {200: 64}
    assert len({json.loads(r.body)["id"] for r in results}) == 1
    assert vendor.charged() == 1000
    record = gateway.record(key)
    assert (record["spent_usd"], record["calls_today"]) == ("10.00", 1)


async def test_keys_of_one_issuer_retry_each_others_calls(
    gateway: Gateway, vendor: Sandbox
) -> None:
    """A run that is begun again under a fresh key: one charge, on the first key's budget."""
    issuer = make_issuer(gateway, "1000")
    keys = [issue(gateway, issuer, f"crowd/{n}", daily_usd_cap="15") for n in range(2)]
    again = ("Idempotency-Key", "bill-8f31")
    results = await burst(gateway, [PAYS.request(keys[n % 2], again) for n in range(64)])
    assert Counter(r.status for r in results) == {200: 64}
    assert vendor.charged() == 1000
    assert sum(in_cents(gateway.record(key)["spent_usd"]) for key in keys) == 1000
    assert gateway.ask(f"/vault/issuers/{issuer['id']}")["spent_usd"] == "10.00"
