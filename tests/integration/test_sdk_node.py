"""stripe-node, unmodified, through the gateway.

It takes host, port and protocol and no base path, so it speaks to the bare `/v1` and its vault key
says which vendor is meant; a host name of the settings can lead to another host of Stripe's.
`tests/node/drive.mjs` makes the calls that a test names and tells what came of each.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import ROOT, STRIPE_SECRET, Gateway, VaultKey

HERE: Final = ROOT / "tests" / "node"
END_TIMEOUT_S: Final = 180.0
PAY: Any = {"amount": 1200, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
Call = tuple[Any, ...]
Drive = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def node() -> str:
    """Node.js: the machine's own, or the one that `make` put beside this Python."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("node", path=os.pathsep.join([os.environ.get("PATH", ""), beside]))
    if found is None or not (HERE / "node_modules" / "stripe").is_dir():
        pytest.fail("stripe-node is not set up: `make integration` does that")
    return found


def driver(node: str, gateway: Gateway) -> Drive:
    """Calls made one after the other by one client. config: more of the client's own settings."""

    def driven(key: VaultKey | str, *calls: Call, **config: Any) -> list[dict[str, Any]]:
        secret = key.secret if isinstance(key, VaultKey) else key
        host, _, port = gateway.address.rpartition(":")
        config = {"host": host, "port": port, "protocol": "http", **config}
        done = subprocess.run(
            [node, "drive.mjs"],
            cwd=HERE,
            input=json.dumps({"key": secret, "config": config, "calls": calls}),
            capture_output=True,
            text=True,
            timeout=END_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told: list[dict[str, Any]] = json.loads(done.stdout)
        return told

    return driven


@pytest.fixture
def drive(node: str, gateway: Gateway) -> Drive:
    return driver(node, gateway)


def answers(told: list[dict[str, Any]]) -> list[Any]:
    """Of calls that all succeeded."""
    assert all("answer" in each for each in told), told
    return [each["answer"] for each in told]


def raised(told: dict[str, Any]) -> tuple[str, int, str | None]:
    """The SDK's class of error, the status and the code of a call that failed."""
    assert "raised" in told, told
    error = told["raised"]
    return error["name"], error["statusCode"], error.get("code")


def spent(gateway: Gateway, key: VaultKey) -> str:
    told: str = gateway.record(key)["spent_usd"]
    return told


def calls(gateway: Gateway) -> list[dict[str, Any]]:
    """The audit log, oldest first."""
    rows: list[dict[str, Any]] = gateway.ask("/vault/calls?limit=100")["data"]
    return rows[::-1]


# -- what money does -------------------------------------------------------------------------------


def test_create_update_confirm(drive: Drive, gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    told = drive(
        key,
        (
            "paymentIntents.create",
            {"amount": 1200, "currency": "usd", "metadata": {"a & b": "c=d"}},
        ),
        ("paymentIntents.update", "$0.id", {"amount": 1500, "description": "dearer"}),
        ("paymentIntents.confirm", "$0.id", {"payment_method": "pm_card_visa"}),
    )
    made, _, done = answers(told)
    assert (made["status"], made["metadata"]) == ("requires_payment_method", {"a & b": "c=d"})
    assert (done["status"], done["amount_received"]) == ("succeeded", 1500)
    assert told[0]["headers"]["keybrake-cost-usd"] == "12.00"
    assert (spent(gateway, key), vendor.charged()) == ("15.00", 1500)


def test_hold_capture_cancel_refund(drive: Drive, gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    held = {**PAY, "capture_method": "manual"}
    told = drive(
        key,
        ("paymentIntents.create", held),
        ("paymentIntents.create", held),
        ("paymentIntents.capture", "$0.id", {"amount_to_capture": 700}),
        ("paymentIntents.cancel", "$1.id", {"cancellation_reason": "abandoned"}),
        ("refunds.create", {"payment_intent": "$0.id", "amount": 200}),
        ("charges.create", {"amount": 900, "currency": "usd", "source": "tok_visa"}),
    )
    states = [answer["status"] for answer in answers(told)]
    assert states == [*["requires_capture"] * 2, *["succeeded", "canceled"], *["succeeded"] * 2]
    assert (spent(gateway, key), vendor.charged()) == ("18.00", 1600)
    assert vendor.stats()["refunded"] == {"usd": 200}


# -- what costs nothing ----------------------------------------------------------------------------


def test_retrieve_expand_list_and_page(drive: Drive, gateway: Gateway) -> None:
    key = gateway.make_key()
    pays = [("paymentIntents.create", {**PAY, "amount": 100 + n}) for n in range(12)]
    *_, customer, seen, page, all_of_them, gone = answers(
        drive(
            key,
            *pays,
            ("customers.create", {"name": "Jo Häberle"}),
            ("paymentIntents.retrieve", "$0.id", {"expand": ["latest_charge"]}),
            ("paymentIntents.list", {"limit": 5}),
            ("paymentIntents.list…", {"limit": 5}),
            ("customers.del", "$12.id"),
        )
    )
    assert (customer["name"], gone["deleted"]) == ("Jo Häberle", True)
    assert seen["latest_charge"]["amount_captured"] == 100
    assert (len(page["data"]), page["has_more"]) == (5, True)
    assert [intent["amount"] for intent in all_of_them] == [111 - n for n in range(12)]
    assert spent(gateway, key) == "12.66"


UPLOAD: Final[Call] = (
    "files.create",
    {
        "purpose": "dispute_evidence",
        "file": {"data": {"$bytes": 300_000}, "name": "bill.pdf", "type": "application/pdf"},
    },
)


def test_an_upload_needs_its_place_on_the_list(
    drive: Drive, gateway: Gateway, vendor: Sandbox
) -> None:
    """Another host of its settings takes its uploads along."""
    without = gateway.make_key(allowed_endpoints=["POST /v1/payment_intents"])
    (refused,) = drive(without, UPLOAD)
    assert raised(refused) == ("StripePermissionError", 403, "endpoint_not_allowed")
    assert vendor.stats()["requests"] == 0
    (file,) = answers(drive(gateway.make_key(allowed_endpoints=["POST /v1/files"]), UPLOAD))
    assert (file["size"], file["filename"]) == (300_000, "bill.pdf")


def test_a_host_name_leads_to_the_host_for_files(
    node: str, vendor: Sandbox, tmp_path: Path
) -> None:
    hosts = 'host_routes = {"localhost" = "stripe/files"}'
    with Gateway.start(tmp_path, vendor.base_url, server=hosts) as gateway:
        drive = driver(node, gateway)
        key = gateway.make_key(allowed_endpoints=["POST /files/v1/files"])
        (refused,) = drive(key, UPLOAD)
        assert raised(refused)[2] == "endpoint_not_allowed"
        (file,) = answers(drive(key, UPLOAD, host="localhost"))
        assert (file["size"], file["filename"]) == (300_000, "bill.pdf")
    assert vendor.stats()["posts"] == {"/files/v1/files": 1}


# -- the same call again ---------------------------------------------------------------------------


def test_a_retry_with_a_key_of_its_own(drive: Drive, gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    named = {"idempotencyKey": "order-1"}
    first, again, other = drive(
        key,
        ("paymentIntents.create", PAY, named),
        ("paymentIntents.create", PAY, named),
        ("paymentIntents.create", {**PAY, "amount": 1}, named),
    )
    assert again["answer"]["id"] == first["answer"]["id"]
    assert again["headers"]["idempotent-replayed"] == "true"
    assert again["headers"]["idempotency-key"] == "order-1"
    assert raised(other)[1:] == (409, "idempotency_conflict")
    assert len(calls(gateway)) == 3
    assert (spent(gateway, key), vendor.charged()) == ("12.00", 1200)


def test_the_sdks_own_keys_keep_calls_apart(
    drive: Drive, gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key()
    told = drive(key, *[("paymentIntents.create", PAY)] * 2)
    names = {each["headers"]["idempotency-key"] for each in told}
    assert len(names) == 2
    assert all(name.startswith("stripe-node-retry-") for name in names)
    assert (spent(gateway, key), vendor.charged()) == ("24.00", 2400)


@pytest.mark.parametrize("fault", [{"drop": True}, {"drop_before_executing": True, "reset": True}])
def test_the_sdks_own_retries_end_in_one_charge(
    drive: Drive, gateway: Gateway, vendor: Sandbox, fault: dict[str, bool]
) -> None:
    """Two of them, as it comes."""
    key = gateway.make_key()
    vendor.behave(path="/v1/payment_intents", count=2, **fault)
    (intent,) = answers(drive(key, ("paymentIntents.create", PAY)))
    assert intent["status"] == "succeeded"
    assert (spent(gateway, key), vendor.charged()) == ("12.00", 1200)
    assert gateway.record(key)["in_doubt_usd"] == "0.00"
    assert [row["status"] for row in calls(gateway)] == [502, 502, 200]


# -- when the answer is no -------------------------------------------------------------------------


def test_at_the_cap_it_raises_its_rate_limit_error_and_stops(
    drive: Drive, gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key(daily_usd_cap="20")
    _, told = drive(key, *[("paymentIntents.create", PAY)] * 2, maxNetworkRetries=3)
    assert raised(told) == ("StripeRateLimitError", 429, "daily_cap_exceeded")
    error = told["raised"]
    assert (error["rawType"], error["raw"]["remaining_usd"]) == ("rate_limit_error", "8.00")
    assert error["headers"]["stripe-should-retry"] == "false"
    assert [row["code"] for row in calls(gateway)] == [None, "daily_cap_exceeded"]
    assert calls(gateway)[-1]["id"] == error["requestId"]
    assert (spent(gateway, key), vendor.charged()) == ("12.00", 1200)


def test_a_wrong_key_is_an_authentication_error(
    drive: Drive, gateway: Gateway, vendor: Sandbox
) -> None:
    (told,) = drive(STRIPE_SECRET, ("paymentIntents.create", PAY))
    assert raised(told) == ("StripeAuthenticationError", 401, "key_unknown")
    key = gateway.make_key()
    gateway.admin("POST", f"/vault/keys/{key.id}/revoke", {})
    (told,) = drive(key, ("paymentIntents.create", PAY))
    assert raised(told) == ("StripeAuthenticationError", 401, "key_revoked")
    assert len(calls(gateway)) == 1
    assert vendor.stats()["requests"] == 0


def test_what_is_not_allowed_is_a_permission_error(
    drive: Drive, gateway: Gateway, vendor: Sandbox
) -> None:
    allowed = ["POST /v1/payment_intents", "POST /v1/balance_settings"]
    key = gateway.make_key(allowed_endpoints=allowed, currencies=["eur"])
    told = drive(
        key,
        ("refunds.create", {"charge": "ch_1"}),
        ("paymentIntents.list", {}),
        ("balanceSettings.update", {"debit_negative_balances": True}),
        ("paymentIntents.create", PAY),
    )
    codes = ["endpoint_not_allowed", "endpoint_not_allowed", "endpoint_unpriced", "policy_refused"]
    assert [raised(each) for each in told] == [("StripePermissionError", 403, c) for c in codes]
    assert len(calls(gateway)) == 4
    assert vendor.stats()["requests"] == 0


def test_what_stripe_refuses_reads_as_without_us(
    drive: Drive, gateway: Gateway, vendor: Sandbox
) -> None:
    host, _, port = vendor.address.rpartition(":")
    wishes: list[Call] = [
        ("paymentIntents.create", {**PAY, **change})
        for change in (
            {"payment_method": "pm_card_visa_chargeDeclined"},
            {"payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds"},
            {"payment_method": "pm_nowhere"},
            {"customer": "cus_nowhere"},
            {"amount": 1},
        )
    ]
    through = drive(gateway.make_key(), *wishes)
    direct = drive(STRIPE_SECRET, *wishes, host=host, port=port)
    assert raised(through[0]) == ("StripeCardError", 402, "card_declined")
    for ours, theirs in zip(through, direct, strict=True):
        assert raised(ours) == raised(theirs)
        for name in ("message", "param", "rawType"):
            assert ours["raised"].get(name) == theirs["raised"].get(name)
        for name in ("decline_code", "advice_code"):
            assert ours["raised"]["raw"].get(name) == theirs["raised"]["raw"].get(name)
