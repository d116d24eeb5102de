"""Stand-ins as child processes: started, found, stopped; told plainly when they do not start."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.run import sandbox as module
from gateway.run.sandbox import SandboxFailed, has_stand_in, sandboxes, secret_text
from gateway.settings import AccountSettings, Secret, Settings, VendorSettings
from vendors.contract import Credential, Vendor

READY = 'import sys; print(\'{"vendor": "stripe", "address": "127.0.0.1:9"}\', flush=True); '


def stand_in(monkeypatch: pytest.MonkeyPatch, code: str) -> list[tuple[str, ...]]:
    """Another program in its place. Gives the arguments it was started with."""
    asked: list[tuple[str, ...]] = []

    def command(*words: str) -> list[str]:
        asked.append(words)
        return [sys.executable, "-c", code]

    monkeypatch.setattr(module, "command", command)
    return asked


def vendor(*, sandboxed: bool) -> VendorSettings:
    accounts = {"default": AccountSettings("default", Secret("sk_test_pretended"))}
    hosts = {"files": "https://files.stripe.com"}
    return VendorSettings("stripe", "https://api.stripe.com", hosts, accounts, sandboxed)


def test_it_says_where_it_listens_and_ends_with_its_stdin(
    monkeypatch: pytest.MonkeyPatch, known: Mapping[str, Vendor], tmp_path: Path
) -> None:
    ended = tmp_path / "ended"
    asked = stand_in(monkeypatch, READY + f"sys.stdin.read(); open({str(ended)!r}, 'w')")
    settings = Settings(vendors={"stripe": vendor(sandboxed=True)})
    with sandboxes(settings, known) as pointed:
        assert pointed.vendors["stripe"].base_url == "http://127.0.0.1:9"
        assert pointed.vendors["stripe"].hosts == {
            "files": "http://127.0.0.1:9/files",
            "connect": "http://127.0.0.1:9/connect",
        }
        assert asked[0][-2:] == ("--secret", "sk_test_pretended")
        assert not ended.exists()
    assert ended.exists()


def test_a_vendor_with_credentials_gets_none(known: Mapping[str, Vendor]) -> None:
    settings = Settings(vendors={"stripe": vendor(sandboxed=False)})
    with sandboxes(settings, known) as pointed:
        assert pointed == settings


@pytest.mark.parametrize("code", ["", "print('hello')", "print('{}')", "print('[]')"])
def test_one_that_does_not_start_is_one_line(
    monkeypatch: pytest.MonkeyPatch, code: str, known: Mapping[str, Vendor]
) -> None:
    stand_in(monkeypatch, code)
    settings = Settings(vendors={"stripe": vendor(sandboxed=True)})
    with pytest.raises(SandboxFailed, match="did not start: it ended"), sandboxes(settings, known):
        pytest.fail("it did start")


def test_one_that_says_nothing_is_stopped(
    monkeypatch: pytest.MonkeyPatch, known: Mapping[str, Vendor]
) -> None:
    stand_in(monkeypatch, "import sys; sys.stdin.read()")
    monkeypatch.setattr(module, "READY_TIMEOUT_S", 0.0)
    settings = Settings(vendors={"stripe": vendor(sandboxed=True)})
    with pytest.raises(SandboxFailed, match="nothing in time"), sandboxes(settings, known):
        pytest.fail("it did start")


def test_one_that_does_not_end_is_killed(
    monkeypatch: pytest.MonkeyPatch, known: Mapping[str, Vendor]
) -> None:
    stand_in(monkeypatch, READY + "import signal; signal.pause()")
    monkeypatch.setattr(module, "STOP_TIMEOUT_S", 0.0)
    settings = Settings(vendors={"stripe": vendor(sandboxed=True)})
    with sandboxes(settings, known) as pointed:
        assert pointed.vendors["stripe"].base_url == "http://127.0.0.1:9"


def test_several_start_side_by_side(
    monkeypatch: pytest.MonkeyPatch, known: Mapping[str, Vendor], tmp_path: Path
) -> None:
    """Each says where it listens only once the others are up too."""
    fifos = {name: tmp_path / name for name in ("stripe", "twilio")}
    for fifo in fifos.values():
        os.mkfifo(fifo)
    asked: list[tuple[str, ...]] = []

    def command(*words: str) -> list[str]:
        asked.append(words)
        mine, other = fifos[words[0]], fifos["twilio" if words[0] == "stripe" else "stripe"]
        meet = f"import threading; threading.Thread(target=open, args=({str(mine)!r}, 'w')).start()"
        return [sys.executable, "-c", f"{meet}; open({str(other)!r}).read(); {READY}"]

    monkeypatch.setattr(module, "command", command)
    twilio = AccountSettings("default", Secret("0" * 32), "AC1", "SK1")
    vendors = {
        "stripe": vendor(sandboxed=True),
        "twilio": VendorSettings("twilio", "x", accounts={"default": twilio}, sandbox=True),
    }
    with sandboxes(Settings(vendors=vendors), known) as pointed:
        urls = {settings.base_url for settings in pointed.vendors.values()}
    assert urls == {"http://127.0.0.1:9"}
    assert asked[1][-2:] == ("--secret", f"AC1:SK1:{'0' * 32}")


def test_a_credential_is_one_text_of_what_it_has() -> None:
    assert secret_text(Credential("s")) == "s"
    assert secret_text(Credential("s", "AC1")) == "AC1:s"
    assert secret_text(Credential("s", "AC1", "SK1")) == "AC1:SK1:s"


def test_which_vendors_have_one() -> None:
    assert has_stand_in("stripe")
    assert not has_stand_in("paypal")


def test_a_ready_line_may_come_in_pieces() -> None:
    read, write = os.pipe()
    os.write(write, b"{}\n")
    assert module.read_ready_line(read, 5) == b"{}\n"
    os.write(write, b"half")
    os.close(write)
    assert module.read_ready_line(read, 5) == b"half"
    os.close(read)


def test_the_command_is_the_module_of_its_own() -> None:
    assert module.command("stripe", "--x") == [
        sys.executable, "-m", "bench.sandbox", "stripe", "--x",
    ]  # fmt: skip
