"""SIGKILL at each named point of a call's life, five times each, and what each point promises.

One gateway directory and one key go through all five kills of a point, so a promise broken by the
first is seen by the others too. The calls are of five kinds (charges and intents that pass, are
declined, are authorised), and each kill falls on another one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice

import pytest

from bench import load
from bench.sandbox.launch import Sandbox
from tests.crash.kills import (
    CALL_ID,
    KILLED,
    Tally,
    arm,
    ask,
    audit,
    call_until_killed,
    disarm,
    posts,
    until_posts,
    verified,
)
from tests.crash.launcher import POINTS
from tests.house import Answer, Closed, Gateway, GatewayEnded, VaultKey
from tests.wishes import DECLINED, KINDS, PAYS, Wish, in_cents

pytestmark = pytest.mark.crash

KILLS = 5
ENTRIES = 100
"""Holds and endings in a journal that call for a checkpoint, where a test says so."""
CALLERS = 5
REASON = "because " * 250
"""It makes a hold long, and SQLite's log full sooner."""
UNSEEN_AND_UNHELD = ("before the hold", "before the hold is journaled")
UNSEEN_AND_HELD = ("hold on disk, loop not told", "hold durable", "connected, nothing sent")
SEEN_AND_HELD = (
    "answer has come, not read",
    "answer read, nothing booked",
    "ending booked",
    "answer made, not sent",
)


def test_every_point_is_a_place_in_the_code() -> None:
    assert [name for name, (_, owner, at, _) in POINTS.items() if not hasattr(owner, at)] == []


def wishes_from(start: int) -> Iterator[Wish]:
    """All kinds in turn, a few hundred calls."""
    return islice(cycle(KINDS), start, start + 300)


def restart(gateway: Gateway, point: str, nth: int) -> None:
    """On the same books, once these are proven whole."""
    verified(gateway)
    arm(gateway, point, nth)
    gateway.restart()


def in_doubt(gateway: Gateway, key: VaultKey) -> int:
    return in_cents(gateway.record(key)["in_doubt_usd"])


@pytest.mark.parametrize("point", UNSEEN_AND_UNHELD)
def test_before_the_journal_nothing_is_charged_and_nothing_held(
    gateway: Gateway, vendor: Sandbox, point: str
) -> None:
    """The call before may be in doubt again: its ending waits for the next hold to be written."""
    key, tally = gateway.make_key(), Tally()
    gateway.stop()
    for nth in range(1, KILLS + 1):
        restart(gateway, point, nth)
        call_until_killed(gateway, key, wishes_from(nth), tally)
        assert len(tally.ids) == posts(vendor), "the call that broke off was never sent"
        tally.may_count(DECLINED.cents)
    restart_plain(gateway)
    tally.check(gateway.record(key), vendor)
    assert {row["id"] for row in audit(gateway)} == tally.ids, "nothing else is held"


@pytest.mark.parametrize("point", UNSEEN_AND_HELD)
def test_a_durable_hold_counts_though_nothing_was_sent(
    gateway: Gateway, vendor: Sandbox, point: str
) -> None:
    key, tally, doubted = gateway.make_key(), Tally(), 0
    gateway.stop()
    for nth in range(1, KILLS + 1):
        restart(gateway, point, nth)
        assert in_doubt(gateway, key) == doubted
        doubted += call_until_killed(gateway, key, wishes_from(nth), tally).cents
        assert len(tally.ids) == posts(vendor), "the call that broke off was never sent"
    restart_plain(gateway)
    assert in_doubt(gateway, key) == doubted
    tally.least += doubted
    tally.most += doubted
    tally.check(gateway.record(key), vendor)


@pytest.mark.parametrize("point", SEEN_AND_HELD)
def test_a_call_that_left_counts_whatever_its_answer_was(
    gateway: Gateway, vendor: Sandbox, point: str
) -> None:
    """Its ending may have reached the disk or not; what the vendor charged is in the books."""
    key, tally = gateway.make_key(), Tally()
    gateway.stop()
    for nth in range(1, KILLS + 1):
        restart(gateway, point, nth)
        wish = call_until_killed(gateway, key, wishes_from(nth), tally)
        assert len(tally.ids) + nth == posts(vendor), "the call that broke off was sent once"
        status = 402 if "Declined" in wish.method else 200
        tally.least += wish.counted(status)
        tally.most += wish.cents
        tally.paid_least += wish.charged_at_least(status)
        tally.paid_most += wish.charged_at_least(status)
    restart_plain(gateway)
    tally.check(gateway.record(key), vendor)


