"""Each thing that the doctor looks at, well and unwell."""

from __future__ import annotations

import os
import resource
import site
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.run.commands import api, checks
from gateway.settings import LedgerSettings, MoneySettings, ServerSettings, Settings
from ledger.lock import Lock

HERE = Path(__file__).parents[5]
CERTIFICATE = HERE / "tests" / "data" / "vendor_certificate.pem"

pytestmark = pytest.mark.usefixtures("no_secrets")


def test_this_machine() -> None:
    found = {finding.what: finding for finding in checks.machine()}
    assert {*("python", "sqlite", "modules", "zones", "at start", "ulimit", "clock")} == set(found)
    assert found["modules"].mark == "ok"


def test_a_machine_that_lacks_things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MODULES", ("orjson", "no_such_module"))
    monkeypatch.setattr(resource, "getrlimit", lambda what: (64, 64))
    found = {finding.what: finding for finding in checks.machine()}
    assert (found["modules"].mark, found["modules"].detail) == ("fail", "no_such_module")
    assert (found["ulimit"].mark, found["ulimit"].detail[:2]) == ("warn", "64")
    assert all(finding.do for finding in found.values() if finding.mark != "ok")


def test_code_that_runs_at_every_start_is_told(tmp_path: Path) -> None:
    (tmp_path / "folders.pth").write_text("/opt/more\n# import nothing\n")
    (tmp_path / "distutils-precedence.pth").write_text("import os\n")
    assert checks.at_start([str(tmp_path), str(tmp_path / "nowhere")]).mark == "ok"
    (tmp_path / "stolen.pth").write_text("/opt/more\nimport os; os.environ\n")
    (tmp_path / "usercustomize.py").write_text("")
    found = checks.at_start([str(tmp_path)])
    assert (found.mark, bool(found.do)) == ("warn", True)
    assert [Path(told).name for told in found.detail.split(", ")] == [
        "stolen.pth",
        "usercustomize.py",
    ]


def test_packages_are_looked_for_where_this_python_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "ENABLE_USER_SITE", False)
    assert checks._site_folders() == site.getsitepackages()
    monkeypatch.setattr(site, "ENABLE_USER_SITE", True)
    assert checks._site_folders() == [*site.getsitepackages(), site.getusersitepackages()]
    monkeypatch.setattr(sys, "flags", SimpleNamespace(no_site=1))
    assert checks._site_folders() == []


def _unknown() -> int:
    raise OSError


@pytest.mark.parametrize(
    ("state", "mark"), [(lambda: 0, "ok"), (lambda: 5, "warn"), (_unknown, "ok")]
)
def test_clocks(state: Callable[[], int], mark: str) -> None:
    assert checks.clock(state).mark == mark


def test_folders(tmp_path: Path) -> None:
    assert checks.folder_finding(tmp_path).mark == "ok"
    assert checks.folder_finding(tmp_path / "new" / "er").detail.endswith("will be made")
    (tmp_path / "file").write_text("")
    assert checks.folder_finding(tmp_path / "file" / "below").mark == "fail"


def marks(findings: Iterator[checks.Finding]) -> dict[str, str]:
    return {finding.what: finding.mark for finding in findings}


def test_room_and_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert marks(checks.room_and_lock(tmp_path / "none", is_ready=False)) == {}
    assert marks(checks.room_and_lock(tmp_path, is_ready=False))["ledger"] == "ok"
    lock = Lock(tmp_path)
    assert marks(checks.room_and_lock(tmp_path, is_ready=False))["ledger"] == "warn"
    assert marks(checks.room_and_lock(tmp_path, is_ready=True))["ledger"] == "ok"
    lock.release()
    monkeypatch.setattr(checks, "ROOM_WARN_BYTES", 2**80)
    assert marks(checks.room_and_lock(tmp_path, is_ready=True))["disk"] == "warn"
    monkeypatch.setattr(checks, "ROOM_LEFT_BYTES", 2**80)
    assert marks(checks.room_and_lock(tmp_path, is_ready=True))["disk"] == "fail"


def test_backups_and_their_age(tmp_path: Path) -> None:
    ledger = LedgerSettings(backups=str(tmp_path))
    assert checks.backup_finding(ledger).do == "keybrake backup"
    (tmp_path / "file").touch()
    nowhere = checks.backup_finding(LedgerSettings(backups=str(tmp_path / "file" / "backups")))
    assert (nowhere.mark, nowhere.what) == ("fail", "backup")
    copy = tmp_path / "2026-11-23T08-19-23Z"
    copy.mkdir()
    (copy / "backup.json").write_text("{}")
    assert checks.backup_finding(ledger).mark == "ok"
    os.utime(copy, (0, 0))
    assert checks.backup_finding(ledger).mark == "warn"


