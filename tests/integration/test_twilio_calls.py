"""Twilio through the gateway, spoken to over a socket: what a caller may say, what each call is
priced at, what Twilio gets to see of it, and what becomes of money that nobody answered for.

Twilio is a sandbox in which time passes when a test lets it. Whatever a test does, in the end the
books have at least what was charged, and Twilio saw its own credentials and none of ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import (
    TWILIO_SANDBOX,
    TWILIO_SID,
    TWILIO_TOKEN,
    Gateway,
    VaultKey,
    twilio_at,
)
from tests.texting import (
    ACCOUNT,
    CALL,
    CALLS,
    FROM,
    LOOKUP,
    MESSAGES,
    NEVER,
    NOWHERE,
    PAIRS,
    REAL,
    SERVICE,
    SMS,
    SMS_MICROS,
    SUBACCOUNT,
    VERIFY,
    basic,
    counts,
    heard_no_secrets,
    last_call,
    messages,
    pass_time,
    raw,
    refused,
    seen,
    sent,
    spent,
    text,
    untouched,
)


@pytest.fixture(scope="module")
def process() -> Iterator[Sandbox]:
    """Nothing arrives by itself."""
    with Sandbox.start(*TWILIO_SANDBOX, "--settle-ms", "60000") as sandbox:
        yield sandbox


@pytest.fixture
def twilio(process: Sandbox) -> Sandbox:
    process.reset()
    return process


@pytest.fixture(scope="module")
def house(process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for all tests that need none of their own: each makes a key of its own."""
    more = twilio_at(process.base_url) + NEVER
    with Gateway.start(tmp_path_factory.mktemp("twilio"), NOWHERE, more=more) as running:
        yield running


@pytest.fixture
def gateway(house: Gateway, twilio: Sandbox) -> Iterator[Gateway]:
    """It told Twilio nothing but what Twilio may know."""
    yield house
    heard_no_secrets(twilio)


@pytest.fixture
def key(gateway: Gateway) -> VaultKey:
    return gateway.make_key(vendor="twilio")


# -- who asks, and whose account it is -------------------------------------------------------------


@pytest.mark.parametrize("way", ["bearer", "raw", "password", "any user", "user", "user alone"])
def test_a_vault_key_is_worn_either_way(
    gateway: Gateway, twilio: Sandbox, key: VaultKey, way: str
) -> None:
    worn = {
        "bearer": f"Bearer {key.secret}",
        "raw": f"Basic {key.secret}",
        "password": basic(key.record["account_sid"], key.secret),
        "any user": basic(f"AC{'0' * 32}", key.secret),
        "user": basic(key.secret, "whatever"),
        "user alone": basic(key.secret, ""),
    }[way]
    answer = raw(gateway, "POST", f"/twilio{MESSAGES}", worn, PAIRS)
    assert (answer.status, answer.json()["account_sid"]) == (201, TWILIO_SID)
    assert len(messages(twilio)) == 1


@pytest.mark.parametrize(
    ("worn", "code"),
    [
        (basic(f"AC{'0' * 32}", "vault_key_" + "0" * 36), "key_unknown"),
        (basic(TWILIO_SID, TWILIO_TOKEN), "key_unknown"),
        (f"Bearer {TWILIO_TOKEN}", "key_unknown"),
        ("Basic", "key_missing"),
        ("Digest abc", "key_unknown"),
    ],
    ids=["no key", "the real ones", "the token", "nothing", "digest"],
)
def test_what_is_no_vault_key_opens_nothing(
    gateway: Gateway, twilio: Sandbox, worn: str, code: str
) -> None:
    answer = raw(gateway, "POST", f"/twilio{MESSAGES}", worn, PAIRS, User_Agent="twilio-python/9")
    refused(answer, 401, code)
    assert (answer.json()["code"], answer.json()["status"]) == (20003, 401)
    assert TWILIO_TOKEN not in answer.body.decode()
    assert twilio.stats()["requests"] == 0


