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

    def text(self, name: str) -> str:
        """A member that must be there and be a text."""
        value = self.member(name)
        if not isinstance(value, str):
            raise invalid(f"The `{name}` field must be a string.")
        return value

    def objects(self, name: str) -> list[Obj]:
        """A member that is a list of objects, or is left out."""
        return objects(self.fields.get(name), name)


def objects(value: Any, name: str) -> list[Obj]:
    """Raises ResendError for anything but a list of objects; null is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise invalid(f"The `{name}` field must be a list of objects.")
    return value
