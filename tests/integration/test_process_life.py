"""The process as an operator runs it: SIGHUP puts new settings in force under calls, systemd hears
how it goes and passes sockets, and the terminal that is closed says goodbye.

What tells a test that a reload is over is what tells systemd: READY=1 on a socket of the test's.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import ADMIN_KEY, Answer, Gateway, VaultKey, stripe_at
from tests.speaker import INTENT, WAIT_S, Meanwhile, until

INTENTS: Final = "/v1/payment_intents"
OTHER_SECRET: Final = "sk_test_theOtherOneOfTheHouse"
FILE_SECRET: Final = """
[vendors.stripe.accounts.acme]
secret = "file:acme.key"
"""
ACTIVATED: Final = (
    "-c",
    "import os, sys; fd = int(os.environ['PASSED_FD']); os.dup2(fd, 3);"
    "os.environ |= {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1'};"
    "from gateway.run.cli import main; sys.exit(main())",
)
"""As systemd starts a service whose socket it opened."""

WITHOUT_ITS_KEY: Final = (
    "-c",
    "import os, sys; del os.environ['KEYBRAKE_ADMIN_KEY'];"
    "from gateway.run.cli import main; sys.exit(main())",
)
ON_A_TERMINAL: Final = (
    "-c",
    "import os, sys; its = int(os.environ['ITS']); os.dup2(its, 0); os.close(its);"
    "from gateway.run.cli import main; sys.exit(main())",
)


class Manager:
    """A service manager's ear."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._door.settimeout(WAIT_S)
        self._door.bind(str(path))

    def hears(self, wanted: str) -> list[str]:
        """The next message with this line; the others are passed over."""
        while wanted not in (lines := self._door.recv(4_096).decode().split("\n")):
            pass
        return lines

    def close(self) -> None:
        self._door.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    ear = Manager(tmp_path / "notify")
    yield ear
    ear.close()


@pytest.fixture
def house(manager: Manager, vendor: Sandbox, tmp_path: Path) -> Iterator[Gateway]:
    (tmp_path / "acme.key").write_text(OTHER_SECRET)
    env = {"NOTIFY_SOCKET": str(manager.path)}
    with Gateway.start(tmp_path, vendor.base_url, more=FILE_SECRET, env=env) as running:
        manager.hears("READY=1")
        yield running


@pytest.fixture(scope="module")
def sandbox_process() -> Iterator[Sandbox]:
    with Sandbox.start("stripe") as sandbox:  # each credential has an account of its own
        yield sandbox


def change(house: Gateway, *pairs: tuple[str, str]) -> None:
    """The settings file, piece by piece."""
    file = house.directory / "gateway.toml"
    text = file.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    file.write_text(text)


def reload(house: Gateway, manager: Manager) -> str:
    """The status it ends in."""
    os.kill(house.pid, signal.SIGHUP)
    reloading, began = manager.hears("RELOADING=1")
    assert (reloading, began.partition("=")[0]) == ("RELOADING=1", "MONOTONIC_USEC")
    return manager.hears("READY=1")[1].removeprefix("STATUS=")


def events(house: Gateway, event: str) -> list[dict[str, Any]]:
    lines = map(json.loads, house.said.splitlines())
    return [line for line in lines if event in line["event"]]


def pay(house: Gateway, key: VaultKey, **form: Any) -> Answer:
    return house.call(key, "POST", INTENTS, form={**INTENT, **form})


def number(house: Gateway, series: str) -> str:
    page = house.request("GET", "/metrics").body.decode().splitlines()
    return next(line.rpartition(" ")[2] for line in page if line.startswith(f"{series} "))


# -- reload ------------------------------------------------------------------------------------


def test_a_credential_changes_under_a_call(
    house: Gateway, vendor: Sandbox, manager: Manager
) -> None:
    """The call in flight ends with the old one, in the old one's account at the vendor."""
    key = house.make_key(account="acme")
    assert pay(house, key).status == 200
    vendor.behave(path=INTENTS, answer_latency_ms=1_000)
    slow = Meanwhile(lambda: pay(house, key))
    until(lambda: vendor.stats()["posts"].get(INTENTS) == 2)
    (house.directory / "acme.key").write_text("sk_test_theNewOneOfTheHouse")
    assert reload(house, manager) == "serving; settings reloaded"
    made = pay(house, key).json()["id"]
    assert slow.result().status == 200
    assert house.call(key, "GET", f"{INTENTS}/{made}").status == 200
    other = house.call(key, "GET", f"{INTENTS}/{slow.result().json()['id']}")
    assert other.status == 404, "it was made in the old account"
    assert house.record(key)["settled_usd"] == "36.00"
    [told] = events(house, "the settings were reloaded")
    assert told["changed"] == ["vendors.stripe.accounts.acme.secret"]
    assert OTHER_SECRET not in house.said


