"""Two customers, each with a Twilio account of its own, on one gateway: a key of the one never
reaches the other's, whatever its holder writes, and what each spent is told apart.

Both sandboxed accounts are real to each other: what each of them saw and was charged is looked at
where it matters, at Twilio.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import TWILIO_SANDBOX, TWILIO_SID, Gateway, VaultKey, twilio_at
from tests.texting import (
    AT_ONCE,
    FROM,
    LOOKUP,
    MESSAGES,
    NEVER,
    NOWHERE,
    REAL,
    SERVICE,
    SMS,
    SMS_MICROS,
    VERIFY,
    basic,
    counts,
    deliver,
    last_call,
    looked_until,
    messages,
    micros,
    pass_time,
    raw,
    refused,
    seen,
    sent,
    spent,
    text,
    verified,
)

THEIRS: Final = f"AC{'8' * 32}"
THEIR_KEY: Final = f"SK{'8' * 32}"
THEIR_SECRET: Final = "s3cret" * 5 + "Xy"
THEIRS_WORN: Final = basic(THEIR_KEY, THEIR_SECRET)
THEIR_FROM: Final = "+15005550010"
SECOND: Final = f"""
[vendors.twilio.accounts.beta]
account_sid = "{THEIRS}"
api_key_sid = "{THEIR_KEY}"
secret = "env:TWILIO_BETA_SECRET"
"""


@pytest.fixture(scope="module")
def process() -> Iterator[Sandbox]:
    """Nothing arrives by itself."""
    theirs = f"{THEIRS}:{THEIR_KEY}:{THEIR_SECRET}"
    with Sandbox.start(*TWILIO_SANDBOX, "--secret", theirs, "--settle-ms", "60000") as sandbox:
        yield sandbox


@pytest.fixture
def twilio(process: Sandbox) -> Sandbox:
    process.reset()
    return process


@pytest.fixture(scope="module")
def house(process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    more = twilio_at(process.base_url, account_lines=SECOND) + NEVER
    env = {"TWILIO_BETA_SECRET": THEIR_SECRET}
    with Gateway.start(tmp_path_factory.mktemp("two"), NOWHERE, more=more, env=env) as running:
        yield running


@pytest.fixture
def gateway(house: Gateway, twilio: Sandbox) -> Iterator[Gateway]:
    """Whatever was said, credentials and account in the path belong together."""
    yield house
    for request in seen(twilio):
        worn = request["headers"]["authorization"]
        assert worn in (REAL, THEIRS_WORN)
        other = THEIRS if worn == REAL else TWILIO_SID
        assert other not in request["path"]


def key_of(gateway: Gateway, account: str, **terms: Any) -> VaultKey:
    return gateway.make_key(vendor="twilio", account=account, **terms)


def charged_of(twilio: Sandbox, sid: str) -> int:
    kinds: dict[str, int] = twilio.stats()["by_account"][sid]
    return sum(kinds.values())


def test_each_key_spends_at_its_own_account(gateway: Gateway, twilio: Sandbox) -> None:
    ours, theirs = key_of(gateway, "default"), key_of(gateway, "beta")
    answers = [
        text(gateway, key, MESSAGES.replace(TWILIO_SID, key.record["account_sid"]), Body="x" * size)
        for key, size in ((ours, 1), (theirs, 161), (theirs, 1))
    ]
    assert [answer.status for answer in answers] == [201] * 3
    assert [message["account_sid"] for message in messages(twilio)] == [TWILIO_SID, THEIRS, THEIRS]
    worn = [request["headers"]["authorization"] for request in seen(twilio)]
    assert worn == [REAL, THEIRS_WORN, THEIRS_WORN]
    pass_time(twilio)
    assert 0 < charged_of(twilio, TWILIO_SID) <= spent(gateway, ours) == SMS_MICROS
    assert 0 < charged_of(twilio, THEIRS) <= spent(gateway, theirs) == 3 * SMS_MICROS


@pytest.mark.parametrize("account", ["default", "beta"])
def test_no_name_leads_to_the_other_account(
    gateway: Gateway, twilio: Sandbox, account: str
) -> None:
    """Not as the path's account, not as a user name, not beside the own one."""
    key = key_of(gateway, account)
    own, other = (TWILIO_SID, THEIRS) if account == "default" else (THEIRS, TWILIO_SID)
    bearer = f"Bearer {key.secret}"
    for path in (
        f"/2010-04-01/Accounts/{other}/Messages.json",
        f"/2010-04-01/Accounts/{other}.json",
        f"/2010-04-01/Accounts/{own}/Addresses/{other}.json",
        f"/messaging/v1/Services/{other}",
    ):
        for method in ("GET", "POST"):
            pairs = tuple(SMS.items()) if method == "POST" else None
            refused(
                raw(gateway, method, f"/twilio{path}", bearer, pairs),
                403,
                "policy_refused",
                rule="account",
            )
    assert twilio.stats()["requests"] == 0
    for path in (MESSAGES.replace(TWILIO_SID, other), MESSAGES.replace(TWILIO_SID, own)):
        answer = raw(
            gateway, "POST", f"/twilio{path}", basic(other, key.secret), tuple(SMS.items())
        )
        assert answer.status == 201, answer
    assert {message["account_sid"] for message in messages(twilio)} == {own}
    assert charged_of(twilio, other) == 0


