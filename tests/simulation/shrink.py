"""A story that is untrue, made short: steps are left out as long as the same rule is broken.

What a step does is its own (`story.py`), so leaving others out changes nothing of it. First
everything after the moment of truth goes, then ever smaller pieces, down to single steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from tests.simulation.story import Step, Story, words
from tests.simulation.world import play

PLAYS_MAX: Final = 600


def shortest(story: Story) -> Story:
    """A story that breaks the same rule with as few steps as are found; one that breaks none is
    returned as it is."""
    rule = play(story).untrue
    if not rule:
        return story
    left = [PLAYS_MAX]

    def breaks(steps: Sequence[Step]) -> bool:
        left[0] -= 1
        return play(replace(story, steps=tuple(steps))).untrue == rule

    return replace(story, steps=tuple(_without(list(story.steps), breaks, left)))


def _without(
    steps: list[Step], breaks: Callable[[list[Step]], bool], left: list[int]
) -> list[Step]:
    size = max(1, len(steps) // 2)
    while left[0] > 0:
        shorter = False
        at = len(steps)
        while at > 0 and left[0] > 0:
            some = steps[: max(0, at - size)] + steps[at:]
            if len(some) < len(steps) and breaks(some):
                steps, shorter = some, True
            at -= size
        if size == 1 and not shorter:
            break
        size = max(1, size // 2)
    return steps


def tale(story: Story) -> str:
    """The story in words, and what happened."""
    played = play(story, telling=True)
    steps = [f"  {step.at_s:9.4f}  {step.number:4}  {words(step)}" for step in story.steps]
    told = [f"  {line}" for line in played.told]
    head = f"seed {story.seed}, mix {story.mix}, {len(story.steps)} steps"
    return "\n".join((head, *steps, "", "what happened", *told, "", played.how or "all is true"))
