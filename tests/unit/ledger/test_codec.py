"""Entries as rows and back."""

from __future__ import annotations

import pytest

from ledger import codec
from ledger.entries import (
    Amended,
    BudgetTerms,
    Ended,
    Entry,
    Held,
    HoldState,
    Noted,
    Opened,
    Parted,
    Restored,
    RetryKey,
    ToppedUp,
)

BYTES = bytes(range(256))
TERMS = BudgetTerms("Europe/Berlin", 5, None, 7, enforce=False)
ENTRIES: list[Entry] = [
    Opened(1, None, TERMS, 9),
    Opened(2, 1, BudgetTerms(), 9),
    Amended(1, TERMS, 10),
    ToppedUp(1, 50, 20_000, None, 11),
    Noted("key", "vk_1", BYTES, 12),
    Noted("key", "vk_1", None, 13),
    Held(3, 1, None, 20_000, None, 14, 600, 1, False, "call_1", "t", "r", BYTES, None),
    Held(
        4,
        2,
        1,
        20_000,
        20_001,
        15,
        6,
        0,
        True,
        "",
        "",
        "é",
        b"",
        RetryKey(BYTES[:16], BYTES[16:32]),
    ),
    *(Ended(3, state, 5, 6, 16, "pi_1", BYTES) for state in HoldState),
    Ended(3, HoldState.SETTLED, 5, 0, 16, "", b"", 2),
    Parted(4, 17),
    Restored(3, 1, 20_000, -5, "re_1", 18),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: type(entry).__name__)
def test_an_entry_comes_back_as_it_was(entry: Entry) -> None:
    [back] = codec.decode(codec.body_of([codec.encode(entry)]))
    assert type(back) is type(entry)
    assert back == entry


def test_a_row_keeps_the_order() -> None:
    assert codec.decode(codec.body_of(map(codec.encode, ENTRIES))) == ENTRIES


def test_an_empty_row_is_a_row() -> None:
    assert codec.decode(codec.body_of([])) == []


@pytest.mark.parametrize("tag", ["\ud800", 1 << 70])
def test_what_json_cannot_carry_is_refused(tag: object) -> None:
    with pytest.raises(ValueError, match="cannot be journaled"):
        codec.encode(Noted("kind", tag, b"", 1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"7", b"[2]", b"null", b"[1,7]"),
        *(b'[1,["X"]]', b"[1,[]]", b'[1,["E",1]]', b'[1,["E",1,"gone",0,0,0,"",""]]'),
        '[1,["N","k","n","€",1]]'.encode(),
        b'[1,["N","k","n",5,1]]',
    ],
)
def test_a_foreign_row_is_unreadable(body: bytes) -> None:
    with pytest.raises(codec.Unreadable):
        codec.decode(body)


def test_a_checkpoint_comes_back_as_it_was() -> None:
    body = codec.encode_checkpoint(5, 6, {"a": [1, 2]})
    assert codec.decode_checkpoint(body) == (5, 6, {"a": [1, 2]})


BODIES_OF_NO_CHECKPOINT = [b"[1]", b'[1,["D",1,2,{}]]', b'[1,["C",1]]', b"[1,2]", b"[", b"[]"]


@pytest.mark.parametrize(
    "body", [*BODIES_OF_NO_CHECKPOINT, b'[1,["D",1,2,[3,4]]]', b'[1,["Z","two"]]']
)
def test_anything_else_is_no_row_of_a_checkpoint_in_parts(body: bytes) -> None:
    for decode in (codec.decode_begin, codec.decode_pieces, codec.decode_end):
        with pytest.raises(codec.Unreadable):
            decode(body)


def test_the_rows_of_a_checkpoint_in_parts_come_back() -> None:
    assert codec.decode_begin(codec.encode_begin(1, 2, (3, 4))) == (1, 2, (3, 4))
    assert codec.decode_pieces(codec.encode_pieces([b"[1]", b"[2]"])) == [[1], [2]]
    assert codec.decode_end(codec.encode_end(5)) == 5
    assert codec.is_end(codec.encode_end(5))
    assert not codec.is_end(codec.encode_checkpoint(1, 2, {}))


@pytest.mark.parametrize("body", BODIES_OF_NO_CHECKPOINT)
def test_anything_else_is_no_checkpoint(body: bytes) -> None:
    with pytest.raises(codec.Unreadable):
        codec.decode_checkpoint(body)
