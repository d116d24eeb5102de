"""A few dozen of the images that `python -m tests.crash.powerloss` starts on, on every run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash import powerloss
from tests.crash.tracing import must_trace

pytestmark = pytest.mark.crash

IMAGES = 40
CALLS = 60
SEED = 5


def test_a_ledger_starts_on_whatever_a_disk_holds_when_the_power_goes(tmp_path: Path) -> None:
    must_trace()
    told = powerloss.play(tmp_path, IMAGES, CALLS, SEED)
    assert (told.images, told.left) == (IMAGES, CALLS)
    assert told.most_in_doubt > 0
    assert told.files["wal"] > IMAGES // 2


def test_without_a_sync_for_each_commit_calls_are_lost_and_this_sees_it(tmp_path: Path) -> None:
    must_trace()
    with pytest.raises(AssertionError, match="no hold tells of"):
        powerloss.play(tmp_path, IMAGES, CALLS, SEED, "NORMAL")
