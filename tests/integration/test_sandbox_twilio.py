"""The official SDK, unmodified, against the sandbox: what it believes of Twilio holds here.

And raw requests for what no SDK would send. If these fail, no test that stands on the sandbox means
anything.
"""

from __future__ import annotations

import base64
import importlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from bench.sandbox.launch import Sandbox

rest: Any = importlib.import_module("twilio.rest")  # comes without types
TwilioRestException: Any = importlib.import_module("twilio.base.exceptions").TwilioRestException

ACCOUNT = f"AC{'1' * 32}"
TOKEN = "first-token"
OTHER = f"AC{'2' * 32}"
OTHER_KEY = f"SK{'2' * 32}"
PRODUCTS = ("verify", "lookups", "messaging", "pricing", "studio")
API = f"/2010-04-01/Accounts/{ACCOUNT}"
FROM = "+15005550006"
TO = "+14155550100"
SERVICE = f"MG{'a' * 32}"
VERIFY = f"VA{'a' * 32}"


@pytest.fixture(scope="module")
def process() -> Iterator[Sandbox]:
    """Nothing happens by itself unless a test lets the time pass."""
    with Sandbox.start(
        "twilio",
        "--secret", f"{ACCOUNT}:{TOKEN}",
        "--secret", f"{OTHER}:{OTHER_KEY}:other-secret",
        "--settle-ms", "60000",
    ) as sandbox:  # fmt: skip
        yield sandbox


@pytest.fixture
def sandbox(process: Sandbox) -> Sandbox:
    process.reset()
    return process


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Any]:
    made = client_of(sandbox, ACCOUNT, TOKEN)
    yield made
    made.http_client.session.close()


def client_of(sandbox: Sandbox, user: str, password: str, account: str | None = None) -> Any:
    made = rest.Client(user, password, account)
    made.api.base_url = sandbox.base_url
    for product in PRODUCTS:
        getattr(made, product).base_url = f"{sandbox.base_url}/{product}"
    return made


def send(client: Any, **fields: Any) -> Any:
    """A short message to an American, unless the fields say otherwise."""
    return client.messages.create(**{"to": TO, "from_": FROM, "body": "Hello", **fields})


def basic(user: str = ACCOUNT, password: str = TOKEN) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def post(
    sandbox: Sandbox, path: str, form: Any = None, **headers: str
) -> tuple[int, dict[str, str], dict[str, Any]]:
    headers = {
        "authorization": basic(),
        "content-type": "application/x-www-form-urlencoded",
        **headers,
    }
    status, heads, body = sandbox.request("POST", path, urlencode(form or {}).encode(), **headers)
    return status, heads, json.loads(body)


def get(sandbox: Sandbox, path: str, **headers: str) -> tuple[int, Any]:
    headers = {"authorization": basic(), **headers}
    status, _, body = sandbox.request("GET", path, None, **headers)
    return status, json.loads(body)


def advance(sandbox: Sandbox, seconds: float) -> None:
    sandbox.control("POST", "advance", {"seconds": seconds})


def billed(sandbox: Sandbox) -> Any:
    return sandbox.stats()["charged_micros"]


# Messages.


def test_a_message_is_priced_after_it_arrived(client: Any, sandbox: Sandbox) -> None:
    message = send(client)
    assert (message.status, message.price, message.num_segments) == ("queued", None, "1")
    advance(sandbox, 31)
    assert message.fetch().status == "sent"
    assert billed(sandbox) == {}
    advance(sandbox, 29.5)
    arrived = message.fetch()
    assert (arrived.status, arrived.price) == ("delivered", None)
    assert billed(sandbox) == {"sms": 8300, "carrier_fee": 4500}
    advance(sandbox, 2)
    assert (message.fetch().price, message.fetch().price_unit) == ("-0.00830", "USD")


def test_a_service_chooses_its_sender_later(client: Any, sandbox: Sandbox) -> None:
    message = send(client, from_=None, messaging_service_sid=SERVICE, body="x" * 161)
    assert (message.status, message.from_, message.num_segments) == ("accepted", None, "0")
    advance(sandbox, 62)
    message = message.fetch()
    assert (message.from_, message.num_segments, message.price) == (FROM, "2", "-0.01660")


@pytest.mark.parametrize(
    ("to", "body", "micros"),
    [
        ("+4915112345678", "x" * 161, 224_000),
        ("+18765550123", "Hello", 315_100),
        ("+77015550123", "Hello", 338_200),
        ("+79015550123", "Hello", 752_200),
        ("+8815550123", "Hello", 790_000),
        ("(415) 555-0100", "😀" * 36, 16_600),
        ("+442071838750", "héllo" + "x" * 155, 56_000),
    ],
)
def test_prices_follow_country_and_segments(
    client: Any, sandbox: Sandbox, to: str, body: str, micros: int
) -> None:
    send(client, to=to, body=body)
    advance(sandbox, 62)
    assert billed(sandbox)["sms"] == micros


