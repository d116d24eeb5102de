"""twilio-python and twilio-node, unmodified, through the gateway: a caller changes the base
addresses and the password, and nothing else.

The user name has to begin with AC, or twilio-node throws: the alias of the key is made for that.
Where a list goes on, both SDKs follow the links of the answer, and must come to us. At the cap, for
a wrong key and for an endpoint that is not on the list, each raises its own error with Twilio's
code for it and our reason.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import ROOT, TWILIO_SANDBOX, TWILIO_SID, TWILIO_TOKEN, Gateway, VaultKey, twilio_at
from tests.texting import (
    FROM,
    MESSAGES,
    NEVER,
    NOWHERE,
    REAL,
    SERVICE,
    SMS,
    SMS_MICROS,
    charged,
    heard_no_secrets,
    messages,
    pass_time,
    seen,
    spent,
)

rest: Any = importlib.import_module("twilio.rest")  # comes without types
exceptions: Any = importlib.import_module("twilio.base.exceptions")
TwilioException: Any = exceptions.TwilioException
TwilioRestException: Any = exceptions.TwilioRestException

HERE: Final = ROOT / "tests" / "node"
END_TIMEOUT_S: Final = 180.0
PRODUCTS: Final = ("verify", "lookups", "messaging", "pricing", "studio")
VERIFY: Final = f"VA{'a' * 32}"
TO: Final = SMS["To"]
HELLO: Final = {"to": TO, "from": FROM, "body": "Your order is on its way."}
Call = tuple[Any, ...]
Connect = Callable[..., Any]
Drive = Callable[..., list[dict[str, Any]]]


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
    more = twilio_at(process.base_url) + NEVER
    with Gateway.start(tmp_path_factory.mktemp("sdks"), NOWHERE, more=more) as running:
        yield running


@pytest.fixture
def gateway(house: Gateway, twilio: Sandbox) -> Iterator[Gateway]:
    yield house
    heard_no_secrets(twilio)


@pytest.fixture
def key(gateway: Gateway) -> VaultKey:
    return gateway.make_key(vendor="twilio")


@pytest.fixture
def connect(gateway: Gateway) -> Iterator[Connect]:
    """A client of twilio-python's for a key; user: its alias, unless a test says otherwise."""
    sessions: list[Any] = []

    def made(key: VaultKey | str, user: str | None = None, *, base: str = "") -> Any:
        alias = key.record["account_sid"] if isinstance(key, VaultKey) else TWILIO_SID
        secret = key.secret if isinstance(key, VaultKey) else key
        client = rest.Client(user or alias, secret)
        sessions.append(client.http_client.session)
        pointed_at(client, base or f"http://{gateway.address}/twilio")
        return client

    yield made
    for session in sessions:
        session.close()


def pointed_at(client: Any, base: str) -> None:
    client.api.base_url = base
    for product in PRODUCTS:
        getattr(client, product).base_url = f"{base}/{product}"


@pytest.fixture
def client(connect: Connect, key: VaultKey) -> Any:
    return connect(key)


