"""Twilio's door without a socket: credentials, hosts, and bytes that make no sense."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.sandbox.twilio.api import TwilioApi
from bench.sandbox.twilio.world import Pace
from bench.sandbox.wire import Answer, Request

ACCOUNT = f"AC{'1' * 32}"
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
FORM = (b"content-type", b"application/x-www-form-urlencoded")
HELLO = {"To": "+14155550100", "From": "+15005550006", "Body": "Hello"}


def made(*secrets: str) -> TwilioApi:
    return TwilioApi(secrets, pace=Pace(settle_ms=0), keep=100, log=lambda kind, it, amount: None)


def basic(user: str = ACCOUNT, password: str = "token") -> tuple[bytes, bytes]:
    return b"authorization", b"Basic " + base64.b64encode(f"{user}:{password}".encode())


def answered(api: TwilioApi, request: Request) -> Answer:
    begun = api.begin(request)
    return begun if isinstance(begun, Answer) else begun.execute()


def post(path: str, form: Any, *headers: tuple[bytes, bytes]) -> Request:
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    return Request("POST", path, "", [basic(), FORM, *headers], body)


@pytest.mark.parametrize("secret", ["", "AC1:x", f"{ACCOUNT}:", f"{ACCOUNT}:PK1:x", "a:b:c:d"])
def test_a_secret_names_its_account(secret: str) -> None:
    with pytest.raises(ValueError, match="AC…:token") as caught:
        made(secret)
    assert not secret or secret not in str(caught.value)


def test_without_secrets_any_account_is_its_own() -> None:
    api = made()
    assert answered(api, post(MESSAGES, HELLO)).status == 201
    stranger = Request("GET", MESSAGES, "", [basic(f"AC{'2' * 32}")], b"")
    assert answered(api, stranger).status == 404
    for user, password in ((ACCOUNT, "another"), ("AC1", "x"), (f"AC{'3' * 32}", "")):
        refused = Request("GET", MESSAGES, "", [basic(user, password)], b"")
        assert answered(api, refused).status == 401


def test_a_key_acts_for_its_account() -> None:
    api = made(f"{ACCOUNT}:token", f"{ACCOUNT}:SK1:secret")
    by_key = Request("GET", MESSAGES, "", [basic("SK1", "secret")], b"")
    assert answered(api, by_key).status == 200
    api.reset()
    assert answered(api, by_key).status == 200
    assert len(api.worlds) == 1


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/lookups/v2/PhoneNumbers/+14155550100", b"127.0.0.1:80", 200),
        ("/lookups/v2/PhoneNumbers/%2B14155550100", b"127.0.0.1:80", 200),
        ("/v2/PhoneNumbers/+14155550100", b"lookups.twilio.com", 200),
        ("/v2/PhoneNumbers/+14155550100", b"lookups.dublin.ie1.twilio.com:443", 200),
        ("/v2/PhoneNumbers/+14155550100", b"api.twilio.com", 404),
        ("/v2/PhoneNumbers/+14155550100", b"lookups.twilio.com.example", 404),
        (f"/api{MESSAGES}", b"verify.twilio.com", 200),
    ],
)
def test_a_product_is_named_by_path_or_host(path: str, host: bytes, status: int) -> None:
    api = made()
    answered(api, post(MESSAGES, HELLO))
    request = Request("GET", path, "", [basic(), (b"host", host)], b"")
    assert answered(api, request).status == status


def test_a_scripted_error_keeps_nothing() -> None:
    api = made()
    begun = api.begin(post(MESSAGES, HELLO))
    assert not isinstance(begun, Answer)
    answer = begun.substitute(Answer(429, b"{}", [(b"Content-Type", b"x")]), stored=True)
    begun.abandon()
    assert (answer.status, dict(answer.headers)[b"Content-Type"]) == (429, b"x")
    assert api.worlds[0].table("message") == {}


NAMES = st.sampled_from(
    ["To", "From", "Body", "MediaUrl", "ContentSid", "ContentVariables", "MessagingServiceSid",
     "ScheduleType", "SendAt", "SendAsMms", "SmartEncoded", "Channel", "Code", "CustomCode",
     "Url", "Twiml", "TimeLimit", "Record", "PhoneNumber", "AreaCode", "Status", "PageSize"]
)  # fmt: skip
VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["+14155550100", "whatsapp:+14155550100", "rcs:+4915112345678", "messenger:1", "true",
         "sms", "123456", "fixed", "2030-01-01", "[1]", "{}", f"MG{'a' * 32}", f"HX{'a' * 32}",
         "https://x.example/", "", "<Response><Dial>+14155550100</Dial></Response>", "415",
         "client:a"]
    ),
)  # fmt: skip
PATHS = st.sampled_from(
    [
        MESSAGES,
        f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json",
        f"/2010-04-01/Accounts/{ACCOUNT}/Conferences/room/Participants",
        f"/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json",
        f"/verify/v2/Services/VA{'a' * 32}/Verifications",
        f"/verify/v2/Services/VA{'a' * 32}/VerificationCheck",
        f"/studio/v2/Flows/FW{'a' * 32}/Executions",
    ]
)


GOOD = [*HELLO.items(), ("Url", "https://x.example/"), ("Channel", "sms"), ("AreaCode", "415")]


@given(PATHS, st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_only_what_was_accepted_is_billed(path: str, pairs: list[tuple[str, str]]) -> None:
    """A request that would do, and a few fields that may spoil it."""
    api = made()
    answer = answered(api, post(path, [*GOOD, *pairs]))
    assert answer.status in (200, 201, 400, 404, 429)
    api.town.catch_up()
    if answer.status >= 400:
        assert all(world.charged.total() == 0 for world in api.worlds)
        if not path.endswith("Participants"):
            assert {"code", "message", "more_info", "status"} == orjson.loads(answer.body).keys()


@given(st.text(max_size=30), st.binary(max_size=60))
def test_bytes_that_make_no_sense(path: str, body: bytes) -> None:
    api = made()
    request = Request("POST", f"/{path}", "", [basic(), FORM], body)
    assert answered(api, request).status in (404, 405)
    assert answered(api, post(MESSAGES, body)).status in (201, 400)
