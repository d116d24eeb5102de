"""A copy's files: what is in them, that rows may move meanwhile, and that it never eats the
journal's disk."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.clock import HandClock
from ledger import Ledger, verify_copy, writer
from ledger.archive import archives_of
from ledger.copier import PIECE_BYTES, ROOM_LEFT_BYTES, Copier, Order
from ledger.errors import CopyFailed
from ledger.lock import Lock
from ledger.store import COPY_ROWS
from tests.ledgers import NOON_US, funded, open_in, settings_in

PLENTY = 10 * ROOM_LEFT_BYTES


@pytest.fixture(autouse=True)
def rows_move_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "LOOK_S", 0.001)


def copier_of(
    ledger: Ledger,
    tmp_path: Path,
    free: Callable[[Path], int] = lambda path: PLENTY,
    **more: object,
) -> Copier:
    order = Order(tmp_path / "backups", **more)  # type: ignore[arg-type]
    return Copier(order, ledger._layout.key_path, NOON_US, free)


def modes(folder: Path) -> tuple[int, set[int]]:
    return stat.S_IMODE(folder.stat().st_mode), {
        stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()
    }


def journals(ledger: Ledger) -> list[Path]:
    return [store.path for store in ledger._layout.stores]


async def archived(ledger: Ledger, many: int) -> Path:
    """A checkpoint, and all before it stands in so many archives."""
    [shard] = ledger._by_number.values()
    shard.checkpoint()
    while len(archives_of(shard.path)) < many:  # noqa: ASYNC110 - no event tells of it
        await asyncio.sleep(0)
    return shard.path


async def test_a_copy_has_archives_and_the_rows_after_them(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    for _ in range(COPY_ROWS + 10):
        await funded(ledger)
    await archived(ledger, 1)
    for _ in range(COPY_ROWS + 10):
        await funded(ledger)
    copier = copier_of(ledger, tmp_path)
    copier.begin(journals(ledger))
    copier.write(ledger._cut())
    copied = copier.publish()
    await ledger.close()
    assert Path(copied.path).name == "2024-10-04T12-00-00Z"
    [shard] = copied.shards
    assert (shard.archives, shard.file, copied.audit) == (1, "ledger-0.db", "")
    report = verify_copy(Path(copied.path), tmp_path / "var" / "ledger.key")
    assert report.ok
    assert (report.shards[0].head_seq, report.shards[0].head_mac) == (shard.seq, shard.mac)
    assert modes(Path(copied.path)) == (0o700, {0o600})


async def test_rows_that_moved_since_the_cut_are_read_where_they_are(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    for _ in range(2 * COPY_ROWS):
        await funded(ledger)
    cut = ledger._cut()
    await funded(ledger)
    path = await archived(ledger, 1)
    [store] = ledger._layout.stores
    while store.slice(0, 10):
        await funded(ledger)
    copier = copier_of(ledger, tmp_path)
    copier.begin([path])
    copier.write(cut)
    copied = copier.publish()
    await ledger.close()
    assert copied.shards[0].archives == 0
    assert copied.shards[0].seq == cut[0].seq
    assert verify_copy(Path(copied.path), tmp_path / "var" / "ledger.key").ok


async def test_a_row_that_is_nowhere_breaks_it_off(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    for _ in range(3):
        await funded(ledger)
    [store] = ledger._layout.stores
    cut = ledger._cut()
    await archived(ledger, 1)
    while store.slice(0, 3):
        await funded(ledger)
    archives_of(store.path)[0].unlink()
    copier = copier_of(ledger, tmp_path)
    copier.begin([])
    with pytest.raises(CopyFailed, match="row 1 is missing"):
        copier.write(cut)
    copier.discard()
    await ledger.close()


async def test_an_archive_that_is_gone_is_the_copys_failure(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    await funded(ledger)
    await archived(ledger, 1)
    await archived(ledger, 2)
    [store] = ledger._layout.stores
    archives_of(store.path)[0].unlink()
    copier = copier_of(ledger, tmp_path)
    copier.begin([])
    with pytest.raises(CopyFailed, match=r"archive 000001 of ledger-0\.db is missing"):
        copier.write(ledger._cut())
    copier.discard()
    await ledger.close()


async def test_an_archive_that_ends_before_what_is_missing_does_not_help(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    await funded(ledger)
    await archived(ledger, 1)
    for _ in range(3):
        await funded(ledger)
    [store] = ledger._layout.stores
    cut = ledger._cut()
    real = store.slice
    gone = cut[0].seq

    class Holed:
        path, meta = store.path, store.meta

        def slice(self, after_seq: int, upto_seq: int) -> list[object]:
            return [row for row in real(after_seq, upto_seq) if row.seq < gone]

    copier = copier_of(ledger, tmp_path)
    copier.begin([])
    holed = type(cut[0])(Holed(), gone, cut[0].archives)  # type: ignore[arg-type]
    with pytest.raises(CopyFailed, match=f"row {gone} is missing"):
        copier.write([holed])
    copier.discard()
    await ledger.close()


async def test_the_audit_log_is_copied_beside_its_writer(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    audit = tmp_path / "audit.db"
    writer = sqlite3.connect(audit, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA synchronous = OFF")
    writer.execute("CREATE TABLE calls (id INTEGER PRIMARY KEY, text TEXT)")
    text = "x" * 1_000
    writer.execute("BEGIN")
    writer.executemany("INSERT INTO calls (text) VALUES (?)", [(text,)] * 3_000)
    writer.execute("COMMIT")
    pieces = 0

    def free(path: Path) -> int:
        nonlocal pieces
        pieces += 1
        writer.execute("INSERT INTO calls (text) VALUES ('meanwhile')")
        return PLENTY

    copier = copier_of(ledger, tmp_path, free, audit=audit, with_key=True)
    copier.begin(journals(ledger))
    copier.write(ledger._cut())
    copied = copier.publish()
    writer.close()
    await ledger.close()
    assert pieces > 3
    assert copied.audit == "audit.db"
    assert verify_copy(Path(copied.path)).ok
    conn = sqlite3.connect(Path(copied.path) / "audit.db")
    assert conn.execute("SELECT count(*) FROM calls").fetchone() == (3_001,)
    conn.close()


async def test_no_room_means_no_copy(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    copier = copier_of(ledger, tmp_path, lambda path: ROOM_LEFT_BYTES)
    with pytest.raises(CopyFailed, match="no room for a copy"):
        copier.begin(journals(ledger))
    copier.discard()
    assert list((tmp_path / "backups").iterdir()) == []
    await ledger.close()


async def test_a_disk_that_fills_up_meanwhile_ends_it(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    await funded(ledger)
    rooms = iter([PLENTY])
    copier = copier_of(ledger, tmp_path, lambda path: next(rooms, ROOM_LEFT_BYTES - 1))
    copier.begin(journals(ledger))
    with pytest.raises(CopyFailed, match="filled up meanwhile"):
        copier.write(ledger._cut())
    copier.discard()
    assert list((tmp_path / "backups").iterdir()) == []
    await ledger.close()


async def test_a_disk_that_is_full_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = await open_in(tmp_path / "var")
    copier = copier_of(ledger, tmp_path, with_key=True)
    copier.begin(journals(ledger))

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(CopyFailed, match="No space left"):
            copier.write(ledger._cut())
    copier.discard()
    await ledger.close()


async def test_a_copy_that_is_told_to_stop_does(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    await funded(ledger)
    copier = copier_of(ledger, tmp_path)
    copier.begin(journals(ledger))
    copier.stop()
    with pytest.raises(CopyFailed, match="stopped"):
        copier.write(ledger._cut())
    copier.discard()
    copier.discard()
    await ledger.close()


async def test_a_large_archive_goes_over_in_pieces(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    copier = copier_of(ledger, tmp_path)
    copier.begin(journals(ledger))
    large = tmp_path / "large"
    large.write_bytes(os.urandom(2 * PIECE_BYTES + 7))
    copier._copy_file(large)
    assert (copier.folder / "large").read_bytes() == large.read_bytes()
    copier.discard()
    await ledger.close()


async def test_names_within_one_second(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    names = []
    for _ in range(3):
        copier = copier_of(ledger, tmp_path)
        copier.begin(journals(ledger))
        copier.write(ledger._cut())
        names.append(Path(copier.publish().path).name)
    first = "2024-10-04T12-00-00Z"
    assert names == [first, f"{first}-2", f"{first}-3"]
    await ledger.close()


async def test_what_a_crash_left_is_swept_away_and_what_is_at_work_is_not(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    backups = tmp_path / "backups"
    crashed, working = "2024-10-01T03-00-00Z.partial", "2024-10-02T03-00-00Z.partial"
    for name in (crashed, working, "holiday.partial"):
        (backups / name).mkdir(parents=True)
    lock = Lock(backups / working)
    copier = copier_of(ledger, tmp_path)
    copier.begin(journals(ledger))
    assert sorted(path.name for path in backups.iterdir()) == [
        working,
        "2024-10-04T12-00-00Z.partial",
        "holiday.partial",
    ], "what is no copy of ours is left alone"
    other = copier_of(ledger, tmp_path)
    with pytest.raises(CopyFailed, match="no copy can be made"):
        other.begin(journals(ledger))
    other.discard()
    assert copier.folder.exists(), "it is another's"
    copier.discard()
    lock.release()
    await ledger.close()


async def test_a_name_that_cannot_be_given(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    copier = copier_of(ledger, tmp_path)
    copier.begin(journals(ledger))
    copier.write(ledger._cut())
    shutil.rmtree(copier.folder)
    with pytest.raises(CopyFailed, match="cannot be given its name"):
        copier.publish()
    copier.discard()
    await ledger.close()


async def test_a_copy_is_a_ledger_again(tmp_path: Path) -> None:
    ledger = await open_in(tmp_path / "var")
    account = await funded(ledger, 1_000)
    await ledger.hold(account, 700)
    copier = copier_of(ledger, tmp_path, with_key=True)
    copier.begin(journals(ledger))
    copier.write(ledger._cut())
    copied = Path(copier.publish().path)
    await ledger.hold(account, 200)
    await ledger.close()
    again = await open_in(copied, clock=HandClock(NOON_US))
    standing = again.standing(account, NOON_US)
    assert (standing.spent_micros, standing.remaining_micros) == (700, 300)
    await again.close()
    assert settings_in(copied).shards