def test_an_account_goes_and_comes_back(house: Gateway, manager: Manager) -> None:
    """Its keys are refused as after a restart; what was spent is still known."""
    key, other = house.make_key(account="acme"), house.make_key(account="default")
    assert pay(house, key).status == 200
    change(house, (FILE_SECRET, ""))
    reload(house, manager)
    gone = pay(house, key)
    assert (gone.status, gone.error) == (403, "vendor_mismatch")
    assert pay(house, other).status == 200
    house.stop()
    house.restart()
    assert (pay(house, key).status, pay(house, key).error) == (gone.status, gone.error)
    manager.hears("READY=1")
    file = house.directory / "gateway.toml"
    file.write_text(file.read_text() + FILE_SECRET)
    reload(house, manager)
    assert pay(house, key).status == 200
    assert house.record(key)["settled_usd"] == "24.00"


def test_mistakes_change_nothing_and_are_told_all_at_once(house: Gateway, manager: Manager) -> None:
    key = house.make_key(account="acme")
    change(house, ("[ledger]", 'head_timeout_s = "soon"\nlisen = 1\n[ledger]'))
    (house.directory / "acme.key").unlink()
    assert reload(house, manager) == "serving; settings not reloaded, mistakes: 3, see the log"
    [told] = events(house, "not reloaded")
    assert told["level"] == "error"
    for word in ("head_timeout_s", "lisen", "acme.key"):
        assert any(word in mistake for mistake in told["mistakes"])
    assert pay(house, key).status == 200
    assert number(house, "keybrake_reload_last_successful") == "0"
    change(house, ('head_timeout_s = "soon"\nlisen = 1\n', ""), (FILE_SECRET, ""))
    reload(house, manager)
    assert number(house, "keybrake_reload_last_successful") == "1"
    assert number(house, 'keybrake_reloads_total{result="refused"}') == "1"


def test_what_cannot_change_is_named_and_the_rest_is_applied(
    house: Gateway, manager: Manager
) -> None:
    key = house.make_key()
    change(
        house,
        ('listen = "127.0.0.1:0"', 'listen = "127.0.0.1:9"\npriced_body_bytes_max = 1_024'),
        ('audit = "sqlite:audit.db"', 'audit = "sqlite:other.db"\ncheckpoint_entries = 1_000'),
    )
    assert reload(house, manager) == "serving; settings reloaded"
    [told] = events(house, "need a restart")
    assert told["settings"] == ["server.listen", "ledger.checkpoint_entries", "ledger.audit"]
    assert pay(house, key, description="x" * 2_000).error == "body_too_large"
    assert not (house.directory / "other.db").exists()


def test_the_vendors_limits_and_the_logs_level(house: Gateway, manager: Manager) -> None:
    key = house.make_key()
    change(
        house,
        ("[vendors.stripe]", "[vendors.stripe]\ncalls_per_second_max = 1\nqueue_wait_s = 0.0"),
        ("[ledger]", '[log]\nlevel = "error"\n[ledger]'),
    )
    reload(house, manager)
    callers = [Meanwhile(lambda: pay(house, key)) for _ in range(20)]
    answers = [caller.result() for caller in callers]
    assert {answer.status for answer in answers} == {200, 429}
    assert {answer.error for answer in answers if answer.status != 200} == {"rate_limited"}
    assert events(house, "the settings were reloaded") == []


def test_the_admin_key_can_be_changed(vendor: Sandbox, manager: Manager, tmp_path: Path) -> None:
    (tmp_path / "admin.key").write_text(ADMIN_KEY)
    env = {"NOTIFY_SOCKET": str(manager.path), "KEYBRAKE_ADMIN_KEY_FILE": "admin.key"}
    with Gateway(tmp_path, env, program=WITHOUT_ITS_KEY) as house:
        house.begin(stripe_at(vendor.base_url))
        house.make_key()
        (tmp_path / "admin.key").write_text("kb_admin_of_the_tests_once_more")
        reload(house, manager)
        assert house.admin("GET", "/vault/keys").error == "admin_key_unknown"
        house.admin_key = "kb_admin_of_the_tests_once_more"
        house.make_key()