def test_whatever_a_caller_calls_the_account_it_is_the_real_one(
    gateway: Gateway, twilio: Sandbox, key: VaultKey
) -> None:
    """And in the answer it is called what the caller called it."""
    user, alias = f"AC{'0' * 32}", key.record["account_sid"]
    for name, worn in (
        (alias, f"Bearer {key.secret}"),
        (alias, basic(alias, key.secret)),
        (user, basic(user, key.secret)),
        (TWILIO_SID, basic(user, key.secret)),
        (TWILIO_SID, f"Bearer {key.secret}"),
    ):
        path = MESSAGES.replace(TWILIO_SID, name)
        told = raw(gateway, "POST", f"/twilio{path}", worn, PAIRS).json()
        assert told["account_sid"] == name
        assert told["uri"].startswith(f"/2010-04-01/Accounts/{name}/Messages/SM")
        assert told["subresource_uris"]["media"].startswith(f"/2010-04-01/Accounts/{name}/")
        assert (TWILIO_SID in json.dumps(told)) is (name == TWILIO_SID)
    assert {request["path"] for request in seen(twilio)} == {MESSAGES}
    assert last_call(gateway)["path"] == MESSAGES


@pytest.mark.parametrize("name", [SUBACCOUNT, TWILIO_SID.lower(), "AC", "me", f"AC{'A' * 32}"])
def test_no_other_account_can_be_named(
    gateway: Gateway, twilio: Sandbox, key: VaultKey, name: str
) -> None:
    for place in (MESSAGES, f"/2010-04-01/Accounts/{TWILIO_SID}/Balance.json"):
        path = place.replace(TWILIO_SID, name)
        method = "GET" if "Balance" in path else "POST"
        answer = gateway.call(key, method, path, form=SMS if method == "POST" else None)
        refused(answer, 403, "policy_refused", rule="account")
    untouched(twilio, gateway, key)


def test_a_subaccount_is_reached_where_the_key_names_it(gateway: Gateway, twilio: Sandbox) -> None:
    made = twilio.request("POST", "/2010-04-01/Accounts.json", b"", authorization=REAL)
    child = json.loads(made[2])["sid"]
    terms: dict[str, Any] = {"vendor": "twilio", "vendor_accounts": [child]}
    path = MESSAGES.replace(TWILIO_SID, child)
    refused(text(gateway, gateway.make_key(vendor="twilio"), path), 403, "policy_refused")
    key = gateway.make_key(**terms)
    answer = text(gateway, key, path)
    assert (answer.status, answer.json()["account_sid"]) == (201, child)
    pass_time(twilio)
    assert set(twilio.stats()["by_account"][child]) == {"sms", "carrier_fee"}
    assert twilio.stats()["by_account"][TWILIO_SID] == {}


def test_the_bare_path_of_twilio_is_known_by_its_key(
    gateway: Gateway, twilio: Sandbox, key: VaultKey
) -> None:
    answer = raw(gateway, "POST", MESSAGES, f"Bearer {key.secret}", PAIRS)
    assert (answer.status, len(messages(twilio))) == (201, 1)
    stripe = gateway.make_key()
    refused(raw(gateway, "POST", MESSAGES, f"Bearer {stripe.secret}"), 403, "vendor_mismatch")


def test_patterns_match_the_path_that_twilio_gets(gateway: Gateway, twilio: Sandbox) -> None:
    """Whatever the caller calls the account, and with its product where it has one."""
    entries = [f"POST {MESSAGES}", f"GET {ACCOUNT}/Messages/*", "GET /lookups/v2/PhoneNumbers/*"]
    key = gateway.make_key(vendor="twilio", allowed_endpoints=entries)
    path = MESSAGES.replace(TWILIO_SID, key.record["account_sid"])
    sid = text(gateway, key, path).json()["sid"]
    assert gateway.call(key, "GET", f"{ACCOUNT}/Messages/{sid}.json").status == 200
    assert gateway.call(key, "GET", LOOKUP).status == 200
    for method, other in (("GET", MESSAGES), ("POST", CALLS), ("GET", "/v2/PhoneNumbers/+1415")):
        refused(gateway.call(key, method, other), 403, "endpoint_not_allowed")
    assert len(seen(twilio)) == 3


def test_an_echo_of_the_token_is_scrubbed(gateway: Gateway, twilio: Sandbox, key: VaultKey) -> None:
    twilio.behave(path=MESSAGES, status=400, echo=True)
    answer = text(gateway, key)
    assert answer.status == 400
    for told in (answer.body.decode(), json.dumps(dict(answer.headers))):
        assert TWILIO_TOKEN not in told
        assert REAL.removeprefix("Basic ") not in told


