"""The quick starts and the README are walked as they stand: their commands in a shell, their code
against a real gateway, their answers compared.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import ROOT, STRIPE_SECRET, Gateway
from tests.lives import INTENTS, PAY

END_TIMEOUT_S: Final = 180.0
BIN: Final = Path(sys.executable).parent
SERVES: Final = re.compile(
    r"(?m)^(make|keybrake (serve|demo)|\S+=\S+ make|\.venv/bin/keybrake demo)\b"
)
"""Commands that go on until somebody ends them, or set up what is here already."""


@pytest.fixture(scope="module")
def house(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway.start(tmp_path_factory.mktemp("walks"), sandbox_process.base_url) as running:
        yield running


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"(?m)^```{language}\n(.*?)^```$", text, re.DOTALL)


def commands(text: str) -> list[str]:
    """The shell's blocks that a walk can run to their end."""
    return [block for block in blocks(text, "sh") if not SERVES.search(block)]


def sh(script: str, directory: Path, **env: str) -> str:
    """What a script said. It ends at its first command that fails, and then so does the test."""
    named = {name: value for name, value in os.environ.items() if not name.startswith("KEYBRAKE")}
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", script],
        cwd=directory,
        env={
            **named,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            **env,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=END_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def here(text: str, house: Gateway, **given: str) -> str:
    """A page's text with this gateway's address, and with what its reader fills in."""
    text = text.replace("127.0.0.1:8080", house.address).replace("kb_admin_…", house.admin_key)
    for name, value in given.items():
        text = text.replace(f"{name}_…", value)
    return text


def asks(house: Gateway) -> dict[str, str]:
    """What the command line finds the gateway by."""
    return {"KEYBRAKE_URL": f"http://{house.address}", "KEYBRAKE_ADMIN_KEY": house.admin_key}


def shown_in(headers: Mapping[str, str], lines: str) -> bool:
    return all(
        headers[name] == value for name, value in (it.split(": ") for it in lines.splitlines())
    )


def last_key(house: Gateway) -> Mapping[str, Any]:
    found: Mapping[str, Any] = house.ask("/vault/keys?limit=1")["data"][0]
    return found


# ── Make ────────────────────────────────────────────────────────────────────────────────────────


def test_the_make_page(house: Gateway, vendor: Sandbox, tmp_path: Path) -> None:
    text = page("docs/start-make.md")
    [create] = commands(text)
    secret = sh(create, tmp_path, **asks(house)).splitlines()[0]
    form = {"amount": 1200, "currency": "usd", **PAY}
    [shown] = blocks(text, "text")
    answer = house.call(secret, "POST", INTENTS, form=form)
    assert shown_in(answer.headers, shown)
    [block] = blocks(text, "json")
    refused = house.call(secret, "POST", INTENTS, form={**form, "amount": 9900})
    told = refused.json()
    assert (refused.status, told | {"call_id": "call_…"}) == (403, json.loads(block))
    further = [house.call(secret, "POST", INTENTS, form=form) for _ in range(4)]
    assert [one.status for one in further] == [200, 200, 200, 429]
    assert (further[-1].error, vendor.charged()) == ("daily_cap_exceeded", 4800)


# ── an SDK ──────────────────────────────────────────────────────────────────────────────────────


def test_the_sdk_page(house: Gateway, vendor: Sandbox, tmp_path: Path) -> None:
    text = page("docs/start-sdk.md")
    make_key, look, stop = commands(text)
    secret = sh(here(f'{make_key}\necho "$VAULT_KEY"', house), tmp_path, **asks(house)).strip()
    [program] = blocks(text, "python")
    (tmp_path / "brake.py").write_text(here(program, house))
    for _ in range(2):
        said = sh("python brake.py", tmp_path, VAULT_KEY=secret)
        assert [said] == blocks(text, "text")
        assert vendor.charged() == 2400
    seen = sh(here(look, house).replace("vk_…", last_key(house)["id"]), tmp_path, **asks(house))
    assert "daily_cap_exceeded" in seen
    sh(stop, tmp_path, **asks(house))
    refused = house.call(secret, "POST", INTENTS, form={"amount": 1200, "currency": "usd"})
    assert (refused.status, refused.error) == (401, "key_revoked")


# ── an operator ─────────────────────────────────────────────────────────────────────────────────


def test_the_operators_page(vendor: Sandbox, tmp_path: Path) -> None:
    text = page("docs/start-operator.md")
    keep, check, first, copy = commands(text)
    sh(keep.replace("rk_live_…", STRIPE_SECRET), tmp_path)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o600}
    [settings] = blocks(text, "toml")
    settings = settings.replace("127.0.0.1:8080", "127.0.0.1:0")
    settings += f'[vendors.stripe]\nbase_url = "{vendor.base_url}"\n'
    (tmp_path / "gateway.toml").write_text(settings)
    key_file = {"KEYBRAKE_ADMIN_KEY_FILE": "secrets/admin.key"}
    sh(check.replace("keybrake doctor", ""), tmp_path, **key_file)
    admin_key = (tmp_path / "secrets" / "admin.key").read_text().strip()
    with Gateway(tmp_path, {}, admin_key=admin_key) as gateway:
        gateway.restart()
        url = {"KEYBRAKE_URL": f"http://{gateway.address}"}
        sh("keybrake doctor", tmp_path, **key_file, **url)
        sh(first, tmp_path, **key_file, **url)
        assert gateway.ask("/vault/keys")["data"][0]["status"] == "revoked"
        sh(copy, tmp_path, **key_file, **url)
        [made] = (tmp_path / "var" / "backups").iterdir()
        assert "ledger.key" not in {path.name for path in made.iterdir()}


