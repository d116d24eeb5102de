"""Settings and starts, as an operator meets them: what a start says when it cannot be, what wins
over what, and where hosts lead.

A start that is refused says why, in one line or in one list of all mistakes with their lines, ends
with the code that scripts can tell apart, and has touched nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Gateway, GatewayEnded
from tests.speaker import INTENT, Speaker, artefacts

USAGE: Final = 2
CANNOT_START: Final = 3
LOGS: Final = {"stdout.log", "stderr.log"}


def refused(
    directory: Path,
    vendor: str = "http://127.0.0.1:1",
    env: Mapping[str, str] | None = None,
    **sections: str,
) -> GatewayEnded:
    with pytest.raises(GatewayEnded) as ended:
        Gateway.start(directory, vendor, env=env, **sections)
    return ended.value


def left_behind(directory: Path) -> Mapping[str, bytes]:
    """What is there besides the settings and what the process said."""
    return {
        path.name: data
        for path, data in artefacts(directory).items()
        if path.name not in LOGS | {"gateway.toml"}
    }


def books_of(directory: Path) -> Mapping[str, bytes]:
    """The same without the audit log, which a living gateway writes when it finds the time."""
    left = left_behind(directory)
    return {name: data for name, data in left.items() if not name.startswith("audit")}


# ── starts that cannot be ───────────────────────────────────────────────────────────────────────


def test_all_mistakes_are_told_at_once_each_with_its_line(tmp_path: Path) -> None:
    ended = refused(
        tmp_path,
        vendor="http://stripe.example.com",
        server='idle_timeout_s = "long"\nlisten_on = "127.0.0.1:1"',
        ledger="stall_exit_s = 1",
        more='[vendors.paypal]\nbase_url = "x"\n'
        '[vendors.stripe.accounts.two]\nsecret = "sk_live_1"',
        env={"KEYBRAKE__LOG__LEVEL": "loud"},
    )
    assert ended.code == USAGE
    text = (tmp_path / "gateway.toml").read_text().splitlines()
    told = dict(line.split(": ", 1) for line in ended.said.splitlines())

    def line_of(begin: str) -> str:
        return f"gateway.toml:{next(n for n, t in enumerate(text, 1) if t.startswith(begin))}"

    expected = {
        line_of("idle_timeout_s"): "server.idle_timeout_s",
        line_of("listen_on"): "server.listen_on: unknown setting",
        line_of("stall_exit_s"): "ledger.stall_exit_s",
        line_of('base_url = "http'): "vendors.stripe.base_url",
        line_of('base_url = "x"'): "vendors.paypal: unknown vendor",
        line_of('secret = "sk'): "vendors.stripe.accounts.two.secret",
        "KEYBRAKE__LOG__LEVEL": "log.level",
    }
    assert told.keys() == expected.keys()
    for place, begin in expected.items():
        assert told[place].startswith(begin)
    assert "sk_live_1" not in ended.said
    assert left_behind(tmp_path) == {}


def test_a_file_that_is_not_toml(tmp_path: Path) -> None:
    ended = refused(tmp_path, server="listen = = 1")
    assert (ended.code, ended.said.count("\n")) == (USAGE, 1)
    assert ended.said.startswith("gateway.toml:3: not TOML")


def test_a_missing_secret(tmp_path: Path) -> None:
    ended = refused(tmp_path, more='[vendors.stripe.accounts.two]\nsecret = "env:NOT_THERE_AT_ALL"')
    assert (ended.code, ended.said.count("\n")) == (USAGE, 1)
    assert "NOT_THERE_AT_ALL is not set" in ended.said


def one_line(ended: GatewayEnded, *words: str) -> None:
    assert ended.code == CANNOT_START
    assert ended.said.count("\n") == 1, ended.said
    assert ended.said.startswith("keybrake cannot start: ")
    for word in words:
        assert word in ended.said


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = refused(tmp_path, env={"KEYBRAKE__SERVER__LISTEN": address})
    one_line(ended, address, "in use")
    assert left_behind(tmp_path) == {}


@pytest.mark.parametrize("where", ["/proc/nowhere", "gateway.toml"])
def test_a_directory_that_cannot_be_written(tmp_path: Path, where: str) -> None:
    """No directory can be made in /proc or inside a file, not even by root."""
    shards = {"KEYBRAKE__LEDGER__SHARDS": f"sqlite:{where}/ledger.db"}
    ended = refused(tmp_path, env=shards)
    one_line(ended, where)
    assert left_behind(tmp_path) == {}


def test_an_audit_file_that_cannot_be_written(tmp_path: Path) -> None:
    audit = {"KEYBRAKE__LEDGER__AUDIT": "sqlite:/proc/nowhere/audit.db"}
    one_line(refused(tmp_path, env=audit), "/proc/nowhere")


def test_a_second_process_on_the_same_ledger(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()  # on disk when it is answered; after that the first one writes nothing
    said = len(gateway.said)
    before = books_of(gateway.directory)
    second = Gateway(gateway.directory, {})
    with pytest.raises(GatewayEnded) as ended:
        second.restart()
    one_line(GatewayEnded(ended.value.code, ended.value.said[said:]))
    assert books_of(gateway.directory) == before
    assert gateway.call(key, "POST", "/v1/payment_intents", form=INTENT).status == 200


# ── what wins ───────────────────────────────────────────────────────────────────────────────────


def test_the_environment_wins_over_the_file(tmp_path: Path, vendor: Sandbox) -> None:
    env = {"KEYBRAKE__SERVER__GUESSES_PER_MINUTE": "1", "KEYBRAKE__LEDGER__SYNCHRONOUS": "NORMAL"}
    with Gateway.start(
        tmp_path, vendor.base_url, server="guesses_per_minute = 5", env=env
    ) as gateway:
        answers = [gateway.call("vault_key_x", "GET", "/v1/customers").error for _ in range(3)]
        assert answers[0] == "key_unknown"
        assert "rate_limited" in answers, "the last may be in another minute"
        shown = gateway.run("config", "show").stdout
    assert "KEYBRAKE__LEDGER__SYNCHRONOUS" in shown


def test_plain_http_goes_to_loopback_unless_it_is_allowed(tmp_path: Path) -> None:
    vendor = "http://0.0.0.0:1"
    ended = refused(tmp_path, vendor)
    assert (ended.code, "allow_plain_http" in ended.said) == (USAGE, True)
    with Gateway.start(tmp_path, vendor, stripe="allow_plain_http = true") as gateway:
        answer = gateway.call(gateway.make_key(), "POST", "/v1/payment_intents", form=INTENT)
        assert answer.error == "vendor_unreachable", "it was tried"


def test_a_public_url_is_what_keys_are_told(tmp_path: Path, vendor: Sandbox) -> None:
    server = 'public_url = "https://gw1.example.com"'
    with Gateway.start(tmp_path, vendor.base_url, server=server) as gateway:
        assert gateway.make_key().record["base_url"] == "https://gw1.example.com"


def test_an_admin_key_comes_from_one_place(tmp_path: Path) -> None:
    (tmp_path / "admin-key").write_text("an-admin-key-of-my-own-making\n")
    ended = refused(tmp_path, env={"KEYBRAKE_ADMIN_KEY_FILE": "admin-key"})
    assert (ended.code, "KEYBRAKE_ADMIN_KEY is set too" in ended.said) == (USAGE, True)
    assert "my-own-making" not in ended.said


# ── where hosts lead ────────────────────────────────────────────────────────────────────────────


def test_a_host_name_leads_to_its_vendor(tmp_path: Path, vendor: Sandbox) -> None:
    """Exact names only; our own roots win; anything else goes by its path."""
    server = 'host_routes = {"stripe.gw.example" = "stripe", "files.gw.example" = "stripe/files"}'
    with Gateway.start(tmp_path, vendor.base_url, server=server) as gateway:
        allowed = ["GET /v1/customers/*", "GET /files/v1/files/*", "GET /stripe/v1/customers/*"]
        bearer = {"Authorization": f"Bearer {gateway.make_key(allowed_endpoints=allowed).secret}"}

        def asked(host: str, path: str) -> int:
            with Speaker(gateway) as caller:
                return caller.ask("GET", path, {**bearer, "Host": host}).status

        assert asked("stripe.gw.example", "/v1/customers/cus_1") == 200
        assert asked("STRIPE.gw.example:8080", "/v1/customers/cus_1") == 200
        assert asked("files.gw.example", "/v1/files/file_1") == 404
        assert vendor.stats()["seen"][-1]["path"] == "/files/v1/files/file_1"
        assert asked("files.gw.example", "/v1/customers/cus_1") == 403
        assert asked("stripe.gw.example", "/healthz") == 200
        assert asked("stripe.gw.example", "/stripe/v1/customers/cus_1") == 404
        assert vendor.stats()["seen"][-1]["path"] == "/stripe/v1/customers/cus_1"
        for host in ("x.stripe.gw.example", "stripe.gw.example.", "gw.example", "evil.example"):
            assert asked(host, "/v1/customers/cus_1") == 200, "a bare path goes by its key"
            assert asked(host, "/nowhere") == 404
