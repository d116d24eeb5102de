"""The table of phases is whole, and nothing comes back from the end."""

from __future__ import annotations

from gateway.http.phases import AFTER, Phase


def test_every_phase_has_its_row_and_leads_to_the_end() -> None:
    assert set(AFTER) == set(Phase)
    assert all(Phase.CLOSED in after for after in AFTER.values())
    assert AFTER[Phase.CLOSED] == {Phase.CLOSED}
    assert AFTER[Phase.LINGER] == {Phase.CLOSED}