def test_addresses_and_vendors() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert checks.address_finding(f"127.0.0.1:{port}", is_ready=False).mark == "fail"
        assert checks.address_finding(f"127.0.0.1:{port}", is_ready=True).mark == "ok"
        assert checks.vendor_finding("x", f"http://127.0.0.1:{port}").mark == "ok"
    assert checks.address_finding("127.0.0.1:0", is_ready=False).mark == "ok"
    assert checks.vendor_finding("x", f"http://127.0.0.1:{port}").mark == "fail"


def test_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.tls_finding(str(tmp_path / "none.pem"), "").mark == "fail"
    monkeypatch.setattr("gateway.http.tls.load", lambda cert, key: None)
    until = checks.tls_finding(str(CERTIFICATE), "", 1.0)
    assert until.mark == "ok"
    assert checks.tls_finding(str(CERTIFICATE), "", 1e11).mark == "fail"
    import ssl  # only to know the moment

    end_s = ssl.cert_time_to_seconds(until.detail.partition("until ")[2])
    assert checks.tls_finding(str(CERTIFICATE), "", end_s - 86_400).mark == "warn"


def test_rates_and_prices(tmp_path: Path) -> None:
    settings = Settings()
    ancient = replace(settings, money=MoneySettings(rates_age_max_days=1))
    ageless = replace(settings, money=MoneySettings(rates_age_max_days=10**6))
    lost = replace(settings, money=MoneySettings(rates_file=str(tmp_path / "none.json")))
    found = [checks.rates_finding(each).mark for each in (ancient, ageless, lost)]
    assert found == ["warn", "ok", "fail"]
    assert list(checks.prices_finding("stripe", "")) == []
    assert marks(checks.prices_finding("twilio", "2026-05-25", 1_780_000_000.0)) == {"prices": "ok"}
    assert marks(checks.prices_finding("twilio", "2020-01-01")) == {"prices": "warn"}


def test_a_gateway_that_is_not_ready_or_not_there(gateway: Any) -> None:
    gateway.will("GET", "/readyz", {"reasons": ["draining"]}, 503)
    assert "draining" in checks.gateway_finding(gateway.url).detail
    assert checks.gateway_finding("http://127.0.0.1:1").mark == "warn"


@pytest.mark.parametrize(
    ("server", "url"),
    [
        (ServerSettings(listen="0.0.0.0:8090"), "http://127.0.0.1:8090"),
        (ServerSettings(admin_listen="[::]:8081", tls_cert_file="x"), "https://[::1]:8081"),
        (ServerSettings(listen="127.0.0.1:0"), api.DEFAULT_URL),
    ],
)
def test_where_a_gateway_is_asked_from_its_own_machine(server: ServerSettings, url: str) -> None:
    assert checks.own_url(Settings(server=server)) == url


def test_a_certificate_that_is_not_trusted_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    def untrusted(*_: Any) -> None:
        raise api.Untrusted("the certificate is not trusted here; name one")

    monkeypatch.setattr(api.Api, "get", untrusted)
    found = checks.gateway_finding("https://127.0.0.1:1")
    assert (found.mark, found.do) == ("warn", "name one")
    assert not found.detail.startswith(checks.NOBODY)


def test_a_ready_gateway_tells_of_its_sandbox(gateway: Any) -> None:
    gateway.will("GET", "/readyz", {"status": "ok", "sandbox": ["stripe"]})
    found = checks.gateway_finding(gateway.url)
    assert found.detail == f"{gateway.url} is ready; a sandbox stands in for stripe"


def test_the_admin_key(gateway: Any) -> None:
    def here() -> api.Api:
        return api.Api(gateway.url, "k")

    def none() -> api.Api:
        raise api.Misused("no admin key: set …")

    gateway.will("GET", "/vault/keys?limit=1", {"data": []})
    assert checks.admin_key_finding(here).mark == "ok"
    gateway.will("GET", "/vault/keys?limit=1", {"error": "admin_key_unknown"}, 401)
    assert checks.admin_key_finding(here).mark == "fail"
    assert checks.admin_key_finding(none).detail == "no admin key"
    assert checks.admin_key_finding(lambda: api.Api("http://127.0.0.1:1", "k")).mark == "warn"