def test_a_call_that_the_vendor_works_on_counts_in_full(gateway: Gateway, vendor: Sandbox) -> None:
    """The last byte has left and no answer has come: the vendor charges, and nobody hears of it."""
    key = gateway.make_key()
    vendor.behave(path="/v1/*", stall=True, execute=True, count=None)
    for nth in range(1, KILLS + 1):
        with ThreadPoolExecutor(1) as caller:
            calling = caller.submit(ask, gateway, key, PAYS)
            until_posts(vendor, nth)
            gateway.kill()
            assert calling.result() is None
        verified(gateway)
        gateway.restart()
        record = gateway.record(key)
        assert in_cents(record["in_doubt_usd"]) == vendor.charged() == nth * PAYS.cents
        assert record["spent_usd"] == record["in_doubt_usd"]


CHECKPOINT_POINTS = (
    "before the checkpoint",
    "checkpoint on disk",
    "a slice is copied",
    "before the archive gets its name",
    "the archive has its name",
    "a slice is deleted",
)


@pytest.mark.parametrize("point", CHECKPOINT_POINTS)
async def test_a_checkpoint_broken_off_anywhere_loses_nothing(
    gateway: Gateway, vendor: Sandbox, point: str
) -> None:
    """The books are written whole half a second after a start that finds so many entries, and what
    stands before that moves to an archive."""
    key, tally, entries = gateway.make_key(daily_usd_cap="5000"), Tally(), 0
    for _ in range(KILLS):
        wishes = list(islice(cycle(KINDS), ENTRIES // 2))
        results = await load.burst(gateway.address, [w.request(key) for w in wishes], CALLERS)
        for wish, result in zip(wishes, results, strict=True):
            tally.answered(wish, result.status, result.header(CALL_ID))
        gateway.kill()
        arm(gateway, point)
        gateway.env["KEYBRAKE__LEDGER__CHECKPOINT_ENTRIES"] = str(ENTRIES)
        with contextlib.suppress(GatewayEnded):
            gateway.restart()
            assert gateway.wait() == KILLED
        del gateway.env["KEYBRAKE__LEDGER__CHECKPOINT_ENTRIES"]
        found = verified(gateway)
        assert found >= entries + ENTRIES // 2, "every hold is still there"
        entries = found
        disarm(gateway)
        gateway.restart()
        tally.may_count(CALLERS * DECLINED.cents)  # their last endings may not have been on disk
        tally.check(gateway.record(key), vendor)


@pytest.mark.parametrize(
    ("point", "revoked"),
    [
        ("before the revoke", False),
        ("revoke in force, not journaled", False),
        ("revoke durable", True),
    ],
)
def test_a_revoke_that_was_not_answered_holds_if_it_is_on_disk(
    gateway: Gateway, vendor: Sandbox, point: str, revoked: bool
) -> None:
    """A call is under way meanwhile. Asked again, the revoke holds, over the next kill too."""
    vendor.behave(path="/v1/*", stall=True, execute=True, count=None)
    keys = [gateway.make_key() for _ in range(KILLS)]
    for nth, key in enumerate(keys, 1):
        gateway.kill()
        arm(gateway, point)
        gateway.restart()
        with ThreadPoolExecutor(1) as caller:
            calling = caller.submit(ask, gateway, key, PAYS)
            until_posts(vendor, nth)
            assert revoke(gateway, key) is None
            assert calling.result() is None
        assert gateway.wait() == KILLED
        restart_plain(gateway)
        assert (gateway.record(key)["status"] == "revoked") is revoked
        again = revoke(gateway, key)
        assert again is not None
        assert again.status == 200
    gateway.kill()
    restart_plain(gateway)
    for key in keys:
        refused = ask(gateway, key, PAYS)
        assert refused is not None
        assert (refused.status, refused.error) == (401, "key_revoked")
        assert in_doubt(gateway, key) == PAYS.cents
    assert vendor.charged() == KILLS * PAYS.cents


@pytest.mark.parametrize(
    "point",
    [
        "a row was replayed",
        "books replayed, nothing doubted",
        "open holds are in doubt",
    ],
)
def test_a_start_that_is_killed_is_a_start_to_be_made_again(
    gateway: Gateway, vendor: Sandbox, point: str
) -> None:
    key = gateway.make_key()
    vendor.behave(path="/v1/*", stall=True, execute=True, count=None)
    with ThreadPoolExecutor(1) as caller:
        calling = caller.submit(ask, gateway, key, PAYS)
        until_posts(vendor, 1)
        gateway.kill()
        assert calling.result() is None
    for nth in range(KILLS):
        arm(gateway, point, 1 + nth % 2)  # one of the two shards, then the other
        with pytest.raises(GatewayEnded) as ended:
            gateway.restart()
        assert ended.value.code == KILLED
    restart_plain(gateway)
    record = gateway.record(key)
    assert (record["spent_usd"], record["in_doubt_usd"]) == ("10.00", "10.00")
    assert vendor.charged() == PAYS.cents


PARTS_POINTS = (
    "a checkpoint has begun",
    "a part of a checkpoint is on disk",
    "before a checkpoint ends",
)
"""`life.py` has the others in its dice, too."""
LOG_POINTS = ("before the log is moved", "the log was moved")


@pytest.mark.parametrize("point", [*PARTS_POINTS, *LOG_POINTS])
async def test_a_checkpoint_in_parts_and_a_log_that_moves_break_off_while_calls_go_on(
    gateway: Gateway, vendor: Sandbox, point: str
) -> None:
    """The callers go on until it is dead. What each was told is in the books."""
    key, tally = gateway.make_key(daily_usd_cap="50000"), Tally()
    gateway.stop()
    gateway.env["KEYBRAKE__LEDGER__CHECKPOINT_ENTRIES"] = str(ENTRIES)
    arm(gateway, point)
    gateway.restart()
    crowd = await load.connect(gateway.address, CALLERS)
    cut_off = await asyncio.gather(*(call_on(caller, key, tally) for caller in crowd))
    assert gateway.wait() == KILLED
    restart_plain(gateway)
    for wish in cut_off:
        tally.may_count(max(wish.cents, DECLINED.cents))
        tally.may_be_paid(wish.cents)
    tally.check(gateway.record(key), vendor)


async def call_on(caller: load.Caller, key: VaultKey, tally: Tally) -> Wish:
    """One call after the other. Returns the one that got no answer."""
    for wish in cycle((PAYS, DECLINED, PAYS)):
        coming: asyncio.Future[load.Result] = asyncio.get_running_loop().create_future()
        caller.send(wish.request(key, ("Keybrake-Reason", REASON)), coming.set_result)
        result = await coming
        if not result.status:
            return wish
        tally.answered(wish, result.status, result.header(CALL_ID))
    raise AssertionError("the gateway never came by the point")


BACKUP_POINTS = (
    "a piece of a backup is written",
    "before a backup gets its name",
    "a backup has its name",
)


@pytest.mark.parametrize("point", BACKUP_POINTS)
def test_a_backup_that_breaks_off_is_none_and_the_books_know_nothing_of_it(
    gateway: Gateway, vendor: Sandbox, point: str
) -> None:
    """What has its name verifies; what a kill left of another is gone with the next."""
    key = gateway.make_key()
    assert ask(gateway, key, PAYS) is not None
    gateway.stop()
    gateway.env["KEYBRAKE__LEDGER__BACKUPS"] = "backups"
    arm(gateway, point)
    gateway.restart()
    with pytest.raises((Closed, ConnectionError)):
        gateway.admin("POST", "/vault/backup", {})
    assert gateway.wait() == KILLED
    restart_plain(gateway)
    copies = gateway.directory / "backups"
    named = [folder for folder in copies.iterdir() if folder.suffix != ".partial"]
    assert len(named) == (point == "a backup has its name")
    assert gateway.record(key)["spent_usd"] == "10.00"
    made = gateway.admin("POST", "/vault/backup", {})
    assert made.status in (200, 201), made
    assert not list(copies.glob("*.partial"))
    for folder in copies.iterdir():
        told = gateway.run("backup", "--verify", str(folder))
        assert told.returncode == 0, told.stderr


def restart_plain(gateway: Gateway) -> None:
    """With no fuse in it, once the books are proven whole."""
    verified(gateway)
    disarm(gateway)
    gateway.restart()


def revoke(gateway: Gateway, key: VaultKey) -> Answer | None:
    """None if the gateway was killed over it."""
    try:
        return gateway.admin("POST", f"/vault/keys/{key.id}/revoke", {})
    except (Closed, ConnectionError):
        return None