@pytest.mark.parametrize(
    ("fields", "kind", "micros"),
    [
        ({"media_url": ["https://x.example/a", "https://x.example/b"]}, "mms", 22_000),
        ({"send_as_mms": True}, "mms", 22_000),
        ({"to": "+4915112345678", "media_url": ["https://x.example/a"]}, "sms", 112_000),
        ({"to": f"whatsapp:{TO}", "from_": f"whatsapp:{FROM}"}, "whatsapp", 8_400),
        (
            {
                "to": "whatsapp:+4915112345678",
                "from_": f"whatsapp:{FROM}",
                "content_sid": f"HX{'a' * 32}",
            },
            "whatsapp",
            125_000,
        ),
        ({"to": f"rcs:{TO}", "from_": None, "messaging_service_sid": SERVICE}, "rcs", 8_300),
    ],
)
def test_other_channels(
    client: Any, sandbox: Sandbox, fields: dict[str, Any], kind: str, micros: int
) -> None:
    message = send(client, **fields)
    advance(sandbox, 62)
    assert billed(sandbox)[kind] == micros
    assert message.fetch().price.lstrip("-") == str(Decimal(micros).scaleb(-6).quantize(FIVE))


FIVE = Decimal("0.00001")


@pytest.mark.parametrize(
    ("to", "status", "error", "price", "charged"),
    [
        ("+14155530003", "undelivered", 30003, "-0.00830", {"sms": 8300, "carrier_fee": 5000}),
        ("+14155530001", "failed", 30001, None, {"failed_fee": 1000}),
        ("+14155530008", "failed", 30008, None, {}),
        ("+14155530000", "sent", None, "-0.00830", {"sms": 8300, "carrier_fee": 3500}),
        ("+14155538888", "delivered", None, "-0.01660", {"sms": 16600, "carrier_fee": 4500}),
        ("+14155539999", "queued", None, None, {}),
    ],
)
def test_numbers_that_end_badly(
    client: Any, sandbox: Sandbox, to: str, status: str, error: int | None, price: str, charged: Any
) -> None:
    message = send(client, to=to)
    advance(sandbox, 62)
    message = message.fetch()
    assert (message.status, message.error_code, message.price) == (status, error, price)
    assert billed(sandbox) == charged


def test_an_undelivered_whatsapp_message_is_free(client: Any, sandbox: Sandbox) -> None:
    message = send(client, to="whatsapp:+14155530003", from_=f"whatsapp:{FROM}")
    advance(sandbox, 62)
    assert (message.fetch().status, message.fetch().price) == ("undelivered", None)
    assert billed(sandbox) == {}


REFUSED = [
    ({"To": "+15005550001"}, 400, 21211),
    ({"To": "+123"}, 400, 21211),
    ({"To": "+1876555012"}, 400, 21211),
    ({"To": "+15005550002"}, 400, 21612),
    ({"To": "+15005550003"}, 400, 21408),
    ({"To": "+15005550004"}, 400, 21610),
    ({"To": "+15005550009"}, 400, 21614),
    ({"To": ""}, 400, 21604),
    ({"From": ""}, 400, 21603),
    ({"From": "+15005550001"}, 400, 21212),
    ({"From": "+15005550007"}, 400, 21606),
    ({"From": "+15005550008"}, 400, 21611),
    ({"From": f"whatsapp:{FROM}"}, 400, 21910),
    ({"Body": ""}, 400, 21602),
    ({"Body": "x" * 1601}, 400, 21617),
    ({"MediaUrl": "nowhere"}, 400, 21620),
    ({"ContentSid": "HX"}, 400, 21655),
    ({"ContentSid": f"HX{'a' * 32}", "ContentVariables": "{"}, 400, 21656),
    ({"MessagingServiceSid": f"MG{'0' * 32}"}, 404, 21701),
    ({"ScheduleType": "fixed"}, 400, 35111),
    ({"ScheduleType": "fixed", "SendAt": "2030-01-01T00:00:00Z"}, 400, 35118),
    (
        {"ScheduleType": "fixed", "SendAt": "2030-01-01T00:00:00Z", "MessagingServiceSid": SERVICE},
        400,
        35114,
    ),
]


