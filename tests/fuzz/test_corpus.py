"""Every input that was ever worth keeping, once more, without a fuzzer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz import corpus
from tests.fuzz.tape import Tape, cut
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_kept_goes_well(name: str) -> None:
    inputs = [*corpus.kept(name, corpus.SEEDS), *corpus.kept(name, corpus.FOUND)]
    assert inputs
    for data in inputs:
        try:
            TARGETS[name].run(data)
        except Exception as exc:
            exc.add_note(f"with {data!r}")
            raise


def test_nothing_is_kept_for_a_target_that_is_gone() -> None:
    files = [*corpus.SEEDS.iterdir(), *corpus.WORDS.iterdir(), *corpus.FOUND.iterdir()]
    assert {file.name for file in files} <= {f"{name}.txt" for name in TARGETS}
    assert sum(file.stat().st_size for file in files) < 1_000_000


@given(st.binary())
def test_a_line_is_an_input(data: bytes) -> None:
    line = corpus.written(data)
    assert corpus.read(line) == data
    assert line.isprintable()


def test_the_shortest_are_kept(tmp_path: Path) -> None:
    assert corpus.keep("x", [b"\n", b"a" * corpus.FILE_BYTES_MAX, b"bb"], tmp_path) == 2
    assert corpus.kept("x", tmp_path) == [b"\n", b"bb"]
    assert corpus.kept("y", tmp_path) == []


def test_a_tape_that_is_empty_goes_on_with_zeros() -> None:
    tape = Tape(b"\x05\x01\x00rest")
    assert (tape.number(4), tape.number(1_000), tape.rest()) == (1, 256, b"rest")
    assert Tape(b"").texts(2) == [b"", b""]
    assert list(cut(b"abcdef", b"\0\1")) == [b"a", b"bc", b"d", b"ef"]
    assert list(cut(b"", b"")) == []
