"""Issuers, what stops many keys at once, and the document that describes the whole admin side.

An issuer is what a scenario holds: its keys stay inside its template and its budget, and the two
are counted together. A bar stops a vendor, an account or everything, until it is lifted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Answer, Gateway, VaultKey
from tests.speaker import INTENT

INTENTS: Final = "/v1/payment_intents"
TEMPLATE: Final = {
    "vendors": ["stripe"],
    "allowed_endpoints": ["POST /v1/payment_intents", "GET /v1/**"],
    "daily_usd_cap_max": 100,
    "expires_in_max": "2h",
}
KEY: Final[dict[str, Any]] = {
    "daily_usd_cap": 100,
    "allowed_endpoints": ["POST /v1/payment_intents"],
    "expires_in": "1h",
}


@pytest.fixture(scope="module")
def house(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    more = '[vendors.stripe.accounts.acme]\nsecret = "env:STRIPE_SECRET_KEY"\n'
    directory = tmp_path_factory.mktemp("issuers")
    with Gateway.start(directory, sandbox_process.base_url, more=more) as running:
        yield running


def pay(house: Gateway, key: VaultKey, **headers: str) -> Answer:
    return house.call(key, "POST", INTENTS, form=INTENT, **headers)


def make_issuer(house: Gateway, *, cap: Any = 500, **more: Any) -> Any:
    """The record, with its key."""
    body = {"daily_usd_cap": cap, "template": TEMPLATE, **more}
    made = house.admin("POST", "/vault/issuers", body)
    assert made.status == 201, made
    return made.json()


def issue(house: Gateway, issuer: Any, **terms: Any) -> VaultKey:
    return house.make_key(bearer=issuer["key"], **KEY | terms)


def asked(house: Gateway, issuer: Any, **terms: Any) -> Answer:
    body = {"vendor": "stripe", "agent_run_label": "issued/1", **KEY, **terms}
    return house.admin("POST", "/vault/keys", body, bearer=issuer["key"])


# ── issuers ─────────────────────────────────────────────────────────────────────────────────────


def test_an_issuer_is_made_shown_listed_and_amended(house: Gateway) -> None:
    made = make_issuer(house, name="Make.com", timezone="Europe/Paris", keys_per_hour=7)
    assert made["key"].startswith("kb_issuer_")
    path = f"/vault/issuers/{made['id']}"
    shown = house.ask(path)
    assert "key" not in shown
    assert (shown["name"], shown["timezone"], shown["keys_per_hour"]) == (
        "Make.com",
        "Europe/Paris",
        7,
    )
    assert shown in house.ask("/vault/issuers?limit=100")["data"]
    changed = house.admin("PATCH", path, {"daily_usd_cap": "7.5", "keys_per_hour": None}).json()
    assert (changed["daily_usd_cap"], changed["keys_per_hour"]) == ("7.50", None)
    assert house.admin("PATCH", path, {"timezone": "UTC"}).error == "invalid_request"
    assert house.admin("GET", "/vault/issuers/iss_0").error == "not_found"


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"daily_usd_cap": "100.01"}, "daily_usd_cap"),
        ({"expires_in": "3h"}, "expires_in"),
        ({"expires_in": None}, "expires_in"),
        ({"allowed_endpoints": ["POST /v1/**"]}, "allowed_endpoints"),
        ({"mode": "shadow"}, "mode"),
        ({"vendor_accounts": ["acct_1"]}, "vendor_accounts"),
        ({"mint_endpoints": ["POST /v1/ephemeral_keys"]}, "mint_endpoints"),
        ({"allow_unpriced": {"POST /v1/issuing/cards": 1}}, "allow_unpriced"),
        ({"refunds_restore_cap": True}, "refunds_restore_cap"),
        ({"count_test_mode": False}, "count_test_mode"),
    ],
)
def test_a_key_stays_inside_its_issuers_template(
    house: Gateway, terms: dict[str, Any], field: str
) -> None:
    refused = asked(house, make_issuer(house), **terms)
    assert (refused.status, refused.error) == (403, "policy_refused")
    assert refused.json()["rule"] == "issuer_template"
    assert [mistake["field"] for mistake in refused.json()["errors"]] == [field]


def test_an_issuers_account_is_its_templates(house: Gateway) -> None:
    issuer = make_issuer(house, template={**TEMPLATE, "account": "acme"})
    assert issue(house, issuer).record["account"] == "acme"
    assert asked(house, issuer, account="default").json()["rule"] == "issuer_template"


def test_keys_of_one_issuer_share_its_budget(house: Gateway, vendor: Sandbox) -> None:
    issuer = make_issuer(house, cap=30)
    keys = [issue(house, issuer, agent_run_label=f"shared/{n}") for n in range(3)]
    answers = [pay(house, key) for key in keys]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert (answers[-1].error, answers[-1].json()["blocked_by"]) == (
        "issuer_cap_exceeded",
        "issuer_daily",
    )
    record = house.ask(f"/vault/issuers/{issuer['id']}")
    assert (record["spent_usd"], record["remaining_usd"]) == ("24.00", "6.00")
    assert house.record(keys[2])["spent_usd"] == "0.00", "both or neither"
    house.kill()
    house.restart()
    assert house.ask(f"/vault/issuers/{issuer['id']}")["spent_usd"] == "24.00"
    assert pay(house, keys[0]).error == "issuer_cap_exceeded"


def test_a_label_used_before_is_the_same_budget(house: Gateway, vendor: Sandbox) -> None:
    issuer = make_issuer(house)
    first = issue(house, issuer, agent_run_label="again/1", daily_usd_cap=20)
    assert pay(house, first).status == 200
    second = issue(house, issuer, agent_run_label="again/1", daily_usd_cap=100)
    assert second.secret != first.secret
    assert (second.record["daily_usd_cap"], second.record["spent_usd"]) == ("20.00", "12.00")
    assert pay(house, second).error == "daily_cap_exceeded"
    third = issue(house, issuer, agent_run_label="again/2", daily_usd_cap=20)
    assert third.record["spent_usd"] == "0.00"


def test_a_rerun_under_a_fresh_key_is_no_second_charge(house: Gateway, vendor: Sandbox) -> None:
    issuer = make_issuer(house)
    keys = [issue(house, issuer, agent_run_label=f"rerun/{n}") for n in range(2)]
    answers = [pay(house, key, idempotency_key="bill-9") for key in keys]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert answers[1].headers["idempotent-replayed"] == "true"
    assert vendor.charged() == 1200
    assert house.ask(f"/vault/issuers/{issuer['id']}")["spent_usd"] == "12.00"


def test_an_issuer_makes_so_many_keys_an_hour(house: Gateway) -> None:
    issuer = make_issuer(house, keys_per_hour=2)
    answers = [asked(house, issuer, agent_run_label=f"pace/{n}") for n in range(3)]
    assert [answer.status for answer in answers] == [201, 201, 429]
    assert answers[-1].error == "rate_limited"
    assert 3500 < int(answers[-1].headers["retry-after"]) <= 3601


def test_an_issuer_sees_and_revokes_its_own_keys_only(house: Gateway, vendor: Sandbox) -> None:
    issuer, other = make_issuer(house), make_issuer(house)
    key = issue(house, issuer)
    path = f"/vault/keys/{key.id}/revoke"
    assert house.admin("POST", path, bearer=other["key"]).error == "not_found"
    for row in ("/vault/keys", "/vault/calls", "/vault/issuers", f"/vault/keys/{key.id}"):
        assert house.admin("GET", row, bearer=issuer["key"]).error == "admin_forbidden"
    cancel = {"cancel_open_intents": True}
    assert house.admin("POST", path, cancel, bearer=issuer["key"]).error == "admin_forbidden"
    assert pay(house, key).status == 200
    assert house.admin("POST", path, bearer=issuer["key"]).json()["revoked"] == 1
    assert pay(house, key).error == "key_revoked"
    assert house.call(issuer["key"], "GET", "/v1/customers").error == "key_unknown"


@pytest.mark.parametrize("keep", [True, False])
def test_an_issuer_is_revoked_with_its_keys_or_without(
    house: Gateway, vendor: Sandbox, keep: bool
) -> None:
    issuer = make_issuer(house)
    key = issue(house, issuer)
    path = f"/vault/issuers/{issuer['id']}/revoke"
    told = house.admin("POST", path, {"keys": "keep"} if keep else {}).json()
    assert told["revoked"] == (0 if keep else 1)
    assert pay(house, key).status == (200 if keep else 401)
    assert asked(house, issuer).status == 401
    assert house.ask(f"/vault/issuers/{issuer['id']}")["status"] == "revoked"


def test_an_issuer_cannot_reopen_a_revoked_run(house: Gateway, vendor: Sandbox) -> None:
    issuer = make_issuer(house)
    issue(house, issuer, agent_run_label="stopped/1")
    house.admin("POST", "/vault/runs/revoke", {"label": "stopped/1"})
    refused = asked(house, issuer, agent_run_label="stopped/1")
    assert (refused.error, refused.json()["rule"]) == ("policy_refused", "run_revoked")
    house.admin("POST", "/vault/resume", {"label": "stopped/1"})
    assert asked(house, issuer, agent_run_label="stopped/1").status == 201


# ── bars ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "scope",
    [
        {"vendor": "stripe"},
        {"account": "acme"},
        {"vendor": "stripe", "account": "acme"},
        {"all": True},
    ],
    ids=lambda scope: "-".join(scope),
)
def test_a_bar_stops_keys_and_the_making_of_more(
    house: Gateway, vendor: Sandbox, scope: dict[str, Any]
) -> None:
    acme, default = house.make_key(account="acme"), house.make_key()
    told = house.admin("POST", "/vault/revoke", scope).json()
    assert told["barred"] == [scope]
    assert acme.id in told["keys"]
    house.kill()
    house.restart()
    assert pay(house, acme).error == "key_revoked"
    assert pay(house, default).status == (200 if "account" in scope else 401)
    body = {"vendor": "stripe", "agent_run_label": "barred/1", **KEY, "account": "acme"}
    refused = house.admin("POST", "/vault/keys", body)
    assert (refused.error, refused.json()["rule"]) == ("policy_refused", "barred")
    assert house.admin("POST", "/vault/resume", scope).json() == {"barred": []}
    assert pay(house, acme).error == "key_revoked", "revoked keys stay so"
    assert pay(house, house.make_key(account="acme")).status == 200


def test_a_bar_names_what_there_is(house: Gateway) -> None:
    for body in (
        {},
        {"vendor": "twilio"},
        {"account": "nobody"},
        {"all": True, "vendor": "stripe"},
    ):
        for row in ("/vault/revoke", "/vault/resume"):
            assert house.admin("POST", row, body).error == "invalid_request", (row, body)
    assert pay(house, house.make_key()).status == 200


# ── the document ────────────────────────────────────────────────────────────────────────────────

METHODS: Final = ("GET", "POST", "PATCH", "PUT", "DELETE")


def test_the_document_and_the_routes_are_one(house: Gateway) -> None:
    """Every path and method in it is answered; every other method of its paths is not."""
    document = house.request("GET", "/openapi.json", admin=True).json()
    assert document["openapi"] == "3.1.0"
    for path, operations in document["paths"].items():
        concrete = path.replace("{id}", "nothing")
        for method in METHODS:
            answer = house.admin(
                method, concrete, {} if method in ("POST", "PATCH", "PUT") else None
            )
            if method.lower() in operations:
                assert answer.status != 405, (method, path)
                assert answer.status != 404 or "There is no" in answer.json()["detail"]
            else:
                assert (answer.status, answer.error) == (405, "method_not_allowed"), (method, path)
                allowed = {name.upper() for name in operations}
                assert set(answer.headers["allow"].split(", ")) - {"HEAD"} == allowed


def test_nothing_undocumented_answers(house: Gateway) -> None:
    for path in (
        "/vault",
        "/vault/",
        "/vault/key",
        "/vault/keys/",
        "/vault/keys//revoke",
        "/vault/x",
    ):
        for method in METHODS:
            body: Any = {} if method in ("POST", "PATCH", "PUT") else None
            answer = house.admin(method, path, body)
            assert (answer.status, answer.error) == (404, "not_found"), (method, path)


def test_every_row_asks_who_it_is(house: Gateway) -> None:
    document = house.request("GET", "/openapi.json", admin=True).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            concrete = path.replace("{id}", "nothing")
            body: Any = {} if method in ("post", "patch") else None
            answer = house.request(method.upper(), concrete, json_body=body, admin=True)
            if operation["security"]:
                assert answer.error == "admin_key_missing", (method, path)
            else:
                assert answer.status == 200, (method, path)