@pytest.mark.parametrize(("fields", "status", "code"), REFUSED)
def test_what_is_refused_has_twilios_code(
    sandbox: Sandbox, fields: dict[str, str], status: int, code: int
) -> None:
    form = {"To": TO, "From": FROM, "Body": "Hello", **fields}
    answered, _, body = post(sandbox, f"{API}/Messages.json", form)
    assert (answered, body["code"], body["status"]) == (status, code, status)
    assert body["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    assert sandbox.stats()["messages"] == {}


def test_the_sdk_reads_an_error(client: Any) -> None:
    with pytest.raises(TwilioRestException) as caught:
        send(client, to="+15005550004")
    assert (caught.value.status, caught.value.code) == (400, 21610)


def test_scheduled_then_canceled_is_never_billed(client: Any, sandbox: Sandbox) -> None:
    def schedule() -> Any:
        at = datetime.now(UTC) + timedelta(hours=1)
        return send(client, messaging_service_sid=SERVICE, schedule_type="fixed", send_at=at)

    gone, kept = schedule(), schedule()
    assert gone.status == "scheduled"
    assert gone.update(status="canceled").status == "canceled"
    advance(sandbox, 3600 - 10)
    assert kept.fetch().status == "scheduled"
    advance(sandbox, 120)
    assert (kept.fetch().status, gone.fetch().status) == ("delivered", "canceled")
    assert billed(sandbox)["sms"] == 8300
    with pytest.raises(TwilioRestException) as caught:
        kept.update(status="canceled")
    assert caught.value.code == 30409


def test_redacting_and_deleting_give_nothing_back(client: Any, sandbox: Sandbox) -> None:
    message = send(client)
    with pytest.raises(TwilioRestException) as caught:
        message.delete()
    assert caught.value.code == 20009
    advance(sandbox, 62)
    assert message.update(body="").body == ""
    assert message.delete() is True
    with pytest.raises(TwilioRestException) as caught:
        message.fetch()
    assert (caught.value.status, caught.value.code) == (404, 20404)
    assert billed(sandbox)["sms"] == 8300


def test_fetching_can_be_what_settles_it(client: Any, sandbox: Sandbox) -> None:
    sandbox.control("POST", "pace", {"settle_fetches": 2})
    message = send(client)
    assert message.fetch().status == "queued"
    assert (message.fetch().status, message.fetch().price) == ("delivered", "-0.00830")


def test_a_template_is_what_a_test_says(client: Any, sandbox: Sandbox) -> None:
    sid = f"HX{'b' * 32}"
    sandbox.control("POST", "content", {"sid": sid, "text": "{{name}}" + "x" * 160})
    message = send(client, content_sid=sid, content_variables='{"name": "Ann"}')
    assert message.body == "Ann" + "x" * 160
    assert message.num_segments == "2"


def test_the_carrier_is_played_through_the_door(client: Any, sandbox: Sandbox) -> None:
    def deliver(**data: Any) -> Any:
        return sandbox.control("POST", "deliver", data)

    dear, unknown, failed = send(client), send(client), send(client)
    shown = deliver(sid=dear.sid, status="delivered", price="-0.02000")
    assert shown["price"] == dear.fetch().price == "-0.02000"
    assert deliver(sid=unknown.sid, status="delivered", price=None)["price"] is None
    assert deliver(sid=failed.sid, status="failed", error_code=30001)["error_code"] == 30001
    assert billed(sandbox)["sms"] == 20_000 + 8_300
    assert deliver(sid=unknown.sid, status="delivered", price="0.01")["price"] == "-0.01000"
    assert billed(sandbox)["sms"] == 20_000 + 10_000
    advance(sandbox, 120)
    assert dear.fetch().status == "delivered"
    assert billed(sandbox)["sms"] == 20_000 + 10_000
    with pytest.raises(ValueError, match="status"):
        deliver(sid=dear.sid, status="lost")


def test_drift_bills_above_the_list(client: Any, sandbox: Sandbox) -> None:
    sandbox.control("POST", "pace", {"drift_percent": 150})
    message = send(client)
    advance(sandbox, 62)
    assert message.fetch().price == "-0.01245"
    price = client.pricing.v1.messaging.countries("US").fetch().outbound_sms_prices[0]["prices"][0]
    assert (price["base_price"], price["current_price"]) == ("0.00830", "0.01245")
    with pytest.raises(ValueError, match="unknown fields"):
        sandbox.control("POST", "pace", {"drift": 150})


# Shapes.

SHAPES: Any = json.loads((Path(__file__).parents[1] / "data" / "twilio_shapes.json").read_bytes())


def test_answers_have_every_name_of_twilios_examples(sandbox: Sandbox) -> None:
    def made(path: str, **form: str) -> dict[str, Any]:
        return post(sandbox, path, {"To": TO, "From": FROM, **form})[2]

    def read(path: str) -> dict[str, Any]:
        answer: dict[str, Any] = get(sandbox, path)[1]
        return answer

    message = made(f"{API}/Messages.json", Body="Hello")
    call = made(f"{API}/Calls.json", Url="https://x.example/")
    answers = {
        "message_create": message,
        "message_fetch": read(message["uri"]),
        "call_create": call,
        "call_fetch": read(call["uri"]),
        "incoming_phone_number_create": made(f"{API}/IncomingPhoneNumbers.json", AreaCode="415"),
        "verification_create": made(f"/verify/v2/Services/{VERIFY}/Verifications", Channel="sms"),
        "verification_check": made(f"/verify/v2/Services/{VERIFY}/VerificationCheck", Code="1"),
        "lookup_fetch": read(f"/lookups/v2/PhoneNumbers/{TO}"),
        "pricing_messaging_country": read("/pricing/v1/Messaging/Countries/US"),
        "balance": read(f"{API}/Balance.json"),
        "usage_today": read(f"{API}/Usage/Records/Today.json"),
    }
    missing = {kind: set(SHAPES[kind]) - answer.keys() for kind, answer in answers.items()}
    assert missing == {kind: set() for kind in SHAPES.keys() - {"about"}}


# Lists.


def test_pages_of_the_2010_api_follow_relative_links(client: Any, sandbox: Sandbox) -> None:
    sids = [send(client, body=str(number)).sid for number in range(5)]
    page = client.messages.page(page_size=2)
    assert page.next_page_url.startswith(f"{sandbox.base_url}{API}/Messages.json?")
    send(client, body="in between")
    seen = [message.sid for message in page] + [message.sid for message in page.next_page()]
    assert seen == sids[:0:-1]
    assert len(client.messages.list(page_size=2)) == 6
    status, answer = get(sandbox, f"{API}/Messages.json?PageSize=2&Page=1")
    assert (status, answer["page"], answer["start"], answer["end"]) == (200, 1, 2, 3)
    assert answer["next_page_uri"].startswith(f"{API}/Messages.json?PageSize=2&Page=2&PageToken=")
    assert answer["previous_page_uri"] == f"{API}/Messages.json?PageSize=2&Page=0"


def test_messages_are_found_by_whom_and_when(client: Any, sandbox: Sandbox) -> None:
    first, second = send(client), send(client, to="+14155550101")
    today = datetime.now(UTC)
    advance(sandbox, 62)
    assert [m.sid for m in client.messages.list(to=TO)] == [first.sid]
    assert [m.sid for m in client.messages.list(to="+14155550101", from_=FROM)] == [second.sid]
    day = timedelta(days=1)
    assert len(client.messages.list(date_sent_after=today - day)) == 2
    assert client.messages.list(date_sent_after=today + day) == []
    assert client.messages.list(date_sent_before=today - day) == []
    with pytest.raises(Exception, match="Unable to fetch page"):
        client.messages.list(date_sent="yesterday")
    days = {first.fetch().date_sent.date(), second.fetch().date_sent.date()}
    assert sum(len(client.messages.list(date_sent=day)) for day in days) == 2


def test_newer_products_page_to_twilios_own_hosts(client: Any, sandbox: Sandbox) -> None:
    for number in range(3):
        client.messaging.v1.services.create(friendly_name=f"Service {number}")
    status, answer = get(sandbox, "/messaging/v1/Services?PageSize=2")
    assert status == 200
    meta = answer["meta"]
    assert meta["next_page_url"].startswith("https://messaging.twilio.com/v1/Services?PageSize=2&")
    rest_of_it = meta["next_page_url"].removeprefix("https://messaging.twilio.com")
    assert len(get(sandbox, f"/messaging{rest_of_it}")[1]["services"]) == 1
    # The host may name the product as well.
    assert len(get(sandbox, rest_of_it, host="messaging.twilio.com")[1]["services"]) == 1
    first = answer["services"][0]
    assert first["url"] == f"https://messaging.twilio.com/v1/Services/{first['sid']}"


# Calls.


def test_a_call_is_billed_by_its_minutes(client: Any, sandbox: Sandbox) -> None:
    call = client.calls.create(to=TO, from_=FROM, twiml="<Response/>", time_limit=90)
    assert (call.status, call.price, call.duration) == ("queued", None, None)
    advance(sandbox, 31)
    assert call.fetch().status == "in-progress"
    advance(sandbox, 31)
    call = call.fetch()
    assert (call.status, call.price, call.duration) == ("completed", "-0.02800", "90")
    assert billed(sandbox) == {"call": 28_000}
    assert client.calls.list(status="completed")[0].sid == call.sid


def test_dialing_on_is_another_leg(client: Any, sandbox: Sandbox) -> None:
    twiml = "<Response><Dial><Number>+4930123456</Number></Dial></Response>"
    client.calls.create(to=TO, from_=FROM, twiml=twiml, record=True)
    call = client.calls.create(to=TO, from_=FROM, url="https://x.example/")
    call.update(twiml="<Response><Dial>+18765550123</Dial></Response>")
    advance(sandbox, 62)
    assert billed(sandbox) == {"call": 14_000 + 35_000 + 14_000 + 200_000, "recording": 2_500}


@pytest.mark.parametrize(
    ("to", "status"), [("+14155540001", "busy"), ("+14155540002", "no-answer")]
)
def test_who_does_not_answer_costs_nothing(
    client: Any, sandbox: Sandbox, to: str, status: str
) -> None:
    call = client.calls.create(to=to, from_=FROM, url="https://x.example/")
    advance(sandbox, 62)
    assert (call.fetch().status, call.fetch().price) == (status, None)
    assert billed(sandbox) == {}


def test_a_call_ends_when_told(client: Any, sandbox: Sandbox) -> None:
    limited = client.calls.create(to=TO, from_=FROM, url="https://x.example/", time_limit=120)
    shown = sandbox.control("POST", "hangup", {"sid": limited.sid, "seconds": 3_600})
    assert (shown["duration"], shown["price"]) == ("120", "-0.02800")
    never = client.calls.create(to=TO, from_=FROM, url="https://x.example/")
    assert never.update(status="canceled").status == "canceled"
    ended = client.calls.create(to=TO, from_=FROM, url="https://x.example/")
    advance(sandbox, 45)
    assert ended.update(status="completed").fetch().price == "-0.01400"
    with pytest.raises(TwilioRestException) as caught:
        ended.update(status="completed")
    assert caught.value.code == 21220
    assert ended.delete() is True
    assert billed(sandbox) == {"call": 42_000}


def test_a_conference_calls_people(client: Any, sandbox: Sandbox) -> None:
    participant = client.conferences("my room").participants.create(
        from_=FROM, to=TO, time_limit=60
    )
    assert participant.conference_sid.startswith("CF")
    advance(sandbox, 62)
    assert client.calls(participant.call_sid).fetch().price == "-0.01400"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"To": ""}, 21201),
        ({"From": ""}, 21213),
        ({"Url": ""}, 21205),
        ({"To": "+15005550001"}, 21217),
        ({"To": "+15005550002"}, 21214),
        ({"To": "+15005550003"}, 21215),
        ({"To": "+15005550004"}, 21216),
        ({"From": "+15005550001"}, 21212),
        ({"From": "+15005550007"}, 21210),
        ({"TimeLimit": "14401"}, 20001),
        ({"TimeLimit": "soon"}, 20001),
    ],
)
def test_calls_that_are_refused(sandbox: Sandbox, fields: dict[str, str], code: int) -> None:
    form = {"To": TO, "From": FROM, "Url": "https://x.example/", **fields}
    status, _, body = post(sandbox, f"{API}/Calls.json", form)
    assert (status, body["code"]) == (400, code)


