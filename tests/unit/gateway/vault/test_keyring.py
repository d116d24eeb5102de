"""Keys that sleep: found, walked over and revoked without waking more than is asked for."""

from __future__ import annotations

import gc

import pytest

from gateway.clock import HandClock
from gateway.vault import keyring as keyring_module
from gateway.vault import records
from gateway.vault.allowlist import Allowlist
from gateway.vault.keyring import Keyring
from gateway.vault.keys import Key
from gateway.vault.secrets import digest
from gateway.vault.terms import Terms
from ledger import Note
from tests.fakes import FakeLedger

MANY = 10


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """All sleep, and a walk over them takes several looks."""
    monkeypatch.setattr(keyring_module, "KEPT_MAX", 0)
    monkeypatch.setattr(keyring_module, "_IDS_AT_ONCE", 3)
    monkeypatch.setattr(keyring_module, "TURN_S", 0.0)


def made_key(number: int, **changes: object) -> Key:
    terms = Terms(
        key_id=f"vk_{number:02}",
        vendor="stripe" if number % 2 else "twilio",
        account="default",
        allowed=Allowlist.parse(["POST /v1/charges"]),
        daily_cap_micros=5,
        created_at_us=number,
        expires_at_us=None,
        label=f"scn/{number}",
        **changes,  # type: ignore[arg-type]
    )
    return Key(terms, digest(b"secret %d" % number), number + 1)


@pytest.fixture
async def ring() -> Keyring:
    books = FakeLedger(HandClock().now_us)
    await books.note([records.key_note(made_key(number)) for number in range(MANY)])
    await books.note([Note(records.USED, "all", b'{"vk_03":7}')])
    made = Keyring(books, {}, {"vk_04": 9})
    assert list(made.load()) == []
    return made


async def test_nobody_is_awake_until_asked_for(ring: Keyring) -> None:
    assert ring.awake() == []
    found = ring.get("vk_03")
    assert found is not None
    assert (found.terms, found.last_used_us) == (made_key(3).terms, 7)
    assert ring.find(b"secret 3") is found
    assert ring.of_account(4) == [found]
    assert ring.of_account(99) == []
    assert ring.awake() == [found]
    assert ring.last_used() == {"vk_03": 7}


async def test_all_are_met_once_newest_first_whoever_comes_meanwhile(ring: Keyring) -> None:
    names = [f"vk_{number:02}" for number in reversed(range(MANY))]
    plain, seen = ring.newest_first(), []
    for key in plain:
        seen.append(key.terms.key_id)
        ring.add(made_key(MANY + len(seen)))
    assert seen == names
    assert [key.terms.key_id async for key in ring.walk(b"", "vk_05")] == names[5:]


async def test_what_a_revoke_goes_by_is_told_of_sleeping_keys_and_waking_ones(
    ring: Keyring,
) -> None:
    awake = ring.get("vk_01")
    labels = ("scn/1", "scn/2", "scn/3")
    gists = ring.gists(records.of_vendor("stripe"), lambda gist: gist.label in labels)
    assert [key_id async for key_id in gists] == ["vk_03", "vk_01"]
    assert ring.awake() == [awake]


async def test_a_key_is_revoked_in_its_sleep(ring: Keyring) -> None:
    awake = ring.get("vk_01")
    assert [ring.end(key_id, 50) for key_id in ("vk_01", "vk_02", "vk_04")] == [True, True, False]
    assert awake is not None
    assert awake.revoked_at_us == 50
    asleep = ring.get("vk_02")
    assert asleep is not None
    assert asleep.revoked_at_us == 50
    assert [ring.ended_us(key_id) for key_id in ("vk_02", "vk_04")] == [50, 9]


async def test_whoever_may_not_sleep_stays(ring: Keyring) -> None:
    key = ring.get("vk_01")
    assert key is not None
    ring.stay([key])
    place = id(key)
    del key
    gc.collect()
    assert [id(key) for key in ring.awake()] == [place]


async def test_the_keys_of_a_shared_budget_are_listed_in_place(ring: Keyring) -> None:
    """A copy for each key made 60,000 of them 20 s of a start."""
    made = [made_key(number) for number in range(MANY, MANY + 4)]
    for key in made:
        key.account_id = 1  # the budget of the first key
        ring.add(key)
    listed = ring._by_budget.ids(1)
    ring._by_budget.join(1, "vk_99")
    assert ring._by_budget.ids(1) is listed
    assert listed == ["vk_00", *(key.terms.key_id for key in made), "vk_99"]


async def test_two_keys_with_one_mark_are_found_after_a_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hashes = {b"first": b"\x01" * 32, b"second": b"\x01" * 31 + b"\x02"}
    monkeypatch.setattr(keyring_module, "digest", hashes.__getitem__)
    books = FakeLedger(HandClock().now_us)
    for number, hashed in enumerate(hashes.values()):
        key = made_key(number)
        key.digest = hashed
        await books.note([records.key_note(key)])
    ring = Keyring(books, {}, {})
    assert list(ring.load()) == []
    for number, secret in enumerate(hashes):
        found = ring.find(secret)
        assert found is not None
        assert found.terms.key_id == f"vk_{number:02}"