def test_reloads_under_load_lose_no_call_and_no_cent(
    house: Gateway, vendor: Sandbox, manager: Manager
) -> None:
    key = house.make_key(account="acme", daily_usd_cap="100000")

    def many() -> list[int]:
        return [pay(house, key).status for _ in range(25)]

    callers = [Meanwhile(many) for _ in range(4)]
    for timeout in range(12):
        change(house, ("[ledger]", f"\n# {timeout}\n[ledger]"))
        file = house.directory / "gateway.toml"
        lines = [one for one in file.read_text().splitlines() if "total_timeout_s" not in one]
        at = lines.index("[vendors.stripe]") + 1
        file.write_text("\n".join([*lines[:at], f"total_timeout_s = {40 + timeout}", *lines[at:]]))
        assert reload(house, manager) == "serving; settings reloaded"
    assert {status for caller in callers for status in caller.result()} == {200}
    assert vendor.charged() == 100 * 1_200
    record = house.record(key)
    assert (record["settled_usd"], record["held_usd"]) == ("1200.00", "0.00")
    assert number(house, 'keybrake_reloads_total{result="applied"}') == "12"


def test_a_sandbox_stays_and_real_credentials_take_over(manager: Manager, tmp_path: Path) -> None:
    settings = (
        '[server]\nlisten = "127.0.0.1:0"\n[ledger]\nshards = ["sqlite:ledger-0.db"]\n'
        'audit = "sqlite:audit.db"\n[vendors.stripe]\nsandbox = "auto"\n'
        '[vendors.stripe.accounts.default]\nsecret = "env:NOT_SET"\n'
    )
    (tmp_path / "gateway.toml").write_text(settings)
    with Gateway(tmp_path, {"NOTIFY_SOCKET": str(manager.path)}) as house:
        house.restart()
        manager.hears("READY=1")
        key = house.make_key()
        made = pay(house, key).json()["id"]
        change(house, ("[ledger]", "head_timeout_s = 5.0\n[ledger]"))
        reload(house, manager)
        assert house.call(key, "GET", f"{INTENTS}/{made}").status == 200, "it is still the same one"
        change(house, ('secret = "env:NOT_SET"', 'secret = "env:STRIPE_SECRET_KEY"'))
        reload(house, manager)
        assert pay(house, key).json()["rule"] == "sandbox"
        change(house, ('secret = "env:STRIPE_SECRET_KEY"', 'secret = "env:NOT_SET"'))
        reload(house, manager)
        assert house.call(key, "GET", f"{INTENTS}/{made}").status == 200, "and so it is now"
        assert events(house, "need a restart") == []
        change(house, ("[vendors.stripe]", "[vendors.resend]\nsandbox = true\n[vendors.stripe]"))
        change(house, ("[ledger]", "idle_timeout_s = 5.0\n[ledger]"))
        reload(house, manager)
        assert events(house, "need a restart")[0]["settings"] == ["vendors.resend.sandbox"]
        assert house.request("GET", "/readyz").json()["vendors"] == ["stripe"]
        assert events(house, "were reloaded")[-1]["changed"] == ["server.idle_timeout_s"]


# -- systemd -----------------------------------------------------------------------------------


def test_it_says_that_it_lives_and_that_it_goes(
    vendor: Sandbox, manager: Manager, tmp_path: Path
) -> None:
    env = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "100000"}
    with Gateway.start(tmp_path, vendor.base_url, env=env) as house:
        assert manager.hears("READY=1")[1] == f"STATUS=serving on {house.address}"
        manager.hears("WATCHDOG=1")
        manager.hears("WATCHDOG=1")
        house.terminate()
        manager.hears("STOPPING=1")
        assert house.wait() == 0


def test_a_socket_that_was_passed_outlives_a_restart(vendor: Sandbox, tmp_path: Path) -> None:
    """Nobody is refused: who comes while nobody is there waits in the backlog."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        house = Gateway(tmp_path, {"PASSED_FD": str(fd)}, program=ACTIVATED, more_fds=(fd,))
        with house:
            house.begin(stripe_at(vendor.base_url))
            assert house.address == f"127.0.0.1:{listener.getsockname()[1]}"
            key = house.make_key()
            assert pay(house, key).status == 200
            assert house.stop() == 0
            waiting = Meanwhile(lambda: pay(house, key))
            house.restart()
            assert waiting.result().status == 200
            assert house.record(key)["settled_usd"] == "24.00"


def test_a_closed_terminal_is_a_goodbye(vendor: Sandbox, tmp_path: Path) -> None:
    ours, its = os.openpty()
    house = Gateway(tmp_path, {"ITS": str(its)}, program=ON_A_TERMINAL, more_fds=(its,))
    with house:
        house.begin(stripe_at(vendor.base_url))
        os.close(its)
        os.close(ours)
        os.kill(house.pid, signal.SIGHUP)
        assert house.wait() == 0
