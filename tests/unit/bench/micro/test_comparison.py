"""The table, and the baseline beside which it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.micro import comparison
from bench.micro.comparison import Baseline, differs, grew, here, load, save, table
from bench.micro.piece import Piece, alone
from bench.micro.pieces import ALL
from bench.micro.timing import Timed

LEFT = Piece("a.left", "what stands left", alone(lambda: int))
RIGHT = Piece("a.right", "what stands right", alone(lambda: int))


def test_a_table_of_all_that_is_known() -> None:
    shown = table(
        [LEFT, RIGHT],
        {"a.left": Timed(1_234.5, 3.0), "a.right": Timed(1.0, 0.5)},
        {"a.left": 104_000, "a.right": 10_000},
        {"a.left": 100_000},
    )
    head, left, right = shown.splitlines()
    assert head.split() == [
        *("piece", "median", "us", "least", "us", "instructions", "before", "ratio"),
    ]
    assert left.split()[:6] == ["a.left", "1,234.50", "3.00", "104,000", "100,000", "1.040"]
    assert left.endswith("GREW  what stands left")
    assert right.split() == ["a.right", "1.00", "0.50", "10,000", "what", "stands", "right"]
    assert left.index("104,000") + 7 == right.index("10,000") + 6


def test_without_counts_microseconds_stand_alone() -> None:
    row = table([LEFT], {"a.left": Timed(2.0, 1.0)}, {}, {}).splitlines()[1]
    assert row.split() == ["a.left", "2.00", "1.00", "what", "stands", "left"]


@pytest.mark.parametrize(
    ("now", "before", "is_more"),
    [
        (103_001, 100_000, True),
        (103_000, 100_000, False),
        (90_000, 100_000, False),
        (2_900, 2_000, False),
        (3_001, 2_000, True),
    ],
)
def test_growth_beyond_three_percent_and_beyond_noise(now: int, before: int, is_more: bool) -> None:
    assert grew(now, before) is is_more


def test_a_baseline_is_kept_and_read(tmp_path: Path) -> None:
    file, found = tmp_path / "baseline.json", Baseline({"a.left": 1}, here("perf"))
    save(file, found)
    assert load(file) == found
    assert list(tmp_path.iterdir()) == [file]


def test_what_was_not_measured_stays_where_all_else_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    kept, found = (
        Baseline({"a.left": 1, "a.right": 2}, {"m": "x"}),
        Baseline({"a.left": 3}, {"m": "x"}),
    )
    save(file, found, kept)
    assert load(file).instructions == {"a.left": 3, "a.right": 2}
    save(file, Baseline({"a.left": 3}, {"m": "y"}), kept)
    assert load(file).instructions == {"a.left": 3}


def test_what_is_no_baseline_is_told(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    for text in ("{}", "[]", "no"):
        file.write_text(text)
        with pytest.raises(ValueError, match=r"baseline|Expecting"):
            load(file)


def test_another_python_is_told() -> None:
    now = here("valgrind")
    assert differs(Baseline({}, now), now) == []
    [line] = differs(Baseline({}, {**now, "python": "CPython 3.9.1"}), now)
    assert "CPython 3.9.1" in line
    assert differs(Baseline({}, {"moon": "full"}), now) == [
        "moon is missing, and was full when the baseline was made"
    ]


def test_the_baseline_of_the_repository_knows_our_pieces_only() -> None:
    kept = load(comparison.BASELINE)
    assert set(kept.instructions) <= {piece.name for piece in ALL}
