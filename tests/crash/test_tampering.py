"""A journal that was altered anywhere: told, with the place, by verify and by a start, and nothing
is cut off or repaired on the way.

A small ledger with an archive, a checkpoint and a tail that a kill left in SQLite's log. Every row
of it is altered in turn, in each way that there is; then bytes of the files themselves are.
"""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger import Ending, HoldState, LedgerRefused, verify
from ledger.archive import Archiver, archives_of
from tests.house import Gateway
from tests.ledgers import NOON_US, crash_image, funded, open_in, settings_in
from tests.speaker import WAIT_S

pytestmark = pytest.mark.crash

SEED = 11
FLIPS = 200
"""Bytes of the files that are altered, one at a time."""
Rows = list[tuple[int, int, bytes, bytes]]


@pytest.fixture(scope="module", params=["moved", "standing in both"])
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A kill after the archived rows were deleted from the journal, and one before that."""
    made = tmp_path_factory.mktemp("tampering")
    archived = threading.Event()
    delete = Archiver._delete

    def deleting(archiver: Archiver) -> bool:
        more = request.param == "moved" and delete(archiver)
        if not more or not archiver._delete_to:
            archived.set()
        return more

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Archiver, "_delete", deleting)
        asyncio.run(live_and_be_killed(made / "live", made / "image", archived))
    old, own = (rows_in(path) for path in journals(copied(made / "image", made)))
    first = {"moved": old[-1][0] + 1, "standing in both": 1}[request.param]
    assert (old[0][0], own[0][0]) == (1, first)
    assert verify(settings_in(copied(made / "image", made))).ok
    return made / "image"


async def live_and_be_killed(where: Path, image: Path, archived: threading.Event) -> None:
    """Rows in an archive, behind a checkpoint in the file, and in the log."""
    for _ in range(2):
        ledger = await open_in(where)
        account = await funded(ledger, 10_000)
        for _ in range(4):
            hold = await ledger.hold(account, 5)
            ending = Ending(hold.hold_id, HoldState.SETTLED, 5)
            await ledger.book([ending], now_us=NOON_US).durable()
        await ledger.close()
    ledger = await open_in(where, synchronous="FULL")
    assert await asyncio.to_thread(archived.wait, WAIT_S)
    account = await funded(ledger)
    for _ in range(6):
        await ledger.hold(account, 5)
    crash_image(where, image, ledger)
    await ledger.close()


def journals(directory: Path) -> list[Path]:
    """Oldest rows first."""
    return [*archives_of(directory / "ledger-0.db"), directory / "ledger-0.db"]


def rows_in(path: Path) -> Rows:
    with closing(sqlite3.connect(path)) as conn:
        return conn.execute("SELECT seq, entries, body, mac FROM journal ORDER BY seq").fetchall()


def all_rows(directory: Path) -> Rows:
    return [row for path in journals(directory) for row in rows_in(path)]


def change(path: Path, *statements: tuple[str, tuple[object, ...]]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        for statement, values in statements:
            assert conn.execute(statement, values).rowcount > 0


def flipped(data: bytes, dice: random.Random) -> bytes:
    changed = bytearray(data)
    changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def alter_body(path: Path, row: int, rows: Rows, dice: random.Random) -> None:
    seq, _, body, _ = rows[row]
    change(path, ("UPDATE journal SET body = ? WHERE seq = ?", (flipped(body, dice), seq)))


def alter_mac(path: Path, row: int, rows: Rows, dice: random.Random) -> None:
    seq, _, _, mac = rows[row]
    change(path, ("UPDATE journal SET mac = ? WHERE seq = ?", (flipped(mac, dice), seq)))


def alter_count(path: Path, row: int, rows: Rows, dice: random.Random) -> None:
    change(path, ("UPDATE journal SET entries = entries + 1 WHERE seq = ?", (rows[row][0],)))


def delete(path: Path, row: int, rows: Rows, dice: random.Random) -> None:
    change(path, ("DELETE FROM journal WHERE seq = ?", (rows[row][0],)))


def swap(path: Path, row: int, rows: Rows, dice: random.Random) -> None:
    """With the row after it, contents and links."""
    (one, _, _, _), (two, _, _, _) = rows[row : row + 2]
    change(
        path,
        ("UPDATE journal SET seq = -1 WHERE seq = ?", (one,)),
        ("UPDATE journal SET seq = ? WHERE seq = ?", (one, two)),
        ("UPDATE journal SET seq = ? WHERE seq = -1", (two,)),
    )


def double(path: Path, row: int, rows: Rows, dice: random.Random) -> None:
    """The row stands once more behind itself, and all after it move on."""
    seq, entries, body, mac = rows[row]
    with closing(sqlite3.connect(path, isolation_level=None)) as conn:
        conn.execute("BEGIN")
        conn.execute("UPDATE journal SET seq = -(seq + 1) WHERE seq > ?", (seq,))
        conn.execute("UPDATE journal SET seq = -seq WHERE seq < 0")
        conn.execute("INSERT INTO journal VALUES (?, ?, ?, ?)", (seq + 1, entries, body, mac))
        conn.execute("COMMIT")


Alter = Callable[[Path, int, Rows, random.Random], None]


def scenes(directory: Path, alter: Alter) -> Iterator[tuple[str, int]]:
    """Every row that can be altered so: in which file, and the how-manieth there. Cutting the last
    row off the journal is seen by nobody but who noted the head; one cut off an archive is not
    missed while the journal has it."""
    [*archives, journal] = journals(directory)
    own = rows_in(journal)
    for path in (*archives, journal):
        rows = rows_in(path)
        spared = int(alter is swap or (alter is delete and rows[-1] in own))
        yield from ((path.name, row) for row in range(len(rows) - spared))


@pytest.mark.parametrize("alter", [alter_body, alter_mac, alter_count, delete, swap, double])
async def test_every_row_altered_in_turn_is_found_at_its_place(
    image: Path, tmp_path: Path, alter: Alter
) -> None:
    dice, whole = random.Random(SEED), copied(image, tmp_path)
    checkpoint = first_replayed(whole)
    for name, row in list(scenes(whole, alter)):
        where = copied(image, tmp_path)
        rows = rows_in(where / name)
        alter(where / name, row, rows, dice)
        seq, as_altered = rows[row][0], all_rows(where)
        error = refusal(where)
        named = {int(number) for number in re.findall(r"row (\d+)", error)}
        assert named & {seq - 1, seq, seq + 1}, (alter.__name__, seq, error)
        if seq > checkpoint:
            with pytest.raises(LedgerRefused):
                await open_in(where)
        assert all_rows(where) == as_altered, "a refusal changes nothing"


def first_replayed(directory: Path) -> int:
    """The last checkpoint's row: what stands before it is verify's to look at, and no start's."""
    return max(seq for seq, entries, _, _ in all_rows(directory) if entries == 0)