# Numbers.


def test_a_number_costs_its_first_month(client: Any, sandbox: Sandbox) -> None:
    offered = client.available_phone_numbers("PT").mobile.list(limit=1)[0].phone_number
    bought = client.incoming_phone_numbers.mobile.create(phone_number=offered)
    number = client.incoming_phone_numbers(bought.sid)
    assert billed(sandbox) == {"number": 135_000_000}
    assert number.update(sms_url="https://x.example/").sms_url == "https://x.example/"
    assert client.incoming_phone_numbers.list(phone_number=offered)[0].sid == bought.sid
    assert number.delete() is True
    client.incoming_phone_numbers.create(area_code="212")
    free = client.available_phone_numbers("US").toll_free.list(limit=1)[0].phone_number
    client.incoming_phone_numbers.toll_free.create(phone_number=free)
    assert billed(sandbox) == {"number": 135_000_000 + 1_150_000 + 2_150_000}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, 21404),
        ({"PhoneNumber": "+15005550000"}, 21422),
        ({"PhoneNumber": "+15005550001"}, 21421),
        ({"AreaCode": "533"}, 21452),
        ({"AreaCode": "4"}, 20001),
    ],
)
def test_numbers_not_for_sale(sandbox: Sandbox, fields: dict[str, str], code: int) -> None:
    status, _, body = post(sandbox, f"{API}/IncomingPhoneNumbers.json", fields)
    assert (status, body["code"], billed(sandbox)) == (400, code, {})