@pytest.mark.usefixtures("vendor")
def test_the_refusal_of_the_errors_page(house: Gateway) -> None:
    key = house.make_key(daily_usd_cap="20")
    form = {"amount": 1200, "currency": "usd", **PAY}
    assert house.call(key, "POST", INTENTS, form=form).status == 200
    refused = house.call(key, "POST", INTENTS, form=form).json()
    [block] = blocks(page("docs/errors.md"), "json")
    told: dict[str, Any] = json.loads(block)
    passing = ("call_id", "resets_at")
    assert {**refused, **dict.fromkeys(passing)} == {**told, **dict.fromkeys(passing)}


# ── the README ──────────────────────────────────────────────────────────────────────────────────


def test_the_readme(house: Gateway, vendor: Sandbox, tmp_path: Path) -> None:
    """Its two requests, the 42nd charge, and its commands."""
    text = page("README.md")
    terms, order = (json.loads(it) for it in re.findall(r"-d '(.*?)'\n", text))
    made = house.admin("POST", "/vault/keys", terms)
    assert made.status == 201, made
    secret = made.json()["key"]
    first = house.call(secret, "POST", INTENTS, json_body=order)
    [shown] = blocks(text, "text")
    assert shown_in(first.headers, shown)
    for _ in range(40):
        assert house.call(secret, "POST", INTENTS, json_body=order).status == 200
    refused = house.call(secret, "POST", INTENTS, json_body=order)
    [block] = blocks(text, "json")
    told = refused.json() | {"call_id": "call_…", "resets_at": "2026-11-24T00:00:00Z"}
    assert (refused.status, told) == (429, json.loads(block))
    asking, making, walk = (
        it for it in blocks(text, "sh") if "keybrake runs" in it or "curl" in it
    )
    assert all(INTENTS in it or "/vault/keys" in it for it in (asking, making))
    sh(walk.replace(".venv/bin/", ""), tmp_path, **asks(house))
    after = house.call(secret, "POST", INTENTS, json_body=order)
    assert (after.status, after.error) == (401, "key_revoked")
