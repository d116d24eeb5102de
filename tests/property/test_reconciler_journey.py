"""Whatever keys do to one account of Stripe's, with any fault and restarts in between, while the
reconciler looks at any time: the books never say less than Stripe took, and no cap is passed.

It is the machine of `test_journey.py`, whose Stripe shows events as well, with one more thing that
may happen: time passes and all that is due is looked at. At the end everything has been looked at
often enough that nothing is in doubt any more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import rule

from gateway.reconcile.crew import Reconcilers
from gateway.settings import ReconcilerSettings
from gateway.upstream.order import Order
from ledger import HoldState
from ledger.history import History
from tests.model_stripe import Asked, ModelStripe, Said
from tests.property import test_journey as journeys
from tests.reconciling import ReadableHistory

EVENTS = {"payment_intent": "payment_intent.created", "refund": "refund.created"}
MINUTE_S, DAY_S = 60, 86_400


class EventfulStripe(ModelStripe):
    """Every object that a call makes leaves an event, which names the call's idempotency key."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self._key = b""

    def __call__(self, order: Order) -> Said:
        asked = Asked.of(order)
        if asked.method == "GET" and asked.path == "/v1/events":
            return 200, {"object": "list", "data": self.events[::-1], "has_more": False}, ()
        self._key = asked.key or b""
        return super().__call__(order)

    def _do(self, asked: Asked, declines: bool) -> dict[str, Any]:
        known = set(self.things)
        try:
            made = super()._do(asked, declines)
        finally:
            for name in self.things.keys() - known:
                self._tell(self.things[name])
        if made["object"] == "refund":
            self._tell(made)
        return made

    def _tell(self, thing: dict[str, Any]) -> None:
        kind = EVENTS.get(thing["object"], f"charge.{thing['status']}")
        self.events.append(
            {
                "object": "event",
                "id": f"evt_{len(self.events)}",
                "type": kind,
                "request": {"id": "req_1", "idempotency_key": self._key.decode()},
                "data": {"object": dict(thing)},
            }
        )


class Reconciled(journeys.Journey):
    def __init__(self) -> None:
        super().__init__()
        self.stripe = EventfulStripe()
        self.history = ReadableHistory()
        self.crew: Reconcilers | None = None

    @rule(minutes=st.sampled_from([2, 11, 16, 70, 24 * 60]))
    def look(self, minutes: int) -> None:
        self.calls.clock.advance(MINUTE_S * minutes)
        self.run(self._look())

    def teardown(self) -> None:
        for _ in range(5):  # the first look, the second listing, the third day, and after
            self.calls.clock.advance(DAY_S)
            self.run(self._look())
            self.the_books_never_say_less_than_was_charged()
        assert not list(self.calls.ledger.open_holds(HoldState.IN_DOUBT))
        super().teardown()

    async def _look(self) -> None:
        crew = self._crew()
        crew.scan()
        crew.scan()
        mate = crew._mates["stripe", "default"]
        while await mate.turn():
            mate.asker.pace.until_s = 0

    def _crew(self) -> Reconcilers:
        """Of the house as it is: a restart has one of its own. The audit log outlives it."""
        for row in self.calls.history.rows:
            self.history.record(row)
        if self.crew is None or self.crew._doors.ledger is not self.calls.ledger:
            own = self.calls.settings
            faster = replace(
                own,
                vendors={"stripe": own.vendors["stripe"]},
                reconciler=ReconcilerSettings(calls_per_second_max=1_000),
            )
            history = cast("History", self.history)
            self.crew = Reconcilers(replace(self.calls.doors, settings=faster, history=history))
        return self.crew

    async def _restart(self) -> None:
        for row in self.calls.history.rows:
            self.history.record(row)
        await super()._restart()


TestReconciled = Reconciled.TestCase
TestReconciled.settings = settings(journeys.LIMITS, max_examples=50)