# Verify, Lookup and others.


def test_verify_bills_each_attempt_and_each_success(client: Any, sandbox: Sandbox) -> None:
    service = client.verify.v2.services(VERIFY)
    first = service.verifications.create(to=TO, channel="sms")
    again = service.verifications.create(to=TO, channel="call")
    assert (again.sid, len(again.send_code_attempts)) == (first.sid, 2)
    assert billed(sandbox) == {"verify_channel": 8_300 + 14_000}
    assert service.verification_checks.create(to=TO, code="000000").status == "pending"
    assert "verify_success" not in billed(sandbox)
    assert service.verification_checks.create(to=TO, code="123456").status == "approved"
    assert billed(sandbox)["verify_success"] == 50_000
    with pytest.raises(TwilioRestException) as caught:
        service.verification_checks.create(to=TO, code="123456")
    assert caught.value.status == 404


def test_verify_has_limits(client: Any, sandbox: Sandbox) -> None:
    service = client.verify.v2.services(VERIFY)
    for _ in range(5):
        sent = service.verifications.create(to="a@b.example", channel="email")
    with pytest.raises(TwilioRestException) as caught:
        service.verifications.create(to="a@b.example", channel="email")
    assert (caught.value.status, caught.value.code) == (429, 60203)
    for _ in range(5):
        service.verification_checks.create(verification_sid=sent.sid, code="1")
    with pytest.raises(TwilioRestException) as caught:
        service.verification_checks.create(verification_sid=sent.sid, code="123456")
    assert (caught.value.status, caught.value.code) == (429, 60202)
    assert sent.update(status="canceled").status == "canceled"
    expired = service.verifications.create(to=TO, channel="whatsapp", custom_code="4711")
    advance(sandbox, 601)
    with pytest.raises(TwilioRestException):
        service.verification_checks.create(to=TO, code="4711")
    assert service.verifications(expired.sid).fetch().status == "pending"
    with pytest.raises(TwilioRestException, match="Channel"):
        service.verifications.create(to=TO, channel="pigeon")


