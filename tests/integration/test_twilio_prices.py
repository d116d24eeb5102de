"""What each call to Twilio is priced at, spoken to over a socket: messages, phone calls,
verifications, look-ups, numbers; what cannot be priced; and what caps make of it.

Twilio is a sandbox in which time passes when a test lets it. A price is right when the books have
at least what was charged in the end.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

import pytest

from bench import load
from bench.sandbox.launch import Sandbox
from tests.house import (
    ROOT,
    TWILIO_SANDBOX,
    TWILIO_SID,
    TWILIO_TOKEN,
    Gateway,
    GatewayEnded,
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
    SERVICE,
    SMS,
    SMS_MICROS,
    VERIFY,
    call_of,
    charged,
    cost,
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

DIALS: Final = "<Response><Dial>+18765550123</Dial></Response>"
MMS_MICROS: Final = 35_000
JAMAICA_MICROS: Final = 315_100
DEAREST_MICROS: Final = 790_000


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


# -- what a message is priced at -------------------------------------------------------------------

PRICED: Final[dict[str, tuple[dict[str, str | None], int]]] = {
    "one segment": ({}, SMS_MICROS),
    "160 characters": ({"Body": "x" * 160}, SMS_MICROS),
    "161 characters": ({"Body": "x" * 161}, 2 * SMS_MICROS),
    "brackets count twice": ({"Body": "[" * 81}, 2 * SMS_MICROS),
    "one accent": ({"Body": "í" + "x" * 70}, 2 * SMS_MICROS),
    "emoji that do not split": ({"Body": "x" * 66 + "😀" + "x" * 66}, 3 * SMS_MICROS),
    "as long as can be": ({"Body": "😀" * 1600}, 49 * SMS_MICROS),
    "a plus sign": ({"Body": "1+1=2 & more"}, SMS_MICROS),
    "a service's sender": ({"From": None, "MessagingServiceSid": SERVICE}, SMS_MICROS),
    "a limit Twilio ignores": ({"MaxPrice": "0.0001", "Attempt": "3"}, SMS_MICROS),
    "media": ({"MediaUrl": "https://example.com/a.png"}, MMS_MICROS),
    "sent as MMS": ({"SendAsMms": "true"}, MMS_MICROS),
    "a template": ({"Body": None, "ContentSid": f"HX{'a' * 32}"}, 24 * SMS_MICROS),
    "Jamaica is +1 too": ({"To": "+18765550123"}, JAMAICA_MICROS),
    "Germany": ({"To": "+4915112345678", "Body": "x" * 161}, 224_000),
    "Kazakhstan or Russia": ({"To": "+77015550123"}, 752_200),
    "a satellite": ({"To": "+8815550123"}, DEAREST_MICROS),
    "WhatsApp": ({"To": "whatsapp:+14155550100", "From": f"whatsapp:{FROM}"}, 155_000),
    "short links": ({"ShortenUrls": "true", "From": None, "MessagingServiceSid": SERVICE}, 28_300),
}


@pytest.mark.parametrize("name", PRICED)
def test_a_message_holds_the_most_it_can_cost(
    gateway: Gateway, twilio: Sandbox, key: VaultKey, name: str
) -> None:
    changes, quoted = PRICED[name]
    answer = text(gateway, key, **changes)
    assert (answer.status, cost(answer)) == (201, quoted), answer
    assert counts(gateway, key) == {"pending": quoted}
    row = last_call(gateway)
    assert (row["operation"], row["state"]) == ("CreateMessage", "pending")
    assert row["object_id"].startswith(answer.json()["sid"])
    pass_time(twilio)
    assert 0 < charged(twilio) <= quoted


def test_what_is_in_the_query_counts_as_in_the_body(
    gateway: Gateway, twilio: Sandbox, key: VaultKey
) -> None:
    long = "x" * 161
    target = f"/twilio{MESSAGES}?Body={long}"
    answer = raw(
        gateway, "POST", target, f"Bearer {key.secret}", [p for p in PAIRS if p[0] != "Body"]
    )
    assert (answer.status, cost(answer)) == (201, 2 * SMS_MICROS)
    assert messages(twilio)[0]["body"] == long


@pytest.mark.parametrize("ending", ["", ".xml", ".csv", ".json"])
def test_the_ending_of_a_path_changes_nothing(
    gateway: Gateway, twilio: Sandbox, key: VaultKey, ending: str
) -> None:
    """But the format of the answer: the sandbox has none for .csv."""
    answer = text(gateway, key, f"{ACCOUNT}/Messages{ending}")
    ran = ending != ".csv"
    assert (answer.status, len(messages(twilio))) == ((201, 1) if ran else (404, 0))
    assert counts(gateway, key) == ({"pending": SMS_MICROS} if ran else {})


def test_xml_calls_the_account_what_the_caller_did(
    gateway: Gateway, twilio: Sandbox, key: VaultKey
) -> None:
    alias = key.record["account_sid"]
    answer = text(gateway, key, f"/2010-04-01/Accounts/{alias}/Messages.xml")
    assert f"<AccountSid>{alias}</AccountSid>" in answer.body.decode()
    assert TWILIO_SID not in answer.body.decode()


def test_the_legacy_path_is_a_message_too(gateway: Gateway, twilio: Sandbox, key: VaultKey) -> None:
    answer = text(gateway, key, f"{ACCOUNT}/SMS/Messages.json")
    assert (answer.status, cost(answer), len(messages(twilio))) == (201, SMS_MICROS, 1)


UNREADABLE: Final[dict[str, tuple[list[tuple[str, str]], str]]] = {
    "two at once": ([*PAIRS, ("To", "+18765550123")], "To"),
    "two bodies": ([*PAIRS, ("Body", "x" * 161)], "Body"),
    "another case": ([*PAIRS, ("to", "+18765550123")], "to"),
    "upper case": ([*PAIRS, ("BODY", "x" * 161)], "BODY"),
    "brackets": ([*PAIRS, ("To[]", "+18765550123")], "To[]"),
    "a blank": ([*PAIRS, ("To ", "+18765550123")], "To "),
    "nobody": ([p for p in PAIRS if p[0] != "To"], "To"),
    "as dialled at home": ([("To", "4155550100"), *PAIRS[1:]], "To"),
    "with punctuation": ([("To", "+1 (415) 555-0100"), *PAIRS[1:]], "To"),
    "two in one": ([("To", "+14155550100,+18765550123"), *PAIRS[1:]], "To"),
    "a channel's other case": ([("To", "WhatsApp:+14155550100"), *PAIRS[1:]], "To"),
    "a blank in the channel": ([("To", "whatsapp: +14155550100"), *PAIRS[1:]], "To"),
    "digits of elsewhere": ([("To", "+1415555010０"), *PAIRS[1:]], "To"),
    "too long": ([*PAIRS[:2], ("Body", "x" * 1601)], "Body"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_for_sure_is_not_sent(
    gateway: Gateway, twilio: Sandbox, key: VaultKey, name: str
) -> None:
    pairs, field = UNREADABLE[name]
    answer = raw(gateway, "POST", f"/twilio{MESSAGES}", f"Bearer {key.secret}", pairs)
    refused(answer, 422, "amount_unreadable", field=field)
    untouched(twilio, gateway, key)


def test_query_and_body_are_one(gateway: Gateway, twilio: Sandbox, key: VaultKey) -> None:
    target = f"/twilio{MESSAGES}?To=%2B18765550123"
    answer = raw(gateway, "POST", target, f"Bearer {key.secret}", PAIRS)
    refused(answer, 422, "amount_unreadable", field="To")
    untouched(twilio, gateway, key)


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=b"])
def test_other_encodings_are_refused(
    gateway: Gateway, twilio: Sandbox, key: VaultKey, content_type: str
) -> None:
    worn = f"Bearer {key.secret}"
    answer = raw(gateway, "POST", f"/twilio{MESSAGES}", worn, PAIRS, Content_Type=content_type)
    refused(answer, 415, "media_type_unsupported")
    untouched(twilio, gateway, key)


@pytest.mark.parametrize("to", ["12345", "client:joey", "sim:DE12345", "channel:whoever"])
def test_who_has_no_country_has_no_price(
    gateway: Gateway, twilio: Sandbox, key: VaultKey, to: str
) -> None:
    refused(text(gateway, key, To=to), 403, "policy_refused", rule="destination_unpriced")
    untouched(twilio, gateway, key)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", MESSAGES.replace("Accounts", "accounts"), "endpoint_unpriced"),
        ("POST", MESSAGES.replace("Messages", "messages"), "endpoint_unpriced"),
        ("POST", f"{ACCOUNT}/Messages/", "endpoint_not_allowed"),
        ("POST", f"{ACCOUNT}//Messages.json", "endpoint_not_allowed"),
        ("POST", f"/2010-04-02{MESSAGES[11:]}", "endpoint_unpriced"),
        ("PUT", MESSAGES, "endpoint_not_allowed"),
        ("POST", f"/studio/v2/Flows/FW{'a' * 32}/Executions", "endpoint_unpriced"),
        ("POST", f"/conversations/v1/Conversations/CH{'a' * 32}/Messages", "endpoint_unpriced"),
        ("POST", f"/notify/v1/Services/IS{'a' * 32}/Notifications", "endpoint_unpriced"),
        ("POST", f"/messaging/v1/Services/{SERVICE}", "endpoint_unpriced"),
        ("POST", "/nowhere/v1/Things", "endpoint_unpriced"),
        ("POST", f"{ACCOUNT}/IncomingPhoneNumbers/PN{'a' * 32}.json", "endpoint_unpriced"),
    ],
)
def test_what_nobody_can_price_is_refused(
    gateway: Gateway, twilio: Sandbox, key: VaultKey, method: str, path: str, code: str
) -> None:
    refused(gateway.call(key, method, path, form=SMS), 403, code)
    untouched(twilio, gateway, key)


# -- a message's life ------------------------------------------------------------------------------


def scheduled() -> dict[str, str | None]:
    at = datetime.now(UTC) + timedelta(days=2)
    return {
        "From": None,
        "MessagingServiceSid": SERVICE,
        "ScheduleType": "fixed",
        "SendAt": f"{at:%Y-%m-%dT%H:%M:%SZ}",
    }


def test_a_scheduled_message_counts_today_and_a_cancel_gives_it_back(
    gateway: Gateway, twilio: Sandbox, key: VaultKey
) -> None:
    answer = text(gateway, key, **scheduled())
    assert (answer.status, answer.json()["status"]) == (201, "scheduled")
    quoted = SMS_MICROS + 15_000
    assert counts(gateway, key) == {"pending": quoted}
    path = f"{ACCOUNT}/Messages/{answer.json()['sid']}.json"
    done = gateway.call(key, "POST", path, form={"Status": "canceled"})
    assert (done.status, done.json()["status"]) == (200, "canceled")
    assert counts(gateway, key) == {}
    row = call_of(gateway, answer.headers["keybrake-call-id"])
    assert (row["quote_usd"], row["cost_usd"]) == ("0.0283", "0.00")
    again = gateway.call(key, "POST", path, form={"Status": "canceled"})
    assert (again.status, counts(gateway, key)) == (409, {})
    pass_time(twilio, 4 * 86_400)
    assert charged(twilio) == 0


def test_another_key_cancels_it_and_its_maker_gets_it_back(gateway: Gateway, key: VaultKey) -> None:
    answer = text(gateway, key, **scheduled())
    path = f"{ACCOUNT}/Messages/{answer.json()['sid']}.json"
    other = gateway.make_key(vendor="twilio")
    assert gateway.call(other, "POST", path, form={"Status": "canceled"}).status == 200
    assert (counts(gateway, key), counts(gateway, other)) == ({}, {})


def test_a_cancel_that_comes_too_late_frees_nothing(
    gateway: Gateway, twilio: Sandbox, key: VaultKey
) -> None:
    sid = text(gateway, key).json()["sid"]
    answer = gateway.call(
        key, "POST", f"{ACCOUNT}/Messages/{sid}.json", form={"Status": "canceled"}
    )
    assert (answer.status, counts(gateway, key)) == (409, {"pending": SMS_MICROS})
    pass_time(twilio)
    assert charged(twilio) <= spent(gateway, key)


def test_taking_the_text_away_gives_nothing_back(
    gateway: Gateway, twilio: Sandbox, key: VaultKey
) -> None:
    path = f"{ACCOUNT}/Messages/{text(gateway, key).json()['sid']}.json"
    answer = gateway.call(key, "POST", path, form={"Body": ""})
    assert (answer.status, answer.json()["body"]) == (200, "")
    for form in ({"Body": "another text"}, {"Status": "canceled", "Body": ""}, {"Status": "sent"}):
        refused(gateway.call(key, "POST", path, form=form), 422, "amount_unreadable")
    assert counts(gateway, key) == {"pending": SMS_MICROS}
    pass_time(twilio)
    assert gateway.call(key, "DELETE", path).status == 204
    assert counts(gateway, key) == {"pending": SMS_MICROS}


@pytest.mark.parametrize(
    ("to", "code"),
    [("+15005550001", 21211), ("+15005550003", 21408), ("+15005550004", 21610)],
)
def test_what_twilio_refuses_costs_nothing(
    gateway: Gateway, twilio: Sandbox, key: VaultKey, to: str, code: int
) -> None:
    answer = text(gateway, key, To=to)
    assert (answer.status, answer.json()["code"]) == (400, code)
    assert (cost(answer), counts(gateway, key)) == (0, {})
    assert last_call(gateway)["state"] == "released"


# -- caps ------------------------------------------------------------------------------------------


def test_the_daily_cap_is_kept_to_the_last_segment(gateway: Gateway, twilio: Sandbox) -> None:
    key = gateway.make_key(vendor="twilio", daily_usd_cap="0.0399")
    for _ in range(3):
        sent(gateway, key)
    answer = text(gateway, key)
    facts = {"cap_usd": "0.0399", "spent_usd": "0.0399", "remaining_usd": "0.00"}
    refused(answer, 429, "daily_cap_exceeded", blocked_by="key_daily", **facts)
    assert len(messages(twilio)) == 3


def test_the_count_is_of_messages_not_of_requests(gateway: Gateway, twilio: Sandbox) -> None:
    key = gateway.make_key(vendor="twilio", daily_call_cap=2)
    assert text(gateway, key, To="+15005550001").status == 400
    first = text(gateway, key, **scheduled()).json()
    path = f"{ACCOUNT}/Messages/{first['sid']}.json"
    sent(gateway, key, Body="x" * 1600)
    for _ in range(3):
        assert gateway.call(key, "GET", path).status == 200
        assert gateway.call(key, "GET", LOOKUP).status == 200
    refused(text(gateway, key), 429, "call_count_exceeded", blocked_by="key_calls", cap_calls=2)
    assert gateway.call(key, "POST", path, form={"Status": "canceled"}).status == 200
    assert gateway.record(key)["calls_today"] == 1
    sent(gateway, key)
    refused(text(gateway, key), 429, "call_count_exceeded")
    assert Counter(m["status"] for m in messages(twilio)) == {"queued": 2, "canceled": 1}


@pytest.mark.load
@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"daily_usd_cap": "0.2799"}, "daily_cap_exceeded"),
        ({"daily_call_cap": 21}, "call_count_exceeded"),
        ({"total_usd_cap": "0.2793"}, "total_cap_exceeded"),
    ],
)
async def test_of_64_at_once_exactly_as_many_as_fit_are_sent(
    gateway: Gateway, twilio: Sandbox, terms: dict[str, Any], code: str
) -> None:
    key = gateway.make_key(vendor="twilio", **terms)
    request = load.form_post(f"/twilio{MESSAGES}", key.secret, urlencode(SMS))
    results = await load.burst(gateway.address, [request] * 64, 64)
    assert Counter((r.status, error_of(r)) for r in results) == {(201, ""): 21, (429, code): 43}
    assert len(messages(twilio)) == 21
    assert counts(gateway, key) == {"pending": 21 * SMS_MICROS}


@pytest.mark.load
async def test_one_idempotency_key_at_once_is_one_message(
    gateway: Gateway, twilio: Sandbox, key: VaultKey
) -> None:
    twilio.behave(path=MESSAGES, latency_ms=50)
    name = ("Idempotency-Key", "order-1")
    request = load.form_post(f"/twilio{MESSAGES}", key.secret, urlencode(SMS), name)
    results = await load.burst(gateway.address, [request] * 16, 16)
    assert {r.status for r in results} == {201}
    assert len({json.loads(r.body)["sid"] for r in results}) == 1
    assert len(messages(twilio)) == 1
    assert counts(gateway, key) == {"pending": SMS_MICROS}


def error_of(result: load.Result) -> str:
    told = json.loads(result.body).get("error", "")
    return told if isinstance(told, str) else ""


# -- phone calls -----------------------------------------------------------------------------------


def test_a_call_is_priced_by_its_limit(gateway: Gateway, twilio: Sandbox, key: VaultKey) -> None:
    answer = gateway.call(key, "POST", CALLS, form={**CALL, "TimeLimit": "61"})
    assert (answer.status, cost(answer)) == (201, 2 * 14_000)
    unlimited = gateway.call(key, "POST", CALLS, form=CALL)
    assert (unlimited.status, cost(unlimited)) == (201, 240 * 14_000)
    recorded = gateway.call(key, "POST", CALLS, form={**CALL, "TimeLimit": "60", "Record": "true"})
    assert (recorded.status, cost(recorded)) == (201, 14_000 + 2_500)
    pass_time(twilio, 20_000)
    assert 0 < charged(twilio) <= spent(gateway, key)


def test_the_keys_limit_is_put_on_each_call(gateway: Gateway, twilio: Sandbox) -> None:
    key = gateway.make_key(vendor="twilio", call_time_limit_s=120)
    bodies = []
    for form, quoted in ((CALL, 2), ({**CALL, "TimeLimit": "60"}, 1)):
        answer = gateway.call(key, "POST", CALLS, form=form)
        assert (answer.status, cost(answer)) == (201, quoted * 14_000)
        bodies.append(parse_qs(seen(twilio)[-1]["body"], strict_parsing=True))
    assert [body["TimeLimit"] for body in bodies] == [["120"], ["60"]]
    longer = gateway.call(key, "POST", CALLS, form={**CALL, "TimeLimit": "121"})
    refused(longer, 403, "policy_refused", rule="call_time_limit_s")
    for bad in ("0", "-1", "1e3", "60 ", ""):
        answer = gateway.call(key, "POST", CALLS, form={**CALL, "TimeLimit": bad})
        refused(answer, 422, "amount_unreadable", field="TimeLimit")
    assert twilio.stats()["requests"] == 2
    pass_time(twilio, 20_000)
    assert charged(twilio) <= spent(gateway, key) == 3 * 14_000


UNBOUNDED: Final[dict[str, tuple[dict[str, str], str]]] = {
    "instructions from elsewhere": ({"Url": "https://example.com/twiml"}, "Url"),
    "an application": ({"ApplicationSid": f"AP{'a' * 32}"}, "ApplicationSid"),
    "a second leg": ({"Twiml": DIALS}, "Dial"),
    "a redirect": ({"Twiml": "<Response><Redirect>https://x.y</Redirect></Response>"}, "Redirect"),
    "asks what comes next": (
        {"Twiml": '<Response><Gather action="https://x.y"/></Response>'},
        "action",
    ),
    "hidden by a comment": ({"Twiml": "<Response><!-- --><Dial/></Response>"}, "Twiml"),
}


@pytest.mark.parametrize("name", UNBOUNDED)
def test_a_call_without_bounds_is_refused_by_name_and_passes_under_a_hold(
    gateway: Gateway, twilio: Sandbox, key: VaultKey, name: str
) -> None:
    changes, word = UNBOUNDED[name]
    form = {"To": CALL["To"], "From": FROM, **changes}
    answer = gateway.call(key, "POST", CALLS, form=form)
    refused(answer, 403, "endpoint_unpriced", operation="CreateCall", setting="allow_unpriced")
    assert word in answer.json()["message"]
    untouched(twilio, gateway, key)
    allowed = {"POST /2010-04-01/Accounts/*/Calls.json": "2.50"}
    other = gateway.make_key(vendor="twilio", allow_unpriced=allowed, daily_usd_cap="4.99")
    answer = gateway.call(other, "POST", CALLS, form=form)
    assert (answer.status, cost(answer)) == (201, 2_500_000)
    assert counts(gateway, other) == {"settled": 2_500_000}
    refused(gateway.call(other, "POST", CALLS, form=form), 429, "daily_cap_exceeded")


def test_a_running_call_can_be_ended_and_not_led_on(
    gateway: Gateway, twilio: Sandbox, key: VaultKey
) -> None:
    sid = gateway.call(key, "POST", CALLS, form={**CALL, "TimeLimit": "600"}).json()["sid"]
    path = f"{ACCOUNT}/Calls/{sid}.json"
    for form in ({"Twiml": DIALS}, {"Url": "https://x.y"}, {"Status": "completed", "Url": "x"}):
        refused(gateway.call(key, "POST", path, form=form), 403, "endpoint_unpriced")
    answer = gateway.call(key, "POST", path, form={"Status": "completed"})
    assert (answer.status, cost(answer)) == (200, 0)
    assert counts(gateway, key) == {"pending": 10 * 14_000}


def test_a_participant_is_a_call_in_disguise(
    gateway: Gateway, twilio: Sandbox, key: VaultKey
) -> None:
    path = f"{ACCOUNT}/Conferences/room/Participants.json"
    form = {"To": CALL["To"], "From": FROM, "TimeLimit": "60"}
    answer = gateway.call(key, "POST", path, form=form)
    assert (answer.status, cost(answer)) == (201, 14_000 + 2_500)
    refused(
        gateway.call(key, "POST", path, form={**form, "ConferenceRecord": "true"}),
        403,
        "endpoint_unpriced",
    )
    pass_time(twilio, 20_000)
    assert charged(twilio) <= spent(gateway, key)


# -- verifications, look-ups, numbers, accounts ----------------------------------------------------


def test_each_attempt_and_each_success_of_a_verification_counts(
    gateway: Gateway, twilio: Sandbox, key: VaultKey
) -> None:
    for _ in range(2):
        answer = gateway.call(
            key, "POST", f"{VERIFY}/Verifications", form={"To": SMS["To"], "Channel": "sms"}
        )
        assert (answer.status, cost(answer)) == (201, SMS_MICROS)
    for code, fee in (("000000", 0), ("123456", 50_000)):
        answer = gateway.call(
            key, "POST", f"{VERIFY}/VerificationCheck", form={"To": SMS["To"], "Code": code}
        )
        assert (answer.status, cost(answer)) == (201, fee)
    assert counts(gateway, key) == {"settled": 2 * SMS_MICROS + 50_000}
    assert 0 < charged(twilio) <= spent(gateway, key)
    answer = gateway.call(
        key, "POST", f"{VERIFY}/Verifications", form={"To": SMS["To"], "Channel": "smoke"}
    )
    refused(answer, 422, "amount_unreadable", field="Channel")


@pytest.mark.parametrize(
    ("query", "fee"),
    [
        ("", 0),
        ("?Fields=validation", 0),
        ("?Fields=line_type_intelligence", 8_000),
        ("?Fields=line_type_intelligence,caller_name", 18_000),
        ("?Fields=sim_swap", 100_000),
        ("?Fields=line_type_intelligence%2Ccaller_name", 18_000),
    ],
)
def test_a_lookup_costs_what_it_asks_for(
    gateway: Gateway, twilio: Sandbox, key: VaultKey, query: str, fee: int
) -> None:
    answer = gateway.call(key, "GET", LOOKUP + query)
    assert (answer.status, cost(answer)) == (200, fee)
    assert (spent(gateway, key), charged(twilio) <= fee) == (fee, True)


def test_no_trick_makes_a_lookup_free(gateway: Gateway, twilio: Sandbox, key: VaultKey) -> None:
    for query in ("?fields=caller_name", "?Fields=validation&Fields=caller_name", "?Fields[]=x"):
        answer = gateway.call(key, "GET", LOOKUP + query)
        assert answer.status in (403, 422), answer
    untouched(twilio, gateway, key)
    capped = gateway.make_key(vendor="twilio", daily_usd_cap="0.0099")
    target = f"{LOOKUP}?Fields=caller_name"
    refused(gateway.call(capped, "GET", target), 429, "daily_cap_exceeded")
    head = gateway.make_key(
        vendor="twilio", daily_usd_cap="0", allowed_endpoints=["HEAD /lookups/**"]
    )
    answer = gateway.request(
        "HEAD", f"/twilio{target}", headers={"Authorization": f"Bearer {head.secret}"}
    )
    assert answer.status == 429
    assert twilio.stats()["requests"] == 0


def test_a_number_costs_its_first_month(gateway: Gateway, twilio: Sandbox, key: VaultKey) -> None:
    path = f"{ACCOUNT}/IncomingPhoneNumbers.json"
    wishes = (
        ({"PhoneNumber": "+14155550123"}, 1_150_000),
        ({"AreaCode": "415"}, 1_150_000),
        ({"PhoneNumber": "+18005550123"}, 2_150_000),
        ({"PhoneNumber": "+351912345678"}, 150_000_000),
    )
    for form, rent in wishes:
        answer = gateway.call(key, "POST", path, form=form)
        assert (answer.status, cost(answer)) == (201, rent), answer
    assert 0 < charged(twilio) <= spent(gateway, key)
    for form in ({"PhoneNumber": "+14155550124", "VoiceUrl": "https://x.y"}, {"AreaCode": "4155"}):
        assert gateway.call(key, "POST", path, form=form).status in (403, 422)
    capped = gateway.make_key(vendor="twilio", daily_usd_cap="1.14")
    answer = gateway.call(capped, "POST", path, form={"AreaCode": "415"})
    refused(answer, 429, "daily_cap_exceeded")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/2010-04-01/Accounts.json"),
        ("GET", "/2010-04-01/Accounts"),
        ("GET", f"{ACCOUNT}.json"),
        ("GET", ACCOUNT),
        ("POST", "/2010-04-01/Accounts.json"),
        ("POST", f"{ACCOUNT}/Keys.json"),
        ("POST", f"{ACCOUNT}/SigningKeys.json"),
        ("POST", f"{ACCOUNT}/Tokens.json"),
        ("POST", "/accounts/v1/AuthTokens/Secondary"),
        ("POST", "/iam/v1/Keys"),
    ],
)
def test_access_is_not_handed_out(
    gateway: Gateway, twilio: Sandbox, key: VaultKey, method: str, path: str
) -> None:
    answer = gateway.call(key, method, path, form={} if method == "POST" else None)
    refused(answer, 403, "policy_refused", rule="mint_endpoints")
    untouched(twilio, gateway, key)


def test_where_a_key_may_see_the_account_it_does_not_see_the_token(
    gateway: Gateway, twilio: Sandbox
) -> None:
    key = gateway.make_key(vendor="twilio", mint_endpoints=[f"GET {ACCOUNT}.json"])
    answer = gateway.call(key, "GET", f"{ACCOUNT}.json")
    assert (answer.status, answer.json()["sid"]) == (200, TWILIO_SID)
    assert TWILIO_TOKEN not in answer.body.decode()


# -- an operator's own prices ----------------------------------------------------------------------


def table(**changes: Any) -> str:
    shipped = json.loads((ROOT / "vendors" / "twilio" / "prices.json").read_text())
    return json.dumps({**shipped, **changes})


def test_an_operators_table_takes_the_place_of_ours(twilio: Sandbox, tmp_path: Path) -> None:
    prices = json.loads(table())
    prices["countries"]["US"]["sms"] = "0.02"
    prices["unknown"]["policy"] = "refuse"
    (tmp_path / "prices.json").write_text(json.dumps({**prices, "date": "2026-11-01"}))
    more = twilio_at(twilio.base_url, lines='prices_file = "prices.json"') + NEVER
    with Gateway.start(tmp_path, NOWHERE, more=more) as gateway:
        key = gateway.make_key(vendor="twilio")
        assert cost(text(gateway, key)) == 25_000
        answer = text(gateway, key, To="+8815550123")
        refused(answer, 403, "policy_refused", rule="destination_unpriced")
        assert "2026-11-01" in gateway.said


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ('{"date": ', "prices_file"),
        (table(date="soon"), "date"),
        (table(countries={"US": {"sms": "0,0083"}}), "countries.US.sms"),
        (table(countries={"US": {"sms": "0"}}), "countries.US.sms"),
        (table(surcharge="1"), "surcharge"),
    ],
    ids=["cut short", "no date", "a comma", "for nothing", "an unknown member"],
)
def test_a_table_that_cannot_be_read_stops_the_start(
    tmp_path: Path, broken: str, told: str
) -> None:
    (tmp_path / "prices.json").write_text(broken)
    more = twilio_at(NOWHERE, lines='prices_file = "prices.json"')
    with pytest.raises(GatewayEnded) as caught, Gateway.start(tmp_path, NOWHERE, more=more):
        pytest.fail("it serves")
    assert caught.value.code != 0
    assert told in caught.value.said
    assert "Traceback" not in caught.value.said
