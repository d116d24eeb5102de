"""What a revoke did, in words; and what its form wishes for."""

from __future__ import annotations

import pytest

from gateway.dashboard.forms import Form
from gateway.dashboard.revoking import came_of, wishes_of

CUT = {"revoked": 1, "in_flight": 0, "aborted": 0, "aborted_in_doubt": 0}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "Done. No call was on its way."),
        ({"in_flight": 2}, "Done. 2 calls on the way may finish."),
        (
            {"in_flight": 2, "aborted": 2},
            "Done. 2 calls on the way ended, before anything was complete.",
        ),
        (
            {"in_flight": 2, "aborted": 2, "aborted_in_doubt": 1},
            "Done. 2 calls on the way ended; 1 of them had left in full, and may have happened.",
        ),
    ],
)
def test_what_a_revoke_did(changes: dict[str, int], told: str) -> None:
    assert came_of("Done.", {**CUT, **changes}) == told


def test_what_was_cancelled() -> None:
    assert came_of("Done.", {**CUT, "canceled": []}).endswith(
        "Nothing was left open at the vendor."
    )
    objects = [{"object_id": "pi_1", "status": "canceled"}, {"object_id": "pi_2"}]
    told = came_of("Done.", {**CUT, "canceled": objects})
    assert told.endswith("At the vendor: pi_1 canceled, pi_2 ?.")


def test_wishes() -> None:
    assert wishes_of(Form([])) == {"in_flight": "finish"}
    asked = Form([("in_flight", "abort"), ("cancel_open_intents", "yes")])
    assert wishes_of(asked) == {"in_flight": "abort", "cancel_open_intents": True}