def test_the_alias_of_another_key_names_nothing(gateway: Gateway, twilio: Sandbox) -> None:
    ours, theirs = key_of(gateway, "default"), key_of(gateway, "beta")
    path = MESSAGES.replace(TWILIO_SID, theirs.record["account_sid"])
    refused(text(gateway, ours, path), 403, "policy_refused", rule="account")
    assert twilio.stats()["requests"] == 0


def test_another_tenants_objects_are_not_there(gateway: Gateway, twilio: Sandbox) -> None:
    """And a cancel of them frees nothing."""
    ours, theirs = key_of(gateway, "default"), key_of(gateway, "beta")
    scheduled = {
        "From": None,
        "MessagingServiceSid": SERVICE,
        "ScheduleType": "fixed",
        "SendAt": f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}",
    }
    at_theirs = MESSAGES.replace(TWILIO_SID, theirs.record["account_sid"])
    made = text(gateway, theirs, at_theirs, **scheduled)
    assert made.status == 201, made
    held = spent(gateway, theirs)
    place = MESSAGES.replace(".json", f"/{made.json()['sid']}.json")
    for method, form in (("GET", None), ("POST", {"Status": "canceled"}), ("DELETE", None)):
        assert gateway.call(ours, method, place, form=form).status == 404
    assert counts(gateway, theirs) == {"pending": held}
    assert messages(twilio)[0]["status"] == "scheduled"


def test_a_customers_key_sends_from_its_customers_number_only(
    gateway: Gateway, twilio: Sandbox
) -> None:
    """Two customers on one account, told apart by the number they send from."""
    one = key_of(gateway, "default", params={"From": {"equals": FROM}})
    two = key_of(gateway, "default", params={"From": {"one_of": [THEIR_FROM, "+15005550011"]}})
    sent(gateway, one)
    sent(gateway, two, From=THEIR_FROM)
    sent(gateway, two, From="+15005550011")
    tricks: tuple[tuple[VaultKey, dict[str, str | None]], ...] = (
        (one, {"From": THEIR_FROM}),
        (two, {"From": FROM}),
        (one, {"From": None, "MessagingServiceSid": SERVICE}),
        (one, {"From": f"{FROM} "}),
        (one, {"From": f"whatsapp:{FROM}", "To": f"whatsapp:{SMS['To']}"}),
    )
    for key, changes in tricks:
        refused(text(gateway, key, **changes), 403, "policy_refused", rule="params:From")
    bearer = f"Bearer {one.secret}"
    for pairs in (
        (*SMS.items(), ("From", THEIR_FROM)),
        (*SMS.items(), ("from", THEIR_FROM)),
        (*SMS.items(), ("From[]", THEIR_FROM)),
    ):
        answer = raw(gateway, "POST", f"/twilio{MESSAGES}", bearer, pairs)
        refused(answer, 422, "amount_unreadable")
    in_query = raw(
        gateway, "POST", f"/twilio{MESSAGES}?From=%2B15005550010", bearer, tuple(SMS.items())
    )
    refused(in_query, 422, "amount_unreadable", field="From")
    assert [m["from"] for m in messages(twilio)] == ["+15005550011", THEIR_FROM, FROM]


def test_spend_and_export_are_by_account(gateway: Gateway, twilio: Sandbox) -> None:
    before = spend_by_account(gateway)
    ours, theirs = key_of(gateway, "default"), key_of(gateway, "beta")
    at_theirs = MESSAGES.replace(TWILIO_SID, THEIRS)
    ids: dict[str, list[str]] = {"default": [sent(gateway, ours)], "beta": []}
    for _ in range(2):
        answer = text(gateway, theirs, at_theirs)
        ids["beta"].append(answer.headers["keybrake-call-id"])
    lookup = gateway.call(theirs, "GET", f"{LOOKUP}?Fields=caller_name")
    ids["beta"].append(lookup.headers["keybrake-call-id"])
    after = spend_by_account(gateway)
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert grown == {"default": SMS_MICROS, "beta": 2 * SMS_MICROS + 10_000}
    for account, wanted in ids.items():
        target = f"/vault/calls/export?format=ndjson&account={account}"
        lines = gateway.admin("GET", target).body.splitlines()
        rows = [json.loads(line) for line in lines]
        assert {row["account"] for row in rows} == {account}
        exported = {row["id"] for row in rows}
        assert exported.issuperset(wanted)
        assert not any(exported & set(others) for name, others in ids.items() if name != account)
        csv = gateway.admin("GET", f"/vault/calls/export?format=csv&account={account}").body
        assert csv.count(b"\r\n") == len(rows) + 1


