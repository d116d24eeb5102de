"""Keys and issuers on the dashboard, from outside: made with a form, used with the very lines that
its page shows, explained, changed, topped up and revoked. No script runs here: all of it works
without."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.browser.people import Town
from tests.house import ROOT
from tests.pages import Page, Visitor

END_TIMEOUT_S: Final = 180.0
NODE_MODULES: Final = ROOT / "tests" / "node" / "node_modules"
FIELDS: Final = {
    "vendor": "stripe",
    "agent_run_label": "make-billing-scenario/8f31",
    "daily_usd_cap": "500",
    "endpoint": "POST /v1/payment_intents",
    "more_endpoints": "GET /v1/customers",
    "expires_in": "8h",
}
SMS: Final = {
    **FIELDS,
    "vendor": "twilio",
    "endpoint": "POST /2010-04-01/Accounts/*/Messages.json",
    "more_endpoints": "",
}
MAIL: Final = {**FIELDS, "vendor": "resend", "endpoint": "POST /emails", "more_endpoints": ""}
VARIANTS: Final = {
    "stripe": FIELDS,
    "stripe without words": {**FIELDS, "endpoint": "", "more_endpoints": "POST /v1/charges"},
    "stripe reads": {**FIELDS, "endpoint": "GET /v1/customers", "more_endpoints": ""},
    "twilio": SMS,
    "twilio calls": {**SMS, "endpoint": "POST /2010-04-01/Accounts/*/Calls.json"},
    "resend": MAIL,
    "resend reads": {**MAIL, "endpoint": "GET /emails"},
    "resend batch": {**MAIL, "endpoint": "POST /emails/batch"},
}


def make(visitor: Visitor, fields: dict[str, str]) -> Page:
    """The page that shows the new key."""
    page = visitor.get(f"/keys/new?vendor={fields['vendor']}")
    number = page.values("number")[0]
    made = visitor.post("/keys/new", {**fields, "number": number})
    assert made.status == 200, made.text
    return made


def told(page: Page, name: str) -> str:
    """What the element with this id holds, which is code."""
    found = re.search(rf'<code id="{name}">(.*?)</code>', page.html, re.DOTALL)
    assert found is not None, name
    return html.unescape(found[1])


def key_id(page: Page) -> str:
    return page.target.split("/")[3]


def ran(*lines: tuple[str, ...], cwd: Path | None = None) -> list[str]:
    """What each of these programs wrote, all of them at once."""
    started = [
        subprocess.Popen(
            words,
            cwd=cwd,
            env={**os.environ, "NO_PROXY": "*"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for words in lines
    ]
    wrote = [process.communicate(timeout=END_TIMEOUT_S) for process in started]
    assert [process.returncode for process in started] == [0] * len(lines), wrote
    return [out for out, _ in wrote]


def curl(line: str) -> tuple[str, ...]:
    """Failing where the answer is an error, and silent."""
    return "bash", "-c", line.replace("curl ", "curl -sSf ", 1)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Node.js, and a folder in which the SDKs are found."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("node", path=os.pathsep.join([os.environ.get("PATH", ""), beside]))
    if found is None or not NODE_MODULES.is_dir():
        pytest.fail("the SDKs for Node.js are not set up: `make integration` does that")
    folder = tmp_path_factory.mktemp("node")
    (folder / "node_modules").symlink_to(NODE_MODULES)
    return found, folder


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_line_that_a_new_key_shows_works_as_it_is(
    place: Town, visitor: Visitor, node: tuple[str, Path], variant: str
) -> None:
    page = make(visitor, VARIANTS[variant])
    program, folder = node
    (folder / "try.mjs").write_text(told(page, "snippet-node"))
    lines: list[tuple[str, ...]] = [
        (sys.executable, "-W", "error::SyntaxWarning", "-c", told(page, "snippet-python")),
        (program, "try.mjs"),
    ]
    if shutil.which("curl") is not None:
        lines.append(curl(told(page, "snippet-curl")))
    ran(*lines, cwd=folder)
    calls = _allowed(place, key_id(page))
    assert [call["status"] // 100 for call in calls] == [2] * len(lines), calls


def _allowed(place: Town, key: str) -> list[Any]:
    calls: list[Any] = place.gateway.ask(f"/vault/calls?key_id={key}")["data"]
    assert all(call["decision"] == "allowed" for call in calls), calls
    return calls


@pytest.mark.parametrize("fields", [FIELDS, SMS, MAIL], ids=["stripe", "twilio", "resend"])
def test_the_two_fields_of_make_are_all_it_takes(
    place: Town, visitor: Visitor, fields: dict[str, str]
) -> None:
    page = make(visitor, fields)
    url, bearer = told(page, "make-1"), told(page, "make-2")
    path = url.removeprefix(f"http://{place.gateway.address}")
    bodies: dict[str, Any] = {
        "stripe": {"form": {"amount": 1200, "currency": "usd"}},
        "twilio": {"form": {"To": "+14155550123", "From": "+14155550100", "Body": "Hello"}},
        "resend": {
            "json_body": {
                "from": "a@example.com",
                "to": ["b@example.com"],
                "subject": "s",
                "text": "t",
            }
        },
    }
    answer = place.gateway.request(
        "POST", path, headers={"Authorization": bearer}, **bodies[fields["vendor"]]
    )
    assert answer.status in (200, 201), answer
    assert answer.headers["keybrake-spent-usd"]


def test_a_secret_is_shown_once_and_a_form_sent_twice_makes_one_key(
    place: Town, visitor: Visitor
) -> None:
    fields = {**FIELDS, "agent_run_label": "once/1"}
    number = visitor.get("/keys/new?vendor=stripe").values("number")[0]
    first = visitor.post("/keys/new", {**fields, "number": number})
    secret = told(first, "secret")
    again = visitor.post("/keys/new", {**fields, "number": number})
    assert again.target == first.target
    assert secret not in again.html
    assert "was shown already" in again.text
    assert len(place.gateway.ask("/vault/keys?label=once/1")["data"]) == 1


def test_a_key_from_the_form_to_its_end(place: Town, visitor: Visitor) -> None:
    page = make(visitor, {**FIELDS, "daily_usd_cap": "20", "name": "May <b>bill</b>"})
    key, secret = key_id(page), told(page, "secret")
    call = place.gateway.call(
        secret, "POST", "/v1/payment_intents", form={"amount": 1500, "currency": "usd"}
    )
    assert call.status == 200
    shown = visitor.get(f"/keys/{key}")
    assert "May <b>bill</b>" in shown.text
    assert "May spend up to $20.00 a day." in shown.text
    assert "Left $5.00" in shown.text
    asked = {"method": "POST", "path": "/v1/payment_intents", "body": "amount=600&currency=usd"}
    no = visitor.post(f"/keys/{key}/what-if", asked)
    assert "It would be refused" in no.text
    assert "Today's cap fails 5.00 USD are left" in no.text
    visitor.get(f"/keys/{key}")
    topped = visitor.post(f"/keys/{key}/top-up", {"usd": "4", "number": "n1"})
    assert "$4.00 more for today." in topped.text
    yes = visitor.post(f"/keys/{key}/what-if", asked)
    assert "It would go out" in yes.text
    assert "$9.00 , then $3.00" in yes.text.replace("$9.00,", "$9.00 ,")
    visitor.get(f"/keys/{key}")
    changed = visitor.post(
        f"/keys/{key}/amend", {"daily_usd_cap": "10", "was_daily_usd_cap": "20.00"}
    )
    assert "Left $0.00" in changed.text
    confirm = visitor.get(f"/keys/{key}/revoke")
    assert "Revoke this key?" in confirm.text
    gone = visitor.post(f"/keys/{key}/revoke", {"in_flight": "abort", "cancel_open_intents": "yes"})
    assert "The key is revoked. No call was on its way." in gone.text
    assert re.search(r"At the vendor: pi_\w+ canceled\.", gone.text)
    refused = place.gateway.call(secret, "GET", "/v1/customers")
    assert refused.error == "key_revoked"
    assert key not in visitor.get("/keys").html
    assert key in visitor.get("/keys?status=revoked&q=MAY&sort=spent").html


def test_a_blueprint_leads_to_this_gateway_and_holds_no_secret(
    place: Town, visitor: Visitor
) -> None:
    page = make(visitor, FIELDS)
    secret, token = told(page, "secret"), page.values("csrf")[0]
    form = {"csrf": token, "blueprint": "per_scenario_key", "secret": secret}
    target = f"/dashboard/keys/{key_id(page)}/blueprint"
    answer = visitor.raw("POST", target, form)
    assert answer.status == 200
    assert answer.headers["content-disposition"].startswith("attachment;")
    told_urls = re.findall(r'"url": "([^"]+)"', answer.body.decode())
    assert f"http://{place.gateway.address}/stripe/v1/payment_intents" in told_urls
    assert secret not in answer.body.decode()
    whole = visitor.raw("POST", target, {**form, "with_secret": "yes"})
    assert json.loads(whole.body)["name"] == "make-billing-scenario"
    assert secret in whole.body.decode()


def test_an_issuer_makes_a_key_for_a_run_with_the_line_that_is_shown(
    place: Town, visitor: Visitor
) -> None:
    number = visitor.get("/issuers/new").values("number")[0]
    fields = {
        "name": "per-run",
        "daily_usd_cap": "100",
        "daily_usd_cap_max": "25",
        "vendor": "stripe",
        "endpoint": "POST /v1/payment_intents",
        "expires_in": "1h",
        "number": number,
    }
    page = visitor.post("/issuers/new", fields)
    issuer, secret = key_id(page), told(page, "secret")
    body = json.loads(told(page, "make-body"))
    made = place.gateway.admin("POST", "/vault/keys", body, bearer=secret)
    assert made.status == 201
    if shutil.which("curl") is not None:
        (wrote,) = ran(curl(told(page, "snippet-curl")))
        assert json.loads(wrote)["agent_run_label"] == "per-run/1"
    listed = visitor.get(f"/keys?issuer={issuer}")
    assert made.json()["id"] in listed.html
    visitor.get(f"/issuers/{issuer}/revoke")
    gone = visitor.post(f"/issuers/{issuer}/revoke", {"keys": "revoke", "in_flight": "finish"})
    assert "The issuer is revoked, and with it" in gone.text
    assert place.gateway.admin("POST", "/vault/keys", body, bearer=secret).status == 401


def test_who_is_not_signed_in_sees_no_key(place: Town, visitor: Visitor) -> None:
    page = make(visitor, FIELDS)
    stranger = Visitor(place.gateway)
    for path in ("", "/made", "/revoke", "/what-if"):
        target = f"/dashboard/keys/{key_id(page)}{path}"
        answer = stranger.raw("GET", target)
        assert (answer.status, "sign-in" in answer.headers["location"]) == (303, True)
    for path in ("revoke", "amend", "top-up", "blueprint"):
        answer = stranger.raw("POST", f"/dashboard/keys/{key_id(page)}/{path}", {"csrf": "x"})
        assert answer.status == 303
    assert place.gateway.ask(f"/vault/keys/{key_id(page)}")["status"] == "active"
