"""What whoever waits for a batch is told where it is not on disk; `test_journal` sends them."""

from __future__ import annotations

from ledger.batch import no_from
from ledger.errors import JournalFull, JournalUnavailable
from ledger.verdict import Verdict


def test_a_full_disk_is_told_from_a_dead_journal() -> None:
    assert type(no_from(Verdict.FULL)) is JournalFull
    assert type(no_from(Verdict.DEAD)) is JournalUnavailable