def spend_by_account(gateway: Gateway) -> dict[str, int]:
    groups = gateway.ask("/vault/spend?by=account&vendor=twilio")["data"]
    return {group["account"]: micros(group["cost_usd"]) for group in groups}


def test_an_issuer_of_one_customer_makes_no_keys_for_another(
    gateway: Gateway, twilio: Sandbox
) -> None:
    template = {
        "vendors": ["twilio"],
        "account": "beta",
        "allowed_endpoints": ["POST /2010-04-01/Accounts/*/Messages.json"],
        "daily_usd_cap_max": "1",
    }
    made = gateway.admin("POST", "/vault/issuers", {"daily_usd_cap": "0.03", "template": template})
    assert made.status == 201, made
    issuer = made.json()
    wish = {
        "vendor": "twilio",
        "daily_usd_cap": "1",
        "allowed_endpoints": template["allowed_endpoints"],
        "agent_run_label": "campaign/1",
    }
    for more in ({"account": "default"}, {"vendor_accounts": [TWILIO_SID]}):
        answer = gateway.admin("POST", "/vault/keys", {**wish, **more}, bearer=issuer["key"])
        assert answer.status == 403, answer
    key = gateway.make_key(bearer=issuer["key"], **wish)
    path = MESSAGES.replace(TWILIO_SID, key.record["account_sid"])
    assert [text(gateway, key, path).status for _ in range(3)] == [201, 201, 429]
    assert last_call(gateway)["code"] == "issuer_cap_exceeded"
    assert {message["account_sid"] for message in messages(twilio)} == {THEIRS}


def test_revoking_one_account_leaves_the_other(gateway: Gateway, twilio: Sandbox) -> None:
    ours, theirs = key_of(gateway, "default"), key_of(gateway, "beta")
    revoked = gateway.admin("POST", "/vault/revoke", {"vendor": "twilio", "account": "beta"})
    assert revoked.status == 200, revoked
    refused(text(gateway, theirs, MESSAGES.replace(TWILIO_SID, THEIRS)), 401, "key_revoked")
    sent(gateway, ours)
    gateway.admin("POST", "/vault/resume", {"vendor": "twilio", "account": "beta"})
    again = key_of(gateway, "beta")
    assert text(gateway, again, MESSAGES.replace(TWILIO_SID, THEIRS)).status == 201


def test_other_products_go_out_under_the_keys_account(gateway: Gateway, twilio: Sandbox) -> None:
    """Their paths name no account: the credentials alone say whose it is."""
    theirs = key_of(gateway, "beta")
    form = {"To": SMS["To"], "Channel": "sms"}
    made = gateway.call(theirs, "POST", f"{VERIFY}/Verifications", form=form)
    assert (made.status, made.json()["account_sid"]) == (201, theirs.record["account_sid"])
    assert seen(twilio)[-1]["headers"]["authorization"] == THEIRS_WORN
    assert charged_of(twilio, THEIRS) > 0
    assert charged_of(twilio, TWILIO_SID) == 0


def test_each_account_is_looked_into_with_its_own_credentials(
    twilio: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> None:
    more = twilio_at(twilio.base_url, account_lines=SECOND) + AT_ONCE
    env = {"TWILIO_BETA_SECRET": THEIR_SECRET}
    directory = tmp_path_factory.mktemp("looks")
    with Gateway.start(directory, NOWHERE, more=more, env=env) as gateway:
        theirs = key_of(gateway, "beta")
        path = MESSAGES.replace(TWILIO_SID, THEIRS)
        twilio.behave(path=path, method="POST", drop=True)
        answer = text(gateway, theirs, path)
        refused(answer, 502, "vendor_broke_off", in_doubt=True)
        call_id = answer.headers["keybrake-call-id"]
        looked_until(gateway, call_id, "pending")
        deliver(twilio, messages(twilio)[0]["sid"], "delivered")
        looked_until(gateway, call_id, "settled")
        assert {request["headers"]["authorization"] for request in seen(twilio)} == {THEIRS_WORN}
        assert all(THEIRS in request["path"] for request in seen(twilio))
        names = {each["account"] for each in gateway.ask("/vault/reconciler")["accounts"]}
        assert {"default", "beta"} <= names
        verified(gateway)
