"""A backup from outside: made under load by the gateway itself, put back as docs/cli.md says, and
served again."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Gateway, VaultKey, request_bytes

SETTINGS = 'backups = "backups"\ncheckpoint_entries = 100'


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox.start() as sandbox:
        yield sandbox


@pytest.fixture
def gateway(tmp_path: Path, sandbox: Sandbox) -> Iterator[Gateway]:
    (tmp_path / "one").mkdir()
    with Gateway.start(tmp_path / "one", sandbox.base_url, ledger=SETTINGS) as gateway:
        yield gateway


def charge(gateway: Gateway, key: VaultKey, cents: int) -> int:
    form = {"amount": cents, "currency": "usd"}
    return gateway.call(key, "POST", "/v1/payment_intents", form=form).status


def backed_up(gateway: Gateway, *more: str) -> subprocess.CompletedProcess[str]:
    gateway.env["KEYBRAKE_URL"] = f"http://{gateway.admin_address}"
    return gateway.run("backup", *more)


def cents(amount: str) -> int:
    whole, _, part = amount.partition(".")
    return int(whole) * 100 + int(part[:2])


def put_back(copy: Path, key: Path, gateway: Gateway, vendor: str) -> Gateway:
    """As docs/cli.md has it: the copy's files where the settings look for them, and the key."""
    to = copy.parent.parent.parent / "two"
    shutil.copytree(copy, to)
    if not (to / "ledger.key").exists():
        shutil.copy(key, to / "ledger.key")
    return Gateway.start(to, vendor, ledger=SETTINGS)


def test_back_up_under_load_kill_and_put_it_back(
    gateway: Gateway, sandbox: Sandbox, tmp_path: Path
) -> None:
    keys = [gateway.make_key(daily_usd_cap="100") for _ in range(4)]
    going, statuses = threading.Event(), []

    def work(key: VaultKey) -> None:
        for _ in range(120):
            statuses.append(charge(gateway, key, 100))
            if len(statuses) >= 40:
                going.set()

    callers = [threading.Thread(target=work, args=(key,)) for key in keys]
    for caller in callers:
        caller.start()
    assert going.wait(60)
    done = statuses.count(200)
    made = backed_up(gateway, "--json")
    for caller in callers:
        caller.join()
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert told["verified"] is True
    assert set(statuses) == {200, 429}
    copy = Path(told["path"])
    assert copy.parent == gateway.directory / "backups"
    assert not (copy / "ledger.key").exists()
    all_of_it = statuses.count(200) * 100
    gateway.kill()

    looked = gateway.run("backup", "--verify", str(copy), "--json")
    assert looked.returncode == 0, looked.stderr
    heads = {shard["shard"]: shard["head_seq"] for shard in json.loads(looked.stdout)["shards"]}
    assert heads == {shard["shard"]: shard["seq"] for shard in told["shards"]}

    with put_back(copy, gateway.directory / "ledger.key", gateway, sandbox.base_url) as again:
        records = [again.ask(f"/vault/keys/{key.id}") for key in keys]
        found = sum(cents(record["spent_usd"]) for record in records)
        assert done * 100 <= found <= all_of_it
        for key, record in zip(keys, records, strict=True):
            left = cents(record["remaining_usd"])
            assert cents(record["spent_usd"]) + left == 10_000
            assert charge(again, key, left + 100) == 429
        assert again.stop() == 0
        assert again.run("ledger", "verify").returncode == 0


def test_an_old_copy_has_forgotten_what_was_spent_since(gateway: Gateway, sandbox: Sandbox) -> None:
    """What docs/cli.md warns of: it is the operator who has to lower the caps, or to wait."""
    key = gateway.make_key(daily_usd_cap="10")
    assert charge(gateway, key, 400) == 200
    made = backed_up(gateway, "--with-key", "--json")
    assert charge(gateway, key, 500) == 200
    assert charge(gateway, key, 500) == 429
    gateway.kill()
    copy = Path(json.loads(made.stdout)["path"])
    with put_back(copy, Path("nowhere"), gateway, sandbox.base_url) as again:
        assert again.ask(f"/vault/keys/{key.id}")["spent_usd"] == "4.00"
        again.admin("POST", "/vault/revoke", {"all": True})
        assert charge(again, key, 100) == 401


def test_a_kill_in_the_middle_leaves_no_half_copy(gateway: Gateway) -> None:
    """Whatever moment of the copy it hits: the books are whole, and the next copy tidies up."""
    key = gateway.make_key()
    for cents_more in (100, 200, 300):
        assert charge(gateway, key, cents_more) == 200
        headers = {"Host": "h", "Authorization": f"Bearer {gateway.admin_key}"}
        with gateway.wire() as wire:
            wire.send(request_bytes("POST", "/vault/backup", headers, b"{}"))
            assert gateway.ask(f"/vault/keys/{key.id}")["status"] == "active"
            gateway.kill()
        gateway.restart()
    made = backed_up(gateway, "--json")
    assert made.returncode == 0, made.stderr
    copies = list((gateway.directory / "backups").iterdir())
    assert Path(json.loads(made.stdout)["path"]) in copies
    assert not [copy for copy in copies if copy.suffix == ".partial"]
    for copy in copies:
        assert gateway.run("backup", "--verify", str(copy)).returncode == 0


def test_without_a_gateway_the_command_copies_by_itself(gateway: Gateway) -> None:
    gateway.make_key()
    gateway.stop()
    made = gateway.run("backup")
    assert made.returncode == 0, made.stderr
    copy = Path(made.stdout.strip())
    assert sorted(file.name for file in copy.iterdir()) == [
        "audit.db",
        "backup.json",
        "ledger-0.db",
        "ledger-1.db",
    ]
    assert "keep that apart" in made.stderr
    conn = sqlite3.connect(copy / "ledger-0.db", isolation_level=None)
    conn.execute("UPDATE journal SET body = x'5b5d' WHERE seq = 1")
    conn.close()
    looked = gateway.run("backup", "--verify", str(copy))
    assert looked.returncode == 1
    assert "NOT WHOLE" in looked.stderr


def test_it_needs_no_vendors_secret(gateway: Gateway) -> None:
    gateway.make_key()
    gateway.stop()
    gateway.env["STRIPE_SECRET_KEY"] = ""
    assert gateway.run("config", "check").returncode == 2
    assert gateway.run("ledger", "verify").returncode == 0
    assert gateway.run("backup").returncode == 0


def test_a_disk_without_room_gets_no_copy(gateway: Gateway) -> None:
    """The folder of backups is no folder: nothing is half-made, and calls go on."""
    (gateway.directory / "backups").write_text("")
    key = gateway.make_key()
    made = backed_up(gateway)
    assert made.returncode == 4
    assert "backup_failed" in made.stderr
    assert charge(gateway, key, 100) == 200