# -- what leads on ---------------------------------------------------------------------------------


def test_pages_are_followed_through_the_gateway(
    gateway: Gateway, twilio: Sandbox, key: VaultKey
) -> None:
    """The 2010 API leads to relative addresses, other products to absolute ones."""
    alias = key.record["account_sid"]
    worn = basic(alias, key.secret)
    for n in range(5):
        sent(gateway, key, Body=f"number {n}")
        made = gateway.call(key, "POST", "/messaging/v1/Services", form={"FriendlyName": f"n{n}"})
        assert made.status == 403, "it can spend later"
        body = f"FriendlyName=n{n}".encode()
        form = "application/x-www-form-urlencoded"
        twilio.request(
            "POST", "/messaging/v1/Services", body, authorization=REAL, content_type=form
        )
    target = f"/twilio/2010-04-01/Accounts/{alias}/Messages.json?PageSize=2"
    found = []
    while target:
        page = raw(gateway, "GET", target, worn).json()
        assert TWILIO_SID not in json.dumps(page)
        found += [each["body"] for each in page["messages"]]
        target = page["next_page_uri"]
    assert found == [f"number {n}" for n in (4, 3, 2, 1, 0)]
    ours = f"http://{gateway.address}"
    target, names = "/twilio/messaging/v1/Services?PageSize=2", []
    while target:
        page = raw(gateway, "GET", target, worn).json()
        names += [each["friendly_name"] for each in page["services"]]
        links = [page["meta"]["first_page_url"], page["meta"]["url"]]
        links += [each["url"] for each in page["services"]]
        assert all(link.startswith(f"{ours}/twilio/messaging/v1/Services") for link in links)
        target = (page["meta"]["next_page_url"] or "").removeprefix(ours)
    assert names == ["n4", "n3", "n2", "n1", "n0"]
    assert spent(gateway, key) == 5 * SMS_MICROS


# -- policy ----------------------------------------------------------------------------------------


def test_only_the_countries_of_the_key_are_reached(gateway: Gateway, twilio: Sandbox) -> None:
    key = gateway.make_key(vendor="twilio", countries=["US", "RU", "DE"])
    for to in ("+14155550100", "+4915112345678", "whatsapp:+14155550100"):
        sender = f"whatsapp:{FROM}" if ":" in to else FROM
        sent(gateway, key, To=to, From=sender)
    before = spent(gateway, key)
    calls: tuple[tuple[str, dict[str, str]], ...] = (
        *((MESSAGES, {**SMS, "To": to}) for to in ("+18765550123", "+79015550123", "+8815550123")),
        (MESSAGES, {**SMS, "To": "whatsapp:+447911123456", "From": f"whatsapp:{FROM}"}),
        (CALLS, {**CALL, "To": "+18765550123"}),
        (f"{VERIFY}/Verifications", {"To": "+18765550123", "Channel": "sms"}),
        (f"{ACCOUNT}/IncomingPhoneNumbers.json", {"PhoneNumber": "+447911123456"}),
    )
    for path, form in calls:
        answer = gateway.call(key, "POST", path, form=form)
        refused(answer, 403, "policy_refused", rule="country")
    assert len(messages(twilio)) == twilio.stats()["requests"] == 3
    assert spent(gateway, key) == before


def test_named_fields_are_held_to_their_rules(gateway: Gateway, twilio: Sandbox) -> None:
    params = {"From": {"equals": FROM}, "MediaUrl": {"prefix": "https://cdn.example.com/"}}
    key = gateway.make_key(vendor="twilio", params={"From": params["From"]})
    sent(gateway, key)
    for changes in ({"From": "+15005550099"}, {"From": None, "MessagingServiceSid": SERVICE}):
        refused(text(gateway, key, **changes), 403, "policy_refused", rule="params:From")
    media = gateway.make_key(vendor="twilio", params=params)
    one, two = "https://cdn.example.com/a.png", "https://evil.example.com/b.png"
    for urls, status in (([one, one], 201), ([one, two], 403), ([two], 403)):
        pairs = [*PAIRS, *(("MediaUrl", url) for url in urls)]
        answer = raw(gateway, "POST", f"/twilio{MESSAGES}", f"Bearer {media.secret}", pairs)
        assert answer.status == status, answer
    assert len(messages(twilio)) == 2