def test_lookup_is_a_get_that_costs(client: Any, sandbox: Sandbox) -> None:
    number = client.lookups.v2.phone_numbers(TO)
    assert number.fetch().valid is True
    assert billed(sandbox) == {}
    found = number.fetch(fields="caller_name,line_type_intelligence")
    assert (found.country_code, found.line_type_intelligence["type"]) == ("US", "mobile")
    assert billed(sandbox) == {"lookup": 18_000}
    assert client.lookups.v2.phone_numbers("+1415").fetch().validation_errors == ["TOO_SHORT"]
    old = client.lookups.v1.phone_numbers(TO).fetch(type=["carrier", "caller-name"])
    assert (old.carrier["type"], old.caller_name["caller_name"]) == ("mobile", "SANDBOX")
    assert billed(sandbox) == {"lookup": 36_000}
    with pytest.raises(TwilioRestException):
        number.fetch(fields="shoe_size")


def test_many_numbers_in_one_lookup(sandbox: Sandbox) -> None:
    def ask(data: Any) -> tuple[int, Any]:
        status, _, body = sandbox.request(
            "POST", "/lookups/v2/batch/query", json.dumps(data).encode(),
            authorization=basic(), content_type="application/json",
        )  # fmt: skip
        return status, json.loads(body)

    one = {"phone_number": TO, "fields": ["caller_name"], "correlation_id": "a"}
    status, answer = ask({"phone_numbers": [one, {"phone_number": "+1"}]})
    assert status == 200
    assert [found["valid"] for found in answer["phone_numbers"]] == [True, False]
    assert billed(sandbox) == {"lookup": 10_000}
    assert ask([])[0] == ask({"phone_numbers": [{}]})[0] == 400


def test_a_flow_sends_more_than_it_says(client: Any, sandbox: Sandbox) -> None:
    flow = client.studio.v2.flows(f"FW{'a' * 32}")
    assert flow.executions.create(to=TO, from_=FROM).status == "active"
    assert billed(sandbox) == {"studio": 3 * 8_300}


def test_prices_can_be_read(client: Any) -> None:
    country = client.pricing.v1.messaging.countries("JM").fetch()
    price = country.outbound_sms_prices[0]["prices"][0]
    assert (country.iso_country, price["current_price"]) == ("JM", "0.31510")
    assert len(client.pricing.v1.messaging.countries.list(limit=60)) == 60


# Accounts.


