"""Random lives for a vendor's module and its stand-in (`tests.sandboxed`): what their state
machines share, and how the examples of a life are chosen."""

from __future__ import annotations

import sys
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, multiple

from tests.sandboxed import Call

STEPS: Final = settings(
    max_examples=120, stateful_step_count=15, suppress_health_check=[HealthCheck.too_slow]
)
currencies = st.sampled_from(["usd", "usd", "eur", "jpy", "kwd", "isk", "JPY"])
amounts = st.one_of(st.integers(1, 40).map(lambda n: n * 100), st.integers(1, 10**7))
parts = st.one_of(st.none(), st.integers(1, 300), amounts)
"""Of what there is, or all of it, or too much."""
flags = st.sampled_from([None, "true", "false"])


def given_only(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def made(call: Call, *names: str) -> Any:
    """The ids that an answer shows under these names, as new members of a bundle."""
    tree = call.json()
    left = tree.get("error", {}).get("payment_intent") or tree
    found = [left[name] for name in names if isinstance(left.get(name), str)]
    return multiple(*found)


class Lives(RuleBasedStateMachine):
    """Random lives of random objects, and what must be true when they are over."""

    def teardown(self) -> None:
        """Not where a step failed already: that is what is to be told."""
        if sys.exc_info()[0] is None:
            self.come_to_an_end()

    def come_to_an_end(self) -> None:
        """What must be true then. Each machine says it for its vendor."""
        raise AssertionError("this machine says nothing of its end")
