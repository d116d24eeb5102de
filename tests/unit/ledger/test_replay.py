"""From rows to books: a checkpoint in parts, one without an end, and what nobody wrote."""

from __future__ import annotations

import pytest

from ledger import codec, snapshot
from ledger.chain import BEGIN, PART, Row
from ledger.codec import Unreadable
from ledger.entries import Noted
from ledger.replay import Replay, load_checkpoint
from ledger.state import State
from ledger.sweep import Sweep
from tests.ledgers import DAY_US, NOON_US
from tests.unit.ledger.test_snapshot import rich_books
from tests.unit.ledger.test_sweep import pieces_of, told


def rows_of(*bodies: tuple[int, bytes]) -> list[Row]:
    return [Row(seq, entries, body, b"") for seq, (entries, body) in enumerate(bodies, 1)]


def checkpoint(at_us: int = NOON_US + 4) -> list[tuple[int, bytes]]:
    state = rich_books(0)
    last = (state.last_account, state.last_hold)
    pieces = pieces_of(Sweep(state, at_us, DAY_US))
    return [
        (BEGIN, codec.encode_begin(at_us, DAY_US, last)),
        (PART, codec.encode_pieces(pieces[:2])),
        (PART, codec.encode_pieces(pieces[2:])),
        (0, codec.encode_end(2)),
    ]


def note(name: str) -> tuple[int, bytes]:
    return 1, codec.body_of([codec.encode(Noted("k", name, b"", NOON_US + 5))])


def replayed(rows: list[Row], first: int = 1) -> Replay:
    replay = Replay(0, first)
    for row in rows:
        replay.take(row)
    return replay


def test_what_happened_while_it_was_written_comes_after_it() -> None:
    begin, one, two, end = checkpoint()
    rows = rows_of(begin, note("a"), one, two, note("b"), end, note("c"))
    books = replayed(rows).books()
    assert [name for name, _ in sorted(books.notes["k"].items())] == ["a", "b", "c"]
    assert books.replayed == 3
    expected = rich_books(0)
    for name in "abc":
        expected.apply(Noted("k", name, b"", NOON_US + 5))
    assert told(books) == told(expected)


def test_one_without_an_end_only_forgets() -> None:
    whole = checkpoint()
    begun, part = checkpoint(NOON_US + 3 * DAY_US)[:2]
    books = replayed(rows_of(*whole, begun, part, note("a"))).books()
    assert 1 not in books.holds
    assert books.noted("k", "a") == b""


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_one_that_lacks_a_row_is_refused(missing: int) -> None:
    bodies = checkpoint()
    del bodies[missing]
    with pytest.raises(Unreadable, match="is not whole"):
        replayed(rows_of(*bodies))


@pytest.mark.parametrize(
    "piece", [b"[]", b'["x"]', b'["h",[1]]', b'["n",1]', b'["a",[],[[1,null,0]]]']
)
def test_a_part_of_nobody_s_is_refused(piece: bytes) -> None:
    begin = checkpoint()[0]
    with pytest.raises(Unreadable, match="cannot be read"):
        replayed(rows_of(begin, (PART, codec.encode_pieces([piece]))))


def test_a_checkpoint_in_one_row_of_nobody_s_is_refused() -> None:
    books = snapshot.dump(State(0)) | {"notes": [["k", ["n", ["no text"]]]]}
    with pytest.raises(Unreadable, match="cannot be read"):
        load_checkpoint(0, codec.encode_checkpoint(1, 2, books))
