"""Two dozen kills of the thousand that `python -m tests.crash.cycles` makes, on every run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import ROOT

pytestmark = pytest.mark.crash

CYCLES = 10
SEED = 7


def test_books_hold_through_kills_at_random_moments_and_named_points(tmp_path: Path) -> None:
    """A process of its own: it forks, and this one has threads."""
    size = ["--cycles", str(CYCLES), "--seed", str(SEED), "--directory", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.cycles", *size, "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["counts"]["cycles"] == CYCLES
    assert sum(told["kills"].values()) >= CYCLES
    assert set(told["kills"]) > {"at the cut"}, "no fuse ever burned"
    for what in (
        "charges",
        "calls sent again",
        "open holds found by a start",
        "retries after a kill",
        "verifies by the command line",
        "starts of a process of its own",
        "cleared up by then",
    ):
        assert told["counts"][what], what
    for answer in ("0", "200", "402", "429 daily_cap_exceeded", "429 issuer_cap_exceeded"):
        assert told["answers"][answer], answer
