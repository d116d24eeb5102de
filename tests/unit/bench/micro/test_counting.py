"""From what perf and valgrind say to instructions for one call. Neither is needed here: a pretended
one stands in the path."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.micro import counting
from bench.micro.counting import (
    CannotCount,
    Perf,
    Valgrind,
    counted,
    per_call,
    read_cachegrind,
    read_perf,
)
from bench.micro.piece import Piece, alone
from bench.micro.pieces import named

FEW = Piece("a.few", "", alone(lambda: int), calls=10)
MANY = Piece("a.many", "", alone(lambda: int), calls=100, parts=4)


def stand_in(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are looked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_the_difference_is_shared_among_the_calls_and_their_parts() -> None:
    rounds = {("a.few", 10): 5_100, ("a.few", 20): 5_200, ("a.many", 100): 1, ("a.many", 200): 801}
    assert per_call([FEW, MANY], rounds) == {"a.few": 10, "a.many": 2}


def test_what_perf_says() -> None:
    assert read_perf("warning: x\n1234567,,instructions:u,1000,100.00,,\n") == 1_234_567
    assert read_perf("<not supported>,,instructions:u,0,100.00,,") is None
    assert read_perf("") is None


def test_what_cachegrind_writes() -> None:
    assert read_cachegrind("events: Ir\nfn=x\n3 4\nsummary: 987\n") == 987
    with pytest.raises(CannotCount, match="summary"):
        read_cachegrind("events: Ir\n")


def test_perf_is_preferred_where_the_kernel_gives_counters(tools: Path) -> None:
    assert counting.counter() is None
    stand_in(tools, "valgrind", "")
    stand_in(tools, "perf", "echo '<not supported>,,instructions:u,0,100.00,,' >&2")
    assert counting.counter() == Valgrind()
    stand_in(tools, "perf", "echo '12,,instructions:u,0,100.00,,' >&2")
    assert counting.counter() == Perf()
    stand_in(tools, "perf", "exit 1")
    assert counting.counter() == Valgrind()


def test_perf_counts_each_round(tools: Path) -> None:
    said = 'for calls; do [ "$last" = --calls ] && break; last=$calls; done'
    stand_in(tools, "perf", f'{said}\necho "$((5000 + calls * 7)),,instructions:u" >&2')
    assert counted([FEW, MANY], Perf()) == {"a.few": 7, "a.many": 2}


def test_valgrind_counts_each_child(tools: Path) -> None:
    script = """
for word; do case $word in --cachegrind-out-file=*) out=${word#*=}; out=${out%/*};; esac; done
for calls in 10 20; do echo "summary: $((900 + calls * 3))" >$out/$calls; echo a.few $calls $calls
done"""
    stand_in(tools, "valgrind", script)
    assert counted([FEW], Valgrind()) == {"a.few": 3}


def test_what_went_wrong_is_told(tools: Path) -> None:
    stand_in(tools, "valgrind", "echo 'no room' >&2; exit 1")
    with pytest.raises(CannotCount, match="no room"):
        counted([FEW], Valgrind())
    stand_in(tools, "perf", "echo '<not counted>,,instructions:u' >&2")
    with pytest.raises(CannotCount, match="not counted"):
        counted([FEW], Perf())


def test_the_children_are_of_one_process() -> None:
    """As valgrind would have it, without valgrind."""
    command = [*counting._CHILD, "--each", "admission.allowlist"]
    lines = counting._ran(command).stdout.splitlines()
    [piece] = named(["admission.allowlist"])
    assert [line.split()[:2] for line in lines] == [
        [piece.name, str(piece.calls)],
        [piece.name, str(2 * piece.calls)],
    ]
