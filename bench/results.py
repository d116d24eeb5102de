"""One run, whole, as it is kept in a JSON file and read again by what draws."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from bench.bursts import Burst
from bench.report import save
from bench.scenarios import Round
from bench.streams import Stream


@dataclass(slots=True)
class Results:
    """facts: about the machine and the run. left_out: who could not come, and why."""

    facts: dict[str, Any]
    rounds: list[Round] = field(default_factory=list)
    open_rounds: list[Round] = field(default_factory=list)
    bursts: list[Burst] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    data_syncs_s: list[float] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def save(self, path: Path) -> None:
        save(
            path,
            {
                "facts": self.facts,
                "rounds": _plain(self.rounds),
                "open_rounds": _plain(self.open_rounds),
                "bursts": _plain(self.bursts),
                "streams": _plain(self.streams),
                "data_syncs_s": self.data_syncs_s,
                "left_out": self.left_out,
            },
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises KeyError or TypeError for a file of another version."""
        kept = json.loads(path.read_text())
        return cls(
            kept["facts"],
            [Round(**played) for played in kept["rounds"]],
            [Round(**played) for played in kept["open_rounds"]],
            [Burst(**played) for played in kept["bursts"]],
            [Stream(**played) for played in kept["streams"]],
            kept["data_syncs_s"],
            kept["left_out"],
        )


def _plain(played: Sequence[Round | Burst | Stream]) -> list[dict[str, Any]]:
    return [each.to_json() for each in played]
