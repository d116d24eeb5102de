"""One row per call of the admin side: where it is, who may make it, what it takes, who answers it.

The table serves requests (`api.py`) and describes itself (`openapi.py`); a row is all there is to
know about a call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from gateway.admin.bodies import BODY_BYTES_MAX
from gateway.admin.house import House
from gateway.http.message import Response
from gateway.vault.fields import Field, read_fields
from gateway.vault.issuers import Issuer
from gateway.vault.keys import Key
from ledger import Note


class Who(Enum):
    ADMIN = "admin"
    ISSUER = "issuer"
    KEY = "key"


ANYONE: Final[frozenset[Who]] = frozenset()
ADMIN: Final = frozenset({Who.ADMIN})
MAKERS: Final = frozenset({Who.ADMIN, Who.ISSUER})


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who asks. name tells bearers apart: an Idempotency-Key is its bearer's own."""

    who: Who | None
    name: str = ""
    issuer: Issuer | None = None
    key: Key | None = None


def no_notes(_: str) -> Sequence[Note]:
    return ()


@dataclass(slots=True)
class Ask:
    """A request as a handler gets it. path: the values of the pattern's braces. query: read by the
    row's table. body: the JSON object. remember: for a call that makes something under an
    Idempotency-Key, the notes that bind the key to the new id, to be written together with it."""

    bearer: Bearer
    path: Mapping[str, str]
    query: Mapping[str, Any]
    body: Mapping[str, Any]
    table: Sequence[Field] = ()
    remember: Callable[[str], Sequence[Note]] = no_notes

    def fields(self) -> dict[str, Any]:
        """The body by the row's own table. Raises InvalidRequest."""
        return read_fields(self.body, self.table)


Answer = Response | dict[str, Any]
"""A JSON object goes out under the row's status."""
Handler = Callable[[House, Ask], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """who: empty for anyone, without a key. query, body: what it takes. answers: the name of the
    answer's schema in `schemas.py`; media: of an answer that is not JSON."""

    method: str
    path: str
    who: frozenset[Who]
    handle: Handler
    summary: str
    answers: str
    status: int = 200
    query: Sequence[Field] = ()
    body: Sequence[Field] = ()
    media: Sequence[str] = ("application/json",)
    body_bytes_max: int = BODY_BYTES_MAX
    segments: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "segments", tuple(self.path.split("/")))

    def matches(self, segments: Sequence[str]) -> dict[str, str] | None:
        """The values of the braces if the path is one of this row's."""
        if len(segments) != len(self.segments):
            return None
        found = {}
        for mine, theirs in zip(self.segments, segments, strict=True):
            if mine.startswith("{") and theirs:
                found[mine[1:-1]] = theirs
            elif mine != theirs:
                return None
        return found
