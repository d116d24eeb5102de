from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gateway.clock import HandClock
from gateway.errors import KeyExpired, KeyRevoked, PolicyRefused, RateLimited
from gateway.ids import make_id
from gateway.vault import cuts, records
from gateway.vault import keyring as keyring_module
from gateway.vault.allowlist import Allowlist
from gateway.vault.bars import Bar
from gateway.vault.issuers import Issuer, IssuerTerms, Template
from gateway.vault.records import of_issuer, of_label
from gateway.vault.registry import Key, Registry
from gateway.vault.secrets import Kind, mint
from gateway.vault.terms import ErrorStyle, Mode, ParamRule, Terms
from ledger import JournalFull, JournalUnavailable, Note
from tests.fakes import FakeLedger

USD = 1_000_000
HOUR_US = 3_600_000_000


class House:
    """A registry on a ledger in memory, and short ways to put something into it."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.ledger = FakeLedger(self.clock.now_us)
        self.registry = Registry.load(self.ledger, self.clock)

    def restart(self) -> Registry:
        self.registry = Registry.load(self.ledger, self.clock)
        return self.registry

    def terms(self, **changes: Any) -> Terms:
        self.clock.advance(0.001)
        now_us = self.clock.now_us()
        terms = Terms(
            key_id=make_id("vk_", now_us),
            vendor="stripe",
            account="default",
            allowed=Allowlist.parse(["POST /v1/payment_intents"]),
            daily_cap_micros=500 * USD,
            created_at_us=now_us,
            expires_at_us=now_us + HOUR_US,
            label="scn/1",
        )
        return replace(terms, **changes)

    async def key(self, issuer: Issuer | None = None, **changes: Any) -> Key:
        if issuer is not None:
            changes["issuer_id"] = issuer.terms.issuer_id
        key, _ = await self.registry.issue(self.terms(**changes), issuer)
        return key

    async def issuer(self, **changes: Any) -> Issuer:
        self.clock.advance(0.001)
        now_us = self.clock.now_us()
        template = Template(
            frozenset({"stripe"}), Allowlist.parse(["POST /v1/**"]), 100 * USD, 86_400
        )
        terms = IssuerTerms(make_id("iss_", now_us), template, 1000 * USD, now_us)
        issuer, _ = await self.registry.found_issuer(replace(terms, **changes))
        return issuer

    def refusal(self, key: Key, label: str | None = None) -> object:
        label = key.terms.label if label is None else label
        return self.registry.no_longer(key, label, self.clock.now_us())


@pytest.fixture(params=[20_000, 0], ids=["kept", "asleep"])
def house(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> House:
    """All is the same whether keys stay in memory or are made of their records when asked for."""
    monkeypatch.setattr(keyring_module, "KEPT_MAX", request.param)
    return House()


@dataclass(eq=False)
class Call:
    """A call in flight. left: has its last byte left?"""

    key: Key
    label: str
    call_id: str = "call_1"
    left: bool = False
    aborted: bool = False

    def abort(self) -> bool:
        self.aborted = True
        return not self.left


async def test_a_key_is_found_by_its_secret_and_by_nothing_else(house: House) -> None:
    key, secret = await house.registry.issue(house.terms())
    assert house.registry.find(secret.encode()) is key
    assert house.registry.find(mint(Kind.VAULT).encode()) is None
    assert house.registry.find(secret.encode() + b"x") is None
    assert house.registry.key(key.terms.key_id) is key
    assert house.registry.key("vk_none") is None


async def test_a_key_has_an_account_and_its_secret_is_written_nowhere(house: House) -> None:
    key, secret = await house.registry.issue(house.terms())
    assert house.ledger.standing(key.account_id, house.clock.now_us()).cap_micros == 500 * USD
    assert secret not in repr(house.ledger.groups)


async def test_everything_of_a_key_is_back_after_a_restart(house: House) -> None:
    terms = house.terms(
        issuer_id=None,
        name="Büro",
        total_cap_micros=7,
        currencies=frozenset({"usd", "eur"}),
        vendor_accounts=frozenset({"acct_1"}),
        params=(ParamRule("amount", maximum=5), ParamRule("x", one_of=("a", "b"))),
        mint_endpoints=Allowlist.parse(["POST /v1/ephemeral_keys"]),
        allow_unpriced=((Allowlist.parse(["POST /v1/topups"]), 5 * USD),),
        mode=Mode.SHADOW,
        error_style=ErrorStyle.VENDOR,
    )
    key, secret = await house.registry.issue(terms)
    again = house.restart().find(secret.encode())
    assert again is not None
    assert (again.terms, again.account_id) == (terms, key.account_id)


async def test_keys_are_listed_newest_first(house: House) -> None:
    keys = [await house.key() for _ in range(3)]
    listed = [key.terms.key_id for key in house.registry.all_keys()]
    assert listed == [key.terms.key_id for key in reversed(keys)]
    assert [key.terms.key_id for key in house.restart().all_keys()] == listed


async def test_an_expired_key_is_told_so_at_the_very_moment(house: House) -> None:
    key = await house.key(expires_at_us=house.clock.now_us() + 10_000)
    assert house.refusal(key) is None
    house.clock.at_us = key.terms.expires_at_us or 0
    assert isinstance(house.refusal(key), KeyExpired)
    assert not key.alive(house.clock.now_us())


async def test_a_key_without_an_end_lives_on(house: House) -> None:
    key = await house.key(expires_at_us=None)
    house.clock.advance(10**9)
    assert house.refusal(key) is None
    assert key.alive(house.clock.now_us())


async def test_a_revoke_is_in_force_before_it_is_durable(house: House) -> None:
    key = await house.key()
    house.ledger.hold_writes = asyncio.Event()
    revoking = asyncio.ensure_future(house.registry.revoke([key], abort=False))
    await asyncio.sleep(0)
    assert isinstance(house.refusal(key), KeyRevoked)
    assert not revoking.done()
    house.ledger.hold_writes.set()
    assert (await revoking).keys == (key.terms.key_id,)


async def test_a_revoke_that_cannot_be_written_still_holds(house: House) -> None:
    key = await house.key()
    house.ledger.fail_with = JournalUnavailable("the journal is stalled")
    with pytest.raises(JournalUnavailable):
        await house.registry.revoke([key], abort=False)
    assert isinstance(house.refusal(key), KeyRevoked)


async def test_a_revoke_survives_a_restart_and_is_counted_once(house: House) -> None:
    key = await house.key()
    await house.registry.revoke([key], abort=False)
    assert (await house.registry.revoke([key], abort=False)).keys == ()
    again = house.restart().key(key.terms.key_id)
    assert again is not None
    assert again.revoked_at_us == key.revoked_at_us


async def test_calls_in_flight_finish_or_are_aborted(house: House) -> None:
    key = await house.key()
    calls = [Call(key, "scn/1"), Call(key, "scn/1", left=True)]
    for call in calls:
        house.registry.began(call)
    cut = await house.registry.revoke([key], abort=False)
    assert (cut.in_flight, cut.aborted, cut.in_doubt) == (2, 0, 0)
    other = await house.key()
    calls = [Call(other, "scn/1"), Call(other, "scn/1", left=True)]
    for call in calls:
        house.registry.began(call)
    cut = await house.registry.revoke([other], abort=True)
    assert (cut.in_flight, cut.aborted, cut.in_doubt) == (2, 2, 1)
    assert all(call.aborted for call in calls)
    house.registry.ended(calls[0])
    house.registry.ended(calls[0])
    assert other.in_flight == {calls[1]}


async def test_a_second_revoke_can_still_abort(house: House) -> None:
    key = await house.key()
    call = Call(key, "scn/1")
    house.registry.began(call)
    await house.registry.revoke([key], abort=False)
    cut = await house.registry.revoke([key], abort=True)
    assert (cut.keys, cut.in_flight, cut.aborted) == ((), 1, 1)


async def test_a_run_revoke_ends_its_keys_and_refuses_its_label(house: House) -> None:
    mine, other = await house.key(), await house.key(label="scn/2")
    calls = [Call(mine, "scn/1"), Call(other, "scn/1"), Call(other, "scn/2")]
    for call in calls:
        house.registry.began(call)
    cut = await house.registry.revoke_run(label="scn/1", abort=True)
    assert (cut.keys, cut.in_flight) == ((mine.terms.key_id,), 2)
    assert not calls[2].aborted
    for registry in (house.registry, house.restart()):
        again = registry.key(other.terms.key_id)
        assert again is not None
        assert house.refusal(again) is None
        assert isinstance(house.refusal(again, "scn/1"), KeyRevoked)


async def test_a_prefix_revoke_takes_a_whole_scenario(house: House) -> None:
    keys = [await house.key(label=label) for label in ("scn/1", "scn/2", "other/1")]
    cut = await house.registry.revoke_run(prefix="scn/", abort=False)
    assert cut.keys == tuple(key.terms.key_id for key in keys[:2])
    assert isinstance(house.refusal(keys[2], "scn/99"), KeyRevoked)
    assert house.refusal(keys[2]) is None


async def test_only_the_admin_reopens_a_run(house: House) -> None:
    issuer = await house.issuer()
    await house.registry.revoke_run(prefix="scn/", abort=False)
    with pytest.raises(PolicyRefused) as refused:
        await house.key(issuer, daily_cap_micros=USD)
    assert refused.value.facts["rule"] == "run_revoked"
    key = await house.key()
    assert house.refusal(key) is None
    assert isinstance(house.refusal(key, "scn/2"), KeyRevoked)
    assert (await house.key(issuer, daily_cap_micros=USD)).alive(house.clock.now_us())


async def test_a_barred_vendor_stops_keys_old_and_new_until_it_is_resumed(house: House) -> None:
    old, twilio = await house.key(), await house.key(vendor="twilio")
    cut = await house.registry.bar(Bar("stripe"), abort=False)
    assert cut.keys == (old.terms.key_id,)
    assert house.refusal(twilio) is None
    house.restart()
    with pytest.raises(PolicyRefused) as refused:
        await house.key()
    assert refused.value.facts == {"rule": "barred", "barred": {"vendor": "stripe"}}
    assert all(way in str(refused.value) for way in ("keybrake resume", "POST /vault/resume"))
    await house.registry.resume(Bar("stripe"))
    assert isinstance(house.refusal(old), KeyRevoked)
    key = await house.key()
    house.restart()
    again = house.registry.key(key.terms.key_id)
    assert again is not None
    assert house.refusal(again) is None


async def test_what_is_lifted_while_its_keys_are_being_marked_stays_so_after_a_restart(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring_module, "TURN_S", 0.0)
    for label in ("scn/1", "scn/2", "scn/3"):
        await house.key(label=label)
    revoking = asyncio.ensure_future(house.registry.revoke_run(prefix="scn/", abort=False))
    barring = asyncio.ensure_future(house.registry.bar(Bar(), abort=False))
    await asyncio.sleep(0)
    await house.registry.resume(Bar())
    await house.registry.reopen_prefix("scn/")
    assert (revoking.done(), barring.done()) == (False, False)
    await asyncio.gather(revoking, barring)
    again = house.restart()
    assert not again.bars.in_force
    assert not again.runs


async def test_whoever_revokes_again_what_is_being_revoked_vouches_for_both(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring_module, "TURN_S", 0.0)
    for label in ("scn/1", "scn/1", "scn/1"):
        await house.key(label=label)
    first = asyncio.ensure_future(house.registry.revoke_run(label="scn/1", abort=False))
    await asyncio.sleep(0)
    house.clock.advance(1)
    later = asyncio.ensure_future(house.registry.revoke_run(label="scn/1", abort=False))
    await first
    assert house.restart().runs.labels == {"scn/1": house.clock.now_us()}
    await later


async def test_a_bar_refuses_calls_by_itself(house: House) -> None:
    key = await house.key(account="acme")
    house.registry.bars.put(Bar(None, "acme"), house.clock.now_us())
    assert isinstance(house.refusal(key), KeyRevoked)


async def test_a_revoke_while_a_key_is_being_written_holds_for_it(house: House) -> None:
    house.ledger.hold_writes = asyncio.Event()
    making = asyncio.ensure_future(house.key())
    await asyncio.sleep(0)
    barring = asyncio.ensure_future(house.registry.bar(Bar(), abort=False))
    await asyncio.sleep(0)
    house.ledger.hold_writes.set()
    await barring
    with pytest.raises(PolicyRefused):
        await making
    await house.registry.resume(Bar())
    assert [key.revoked_at_us is None for key in house.registry.all_keys()] == [False]


async def test_a_key_that_cannot_be_written_does_not_exist(house: House) -> None:
    house.ledger.fail_with = JournalUnavailable("the journal is stalled")
    with pytest.raises(JournalUnavailable):
        await house.key()
    assert list(house.registry.all_keys()) == []


async def test_an_issuers_keys_live_under_its_account(house: House) -> None:
    issuer = await house.issuer()
    key = await house.key(issuer, daily_cap_micros=50 * USD)
    await house.ledger.hold(key.account_id, 30 * USD)
    now_us = house.clock.now_us()
    assert key.parent_id == issuer.account_id
    assert house.ledger.standing(issuer.account_id, now_us).held_micros == 30 * USD
    assert [k async for k in house.registry.walk(of_issuer(issuer.terms.issuer_id))] == [key]
    again = house.restart().key(key.terms.key_id)
    assert again is not None
    assert again.parent_id == issuer.account_id


async def test_a_label_used_before_gives_a_new_key_on_the_same_budget(house: House) -> None:
    issuer = await house.issuer()
    first = await house.key(issuer, daily_cap_micros=50 * USD, timezone="Europe/Paris")
    house.restart()
    issuer = house.registry.issuers()[0]
    second = await house.key(issuer, daily_cap_micros=90 * USD, account="acme")
    assert second.account_id == first.account_id
    assert second.digest != first.digest
    assert second.terms.daily_cap_micros == 50 * USD
    assert (second.terms.timezone, second.terms.account) == ("Europe/Paris", "default")
    other = await house.key(issuer, daily_cap_micros=90 * USD, label="scn/2")
    assert other.account_id != first.account_id


async def test_a_new_key_on_a_shared_budget_wakes_the_first_of_its_keys_and_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring_module, "KEPT_MAX", 0)
    issuer = await house.issuer()
    first = (await house.key(issuer)).terms.key_id
    for _ in range(3):
        await house.key(issuer)
    registry = house.restart()
    woken: list[str] = []
    read = records.read_key

    def noticed(note: Note) -> Key:
        woken.append(note.name)
        return read(note)

    monkeypatch.setattr(records, "read_key", noticed)
    made = await house.key(registry.issuers()[0])
    found = registry.of_account(made.account_id)
    assert found is not None
    assert {first, found.terms.key_id} == {first} == set(woken)
    assert registry.of_account(99_999) is None


async def test_two_requests_with_a_new_label_at_once_find_one_budget(house: House) -> None:
    issuer = await house.issuer()
    one, two = await asyncio.gather(house.key(issuer), house.key(issuer))
    assert one.account_id == two.account_id


async def test_the_admins_keys_with_one_label_have_budgets_of_their_own(house: House) -> None:
    assert (await house.key()).account_id != (await house.key()).account_id


async def test_an_issuer_makes_so_many_keys_an_hour(house: House) -> None:
    issuer = await house.issuer(keys_per_hour=2)
    for _ in range(2):
        await house.key(issuer)
    house.restart()
    issuer = house.registry.issuers()[0]
    with pytest.raises(RateLimited) as refused:
        await house.key(issuer)
    assert refused.value.facts == {"retry_after_s": 3600, "limit": 2}
    house.clock.advance(3600)
    await house.key(issuer)


async def test_an_issuer_of_no_keys_says_so(house: House) -> None:
    issuer = await house.issuer(keys_per_hour=0)
    with pytest.raises(RateLimited) as refused:
        await house.key(issuer)
    assert refused.value.facts["retry_after_s"] == 3600


@pytest.mark.parametrize("keep", [False, True])
async def test_revoking_an_issuer_takes_its_keys_unless_kept(house: House, keep: bool) -> None:
    issuer, secret = await house.registry.found_issuer((await house.issuer()).terms)
    key = await house.key(issuer)
    cut = await house.registry.revoke_issuer(issuer, keep_keys=keep, abort=False)
    assert cut.keys == (() if keep else (key.terms.key_id,))
    assert (house.refusal(key) is None) is keep
    await house.registry.revoke_issuer(issuer, keep_keys=keep, abort=False)
    again = house.restart().find_issuer(secret.encode())
    assert again is not None
    with pytest.raises(PolicyRefused) as refused:
        await house.key(again)
    assert refused.value.facts["rule"] == "issuer_revoked"


async def test_an_issuer_is_found_by_its_secret(house: House) -> None:
    issuer, secret = await house.registry.found_issuer((await house.issuer()).terms)
    assert house.registry.find_issuer(secret.encode()) is issuer
    assert house.registry.find_issuer(mint(Kind.ISSUER).encode()) is None
    assert house.registry.find_issuer(b"kb_issuer_x") is None
    assert house.registry.issuer(issuer.terms.issuer_id) is issuer


async def test_new_caps_reach_the_ledger_and_all_keys_of_the_budget(house: House) -> None:
    issuer = await house.issuer()
    one, two = await house.key(issuer), await house.key(issuer)
    await house.registry.amend(one, replace(one.terms, daily_cap_micros=7 * USD, name="x"))
    assert house.ledger.standing(two.account_id, house.clock.now_us()).cap_micros == 7 * USD
    assert (two.terms.daily_cap_micros, two.terms.name) == (7 * USD, "")
    again = house.restart().key(two.terms.key_id)
    assert again is not None
    assert again.terms == two.terms


async def test_a_key_that_joins_a_budget_waits_for_its_new_caps(house: House) -> None:
    issuer = await house.issuer()
    first = await house.key(issuer)
    async with house.registry.amending:
        joining = asyncio.ensure_future(house.key(issuer))
        await asyncio.sleep(0)
        await house.registry.amend(first, replace(first.terms, daily_cap_micros=7))
        assert not joining.done()
    assert (await joining).terms.daily_cap_micros == 7


async def test_a_bar_leaves_a_revoked_run_revoked(house: House) -> None:
    await house.registry.revoke_run(label="scn/1", abort=False)
    await house.registry.bar(Bar(), abort=False)
    with pytest.raises(PolicyRefused):
        await house.key()
    assert house.registry.runs.revoked("scn/1")


async def test_a_new_name_leaves_the_account_alone(house: House) -> None:
    key = await house.key()
    await house.registry.amend(key, replace(key.terms, name="x"))
    assert len(house.ledger.groups[-1]) == 1


async def test_an_issuers_new_cap_reaches_the_ledger(house: House) -> None:
    issuer = await house.issuer()
    await house.registry.amend_issuer(issuer, replace(issuer.terms, daily_cap_micros=3))
    assert house.ledger.standing(issuer.account_id, house.clock.now_us()).cap_micros == 3
    assert house.restart().issuers()[0].terms == issuer.terms


async def test_when_a_key_was_last_used_is_kept_at_close(house: House) -> None:
    key, unused = await house.key(), await house.key()
    await house.registry.close()
    house.registry.began(Call(key, "scn/1"))
    await house.registry.close()
    house.restart()
    again = [house.registry.key(k.terms.key_id) for k in (key, unused)]
    assert [k and k.last_used_us for k in again] == [house.clock.now_us(), 0]


async def test_a_record_of_another_version_is_not_guessed_at(house: House) -> None:
    await house.ledger.note([Note("key", "vk_1", b'{"v":3}')])
    with pytest.raises(ValueError, match="vk_1"):
        house.restart()


# -- many keys at once ---------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["run", "bar", "issuer"])
async def test_a_revoke_of_many_lets_others_have_their_turn_and_wakes_nobody(
    house: House, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No call of these keys leaves after the answer, whenever each was met."""
    monkeypatch.setattr(keyring_module, "TURN_S", 0.0)
    monkeypatch.setattr(cuts, "NOTES_AT_ONCE", 3)
    issuer = await house.issuer()
    made = [await house.key(issuer, label=f"scn/{number}") for number in range(8)]
    names, awake = tuple(key.terms.key_id for key in made), made[0]
    del made
    gc.collect()
    before = len(house.registry.awake())
    revoking = asyncio.ensure_future(
        {
            "run": lambda: house.registry.revoke_run(prefix="scn/", abort=False),
            "bar": lambda: house.registry.bar(Bar("stripe"), abort=False),
            "issuer": lambda: house.registry.revoke_issuer(issuer, keep_keys=False, abort=False),
        }[what]()
    )
    turns = 0
    while not revoking.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns >= len(names)
    assert (await revoking).keys == names
    assert len(house.registry.awake()) == before
    assert isinstance(house.refusal(awake), KeyRevoked)
    for name in names:
        key = house.restart().key(name)
        assert key is not None
        assert isinstance(house.refusal(key), KeyRevoked)


