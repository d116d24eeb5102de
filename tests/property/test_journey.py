"""Whatever several keys do to one account of Stripe's, in any order, with any fault on the way and
restarts in between: no cap is passed, and the books never say less than Stripe took.

Two admin keys and two keys of one issuer work on the same objects. `Journey` knows every fault;
`Faultless` none but the card's no, and no retries; there the books are exact to the cent.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.clock import HandClock
from gateway.vault.issuers import Issuer
from ledger import Ledger
from tests.calls import NOW_US, USD, Calls, Holder, Seen
from tests.calls import settings as house_settings
from tests.ledgers import crash_image
from tests.model_stripe import Fault, ModelStripe

CAP, ISSUER_CAP = 60 * USD, 90 * USD
CENT = USD // 100
KEYS = st.integers(0, 3)
CENTS = st.integers(1, 2_500)
ONCE = st.none() | st.integers(0, 9)
"""The Idempotency-Key: none, or one of ten, so that the same one comes again."""
NO_FAULTS = st.sampled_from([None, None, None, Fault.DECLINE])
ANY_FAULT = st.none() | st.sampled_from(list(Fault))
ACTIONS = st.sampled_from(
    ["", "confirm", "confirm", "capture", "capture", "increment_authorization", "cancel"]
)


@dataclass(frozen=True)
class Wish:
    """A call to make. once: its Idempotency-Key's number."""

    who: int
    path: str
    form: dict[str, Any]
    once: int | None