def test_accounts_are_apart(client: Any, sandbox: Sandbox) -> None:
    mine = send(client)
    other = client_of(sandbox, OTHER_KEY, "other-secret", OTHER)
    try:
        assert other.messages.list() == []
        with pytest.raises(TwilioRestException) as caught:
            other.messages(mine.sid).fetch()
        assert caught.value.status == 404
        send(other, to="+4915112345678")
    finally:
        other.http_client.session.close()
    assert get(sandbox, f"/2010-04-01/Accounts/{OTHER}/Messages.json")[0] == 404
    advance(sandbox, 62)
    by_account = sandbox.stats()["by_account"]
    assert by_account == {ACCOUNT: {"sms": 8300, "carrier_fee": 4500}, OTHER: {"sms": 112_000}}
    assert sandbox.charged("usd_micros") == 8300 + 4500 + 112_000


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer x", "Basic !", basic(password="wrong"), basic(OTHER), basic(OTHER_KEY)],
)
def test_wrong_credentials(sandbox: Sandbox, authorization: str) -> None:
    status, _, body = sandbox.request("GET", f"{API}/Messages.json", authorization=authorization)
    assert status == 401
    assert json.loads(body) == {
        "code": 20003,
        "message": "Authenticate",
        "more_info": "https://www.twilio.com/docs/errors/20003",
        "status": 401,
    }


def test_an_account_tells_its_token_to_its_owner_only(client: Any, sandbox: Sandbox) -> None:
    assert client.api.v2010.accounts(ACCOUNT).fetch().auth_token == TOKEN
    key = client.new_keys.create(friendly_name="for an agent")
    by_key = basic(key.sid, key.secret)
    assert get(sandbox, f"{API}/Messages.json", authorization=by_key)[0] == 200
    for path in (f"{API}.json", "/2010-04-01/Accounts.json", f"{API}/Keys.json"):
        assert get(sandbox, path, authorization=by_key)[1]["code"] == 20003
    assert [found.sid for found in client.keys.list()] == [key.sid]
    assert client.keys(key.sid).delete() is True
    assert get(sandbox, f"{API}/Messages.json", authorization=by_key)[0] == 401


def test_a_subaccount_spends_on_its_own(client: Any, sandbox: Sandbox) -> None:
    child = client.api.v2010.accounts.create(friendly_name="Child")
    assert child.owner_account_sid == ACCOUNT
    send(client.api.v2010.accounts(child.sid))
    form = {"To": TO, "From": FROM, "Body": "Hello"}
    path = f"/2010-04-01/Accounts/{child.sid}/Messages.json"
    own = basic(child.sid, child.auth_token)
    assert post(sandbox, path, form, authorization=own)[0] == 201
    assert get(sandbox, f"{API}/Messages.json", authorization=own)[0] == 404
    advance(sandbox, 62)
    assert sandbox.stats()["by_account"][child.sid]["sms"] == 16_600
    assert {found.sid for found in client.api.v2010.accounts.list()} == {ACCOUNT, child.sid}
    client.api.v2010.accounts(child.sid).update(status="closed")
    assert post(sandbox, path, form, authorization=own)[0] == 401


def test_usage_and_balance_show_what_was_billed(client: Any, sandbox: Sandbox) -> None:
    send(client)
    advance(sandbox, 62)
    records = {record.category: record for record in client.usage.records.today.list()}
    assert records["sms"].price == Decimal("0.0083")
    assert records["sms-messages-carrierfees"].price == Decimal("0.0045")
    assert records["totalprice"].price == Decimal("0.0128")
    assert [r.count for r in client.usage.records.list(category="sms")] == ["1"]
    assert client.balance.fetch().balance == "99.98720"


# What no SDK sends.


def test_without_a_suffix_the_2010_api_speaks_xml(sandbox: Sandbox) -> None:
    form = urlencode({"To": TO, "From": FROM, "Body": "a < b"}).encode()
    for suffix in ("", ".xml"):
        status, headers, body = sandbox.request(
            "POST", f"{API}/Messages{suffix}", form, authorization=basic(),
            content_type="application/x-www-form-urlencoded",
        )  # fmt: skip
        assert (status, headers["content-type"]) == (201, "application/xml")
        assert b"<TwilioResponse><Message><AccountSid>" in body
        assert b"<Body>a &lt; b</Body>" in body
    status, _, body = sandbox.request("GET", f"{API}/Messages/SM1", authorization=basic())
    assert status == 404
    assert b"<RestException><Code>20404</Code>" in body
    assert (
        b"<Messages><Message><AccountSid>"
        in sandbox.request("GET", f"{API}/Messages", authorization=basic())[2]
    )


