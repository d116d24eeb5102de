from __future__ import annotations

from typing import Any, Final

import orjson
import pytest

from gateway.blueprints.fill import ACCOUNT_SID, GATEWAY, SCENARIO, Unfit, catalogue, fill
from tests.make_rules import broken, every, texts

NAMES: Final = [blueprint.name for blueprint in catalogue()]
HERE: Final = "https://gw.acme.example/"
KEY: Final = "vault_key_hzVS2eyDmG8o0k30PXQHrPkB5PqSx02jCNlv"
SID: Final = "ACdc5ab002164dedf4e2329fba2d7e1774"


def filled(name: str, **more: Any) -> Any:
    return orjson.loads(fill(name, **{"base_url": HERE, **more}))


def calls(tree: Any) -> list[Any]:
    return [module for module in every(tree["flow"]) if module["module"] == "http:MakeRequest"]


def authorization(module: Any) -> list[str]:
    headers = module["mapper"]["headers"]
    return [row["value"] for row in headers if row["name"] == "Authorization"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_to_be_filled_in(name: str) -> None:
    tree = filled(name, label="refunds by ai/8f31", account_sid=SID)
    left = [
        text for text in texts(tree) if any(it in text for it in (GATEWAY, SCENARIO, ACCOUNT_SID))
    ]
    assert left == []
    assert tree["name"] == "refunds by ai"
    assert all(
        module["mapper"]["url"].startswith("https://gw.acme.example/") for module in calls(tree)
    )
    wrong = [line for line in broken(tree) if SID not in line]
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_as_it_lies_there_it_is_complete_too(name: str) -> None:
    tree = orjson.loads(fill(name, base_url=GATEWAY))
    assert broken(tree) == []
    assert tree["name"].startswith("Keybrake: ")


@pytest.mark.parametrize(
    ("label", "scenario"),
    [
        ("billing/8f31", "billing"),
        ("billing", "billing"),
        ("team/billing/8f31", "team/billing"),
        ("make-billing-scenario-2/1", "make-billing-scenario-2"),
        ('say "hi" \\ there/1', 'say "hi" \\ there'),
    ],
)
def test_a_label_names_the_scenario(label: str, scenario: str) -> None:
    tree = filled("kill_switch", label=label)
    assert tree["name"] == scenario
    body = tree["flow"][1]["mapper"]["jsonStringBodyContent"]
    assert orjson.loads(body)["prefix"] == f"{scenario}/"
    per_run = filled("per_run_key", label=label)["flow"][1]["mapper"]["jsonStringBodyContent"]
    told = orjson.loads(per_run)["agent_run_label"]
    assert told == f"{scenario}/{{{{var.scenario.executionId}}}}"


def test_a_key_for_a_run_asks_for_other_figures() -> None:
    terms = {"daily_usd_cap": "10.00", "expires_in": "300s", "daily_call_cap": 7}
    tree = filled("per_run_key", label="billing/1", terms=terms)
    asked = orjson.loads(tree["flow"][1]["mapper"]["jsonStringBodyContent"])
    assert (asked["daily_usd_cap"], asked["per_call_usd_max"]) == ("10.00", "25")
    assert (asked["expires_in"], asked["daily_call_cap"]) == ("300s", 7)
    assert asked["vendor"] == "stripe"
    assert asked["agent_run_label"] == "billing/{{var.scenario.executionId}}"


def test_a_path_takes_the_place_of_the_blueprints_own() -> None:
    tree = filled("slack_alert", path="/v1/charges")
    assert [it["mapper"]["url"] for it in calls(tree)] == [
        "https://gw.acme.example/stripe/v1/charges"
    ]
    issuing, charging, revoking = calls(filled("per_run_key", path="/v1/charges"))
    assert issuing["mapper"]["url"].endswith("/vault/keys")
    assert charging["mapper"]["url"].endswith("/stripe/v1/charges")
    assert revoking["mapper"]["url"].endswith("/vault/keys/{{2.data.id}}/revoke")


def test_an_account_is_the_keys_alias() -> None:
    tree = filled("sms_with_message_cap", account_sid=SID)
    [sending] = calls(tree)
    assert sending["mapper"]["url"].endswith(f"/twilio/2010-04-01/Accounts/{SID}/Messages.json")


# ── the secret ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", NAMES)
def test_a_key_is_not_written_unless_asked_for(name: str) -> None:
    tree = filled(name, label="billing/1", path=None, account_sid=SID)
    asked = [it["parameters"]["authenticationType"] for it in calls(tree)]
    assert "apiKey" in asked
    assert not any("vault_key_" in text for text in texts(tree))


def test_a_key_that_is_asked_for_is_a_header_of_each_call() -> None:
    for name in (it.name for it in catalogue() if it.needs == "vault key"):
        tree = filled(name, key=KEY)
        assert [authorization(it) for it in calls(tree)] == [[f"Bearer {KEY}"]]
        assert {it["parameters"]["authenticationType"] for it in calls(tree)} == {"noAuth"}
        assert "apiKeyKeychain" not in fill(name, base_url=HERE, key=KEY).decode()
        assert [line for line in broken(tree) if "a secret" not in line] == []


# ── what does not fit ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("slack_alert", {"base_url": "gw.acme.example"}),
        ("slack_alert", {"base_url": "https://{{1.host}}"}),
        ("slack_alert", {"label": "{{1.x}}/1"}),
        ("slack_alert", {"label": "two\nlines/1"}),
        ("slack_alert", {"account_sid": "{{1.sid}}"}),
        ("slack_alert", {"path": "v1/charges"}),
        ("slack_alert", {"path": "/v1/customers/*"}),
        ("slack_alert", {"path": "/v1/{{1.x}}"}),
        ("slack_alert", {"key": "{{1.key}}"}),
        ("kill_switch", {"path": "/v1/charges"}),
        ("kill_switch", {"key": KEY}),
        ("per_run_key", {"key": KEY}),
        ("per_run_key", {"terms": {"daily_usd_cap": "{{1.cap}}"}}),
        ("slack_alert", {"terms": {"daily_usd_cap": "10"}}),
    ],
)
def test_what_cannot_be_put_in_is_refused(name: str, more: dict[str, Any]) -> None:
    with pytest.raises(Unfit):
        filled(name, **more)


def test_a_blueprint_that_is_none() -> None:
    with pytest.raises(KeyError):
        fill("../settings", base_url=HERE)
