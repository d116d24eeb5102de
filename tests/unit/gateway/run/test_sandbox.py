"""Stand-ins as child processes: started, found, stopped; told plainly when they do not start."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.run import sandbox as module
from gateway.run.changes import changes
from gateway.run.sandbox import SandboxFailed, has_stand_in, led_back, sandboxes, secret_text
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


# -- settings that are read again ---------------------------------------------------------------

RUNS_AT = "http://127.0.0.1:9"


def began() -> Settings:
    """As `sandboxes` gave them: a stand-in of Stripe runs, Resend is real."""
    stripe = replace(vendor(sandboxed=True), base_url=RUNS_AT)
    resend = replace(vendor(sandboxed=False), name="resend", base_url="https://api.resend.com")
    return Settings(vendors={"stripe": stripe, "resend": resend})


def test_a_vendor_is_led_back_to_its_stand_in(known: Mapping[str, Vendor]) -> None:
    wanted = Settings(vendors={"stripe": replace(vendor(sandboxed=True), total_timeout_s=7.0)})
    led, missing = led_back(began(), began(), wanted, known)
    assert missing == []
    assert led.vendors["stripe"].base_url == RUNS_AT
    assert led.vendors["stripe"].hosts["files"] == f"{RUNS_AT}/files"
    assert led.vendors["stripe"].total_timeout_s == 7.0


def test_real_credentials_take_over(known: Mapping[str, Vendor]) -> None:
    wanted = Settings(vendors={"stripe": vendor(sandboxed=False)})
    assert led_back(began(), began(), wanted, known) == (wanted, [])


def test_a_stand_in_that_does_not_run_waits_for_a_restart(known: Mapping[str, Vendor]) -> None:
    """What was there stays: real credentials are never swapped for a stand-in by accident."""
    other = {"default": AccountSettings("default", Secret("sk_test_unknown_to_it"))}
    wanted = Settings(
        vendors={
            "stripe": replace(vendor(sandboxed=True), accounts=other),
            "resend": replace(vendor(sandboxed=True), name="resend"),
            "twilio": replace(vendor(sandboxed=True), name="twilio"),
        }
    )
    led, missing = led_back(began(), began(), wanted, known)
    assert missing == [f"vendors.{name}.sandbox" for name in ("stripe", "resend", "twilio")]
    assert changes(led, began()) == []
