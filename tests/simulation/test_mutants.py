"""Each mistake is found: by the story that found it first, or by one of the next few where the
house's timing has changed since; and the same story is true in a house without it."""

from __future__ import annotations

from itertools import chain
from typing import Final

import pytest

from tests.simulation.mutants import MUTANTS, STEPS, Mutant
from tests.simulation.story import make_story
from tests.simulation.world import play

MORE_MAX: Final = 40


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.about)
def test_a_mistake_is_found(mutant: Mutant) -> None:
    for seed in chain((mutant.seed,), range(MORE_MAX)):
        story = make_story(seed, STEPS, mutant.mix)
        with mutant.made():
            found = play(story).untrue
        if found:
            assert not play(story).untrue, "the house without the mistake is true"
            return
    raise AssertionError(f"no story finds it: {mutant.about}")


def test_a_mistake_ends_with_its_look() -> None:
    before = [vars(mutant.place).get(mutant.name) for mutant in MUTANTS]
    for mutant in MUTANTS:
        with mutant.made():
            assert vars(mutant.place)[mutant.name] is not before[MUTANTS.index(mutant)]
    assert [vars(mutant.place).get(mutant.name) for mutant in MUTANTS] == before