def test_a_message_can_be_too_dear_for_a_key(gateway: Gateway, twilio: Sandbox) -> None:
    key = gateway.make_key(vendor="twilio", per_call_usd_max="0.03")
    sent(gateway, key, Body="x" * 306)
    answer = text(gateway, key, Body="x" * 307)
    refused(answer, 403, "policy_refused", rule="per_call_usd_max")
    assert len(messages(twilio)) == 1


# -- the same call again ---------------------------------------------------------------------------


def test_a_retry_gets_the_first_answer_and_sends_nothing(
    gateway: Gateway, twilio: Sandbox, key: VaultKey
) -> None:
    first = text(gateway, key, idempotency_key="order-1")
    again = text(gateway, key, idempotency_key="order-1")
    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["keybrake-call-id"] != first.headers["keybrake-call-id"]
    assert last_call(gateway)["retry_of"] == first.headers["keybrake-call-id"]
    other = text(gateway, key, idempotency_key="order-1", Body="another text")
    refused(other, 409, "idempotency_conflict")
    assert text(gateway, key, idempotency_key="order-2").json()["sid"] != first.json()["sid"]
    assert (len(messages(twilio)), spent(gateway, key)) == (2, 2 * SMS_MICROS)
    assert all("idempotency-key" not in request["headers"] for request in seen(twilio))


def test_what_was_refused_may_be_tried_again(
    gateway: Gateway, twilio: Sandbox, key: VaultKey
) -> None:
    twilio.behave(path=MESSAGES, status=429)
    assert text(gateway, key, idempotency_key="order-1").status == 429
    assert counts(gateway, key) == {}
    assert text(gateway, key, idempotency_key="order-1").status == 201
    assert (len(messages(twilio)), counts(gateway, key)) == (1, {"pending": SMS_MICROS})


def test_a_run_that_is_made_again_under_a_fresh_key_sends_nothing_twice(
    gateway: Gateway, twilio: Sandbox
) -> None:
    """Keys of one issuer with one label share a budget, and the names of their calls."""
    endpoints = ["POST /2010-04-01/Accounts/*/Messages.json", "GET /2010-04-01/Accounts/**"]
    template = {"vendors": ["twilio"], "allowed_endpoints": endpoints, "daily_usd_cap_max": "1"}
    made = gateway.admin("POST", "/vault/issuers", {"daily_usd_cap": "1", "template": template})
    wish = {"allowed_endpoints": endpoints, "agent_run_label": "campaign/1", "daily_usd_cap": "1"}
    told = []
    for _ in range(2):
        key = gateway.make_key(bearer=made.json()["key"], vendor="twilio", **wish)
        path = MESSAGES.replace(TWILIO_SID, key.record["account_sid"])
        answer = text(gateway, key, path, idempotency_key="order-1")
        assert answer.status == 201, answer
        told.append(answer.json())
        assert raw(gateway, "GET", answer.json()["uri"], f"Bearer {key.secret}").status == 200
    assert told[0]["sid"] == told[1]["sid"]
    assert len(messages(twilio)) == 1
    assert spent(gateway, key) == SMS_MICROS


# -- when Twilio has a bad day ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (500, None, "released"),
        (503, None, "released"),
        (429, None, "released"),
        (500, "<html>oops</html>", "in_doubt"),
        (502, '{"message":"no code"}', "in_doubt"),
        (409, None, "in_doubt"),
        (400, "oops", "in_doubt"),
        (200, '{"sid":null}', "in_doubt"),
        (201, f'{{"sid":"SM{"a" * 32}","account_sid":"{SUBACCOUNT}"}}', "in_doubt"),
    ],
)
def test_only_twilios_own_no_releases(
    gateway: Gateway,
    twilio: Sandbox,
    key: VaultKey,
    status: int,
    body: str | None,
    state: str,
) -> None:
    twilio.behave(path=MESSAGES, status=status, **({} if body is None else {"body": body}))
    answer = text(gateway, key)
    assert answer.status == status
    assert last_call(gateway)["state"] == state
    assert counts(gateway, key) == ({} if state == "released" else {state: SMS_MICROS})
