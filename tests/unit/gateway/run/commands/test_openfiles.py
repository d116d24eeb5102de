"""Which files with secrets and books are open to others, and what is said of them."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.run.commands import openfiles
from gateway.run.commands.checks import Finding
from gateway.settings import LedgerSettings, ServerSettings, Settings

OURS = os.getuid()


@pytest.fixture
def reached() -> Iterator[Path]:
    """A folder that everybody may go through; pytest's own are nobody else's."""
    with TemporaryDirectory(dir="/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made).resolve()


def settings(folder: Path, **server: str) -> Settings:
    return Settings(
        server=ServerSettings(**server),  # type: ignore[arg-type]
        ledger=LedgerSettings(
            shards=(f"sqlite:{folder}/ledger-0.db",), audit=f"sqlite:{folder}/audit.db"
        ),
    )


def put(folder: Path, name: str, mode: int) -> str:
    file = folder / name
    file.write_text("x")
    file.chmod(mode)
    return str(file)


def told(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.mark, finding.detail) for finding in found]


def test_all_is_well_where_only_the_owner_reads(reached: Path) -> None:
    for name in ("ledger.key", "ledger-0.db", "ledger-0.db-wal", "audit.db", "stripe.key"):
        put(reached, name, 0o600)
    secrets = {"vendors.stripe.accounts.default.secret": f"{reached}/stripe.key"}
    (only,) = openfiles.findings(settings(reached), secrets)
    assert (only.mark, only.do) == ("ok", "")


def test_each_open_file_is_named_with_its_mode_and_what_closes_it(
    reached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openfiles, "ROOT", -1)  # nobody's files are root's
    for name in ("ledger.key", "ledger-0.db", "ledger-0.archive-000001.db", "audit.db-wal"):
        put(reached, name, 0o644)
    secrets = {"KEYBRAKE_ADMIN_KEY_FILE": put(reached, "admin's.key", 0o640)}
    house = settings(reached, tls_cert_file="chain.pem", tls_key_file=put(reached, "t.pem", 0o602))
    found = list(openfiles.findings(house, secrets))
    names = ["KEYBRAKE_ADMIN_KEY_FILE", "server.tls_key_file", "the ledger's key"]
    names += ["the ledger", "the ledger", "the audit log"]
    assert [finding.detail.partition(":")[0] for finding in found] == names
    assert {finding.mark for finding in found} == {"warn"}
    assert found[0].detail.endswith("admin's.key is open to others on this machine, mode 0640")
    assert found[0].do == f"chmod 600 '{reached}/admin'\"'\"'s.key', as its owner"
    assert found[1].detail.endswith("mode 0602")
    for finding in found:
        subprocess.run(shlex.split(finding.do.partition(", as")[0]), check=True)
    assert told(list(openfiles.findings(house, secrets)))[0][0] == "ok"


def test_a_key_within_its_chain_is_one(reached: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openfiles, "ROOT", -1)
    chain = put(reached, "chain.pem", 0o644)
    (found,) = openfiles.findings(settings(reached, tls_cert_file=chain), {})
    assert found.detail.startswith(f"server.tls_cert_file: {chain} is open")
    apart = settings(reached, tls_cert_file=chain, tls_key_file=put(reached, "key.pem", 0o600))
    assert [mark for mark, _ in told(list(openfiles.findings(apart, {})))] == ["ok"]


def test_a_file_of_roots_may_be_its_groups_to_read(
    reached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openfiles, "ROOT", OURS)
    secrets = {"secret": put(reached, "a.key", 0o640)}
    assert [mark for mark, _ in told(list(openfiles.findings(settings(reached), secrets)))] == [
        "ok"
    ]
    for mode in (0o644, 0o660):
        put(reached, "a.key", mode)
        (found,) = openfiles.findings(settings(reached), secrets)
        assert found.do.startswith("chmod 640 ")


def test_what_lies_in_a_closed_folder_is_closed(reached: Path) -> None:
    closed = reached / "secrets"
    closed.mkdir(mode=0o700)
    file = put(closed, "a.key", 0o666)
    assert [f.mark for f in openfiles.findings(settings(reached), {"secret": file})] == ["ok"]
    (reached / "link").symlink_to(file)
    link = {"secret": f"{reached}/link"}
    assert [f.mark for f in openfiles.findings(settings(reached), link)] == ["ok"]
    closed.chmod(0o711)
    (found,) = openfiles.findings(settings(reached), link)
    assert found.detail == f"secret: {file} is open to others on this machine, mode 0666"


def test_what_is_not_there_is_not_told(reached: Path) -> None:
    gone = {"secret": f"{reached}/none"}
    found = openfiles.findings(settings(reached / "none"), gone)
    assert [finding.mark for finding in found] == ["ok"]
