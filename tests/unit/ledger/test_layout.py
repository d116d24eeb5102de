"""What a ledger is on disk, and every way in which it is not one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from ledger import layout as layout_module
from ledger.errors import LedgerRefused
from ledger.journalfile import StoreBroken
from ledger.layout import open_layout, shard_paths
from ledger.store import SqliteStore
from tests.ledgers import settings_in, tamper


def make(directory: Path, shards: int = 2) -> list[tuple[int, str]]:
    """Open and close; which shard each file is."""
    layout = open_layout(settings_in(directory, shards))
    found = [(store.meta.shard, store.path.name) for store in layout.stores]
    layout.close()
    return found


def refusal(directory: Path, shards: int = 2, *, read_only: bool = False) -> str:
    before = snapshot(directory)
    with pytest.raises(LedgerRefused) as refused:
        open_layout(settings_in(directory, shards), read_only=read_only)
    assert snapshot(directory) == before
    assert "\n" not in str(refused.value)
    return str(refused.value)


def snapshot(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(directory.iterdir())}


def test_a_new_ledger_is_made_with_its_directory(tmp_path: Path) -> None:
    directory = tmp_path / "var" / "deep"
    assert make(directory) == [(0, "ledger-0.db"), (1, "ledger-1.db")]
    assert directory.stat().st_mode & 0o777 == 0o700
    key = directory / "ledger.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(key.read_text())) == 32


def test_files_are_known_by_what_they_say_and_not_by_their_place(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "ledger-0.db").rename(tmp_path / "swap")
    (tmp_path / "ledger-1.db").rename(tmp_path / "ledger-0.db")
    (tmp_path / "swap").rename(tmp_path / "ledger-1.db")
    assert make(tmp_path) == [(0, "ledger-1.db"), (1, "ledger-0.db")]


def test_shards_can_be_added(tmp_path: Path) -> None:
    make(tmp_path, 1)
    assert make(tmp_path, 3) == [(0, "ledger-0.db"), (1, "ledger-1.db"), (2, "ledger-2.db")]
    assert "missing shard 1" in refusal(tmp_path, 1)


def test_a_crash_while_a_shard_is_added_is_made_good(tmp_path: Path) -> None:
    make(tmp_path, 1)
    before = (tmp_path / "ledger-0.db").read_bytes()
    make(tmp_path, 2)
    (tmp_path / "ledger-0.db").write_bytes(before)  # its list of siblings was not written yet
    assert make(tmp_path, 2) == [(0, "ledger-0.db"), (1, "ledger-1.db")]
    assert "missing shard 1" in refusal(tmp_path, 1)


def test_a_missing_shard_refuses_and_makes_nothing(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "ledger-1.db").unlink()
    assert "missing shard 1: this ledger has 2 shards" in refusal(tmp_path)
    (tmp_path / "ledger-1.db").touch()
    assert "missing shard 1" in refusal(tmp_path)


def test_a_copy_of_a_shard_is_not_another_one(tmp_path: Path) -> None:
    make(tmp_path, 1)
    (tmp_path / "ledger-1.db").write_bytes((tmp_path / "ledger-0.db").read_bytes())
    assert "are the same shard" in refusal(tmp_path)


def test_a_shard_of_another_ledger_does_not_fit(tmp_path: Path) -> None:
    for name in ("one", "other"):
        make(tmp_path / name)
    (tmp_path / "one" / "ledger-1.db").write_bytes(
        (tmp_path / "other" / "ledger-1.db").read_bytes()
    )
    assert "belongs to another ledger" in refusal(tmp_path / "one")


def test_without_its_key_no_journal_opens(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "ledger.key").unlink()
    assert "ledger.key is missing" in refusal(tmp_path)


@pytest.mark.parametrize("text", ["", "zz", "abcd", "é"])
def test_a_key_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    make(tmp_path)
    (tmp_path / "ledger.key").write_text(text)
    assert "cannot be read as a key" in refusal(tmp_path)


def test_half_a_key_of_a_crash_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "ledger.key.part").write_text("ab")
    make(tmp_path)
    assert not (tmp_path / "ledger.key.part").exists()


def test_a_second_process_touches_nothing(tmp_path: Path) -> None:
    layout = open_layout(settings_in(tmp_path))
    with pytest.raises(LedgerRefused, match="in use"):
        open_layout(settings_in(tmp_path))
    layout.close()


def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    make(tmp_path, 1)
    (tmp_path / "ledger-0.db").write_bytes(b"something else " * 1_000)
    assert "not a database" in refusal(tmp_path, 1)


def test_a_journal_with_foreign_meta_is_refused(tmp_path: Path) -> None:
    make(tmp_path, 1)
    tamper(tmp_path / "ledger-0.db", "UPDATE meta SET value = 'x' WHERE name = 'format'")
    assert "not one of ours" in refusal(tmp_path, 1)


def test_anything_else_that_goes_wrong_leaves_no_connection_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, 1)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(layout_module, "Archiver", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_layout(settings_in(tmp_path, 1))
    monkeypatch.undo()
    make(tmp_path, 1)


def test_a_store_that_does_not_close_keeps_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = open_layout(settings_in(tmp_path, 1))
    close = SqliteStore.close

    def broken(store: SqliteStore) -> None:
        close(store)
        raise StoreBroken("at the very end")

    monkeypatch.setattr(SqliteStore, "close", broken)
    layout.close()
    monkeypatch.undo()
    make(tmp_path, 1)


def test_reading_only_makes_nothing(tmp_path: Path) -> None:
    assert "there is no ledger at" in refusal(tmp_path, 1, read_only=True)
    make(tmp_path, 1)
    open_layout(settings_in(tmp_path, 1), read_only=True).close()


def test_a_directory_that_cannot_be_made_or_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerRefused, match=r"file.*(exists|directory)"):
        open_layout(settings_in(tmp_path / "file"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(LedgerRefused, match="is not writable"):
        open_layout(settings_in(tmp_path / "var"))


@pytest.mark.parametrize(
    ("shards", "why"),
    [
        (("postgresql://me:secret@host/db",), "'postgresql://…@host/db': not supported yet"),
        (("postgresql://host/db",), "not supported yet"),
        (("mysql:x",), "write it as 'sqlite:PATH'"),
        (("sqlite:",), "write it as 'sqlite:PATH'"),
        ((), "at least one shard"),
        (("sqlite:a/x.db", "sqlite:b/y.db"), "one directory"),
        (("sqlite:a/x.db", "sqlite:a/x.db"), "a name of its own"),
        (("sqlite:a/x.db", "sqlite:a/x.sqlite"), "a name of its own"),
    ],
)
def test_what_the_settings_may_not_say(shards: Sequence[str], why: str) -> None:
    with pytest.raises(LedgerRefused) as refused:
        shard_paths(shards)
    assert why in str(refused.value)
    assert "secret" not in str(refused.value)
