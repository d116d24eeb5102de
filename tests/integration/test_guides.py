"""The guides for other people's tools say what works: their code is taken from the page and run
against a real gateway, with this gateway's address and a fresh key put in.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest
import stripe

from bench.sandbox.launch import Sandbox
from gateway.blueprints import catalogue
from gateway.errors import Refusal
from tests.house import ROOT, Gateway, VaultKey, resend_at, twilio_at

NODE: Final = ROOT / "tests" / "node"
END_TIMEOUT_S: Final = 180.0
SECTIONS: Final = ("Stripe", "Twilio", "Resend")


@pytest.fixture(scope="module")
def house(
    sandbox_process: Sandbox,
    twilio_process: Sandbox,
    resend_process: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gateway]:
    more = twilio_at(twilio_process.base_url) + resend_at(resend_process.base_url)
    directory = tmp_path_factory.mktemp("guides")
    with Gateway.start(directory, sandbox_process.base_url, more=more) as running:
        yield running


@pytest.fixture
def restored() -> Iterator[None]:
    """resend-python keeps its settings in the module."""
    import resend

    before = (resend.api_url, resend.api_key)
    yield
    resend.api_url, resend.api_key = before


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def section(name: str, title: str) -> str:
    return page(name).split(f"\n## {title}\n")[1].split("\n## ")[0]


def filled_in(code: str, house: Gateway, key: VaultKey) -> str:
    host, _, port = house.address.rpartition(":")
    bare = f'host: "{host}", port: {port}, protocol: "http"'
    return (
        code.replace("https://your-gateway", f"http://{house.address}")
        .replace('host: "your-gateway", port: 443, protocol: "https"', bare)
        .replace("vault_key_…", key.secret)
        .replace("AC…", key.record["account_sid"] or "")
    )


def key_of(house: Gateway, vendor: str, **terms: Any) -> VaultKey:
    below = {"stripe": "/v1", "twilio": "/2010-04-01", "resend": ""}[vendor]
    return house.make_key(vendor=vendor, allowed_endpoints=[f"POST {below}/**"], **terms)


def run_node(code: str) -> str:
    beside = str(Path(sys.executable).parent)
    found = shutil.which("node", path=os.pathsep.join([os.environ.get("PATH", ""), beside]))
    if found is None or not (NODE / "node_modules" / "stripe").is_dir():
        pytest.fail("the Node SDKs are not set up: `make integration` does that")
    done = subprocess.run(
        [found, "--input-type=module"],
        cwd=NODE,
        input=code,
        capture_output=True,
        text=True,
        timeout=END_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# ── the vendors' libraries ──────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("vendor", "twilio", "resend", "restored")
@pytest.mark.parametrize("title", SECTIONS)
def test_the_python_of_the_libraries_page(house: Gateway, title: str) -> None:
    key = key_of(house, title.lower())
    code = "\n".join(blocks(section("sdks", title), "python"))
    names: dict[str, Any] = {}
    exec(compile(filled_in(code, house, key), "docs/sdks.md", "exec"), names)
    assert float(house.record(key)["spent_usd"]) > 0
    if title == "Twilio":
        names["client"].http_client.session.close()


@pytest.mark.usefixtures("vendor", "twilio", "resend")
@pytest.mark.parametrize("title", SECTIONS)
def test_the_javascript_of_the_libraries_page(house: Gateway, title: str) -> None:
    key = key_of(house, title.lower())
    [code] = blocks(section("sdks", title), "js")
    assert run_node(filled_in(code, house, key)) == ""
    assert float(house.record(key)["spent_usd"]) > 0


@pytest.mark.usefixtures("vendor")
def test_a_block_reads_as_the_page_says(house: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    key = key_of(house, "stripe", daily_usd_cap="5")
    text = section("sdks", "Stripe")
    code = filled_in("\n".join(blocks(text, "python")), house, key)
    exec(compile(code, "docs/sdks.md", "exec"), {})
    assert capsys.readouterr().out == "blocked: daily_cap_exceeded\n"
    [script] = blocks(text, "js")
    assert run_node(filled_in(script, house, key)) == "blocked: daily_cap_exceeded\n"
    assert stripe.default_http_client is None, "nothing of it stays behind"


# ── agents ──────────────────────────────────────────────────────────────────────────────────────


def test_the_agents_page(house: Gateway, vendor: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    template = {
        "vendors": ["stripe"],
        "allowed_endpoints": ["POST /v1/payment_intents"],
        "daily_usd_cap_max": 25,
        "expires_in_max": "15m",
    }
    made = house.admin("POST", "/vault/issuers", {"daily_usd_cap": 100, "template": template})
    monkeypatch.setenv("KEYBRAKE_ISSUER_KEY", made.json()["key"])
    code = "\n".join(blocks(page("agents"), "python"))
    names: dict[str, Any] = {}
    here = code.replace("https://your-gateway", f"http://{house.address}")
    exec(compile(here, "docs/agents.md", "exec"), names)
    first, again, blocked = (json.loads(names[it]) for it in ("first", "again", "blocked"))
    assert first["done"]
    assert first == again
    assert blocked == json.loads(blocks(page("agents"), "json")[0])
    assert vendor.charged() == 1200
    [key] = house.ask("/vault/runs/detail?label=my-agent/1")["keys"]
    assert house.ask(f"/vault/keys/{key}")["status"] == "revoked"
    for call in house.ask(f"/vault/calls?key_id={key}")["data"]:
        assert call["reason"] in ("Tea", "More")
    unknown = names["run_tool"]("refund", "{}", key="vault_key_…")
    assert "no tool refund" in unknown
    assert names["OPENAI_TOOL"]["function"]["parameters"] is names["ANTHROPIC_TOOL"]["input_schema"]


# ── Zapier, n8n ─────────────────────────────────────────────────────────────────────────────────

STEP: Final = {
    "order_number": "1001",
    "amount_cents": "1200",
    "customer": "",
    "payment_method": "pm_card_visa",
    "description": "Tea & cake\n",
    "why": "It is due\n",
}


def customer(house: Gateway) -> str:
    key = house.make_key(allowed_endpoints=["POST /v1/customers"])
    made: str = house.call(key, "POST", "/v1/customers", form={"email": "a@b.com"}).json()["id"]
    return made


@pytest.mark.usefixtures("vendor")
def test_the_code_step_of_a_zap(house: Gateway) -> None:
    key = key_of(house, "stripe", daily_usd_cap="20")
    [code] = blocks(page("zapier"), "js")
    told = []
    for number, amount in (("1001", "1200"), ("1002", "1200"), ("1003", "12.5")):
        given = {**STEP, "key": key.secret, "order_number": number, "amount_cents": amount}
        given["customer"] = customer(house)
        lines = ["let output;", f"const inputData = {json.dumps(given)};"]
        script = "\n".join(
            [*lines, filled_in(code, house, key), "console.log(JSON.stringify(output));"]
        )
        told.append(SimpleNamespace(**json.loads(run_node(script))))
    charged, blocked, wrong = told
    assert (charged.charged, charged.blocked, charged.remaining_usd) == (True, False, "8.00")
    assert (blocked.charged, blocked.blocked, blocked.error) == (False, True, "daily_cap_exceeded")
    assert blocked.remaining_usd == "8.00"
    assert (wrong.blocked, wrong.status, wrong.error) == (False, 422, "amount_unreadable")


@pytest.mark.usefixtures("vendor")
def test_the_node_of_an_n8n_workflow(house: Gateway) -> None:
    """What its HTTP Request node sends, with the expressions evaluated by Node.js, as n8n does."""
    [text] = blocks(page("n8n"), "json")
    workflow = json.loads(text)
    request, decide = workflow["nodes"]
    assert list(workflow["connections"]) == [request["name"]]
    assert workflow["connections"][request["name"]]["main"][0][0]["node"] == decide["name"]
    assert request["parameters"]["options"]["response"]["response"]["neverError"] is True
    assert "credentials" not in request, "n8n asks for one"
    parameters = request["parameters"]
    rows = parameters["headerParameters"]["parameters"], parameters["bodyParameters"]["parameters"]
    given = {**STEP, "customer": customer(house)}
    headers, form = (evaluated(it, given) for it in rows)
    key = key_of(house, "stripe", daily_usd_cap="5")
    path = parameters["url"].removeprefix("https://your-gateway/stripe")
    refused = house.call(key, parameters["method"], path, form=form, **headers)
    assert (refused.status, refused.error) == (429, "daily_cap_exceeded")
    key = key_of(house, "stripe")
    charged = house.call(key, parameters["method"], path, form=form, **headers)
    assert (charged.status, charged.json()["status"]) == (200, "succeeded")
    call = house.ask(f"/vault/calls/{charged.headers['keybrake-call-id']}")
    assert (call["step"], call["reason"], call["run"]) == (
        "charge",
        given["why"],
        "house-of-tests/77",
    )


def evaluated(rows: list[dict[str, str]], item: dict[str, str]) -> dict[str, str]:
    """n8n: a value that begins with '=' is a text with expressions of JavaScript in it."""
    lines = [
        f"const $json = {json.dumps(item)}; const $execution = {{ id: '77' }};",
        "const it = {};",
    ]
    for row in rows:
        value = json.dumps(row["value"])
        if row["value"].startswith("="):
            inner = re.sub(r"\{\{(.*?)\}\}", r"${\1}", row["value"][1:])
            value = f"`{inner}`"
        lines.append(f"it[{json.dumps(row['name'])}] = {value};")
    told: dict[str, str] = json.loads(
        run_node("\n".join([*lines, "console.log(JSON.stringify(it));"]))
    )
    return told


# ── Make ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("vendor")
def test_the_keys_of_the_make_page_can_be_made(house: Gateway) -> None:
    told = [json.loads(it) for it in re.findall(r"-d '(.*?)'\n", page("make"))]
    key, issuer = told
    assert house.admin("POST", "/vault/keys", key).status == 201
    made = house.admin("POST", "/vault/issuers", issuer)
    assert made.status == 201
    run = json.loads(blocks(page("make"), "json")[0].replace("{{var.scenario.executionId}}", "77"))
    issued = house.admin("POST", "/vault/keys", run, bearer=made.json()["key"])
    assert issued.status == 201, issued


def test_the_make_page_names_what_there_is() -> None:
    text = page("make")
    codes = {refusal.code for refusal in kinds(Refusal)}
    named = set(re.findall(r"`([a-z_]+)`", "\n".join(re.findall(r"(?m)^\| \d{3}.*$", text))))
    assert named - codes <= {"rule", "field", "resets_at"}
    for_callers = {"key_revoked", "key_expired", "daily_cap_exceeded", "vendor_timeout", "draining"}
    assert for_callers <= named
    listed = text.split("## Scenarios to import")[1]
    assert [it.name for it in catalogue() if f"| `{it.name}` |" not in listed] == []


def kinds(of: type[Refusal]) -> Iterator[type[Refusal]]:
    yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)
