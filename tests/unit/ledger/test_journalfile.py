"""A shard's file: blank or not, a database or not, and whose exceptions leave here."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest

from ledger.journalfile import StoreBroken, StoreFull, connect, create, is_blank, ours


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger-0.db"
    path.write_bytes(b"not a database, " * 1_000)
    with pytest.raises(StoreBroken, match="SQLITE_NOTADB"):
        connect(path, "FULL")
    with pytest.raises(StoreBroken, match="unable to open"):
        connect(tmp_path / "nothing" / "x.db", "FULL")


def test_blank_is_what_has_no_tables(tmp_path: Path) -> None:
    path = tmp_path / "ledger-0.db"
    assert is_blank(path)
    path.touch()
    assert is_blank(path)
    connect(path, "FULL").close()
    with sqlite3.connect(path) as conn:
        conn.execute("PRAGMA user_version = 7")
    conn.close()
    assert is_blank(path)
    create(path, 0, "u", {})
    assert not is_blank(path)


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (OSError(errno.ENOSPC, "full"), StoreFull),
        (OSError(errno.EDQUOT, "quota"), StoreFull),
        (OSError(errno.EIO, "broken"), StoreBroken),
        (sqlite3.ProgrammingError("closed"), StoreBroken),
        (UnicodeDecodeError("utf-8", b"\xe1", 0, 1, "in what SQLite says of it"), StoreBroken),
    ],
)
def test_foreign_exceptions_become_ours(raised: Exception, becomes: type[Exception]) -> None:
    with pytest.raises(becomes), ours():
        raise raised
