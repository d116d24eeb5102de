"""Ready lines: the right call is shown, and what is put in is quoted. That they work is tried in
`tests/integration/test_dashboard_keys.py`."""

from __future__ import annotations

import ast
import shlex

import pytest

from gateway.dashboard.snippets import make_fields, sample_of, snippets
from tests.acme_vendor.acme_vendor import ACME
from vendors import VENDORS

BASE = "https://gw1.example.com"
SID = "AC_alias"


def lines(vendor: str, *entries: str, base: str = BASE) -> dict[str, str]:
    sample = sample_of(VENDORS.get(vendor), vendor, entries, SID if vendor == "twilio" else None)
    return {it.name: it.text for it in snippets(sample, base, "vault_key_x", SID)}


def test_an_example_with_a_body_goes_before_one_without() -> None:
    sample = sample_of(
        VENDORS["stripe"],
        "stripe",
        ["GET /v1/customers/*", "GET /v1/balance", "POST /v1/payment_intents"],
    )
    assert (sample.method, sample.path, sample.has_gaps) == ("POST", "/v1/payment_intents", False)
    assert sample.text.startswith("amount=1200&currency=usd&")
    assert "confirm=true" in sample.text


def test_a_whole_path_goes_before_one_with_gaps_and_gaps_are_named() -> None:
    entries = ["GET /v1/disputes/*/x/*", "GET /v1/balance"]
    assert sample_of(VENDORS["stripe"], "stripe", entries).path == "/v1/balance"
    sample = sample_of(VENDORS["stripe"], "stripe", entries[:1])
    assert (sample.path, sample.has_gaps) == ("/v1/disputes/ID/x/OTHER_ID", True)
    deep = sample_of(VENDORS["stripe"], "stripe", ["GET /*/*/*/*/**"])
    assert deep.path == "/ID/OTHER_ID/THIRD_ID/ID/ID"


def test_a_twilio_path_has_the_alias_in_it() -> None:
    entry = "POST /2010-04-01/Accounts/*/Messages.json"
    sample = sample_of(VENDORS["twilio"], "twilio", [entry], SID)
    assert sample.path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert not sample.has_gaps


def test_what_a_read_asks_for_stands_in_its_address() -> None:
    sample = sample_of(VENDORS["stripe"], "stripe", ["GET /v1/customers"])
    assert (sample.target, sample.text) == ("/v1/customers?limit=3", "")


def test_the_two_fields_of_make() -> None:
    sample = sample_of(VENDORS["stripe"], "stripe", ["POST /v1/payment_intents"])
    assert make_fields(sample, BASE, "vault_key_x") == [
        ("URL", f"{BASE}/stripe/v1/payment_intents"),
        ("Header: Authorization", "Bearer vault_key_x"),
    ]


ENTRIES = [
    ("stripe", "POST /v1/payment_intents"),
    ("stripe", "POST /v1/charges"),
    ("stripe", "POST /v1/payment_intents/*/confirm"),
    ("stripe", "GET /v1/customers/*"),
    ("stripe", "DELETE /v1/subscriptions/*"),
    ("twilio", "POST /2010-04-01/Accounts/*/Messages.json"),
    ("twilio", "POST /2010-04-01/Accounts/*/Calls.json"),
    ("twilio", "GET /lookups/v2/PhoneNumbers/*"),
    ("resend", "POST /emails"),
    ("resend", "POST /emails/batch"),
    ("resend", "GET /emails/*"),
    ("acme", "POST /letters"),
]


@pytest.mark.parametrize(("vendor", "entry"), ENTRIES)
def test_every_line_reads_in_its_language_and_names_this_gateway(vendor: str, entry: str) -> None:
    told = lines(vendor, entry)
    ast.parse(told["python"])
    words = shlex.split(told["curl"].replace("\\\n", " "))
    assert words[0] == "curl"
    assert any(word.startswith(f"{BASE}/{vendor}/") for word in words)
    assert "Authorization: Bearer vault_key_x" in words
    for text in told.values():
        assert "vault_key_x" in text
        assert "gw1.example.com" in text


def test_stripe_node_speaks_to_the_host_and_port() -> None:
    entry = "POST /v1/payment_intents"
    assert (
        '{ host: "gw1.example.com", port: 443, protocol: "https" }'
        in lines("stripe", entry)["node"]
    )
    local = lines("stripe", entry, base="http://127.0.0.1:8080")["node"]
    assert '{ host: "127.0.0.1", port: 8080, protocol: "http" }' in local
    plain = lines("stripe", entry, base="http://gw1.example.com")["node"]
    assert "port: 80," in plain


def test_nothing_that_is_put_in_ends_its_text() -> None:
    sample = sample_of(ACME, "acme", ["POST /letters"])
    told = {it.name: it.text for it in snippets(sample, BASE, "a'b\"c\\", None)}
    assert "Authorization: Bearer a'b\"c\\" in shlex.split(told["curl"].replace("\\\n", " "))
    constants = [
        n.value for n in ast.walk(ast.parse(told["python"])) if isinstance(n, ast.Constant)
    ]
    assert "Bearer a'b\"c\\" in constants
    assert r'"Bearer a' + "'" + r'b\"c\\"' in told["node"]
