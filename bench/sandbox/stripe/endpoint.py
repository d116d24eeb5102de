"""What an endpoint is, and how a path finds its own in a table of them.

A table maps `METHOD path` below the version, `*` standing for an id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bench.sandbox.stripe import params
from bench.sandbox.stripe.world import World
from bench.sandbox.wire import Obj

Handler = Callable[[World, tuple[str, ...], Obj], Obj]


@dataclass(frozen=True, slots=True)
class Endpoint:
    handler: Handler
    spec: params.Spec
    required: tuple[str, ...] = ()


def endpoints(table: Mapping[str, tuple[Any, ...]]) -> dict[str, Endpoint]:
    return {name: Endpoint(*row) for name, row in table.items()}


def find(table: Mapping[str, Any], method: str, below: list[str]) -> tuple[Any, tuple[str, ...]]:
    """The row for a path's segments and the ids among them; None when there is none."""
    for shape in _SHAPES.get(len(below), ()):
        name = "/".join("*" if is_id else part for part, is_id in zip(below, shape, strict=True))
        found = table.get(f"{method} {name}")
        if found is not None:
            ids = tuple(part for part, is_id in zip(below, shape, strict=True) if is_id)
            if all(ids):
                return found, ids
    return None, ()


_SHAPES: Final = {
    1: ((False,),),
    2: ((False, False), (False, True)),
    3: ((False, True, False), (False, False, True)),
    4: (
        (False, True, False, False),
        (False, True, False, True),
        (False, False, True, False),
    ),
}
"""Which path segments may be ids, by the number of segments, literal shapes first."""
