"""The operator's key wins; else one is made once, kept as a hash, and shown once."""

from __future__ import annotations

from gateway.clock import HandClock
from gateway.run.adminkey import admin_key, keep
from gateway.settings import Secret, Settings
from gateway.vault.secrets import Kind, digest, well_formed
from ledger import Note
from tests.fakes import FakeLedger


def ledger() -> FakeLedger:
    return FakeLedger(HandClock().now_us)


async def test_the_operators_key_is_the_key() -> None:
    books = ledger()
    key = admin_key(Settings(admin_key=Secret("x" * 24)), books)  # type: ignore[arg-type]
    assert (key.digest, key.fresh) == (digest("x" * 24), None)
    await keep(key, books)  # type: ignore[arg-type]
    assert not list(books.notes("admin"))


async def test_one_is_made_at_first_start_and_found_again_as_a_hash() -> None:
    books = ledger()
    made = admin_key(Settings(), books)  # type: ignore[arg-type]
    await keep(made, books)  # type: ignore[arg-type]
    assert made.fresh is not None
    assert well_formed(made.fresh.encode(), Kind.ADMIN)
    assert made.digest == digest(made.fresh)
    again = admin_key(Settings(), books)  # type: ignore[arg-type]
    assert (again.digest, again.fresh) == (made.digest, None)
    assert made.fresh.encode() not in b"".join(note.blob or b"" for note in books.notes("admin"))


async def test_other_notes_of_the_kind_are_no_key() -> None:
    books = ledger()
    await books.note([Note("admin", "other", b"x")])
    assert admin_key(Settings(), books).fresh is not None  # type: ignore[arg-type]


def test_a_start_that_came_to_nothing_leaves_no_key() -> None:
    books = ledger()
    first = admin_key(Settings(), books)  # type: ignore[arg-type]
    second = admin_key(Settings(), books)  # type: ignore[arg-type]
    assert None not in (first.fresh, second.fresh)
    assert first.fresh != second.fresh