@pytest.mark.parametrize(
    "path",
    [
        "/2010-04-01/Accounts/AC1/Messages.json",
        f"/2010-04-01/accounts/{ACCOUNT}/Messages.json",
        f"/2010-04-01//Accounts/{ACCOUNT}/Messages.json",
        f"{API}/Faxes.json",
        "/nothing",
        "/video/v1/Rooms",
        "/verify/v2/Services/VA1/VerificationCheck",
    ],
)
def test_unknown_paths(sandbox: Sandbox, path: str) -> None:
    status, _, body = post(sandbox, path, {"To": TO, "From": FROM, "Body": "Hello"})
    assert (status, body["code"]) == (404, 20404)


def test_an_unknown_format_is_an_unknown_path(sandbox: Sandbox) -> None:
    assert sandbox.request("GET", f"{API}/Messages.csv", authorization=basic())[0] == 404


def test_an_unknown_method(sandbox: Sandbox) -> None:
    status, _, body = sandbox.request("DELETE", f"{API}/Messages.json", authorization=basic())
    assert (status, json.loads(body)["code"]) == (405, 20004)


def test_the_last_of_several_values_counts_and_the_query_too(sandbox: Sandbox) -> None:
    target = f"{API}/Messages.json?Body=from+the+query"
    body = f"To=%2B4915112345678&To=%2B14155550100&From={FROM.replace('+', '%2B')}".encode()
    form = "application/x-www-form-urlencoded"
    status, _, content = sandbox.request(
        "POST", target, body, authorization=basic(), content_type=form
    )
    answer = json.loads(content)
    assert (status, answer["to"], answer["body"]) == (201, TO, "from the query")
    status, _, content = sandbox.request(
        "POST", target, b"{}", authorization=basic(), content_type="application/json"
    )
    assert json.loads(content)["code"] == 21604


def test_the_legacy_path_sends_as_well(sandbox: Sandbox) -> None:
    form = {"To": TO, "From": FROM, "Body": "Hello"}
    assert post(sandbox, f"{API}/SMS/Messages.json", form)[0] == 201
    assert len(get(sandbox, f"{API}/SMS/Messages.json")[1]["sms_messages"]) == 1


def test_nothing_is_idempotent(sandbox: Sandbox) -> None:
    form = {"To": TO, "From": FROM, "Body": "Hello"}
    for _ in range(2):
        post(sandbox, f"{API}/Messages.json", form, idempotency_key="same")
    assert sandbox.stats()["messages"] == {"queued": 2}


# Bad days.


def test_scripted_faults_have_twilios_shape(client: Any, sandbox: Sandbox) -> None:
    sandbox.behave(path="*/Messages.json", method="POST", status=429)
    with pytest.raises(TwilioRestException) as caught:
        send(client)
    assert (caught.value.status, caught.value.code) == (429, 20429)
    sandbox.behave(path="*/Messages.json", method="POST", status=500, execute=True)
    with pytest.raises(TwilioRestException) as caught:
        send(client)
    assert (caught.value.status, caught.value.code) == (500, 20500)
    assert sandbox.stats()["messages"] == {"queued": 1}


def test_an_answer_may_be_lost(sandbox: Sandbox) -> None:
    sandbox.behave(path="*/Messages.json", drop=True)
    form = {"To": TO, "From": FROM, "Body": "Hello"}
    with pytest.raises(ConnectionError):
        post(sandbox, f"{API}/Messages.json", form)
    assert sandbox.stats()["messages"] == {"queued": 1}


def test_too_many_requests(client: Any, sandbox: Sandbox) -> None:
    sandbox.control("POST", "pace", {"requests_per_second": 2})
    codes = [get(sandbox, f"{API}/Messages.json")[0] for _ in range(3)]
    assert codes == [200, 200, 429]
    advance(sandbox, 1)
    assert get(sandbox, f"{API}/Messages.json")[0] == 200


def test_every_bill_is_in_the_state_file(tmp_path: Path) -> None:
    state = tmp_path / "money.jsonl"
    with Sandbox.start("twilio", "--settle-ms", "60000", "--state-file", str(state)) as sandbox:
        form = {"To": TO, "From": FROM, "Body": "Hello"}
        sid = post(sandbox, f"{API}/Messages.json", form)[2]["sid"]
        advance(sandbox, 62)
        lines = [json.loads(line) for line in state.read_text().splitlines()]
    assert lines == [
        {"kind": "sms", "id": sid, "amount": 8300, "currency": "usd_micros"},
        {"kind": "carrier_fee", "id": sid, "amount": 4500, "currency": "usd_micros"},
    ]


def test_a_malformed_secret_is_refused_without_showing_it(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(RuntimeError, match="exit code 3"):
        Sandbox.start("twilio", "--secret", "hunter2")
    assert "hunter2" not in capfd.readouterr().err
