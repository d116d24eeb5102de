"""All pieces, in the order in which a call goes through them; `named` picks some."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from bench.micro import (
    admission,
    books,
    exchange,
    pricing,
    records,
    server,
    whole,
    yardstick,
)
from bench.micro.piece import Piece

FAMILIES: Final = (server, admission, pricing, books, exchange, records, whole, yardstick)
ALL: Final = tuple(piece for family in FAMILIES for piece in family.PIECES)


class NoSuchPiece(Exception):
    """One line: what was asked for."""


def named(names: Sequence[str]) -> list[Piece]:
    """Those of these names: a family's (`quote`), one piece's (`quote.stripe`), or a pattern
    (`*.stripe`). All of them where nothing is named. Raises NoSuchPiece."""
    for name in names:
        if not any(_is(piece, name) for piece in ALL):
            raise NoSuchPiece(f"there is no piece {name!r}; --list shows all")
    return [piece for piece in ALL if not names or any(_is(piece, name) for name in names)]


def _is(piece: Piece, name: str) -> bool:
    return piece.family == name or fnmatchcase(piece.name, name)
