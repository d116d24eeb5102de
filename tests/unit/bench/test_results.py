"""A run that was kept is the same when it is read again."""

from __future__ import annotations

from pathlib import Path

from bench.bursts import Burst
from bench.results import Results
from bench.scenarios import Round
from bench.streams import Stream

ROUND = Round("direct", "charge", 1, 9, 1.0, 0.4, 0.3, 0.01, 0.05, 0.08, 0, 0, 50, 7.0)


def test_nothing_is_lost(tmp_path: Path) -> None:
    kept = Results(
        {"cores": 2},
        [ROUND],
        [ROUND],
        [Burst("direct", "quiet", 2, [0.1, 0.2], 0)],
        [Stream("direct", "up", 10, 2.0, 1.0, 3)],
        [0.004],
        ["nginx: no nginx"],
    )
    kept.save(tmp_path / "new" / "kept.json")
    assert Results.load(tmp_path / "new" / "kept.json") == kept
