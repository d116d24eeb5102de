"""One request as the endpoints see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bench.sandbox.resend.errors import invalid, missing
from bench.sandbox.resend.world import Key, World
from bench.sandbox.wire import Obj, Request


@dataclass(frozen=True, slots=True)
class Asked:
    """ids: those of the path. query: decoded. data: the body's JSON, None without one."""

    world: World
    key: Key
    request: Request
    ids: tuple[str, ...]
    query: dict[str, str]
    data: Any

    @property
    def fields(self) -> Obj:
        """The body as an object; an empty one without a body."""
        if self.data is None:
            return {}
        if not isinstance(self.data, dict):
            raise invalid("The request body must be an object.")
        return self.data

    def member(self, name: str) -> Any:
        """A member that must be there."""
        value = self.fields.get(name)
        if value in (None, ""):
            raise missing(name)
        return value