@pytest.fixture(scope="module")
def node() -> str:
    """Node.js: the machine's own, or the one that `make` put beside this Python."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("node", path=os.pathsep.join([os.environ.get("PATH", ""), beside]))
    if found is None or not (HERE / "node_modules" / "twilio").is_dir():
        pytest.fail("twilio-node is not set up: `make integration` does that")
    return found


@pytest.fixture
def drive(node: str, gateway: Gateway) -> Drive:
    """Calls made one after the other by twilio-node. options: the client's own."""

    def driven(key: VaultKey | str, *calls: Call, user: str = "", **options: Any) -> Any:
        alias = key.record["account_sid"] if isinstance(key, VaultKey) else TWILIO_SID
        asked = {
            "user": user or alias,
            "key": key.secret if isinstance(key, VaultKey) else key,
            "options": options,
            "base": f"http://{gateway.address}/twilio",
            "calls": calls,
        }
        done = subprocess.run(
            [node, "drive_twilio.mjs"],
            cwd=HERE,
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=END_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return driven


def answers(told: list[dict[str, Any]]) -> list[Any]:
    """Of calls that all succeeded."""
    assert all("answer" in each for each in told), told
    return [each["answer"] for each in told]


def send(client: Any, **changes: Any) -> Any:
    return client.messages.create(**{"to": TO, "from_": FROM, "body": HELLO["body"], **changes})


def raised(call: Callable[[], Any]) -> tuple[int, int]:
    """Status and code of the error that twilio-python raises."""
    with pytest.raises(TwilioRestException) as caught:
        call()
    return caught.value.status, caught.value.code


def unlisted(call: Callable[[], Any]) -> str:
    """What twilio-python says when a list is refused: an exception of another class, with the
    answer as it came."""
    with pytest.raises(TwilioException) as caught:
        call()
    assert '"code":20403' in str(caught.value)
    return str(caught.value)


def services_without_us(twilio: Sandbox, count: int) -> None:
    form = "application/x-www-form-urlencoded"
    for n in range(count):
        body = f"FriendlyName=n{n}".encode()
        path = "/messaging/v1/Services"
        made = twilio.request("POST", path, body, authorization=REAL, content_type=form)
        assert made[0] == 201


def calls(gateway: Gateway, key: VaultKey) -> list[dict[str, Any]]:
    """The audit log of one key, oldest first."""
    rows: list[dict[str, Any]] = gateway.ask(f"/vault/calls?limit=100&key_id={key.id}")["data"]
    return rows[::-1]


# -- twilio-python ---------------------------------------------------------------------------------


def test_python_send_fetch_redact_delete(
    client: Any, gateway: Gateway, key: VaultKey, twilio: Sandbox
) -> None:
    message = send(client, body="Grüße & 1+1=2 😀")
    assert (message.status, message.price) == ("queued", None)
    assert message.account_sid == key.record["account_sid"]
    assert client.messages(message.sid).fetch().body == "Grüße & 1+1=2 😀"
    assert message.update(body="").body == ""
    pass_time(twilio)
    done = message.fetch()
    assert (done.status, done.price) == ("delivered", "-0.00830")
    assert done.delete()
    assert spent(gateway, key) == SMS_MICROS >= charged(twilio)
    assert {request["path"].partition("/Messages")[0] for request in seen(twilio)} == {
        MESSAGES.partition("/Messages")[0]
    }


def test_python_media_services_and_schedules(
    client: Any, gateway: Gateway, key: VaultKey, twilio: Sandbox
) -> None:
    urls = ["https://example.com/a.png", "https://example.com/b.png"]
    assert send(client, media_url=urls).num_media == "2"
    service = send(client, from_=None, messaging_service_sid=SERVICE)
    assert (service.status, service.num_segments) == ("accepted", "0")
    at = "2099-01-01T00:00:00Z"
    refused = raised(lambda: send(client, schedule_type="fixed", send_at=at))
    assert refused[0] == 400, "Twilio schedules for a service only"
    assert spent(gateway, key) == 35_000 + SMS_MICROS
    pass_time(twilio)
    assert 0 < charged(twilio) <= spent(gateway, key)


def test_python_follows_pages_through_the_gateway(
    client: Any, gateway: Gateway, key: VaultKey, twilio: Sandbox
) -> None:
    services_without_us(twilio, 5)
    sids = [send(client, body=f"number {n}").sid for n in range(5)]
    before = twilio.stats()["requests"]
    assert [message.sid for message in client.messages.stream(page_size=2)] == sids[::-1]
    names = [s.friendly_name for s in client.messaging.v1.services.stream(page_size=2)]
    assert names == ["n4", "n3", "n2", "n1", "n0"]
    assert twilio.stats()["requests"] - before == 6
    page = client.messages.page(page_size=2)
    assert client.messages.get_page(page.next_page_url).next_page_url is not None
    reads = [row for row in calls(gateway, key) if row["method"] == "GET"]
    assert len(reads) == 8
    assert {row["cost_usd"] for row in reads} == {"0.00"}


def test_python_other_products(
    client: Any, gateway: Gateway, key: VaultKey, twilio: Sandbox
) -> None:
    service = client.verify.v2.services(VERIFY)
    assert service.verifications.create(to=TO, channel="sms").status == "pending"
    assert service.verification_checks.create(to=TO, code="000000").status == "pending"
    assert service.verification_checks.create(to=TO, code="123456").status == "approved"
    number = client.lookups.v2.phone_numbers(TO)
    assert number.fetch().valid
    assert number.fetch(fields="line_type_intelligence").line_type_intelligence["type"] == "mobile"
    assert client.pricing.v1.messaging.countries("US").fetch().price_unit == "USD"
    bought = client.incoming_phone_numbers.create(phone_number="+14155550123")
    assert bought.phone_number == "+14155550123"
    assert spent(gateway, key) == SMS_MICROS + 50_000 + 8_000 + 1_150_000
    assert 0 < charged(twilio) <= spent(gateway, key)


def test_python_calls_by_their_limit(
    connect: Connect, gateway: Gateway, key: VaultKey, twilio: Sandbox
) -> None:
    limited = gateway.make_key(vendor="twilio", call_time_limit_s=60)
    twiml = "<Response><Say>Hello</Say></Response>"
    call = connect(limited).calls.create(to=TO, from_=FROM, twiml=twiml)
    assert "TimeLimit=60" in seen(twilio)[-1]["body"]
    assert call.update(status="completed").status in ("completed", "canceled")
    assert spent(gateway, limited) == 14_000
    refused = raised(lambda: connect(key).calls.create(to=TO, from_=FROM, url="https://x.y/twiml"))
    assert refused == (403, 20403)
    assert spent(gateway, key) == 0


@pytest.mark.parametrize("named", ["alias", "real", "another"])
def test_python_may_name_the_account_as_it_likes(
    connect: Connect, key: VaultKey, twilio: Sandbox, named: str
) -> None:
    """The user name stands in each path; the real SID works, and so does any other."""
    user = {
        "alias": key.record["account_sid"], "real": TWILIO_SID, "another": f"AC{'0' * 32}"
    }[named]  # fmt: skip
    message = send(connect(key, user))
    assert message.account_sid == user
    assert connect(key, user).messages(message.sid).fetch().uri.split("/")[3] == user
    assert {request["path"].split("/")[3] for request in seen(twilio)} == {TWILIO_SID}


def test_python_at_the_cap(connect: Connect, gateway: Gateway, twilio: Sandbox) -> None:
    key = gateway.make_key(vendor="twilio", daily_usd_cap="0.02")
    client = connect(key)
    send(client)
    with pytest.raises(TwilioRestException) as caught:
        send(client)
    error = caught.value
    assert (error.status, error.code, error.method) == (429, 20429, "POST")
    assert "cap" in error.msg
    assert calls(gateway, key)[-1]["code"] == "daily_cap_exceeded"
    assert len(messages(twilio)) == 1


def test_python_other_refusals(
    connect: Connect, client: Any, gateway: Gateway, key: VaultKey, twilio: Sandbox
) -> None:
    counted = gateway.make_key(vendor="twilio", daily_call_cap=0)
    assert raised(lambda: send(connect(counted))) == (429, 20429)
    assert raised(lambda: send(connect(TWILIO_TOKEN))) == (401, 20003)
    listed = gateway.make_key(vendor="twilio", allowed_endpoints=[f"POST {MESSAGES}"])
    assert "endpoint_not_allowed" in unlisted(lambda: connect(listed).messages.list())
    assert raised(lambda: client.messages("SM1").update(status="queued")) == (422, 20001)
    assert raised(lambda: send(client, to="4155550100")) == (422, 20001)
    assert raised(lambda: client.api.accounts.create()) == (403, 20403)
    assert "mint_endpoints" in unlisted(lambda: client.api.accounts.list())
    assert raised(lambda: client.new_keys.create()) == (403, 20403)
    jamaica = gateway.make_key(vendor="twilio", countries=["US"])
    assert raised(lambda: send(connect(jamaica), to="+18765550123")) == (403, 20403)
    gateway.admin("POST", f"/vault/keys/{key.id}/revoke", {})
    assert raised(lambda: send(client)) == (401, 20003)
    assert twilio.stats()["requests"] == 0


@pytest.mark.parametrize("to", ["+15005550001", "+15005550003", "+15005550004", "+15005550009"])
def test_python_reads_twilios_own_no_as_without_us(
    connect: Connect, client: Any, twilio: Sandbox, to: str
) -> None:
    told = []
    for each in (client, connect(TWILIO_TOKEN, TWILIO_SID, base=twilio.base_url)):
        with pytest.raises(TwilioRestException) as caught:
            send(each, to=to)
        told.append((caught.value.status, caught.value.code, caught.value.msg))
    assert told[0] == told[1]


def test_python_trouble(client: Any, gateway: Gateway, key: VaultKey, twilio: Sandbox) -> None:
    """Its own retries are for connections that are refused: no answer is no second message."""
    twilio.behave(path=MESSAGES, drop=True)
    assert raised(lambda: send(client)) == (502, 20500)
    assert gateway.record(key)["in_doubt_usd"] == "0.0133"
    twilio.behave(path=MESSAGES, status=500)
    assert raised(lambda: send(client)) == (500, 20500)
    assert spent(gateway, key) == SMS_MICROS
    assert len(messages(twilio)) == 1


# -- twilio-node -----------------------------------------------------------------------------------


def test_node_send_fetch_redact_delete(
    drive: Drive, gateway: Gateway, key: VaultKey, twilio: Sandbox
) -> None:
    sent, seen_again, emptied = answers(
        drive(
            key,
            ("messages.create", {**HELLO, "body": "Grüße & 1+1=2 😀"}),
            ("messages($0.sid).fetch",),
            ("messages($0.sid).update", {"body": ""}),
        )
    )
    assert (sent["status"], sent["accountSid"]) == ("queued", key.record["account_sid"])
    assert (seen_again["body"], emptied["body"]) == ("Grüße & 1+1=2 😀", "")
    pass_time(twilio)
    assert drive(key, (f"messages({sent['sid']}).remove",))[0]["answer"] is True
    assert spent(gateway, key) == SMS_MICROS >= charged(twilio)


def test_node_follows_pages_through_the_gateway(
    drive: Drive, key: VaultKey, twilio: Sandbox
) -> None:
    services_without_us(twilio, 5)
    *_, listed, services = answers(
        drive(
            key,
            *[("messages.create", {**HELLO, "body": f"number {n}"}) for n in range(5)],
            ("messages.list", {"pageSize": 2}),
            ("messaging.v1.services.list", {"pageSize": 2}),
        )
    )
    assert [each["body"] for each in listed] == [f"number {n}" for n in (4, 3, 2, 1, 0)]
    assert [each["friendlyName"] for each in services] == ["n4", "n3", "n2", "n1", "n0"]
    assert sum(request["method"] == "GET" for request in seen(twilio)) == 6


def test_node_other_products(
    drive: Drive, gateway: Gateway, key: VaultKey, twilio: Sandbox
) -> None:
    service = f"verify.v2.services({VERIFY})"
    _, checked, valid, asked, _ = answers(
        drive(
            key,
            (f"{service}.verifications.create", {"to": TO, "channel": "sms"}),
            (f"{service}.verificationChecks.create", {"to": TO, "code": "123456"}),
            (f"lookups.v2.phoneNumbers({TO}).fetch",),
            (f"lookups.v2.phoneNumbers({TO}).fetch", {"fields": "line_type_intelligence"}),
            ("incomingPhoneNumbers.create", {"phoneNumber": "+14155550123"}),
        )
    )
    assert (checked["status"], valid["valid"]) == ("approved", True)
    assert asked["lineTypeIntelligence"]["type"] == "mobile"
    assert spent(gateway, key) == SMS_MICROS + 50_000 + 8_000 + 1_150_000
    assert 0 < charged(twilio) <= spent(gateway, key)


@pytest.mark.parametrize("auto_retry", [False, True])
def test_node_at_the_cap(drive: Drive, gateway: Gateway, twilio: Sandbox, auto_retry: bool) -> None:
    """Where it is told to try again, it does so three times, and not one is sent."""
    key = gateway.make_key(vendor="twilio", daily_usd_cap="0.02")
    options = {"autoRetry": True, "maxRetryDelay": 1} if auto_retry else {}
    _, told = drive(key, *[("messages.create", HELLO)] * 2, **options)
    error = told["raised"]
    assert (error["status"], error["code"]) == (429, 20429)
    assert "cap" in error["message"]
    tries = [row["code"] for row in calls(gateway, key)]
    assert tries == [None] + ["daily_cap_exceeded"] * (4 if auto_retry else 1)
    assert len(messages(twilio)) == 1


def test_node_other_refusals(
    drive: Drive, gateway: Gateway, key: VaultKey, twilio: Sandbox
) -> None:
    def codes(*told: dict[str, Any]) -> list[tuple[int, int]]:
        return [(each["raised"]["status"], each["raised"]["code"]) for each in told]

    assert codes(*drive(TWILIO_TOKEN, ("messages.create", HELLO))) == [(401, 20003)]
    told = drive(
        key,
        ("messages.create", {**HELLO, "to": "4155550100"}),
        ("api.v2010.accounts.create", {}),
        ("calls.create", {"to": TO, "from": FROM, "url": "https://x.y/twiml"}),
        ("studio.v2.flows(FW1).executions.create", {"to": TO, "from": FROM}),
    )
    assert codes(*told) == [(422, 20001), *[(403, 20403)] * 3]
    listed = gateway.make_key(vendor="twilio", allowed_endpoints=[f"POST {MESSAGES}"])
    assert codes(*drive(listed, ("messages.list", {}))) == [(403, 20403)]
    gateway.admin("POST", f"/vault/keys/{key.id}/revoke", {})
    assert codes(*drive(key, ("messages.create", HELLO))) == [(401, 20003)]
    assert twilio.stats()["requests"] == 0


def test_node_with_an_api_key_for_a_user(
    drive: Drive, gateway: Gateway, key: VaultKey, twilio: Sandbox
) -> None:
    """SK… as the user name: then the account comes as an option."""
    told = drive(
        key, ("messages.create", HELLO), user=f"SK{'0' * 32}", accountSid=key.record["account_sid"]
    )
    (message,) = answers(told)
    assert message["accountSid"] == key.record["account_sid"]
    assert len(messages(twilio)) == 1