async def test_a_large_revoke_makes_no_more_notes_than_it_writes_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million of them were 12 s of the loop, and gigabytes."""
    monkeypatch.setattr(cuts, "NOTES_AT_ONCE", 3)
    for _ in range(8):
        await house.key(label="scn/1")
    made: list[str] = []
    make, written = records.ended_note, len(house.ledger.groups)

    def counted(key_id: str, at_us: int) -> Note:
        made.append(key_id)
        assert len(made) <= 3 * (len(house.ledger.groups) - written + 1)
        return make(key_id, at_us)

    monkeypatch.setattr(records, "ended_note", counted)
    await house.registry.revoke_run(label="scn/1", abort=False)
    assert len(made) == 8


async def test_where_there_is_no_room_all_of_a_large_revoke_is_queued(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuts, "NOTES_AT_ONCE", 3)
    names = [(await house.key(label="scn/1")).terms.key_id for _ in range(8)]
    house.ledger.fail_with = JournalFull("no room")
    with pytest.raises(JournalFull):
        await house.registry.revoke_run(label="scn/1", abort=False)
    house.ledger.fail_with = None
    assert {note.name for note in house.ledger.notes("ended")} == set(names)


async def test_an_issuers_keys_sleep_too_and_its_budgets_are_known(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer = await house.issuer(keys_per_hour=3)
    first = await house.key(issuer)
    account_id, issuer_id = first.account_id, issuer.terms.issuer_id
    monkeypatch.setattr(keyring_module, "KEPT_MAX", 0)
    registry = house.restart()
    assert registry.awake() == []
    again = registry.issuer(issuer_id)
    assert again is not None
    assert (await house.key(again)).account_id == account_id
    assert (await house.key(again, label="scn/2")).account_id != account_id
    with pytest.raises(RateLimited):
        await house.key(again)


# -- keys that are asleep ------------------------------------------------------------------------


async def test_a_key_is_one_object_while_anybody_holds_it(house: House) -> None:
    key_id = (await house.key()).terms.key_id
    restarted = house.restart()
    key = restarted.key(key_id)
    assert key is not None
    assert restarted.key(key_id) is key
    assert restarted.of_account(key.account_id) is key
    assert next(iter(restarted.all_keys())) is key
    assert restarted.awake() == [key]


async def test_nobody_s_keys_are_not_found(house: House) -> None:
    key = await house.key()
    assert house.registry.of_account(key.account_id + 1) is None
    assert house.registry.key("vk_0") is None
    assert house.registry.key("vk_zzz") is None


async def test_what_became_of_a_key_is_known_when_it_wakes(house: House) -> None:
    key = await house.key()
    key_id = key.terms.key_id
    await house.registry.revoke([key], abort=False)
    at_us = key.revoked_at_us
    del key
    gc.collect()
    woken = house.registry.key(key_id)
    assert woken is not None
    assert woken.revoked_at_us == at_us
    assert isinstance(house.refusal(woken), KeyRevoked)


async def test_a_key_that_was_borne_stays(house: House) -> None:
    _, secret = await house.registry.issue(house.terms())
    restarted = house.restart()
    found = restarted.find(secret.encode())
    assert found is not None
    place = id(found)
    del found
    gc.collect()
    assert [id(key) for key in restarted.awake()] == [place]
    again = restarted.find(secret.encode())
    assert id(again) == place


async def test_the_newest_are_awake_from_the_start(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [(await house.key()).terms.key_id for _ in range(3)]
    monkeypatch.setattr(keyring_module, "KEPT_MAX", 2)
    assert {key.terms.key_id for key in house.restart().awake()} == set(made[1:])


async def test_terms_that_were_refused_do_not_come_with_sleep(house: House) -> None:
    issuer = await house.issuer()
    key_ids = [(await house.key(issuer)).terms.key_id for _ in range(2)]
    registry = house.restart()
    key = registry.key(key_ids[0])
    assert key is not None
    house.ledger.fail_with = JournalFull("no room")
    with pytest.raises(JournalFull):
        await registry.amend(key, replace(key.terms, name="new", daily_cap_micros=USD))
    house.ledger.fail_with = None  # it holds on to who raised it
    del key, issuer
    gc.collect()
    woken = [registry.key(key_id) for key_id in key_ids]
    assert [k and (k.terms.name, k.terms.daily_cap_micros) for k in woken] == [
        ("", 500 * USD),
        ("", 500 * USD),
    ]


async def test_keys_may_be_made_while_somebody_goes_over_all(house: House) -> None:
    made = [(await house.key()).terms.key_id for _ in range(3)]
    plain, walk = house.registry.all_keys(), house.registry.walk()
    seen = [next(plain).terms.key_id]
    walked = [(await anext(walk)).terms.key_id]
    await house.key()
    seen += [key.terms.key_id for key in plain]
    walked += [key.terms.key_id async for key in walk]
    assert seen == walked == made[::-1]


async def test_a_walk_sees_what_is_asked_for_and_gives_others_their_turn(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring_module, "TURN_S", 0.0)
    keys = [await house.key(label=f"scn/{number}") for number in range(4)]
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.get_running_loop().create_task(count())
    assert [key async for key in house.registry.walk(of_label("scn/2"))] == [keys[2]]
    counting.cancel()
    assert turns >= 4
    older = house.registry.walk(before=keys[2].terms.key_id)
    assert [key async for key in older] == [keys[1], keys[0]]