def copied(image: Path, to: Path) -> Path:
    """Whoever opens a journal may move its log, so nobody opens the image."""
    where = to / "copy"
    shutil.rmtree(where, ignore_errors=True)
    shutil.copytree(image, where)
    return where


def refusal(directory: Path) -> str:
    """What verify says is wrong."""
    try:
        report = verify(settings_in(directory, synchronous="FULL"))
    except LedgerRefused as exc:
        return str(exc)
    assert not report.ok, "nobody noticed"
    return str(report.first_error)


def test_a_byte_altered_anywhere_is_found_or_means_nothing(image: Path, tmp_path: Path) -> None:
    """Of SQLite's own files: what is not found must leave every row as it was. The last commit of
    the log is left out: damage to it looks like a kill's."""
    dice, before = random.Random(SEED), all_rows(copied(image, tmp_path))
    found = 0
    for _ in range(FLIPS):
        where = copied(image, tmp_path)
        path = dice.choice([*journals(where), where / "ledger-0.db-wal"])
        data = path.read_bytes()
        size = len(data) - (3 * 4_120 if path.suffix == ".db-wal" else 0)
        at = dice.randrange(size)
        path.write_bytes(data[:at] + flipped(data[at : at + 1], dice) + data[at + 1 :])
        try:
            report = verify(settings_in(where, synchronous="FULL"))
        except LedgerRefused:
            found += 1
            continue
        if report.ok:
            assert all_rows(where) == before, (path.name, at)
        else:
            found += 1
    assert found > FLIPS // 5, found


def test_the_command_and_the_gateway_say_it_by_their_exit_codes(gateway: Gateway) -> None:
    gateway.make_key()
    gateway.kill()
    assert gateway.run("ledger", "verify").returncode == 0
    [path] = [
        path
        for path in gateway.directory.glob("ledger-?.db")
        if any(entries > 0 for _, entries, _, _ in rows_in(path))
    ][:1]
    alter_body(path, 0, rows_in(path), random.Random(SEED))
    told = gateway.run("ledger", "verify")
    assert told.returncode == 1
    assert "row 1 was altered, or one before it" in told.stderr
    refused = gateway.run("serve")
    assert refused.returncode == 3
    assert "row 1 was altered, or one before it" in refused.stderr