class Journey(RuleBasedStateMachine):
    faults = ANY_FAULT
    exact = False

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = Path(tempfile.mkdtemp(dir=_in_memory(), prefix="keybrake-"))
        self.stripe = ModelStripe()
        self.asked: list[Wish] = []
        self.starts = self.made = 0

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize()
    def open(self) -> None:
        where = self.directory / "0"
        where.mkdir()
        self.calls = Calls(where, self.stripe, house_settings(), HandClock(NOW_US), shards=2)
        self.run(self.calls.start())
        self.issuer: Issuer = self.run(self.calls.issuer(ISSUER_CAP))
        self.holders: list[Holder] = [
            self.run(self.calls.key(daily_cap_micros=CAP, refunds_restore_cap=True)),
            self.run(self.calls.key(daily_cap_micros=CAP)),
            self.run(self.calls.key(self.issuer, daily_cap_micros=CAP)),
            self.run(self.calls.key(self.issuer, daily_cap_micros=CAP, refunds_restore_cap=True)),
        ]

    def teardown(self) -> None:
        self.run(self.calls.stop())
        self.runner.close()
        shutil.rmtree(self.directory)

    # What may happen

    @rule(who=KEYS, cents=CENTS, data=st.data(), once=ONCE)
    def create_an_intent(self, who: int, cents: int, data: st.DataObject, once: int | None) -> None:
        form = self._new(cents)
        if data.draw(st.booleans(), "manual"):
            form["capture_method"] = "manual"
        if data.draw(st.booleans(), "confirm"):
            form["confirm"] = "true"
        self._make(Wish(who, "/v1/payment_intents", form, once), data)

    @rule(
        who=KEYS, cents=CENTS, data=st.data(), once=ONCE, capture=st.sampled_from(("true", "false"))
    )
    def charge(
        self, who: int, cents: int, data: st.DataObject, once: int | None, capture: str
    ) -> None:
        form = {**self._new(cents), "capture": capture}
        self._make(Wish(who, "/v1/charges", form, once), data)

    @rule(who=KEYS, action=ACTIONS, cents=CENTS, data=st.data(), once=ONCE)
    def work_on_an_intent(
        self, who: int, action: str, cents: int, data: st.DataObject, once: int | None
    ) -> None:
        named = self._pick("payment_intent", data)
        form: dict[str, Any] = {}
        if action in ("", "increment_authorization"):
            form["amount"] = cents
        elif action == "capture" and data.draw(st.booleans(), "in part"):
            form["amount_to_capture"] = cents
            form["final_capture"] = data.draw(st.sampled_from(("true", "false")), "final")
        self._make(Wish(who, f"/v1/payment_intents/{named}/{action}".rstrip("/"), form, once), data)

    @rule(who=KEYS, data=st.data(), once=ONCE)
    def capture_a_charge(self, who: int, data: st.DataObject, once: int | None) -> None:
        named = self._pick("charge", data)
        self._make(Wish(who, f"/v1/charges/{named}/capture", {}, once), data)

    @rule(who=KEYS, cents=CENTS, data=st.data(), once=ONCE)
    def refund(self, who: int, cents: int, data: st.DataObject, once: int | None) -> None:
        named = self._pick("charge", data)
        self._make(Wish(who, "/v1/refunds", {"charge": named, "amount": cents}, once), data)

    @rule(data=st.data(), who=KEYS)
    def ask_again(self, data: st.DataObject, who: int) -> None:
        """By the same key, or by another one."""
        if self.asked:
            before = data.draw(st.sampled_from(self.asked[-6:]), "again")
            who = data.draw(st.sampled_from((before.who, who)), "by")
            self._make(Wish(who, before.path, before.form, before.once), data)

    @rule(whos=st.lists(KEYS, min_size=2, max_size=4), cents=CENTS, same=st.booleans())
    def call_at_once(self, whos: list[int], cents: int, same: bool) -> None:
        """Several at the same time, on new objects or on the same one."""
        self.stripe.faults.clear()
        intents = self._things("payment_intent")
        path, forms = "/v1/payment_intents", [self._new(cents) for _ in whos]
        if same and intents:
            path, forms = f"{path}/{intents[-1]}/confirm", [{} for _ in whos]
        wishes = [Wish(who, path, form, None) for who, form in zip(whos, forms, strict=True)]

        async def all_of_them() -> list[Seen]:
            return await asyncio.gather(*map(self._ask, wishes))

        for seen in self.run(all_of_them()):
            assert seen.code != "internal"

    @rule(hours=st.integers(1, 30))
    def wait(self, hours: int) -> None:
        self.calls.clock.advance(3_600 * hours)

    @rule()
    def restart(self) -> None:
        """As a crash leaves it: from the journals alone."""
        self.run(self._restart())

    # What always holds

    @invariant()
    def nothing_is_under_way(self) -> None:
        self.calls.check_idle()

    @invariant()
    def no_cap_is_passed(self) -> None:
        budgets: list[Holder | Issuer] = [*self.holders, self.issuer]
        for budget in budgets:
            now = self.calls.standing(budget)
            parts = now.settled_micros + now.standing_micros + now.pending_micros
            counts = parts + now.in_doubt_micros + now.held_micros - now.restored_micros
            assert now.cap_micros is not None
            assert counts <= now.cap_micros, now

    @invariant()
    def the_books_never_say_less_than_was_charged(self) -> None:
        keys = sum(self._total(holder.key.account_id) for holder in self.holders)
        issued = sum(self._total(holder.key.account_id) for holder in self.holders[2:])
        at_stake = self.stripe.at_stake * CENT
        assert keys >= at_stake
        assert self._total(self.issuer.account_id) <= issued
        if self.exact:
            assert keys == at_stake
            assert self._total(self.issuer.account_id) == issued

    # How

    def _total(self, account_id: int) -> int:
        return self.calls.ledger.standing(account_id, self.calls.clock.now_us()).total_spent_micros

    def _new(self, cents: int) -> dict[str, Any]:
        """Numbered, so that objects made at the same time have the same names in every run."""
        self.made += 1
        return {"amount": cents, "currency": "usd", "metadata[number]": 10 * self.made}

    def _things(self, kind: str) -> list[str]:
        things = [i for i, thing in self.stripe.things.items() if thing["object"] == kind]
        return sorted(things, key=lambda name: int(name[3:]))

    def _pick(self, kind: str, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(self._things(kind)[-4:] or ["pi_0"]), kind)

    def _make(self, wish: Wish, data: st.DataObject) -> None:
        fault = data.draw(self.faults, "fault")
        self.stripe.faults.clear()
        self.stripe.faults.append(fault)
        self.asked.append(wish)
        seen = self.run(self._ask(wish))
        assert seen.code != "internal"

    async def _ask(self, wish: Wish) -> Seen:
        named = wish.once is not None and not self.exact
        headers = {"idempotency_key": f"once-{wish.once}"} if named else {}
        return await self.calls.call(
            self.holders[wish.who], "POST", wish.path, wish.form, **headers
        )

    async def _restart(self) -> None:
        calls = self.calls
        for shard in calls.ledger._by_number.values():
            await shard.journal.latest().durable()
        before = _books(calls.ledger)
        self.starts += 1
        image = crash_image(calls.directory, self.directory / str(self.starts))
        await calls.stop()
        calls.directory = image
        await calls.start()
        assert _books(calls.ledger) == before
        found = {key.terms.key_id: key for key in calls.registry.all_keys()}
        for holder in self.holders:
            holder.key = found[holder.key.terms.key_id]


def _in_memory() -> str | None:
    """A disk takes milliseconds for each of the thousands of commits here."""
    return next((place for place in ("/dev/shm",) if os.access(place, os.W_OK)), None)


def _books(ledger: Ledger) -> Any:
    """All holds, and the sums of every account."""
    states = [shard.state for shard in ledger._by_number.values()]
    return [
        (
            {
                hold.hold_id: (
                    hold.state, hold.amount_micros, hold.settled_micros, hold.standing_micros,
                    hold.tag, hold.remark, hold.shed, hold.restored_micros, hold.day,
                )
                for hold in state.holds.values()
            },
            {
                account.account_id: (
                    account.total.as_tuple(),
                    {day: sums.as_tuple() for day, sums in account.days.items()},
                )
                for account in state.accounts.values()
            },
        )
        for state in states
    ]  # fmt: skip


class Faultless(Journey):
    faults = NO_FAULTS
    exact = True


LIMITS = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

TestJourney = Journey.TestCase
TestJourney.settings = LIMITS
TestFaultless = Faultless.TestCase
TestFaultless.settings = LIMITS
