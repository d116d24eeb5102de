"""The official SDK and raw requests against the Resend sandbox: what is believed of Resend.

If these fail, no test that stands on the sandbox means anything.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import resend
from resend.exceptions import RateLimitError, ResendError

from bench.sandbox.launch import Sandbox
from tests.speaker import Meanwhile, until

KEY = "re_sandboxtests_1"
MAIL = {"from": "Shop <shop@example.com>", "to": "a@example.com", "subject": "Hi", "text": "there"}
SEND: Any = MAIL
AGENT = "sandbox-tests/1"


@pytest.fixture(scope="module")
def process() -> Iterator[Sandbox]:
    with Sandbox.start("resend") as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(process: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    process.reset()
    monkeypatch.setattr(resend, "api_key", KEY)
    monkeypatch.setattr(resend, "api_url", process.base_url)
    return process


def call(
    sandbox: Sandbox, method: str, path: str, data: Any = None, key: str = KEY, **headers: str
) -> tuple[int, dict[str, str], Any]:
    body = data if isinstance(data, bytes) else None if data is None else json.dumps(data).encode()
    named = {"authorization": f"Bearer {key}", "user_agent": AGENT, **headers}
    status, heads, content = sandbox.request(method, path, body, **named)
    return status, heads, json.loads(content) if content else None


def post(sandbox: Sandbox, path: str, data: Any = None, **more: str) -> tuple[int, Any]:
    status, _, answer = call(sandbox, "POST", path, data, **more)
    return status, answer


def send(options: Any = None, **more: Any) -> Any:
    """MAIL through the SDK, with these members changed."""
    params: Any = {**MAIL, **more}
    return resend.Emails.send(params, options)


def mails(sandbox: Sandbox) -> list[list[str]]:
    """The recipients of each mail that went out."""
    return [mail["recipients"] for mail in sandbox.control("GET", "mails")["mails"]]


# The SDK.


def test_send_and_look_at_it(sandbox: Sandbox) -> None:
    sent = send(to=["a@example.com", "B <b@example.com>"], cc="c@example.com")
    seen: Any = resend.Emails.get(sent["id"])
    assert (seen["to"], seen["cc"]) == (["a@example.com", "B <b@example.com>"], ["c@example.com"])
    assert seen["last_event"] == "sent"
    assert mails(sandbox) == [["a@example.com", "b@example.com", "c@example.com"]]
    stats = sandbox.stats()
    assert (stats["mails"], stats["charged"]) == (3, {"usd_micros": 2_700})
    sandbox.control("POST", "deliver", {"id": sent["id"], "event": "bounced"})
    seen = resend.Emails.get(sent["id"])
    assert seen["last_event"] == "bounced"


def test_lists_are_paged(sandbox: Sandbox) -> None:
    made = [send()["id"] for _ in range(5)][::-1]
    first: Any = resend.Emails.list({"limit": 2})
    assert (first["has_more"], [m["id"] for m in first["data"]]) == (True, made[:2])
    rest: Any = resend.Emails.list({"limit": 100, "after": made[1]})
    assert (rest["has_more"], [m["id"] for m in rest["data"]]) == (False, made[2:])
    before: Any = resend.Emails.list({"limit": 1, "before": made[2]})
    assert [m["id"] for m in before["data"]] == [made[1]]


def test_batches_strict_and_permissive(sandbox: Sandbox) -> None:
    copied: Any = {**MAIL, "bcc": ["x@example.com", "y@example.com"]}
    good: Any = resend.Batch.send([SEND, copied])
    assert (len(good["data"]), sandbox.stats()["mails"]) == (2, 4)
    wrong: Any = {name: value for name, value in MAIL.items() if name != "to"}
    with pytest.raises(ResendError, match="Missing `to` field"):
        resend.Batch.send([SEND, wrong])
    assert sandbox.stats()["mails"] == 4
    partly: Any = resend.Batch.send([SEND, wrong], {"batch_validation": "permissive"})
    assert [error["index"] for error in partly["errors"]] == [1]
    assert (len(partly["data"]), sandbox.stats()["mails"]) == (1, 5)


def test_scheduled_moved_canceled(sandbox: Sandbox) -> None:
    first = send(scheduled_at="in 1 hour")
    second = send(scheduled_at="in 2 days")
    assert (sandbox.stats()["mails"], mails(sandbox)) == (0, [])
    seen: Any = resend.Emails.get(first["id"])
    resend.Emails.update({"id": second["id"], "scheduled_at": seen["scheduled_at"]})
    resend.Emails.cancel(second["id"])
    sandbox.control("POST", "advance", {"seconds": 3_700})
    assert sandbox.stats()["mails"] == 1
    with pytest.raises(ResendError, match="Only scheduled"):
        resend.Emails.cancel(first["id"])


def test_an_idempotent_replay_is_not_marked(sandbox: Sandbox) -> None:
    first = send({"idempotency_key": "order-1"})
    again = send({"idempotency_key": "order-1"})
    assert again["id"] == first["id"]
    assert not {name for name in again["http_headers"] if "replay" in name.lower()}
    assert sandbox.stats()["mails"] == 1
    with pytest.raises(ResendError) as caught:
        send({"idempotency_key": "order-1"}, subject="Other")
    assert (caught.value.code, caught.value.error_type) == (409, "invalid_idempotent_request")
    sandbox.control("POST", "advance", {"seconds": 86_400})
    assert send({"idempotency_key": "order-1"})["id"] != first["id"]


def test_a_broadcast_goes_to_its_segment(sandbox: Sandbox) -> None:
    segment: Any = resend.Segments.create({"name": "All"})
    for name in ("a", "b", "c"):
        resend.Contacts.create({"email": f"{name}@example.com", "segments": [segment["id"]]})
    resend.Contacts.update({"email": "b@example.com", "unsubscribed": True})
    listed: Any = resend.Contacts.list(segment_id=segment["id"], params={"limit": 2})
    assert (listed["object"], listed["has_more"]) == ("list", True)
    made: Any = resend.Broadcasts.create(
        {"segment_id": segment["id"], "from": MAIL["from"], "subject": "News", "html": "x"}
    )
    assert sandbox.stats()["mails"] == 0
    resend.Broadcasts.send({"broadcast_id": made["id"]})
    assert mails(sandbox) == [["c@example.com", "a@example.com"]]
    status: Any = resend.Broadcasts.get(made["id"])
    assert status["status"] == "sent"
    at_once = {"segment_id": segment["id"], "from": MAIL["from"], "subject": "N", "send": True}
    assert post(sandbox, "/broadcasts", at_once)[0] == 201
    assert sandbox.stats()["mails"] == 4


def test_keys_that_are_made_are_real(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    made: Any = resend.ApiKeys.create({"name": "agent", "permission": "sending_access"})
    assert made["token"].startswith("re_")
    monkeypatch.setattr(resend, "api_key", made["token"])
    send()
    with pytest.raises(ResendError) as caught:
        resend.Emails.list()
    assert (caught.value.code, caught.value.error_type) == (401, "restricted_api_key")


def test_limits_are_the_sdks_own_errors(sandbox: Sandbox) -> None:
    sandbox.control("POST", "limits", {"key": KEY, "per_second": 2, "window_s": 60})
    send()
    send()
    with pytest.raises(RateLimitError) as caught:
        send()
    assert caught.value.error_type == "rate_limit_exceeded"
    sandbox.control("POST", "advance", {"seconds": 60})
    assert send()["id"]
    sandbox.control("POST", "limits", {"per_second": None, "daily": 4})
    with pytest.raises(RateLimitError) as caught:
        send(cc=["b@example.com"])
    assert caught.value.error_type == "daily_quota_exceeded"
    sandbox.control("POST", "limits", {"daily": None, "monthly": 3})
    with pytest.raises(RateLimitError) as caught:
        send()
    assert caught.value.error_type == "monthly_quota_exceeded"
    assert sandbox.stats()["mails"] == 3


def test_an_event_can_send_mail(sandbox: Sandbox) -> None:
    step = [
        {"key": "a", "type": "trigger", "config": {"event_name": "bought"}},
        {"key": "b", "type": "send_email", "config": {}},
        {"key": "c", "type": "send_email", "config": {}},
    ]
    made: Any = resend.Automations.create({"name": "Thanks", "status": "enabled", "steps": step})  # type: ignore[typeddict-item]
    assert made["id"]
    sent: Any = resend.Events.send({"event": "bought", "email": "a@example.com"})
    assert (sent["event"], sandbox.stats()["mails"]) == ("bought", 2)


def test_topics_and_suppressions(sandbox: Sandbox) -> None:
    topic: Any = resend.Topics.create({"name": "News", "default_subscription": "opt_in"})
    post(sandbox, "/contacts", {"email": "out@example.com"})
    left = [{"id": topic["id"], "subscription": "opt_out"}]
    call(sandbox, "PATCH", "/contacts/out%40example.com/topics", left)
    mail = {**MAIL, "to": ["out@example.com", "in@example.com"], "topic_id": topic["id"]}
    assert post(sandbox, "/emails", mail)[0] == 200
    assert mails(sandbox) == [["in@example.com"]]
    post(sandbox, "/suppressions", {"email": "no@example.com"})
    sent = post(sandbox, "/emails", {**MAIL, "to": "no@example.com"})[1]
    assert call(sandbox, "GET", f"/emails/{sent['id']}")[2]["last_event"] == "suppressed"


# Raw requests.


def test_the_edge_wants_a_user_agent(sandbox: Sandbox) -> None:
    status, headers, body = sandbox.request("POST", "/emails", b"{}", authorization=f"Bearer {KEY}")
    assert (status, body) == (403, b"error code: 1010")
    assert headers["content-type"].startswith("text/plain")


def test_headers_say_where_the_team_stands(sandbox: Sandbox) -> None:
    sandbox.control("POST", "limits", {"key": KEY, "daily": 100})
    headers = call(sandbox, "POST", "/emails", MAIL)[1]
    assert headers["ratelimit-limit"] == "10"
    assert (headers["x-resend-daily-quota"], headers["x-resend-monthly-quota"]) == ("1", "1")


@pytest.mark.parametrize(
    ("change", "status", "name"),
    [
        ({"to": None}, 422, "missing_required_field"),
        ({"from": None}, 422, "missing_required_field"),
        ({"subject": None}, 422, "missing_required_field"),
        ({"to": None, "To": "a@example.com"}, 422, "missing_required_field"),
        ({"to": ["a@example.com"] * 51}, 422, "validation_error"),
        ({"to": "a@example.com, b@example.com"}, 422, "validation_error"),
        ({"to": [7]}, 422, "validation_error"),
        ({"cc": ["nobody"]}, 422, "validation_error"),
        ({"from": "Shop"}, 422, "validation_error"),
        ({"scheduled_at": "whenever"}, 422, "validation_error"),
        ({"scheduled_at": "in 40 days"}, 422, "validation_error"),
        ({"scheduled_at": "2020-01-01T00:00:00Z"}, 422, "validation_error"),
        ({"attachments": [{"filename": "x"}]}, 422, "invalid_attachment"),
    ],
)
def test_wrong_mails(sandbox: Sandbox, change: dict[str, Any], status: int, name: str) -> None:
    data = {key: value for key, value in {**MAIL, **change}.items() if value is not None}
    answer = post(sandbox, "/emails", data)
    assert (answer[0], answer[1]["name"], answer[1]["statusCode"]) == (status, name, status)
    assert sandbox.stats()["mails"] == 0


@pytest.mark.parametrize(
    ("data", "status"),
    [(b"{", 400), (b"[]", 422), ([], 422), ([MAIL] * 101, 422), (b"\xff", 400), (b"", 422)],
)
def test_wrong_batches(sandbox: Sandbox, data: Any, status: int) -> None:
    assert post(sandbox, "/emails/batch", data)[0] == status
    assert sandbox.stats()["mails"] == 0


@pytest.mark.parametrize(
    ("value", "status", "name"),
    [
        ("", 401, "missing_api_key"),
        ("Basic cmVfeDo=", 401, "missing_api_key"),
        ("Bearer vault_key_x", 403, "invalid_api_key"),
    ],
)
def test_keys_that_open_nothing(sandbox: Sandbox, value: str, status: int, name: str) -> None:
    answer = post(sandbox, "/emails", MAIL, authorization=value)
    assert (answer[0], answer[1]["name"]) == (status, name)


def test_secrets_make_teams_of_their_own() -> None:
    mine, other = "re_mine_12345", "re_other_12345:sending_access:example.com"
    with Sandbox.start("resend", "--secret", mine, "--secret", other) as sandbox:
        assert post(sandbox, "/emails", MAIL, key=mine)[0] == 200
        assert post(sandbox, "/emails", MAIL, key="re_other_12345")[0] == 200
        elsewhere = {**MAIL, "from": "a@elsewhere.example"}
        assert post(sandbox, "/emails", elsewhere, key="re_other_12345")[0] == 403
        assert post(sandbox, "/emails", MAIL, key="re_nobody_12345")[0] == 403
        assert call(sandbox, "GET", "/emails", key="re_other_12345")[0] == 401
        assert list(sandbox.stats()["mails_by_team"].values()) == [1, 1]
        assert len(sandbox.state()["accounts"]) == 2


def test_only_verified_domains_send(sandbox: Sandbox) -> None:
    sandbox.control("POST", "domains", {"key": KEY, "verified": ["other.example"]})
    status, answer = post(sandbox, "/emails", MAIL)
    assert (status, answer["name"]) == (403, "validation_error")
    made = post(sandbox, "/domains", {"name": "example.com"})[1]
    assert made["status"] == "not_started"
    post(sandbox, f"/domains/{made['id']}/verify")
    assert post(sandbox, "/emails", MAIL)[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/nonsense", 404),
        ("POST", "/emails/", 404),
        ("POST", "//emails", 404),
        ("PUT", "/emails", 405),
        ("DELETE", "/emails/batch", 405),
        ("GET", "/emails/nobody", 404),
        ("POST", "/emails/a/b/c/d", 404),
    ],
)
def test_paths_and_methods(sandbox: Sandbox, method: str, path: str, status: int) -> None:
    code, _, answer = call(sandbox, method, path, MAIL if method == "POST" else None)
    assert (code, answer["statusCode"]) == (status, status)


def test_idempotency_keys_have_a_length_and_a_path(sandbox: Sandbox) -> None:
    status, answer = post(sandbox, "/emails", MAIL, idempotency_key="k" * 257)
    assert (status, answer["name"]) == (400, "invalid_idempotency_key")
    assert post(sandbox, "/emails", {"to": "x"}, idempotency_key="k")[0] == 422
    assert post(sandbox, "/emails", MAIL, idempotency_key="k")[0] == 200
    assert post(sandbox, "/emails/batch", [MAIL], idempotency_key="k")[0] == 200
    assert sandbox.stats()["mails"] == 2


def test_a_key_in_use_is_a_conflict(sandbox: Sandbox) -> None:
    sandbox.behave(path="/emails", hold=True)

    def send() -> tuple[int, Any]:
        return post(sandbox, "/emails", MAIL, idempotency_key="same")

    first = Meanwhile(send)
    until(lambda: sandbox.state()["faults"][0]["played"])
    status, told = send()
    assert (status, told["name"]) == (409, "concurrent_idempotent_requests")
    sandbox.calm()
    assert first.result()[0] == 200
    assert sandbox.stats()["mails"] == 1


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        ({"drop": True}, 1),
        ({"drop_before_executing": True}, 0),
        ({"status": 500, "execute": True}, 1),
        ({"status": 503}, 0),
        ({"status": 429}, 0),
    ],
)
def test_what_a_fault_leaves_sent(sandbox: Sandbox, fault: dict[str, Any], sent: int) -> None:
    sandbox.behave(path="/emails", **fault)
    if "status" in fault:
        answer = post(sandbox, "/emails", MAIL, idempotency_key="k")
        assert (answer[0], answer[1]["statusCode"]) == (fault["status"], fault["status"])
    else:
        raw(sandbox, mail_bytes())
    assert sandbox.stats()["mails"] == sent
    assert post(sandbox, "/emails", MAIL, idempotency_key="k")[0] == 200
    assert sandbox.stats()["mails"] == 1


def mail_bytes(body: bytes = json.dumps(MAIL).encode(), cut: int = 0) -> bytes:
    head = (
        b"POST /emails HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\nIdempotency-Key: k\r\n"
        b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n" % (KEY.encode(), len(body))
    )
    return head + body[: len(body) - cut]


def raw(sandbox: Sandbox, request: bytes) -> bytes:
    """All bytes that come back on one connection until it ends."""
    host, _, port = sandbox.address.partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("length", [10, 400_000])
def test_a_body_that_ends_early_sends_nothing(sandbox: Sandbox, length: int) -> None:
    body = json.dumps({**MAIL, "html": "x" * length}).encode()
    assert raw(sandbox, mail_bytes(body, cut=1)) == b""
    assert (sandbox.stats()["mails"], sandbox.stats()["requests"]) == (0, 0)
    assert raw(sandbox, mail_bytes(body)).startswith(b"HTTP/1.1 200 OK")


def test_forty_megabytes_are_not_kept(sandbox: Sandbox) -> None:
    content = "QUJD" * (10 * 1024 * 1024 - 5)
    big: dict[str, Any] = {
        "attachments": [{"filename": 'a "quoted" \\ name', "content": content}],
        **MAIL,
        "bcc": ["last@example.com", "s@example.com"],
    }
    before = memory_of(sandbox)
    status, _ = post(sandbox, "/emails", big, idempotency_key="big")
    assert status == 200
    assert mails(sandbox) == [["a@example.com", "last@example.com", "s@example.com"]]
    assert memory_of(sandbox) - before < 20_000
    assert post(sandbox, "/emails", big, idempotency_key="big")[0] == 200
    assert sandbox.stats()["mails"] == 3
    big["attachments"].append({"filename": "b", "content": "QUJD" * 6})
    status, answer = post(sandbox, "/emails", big)
    assert (status, answer["name"]) == (422, "invalid_attachment")


def memory_of(sandbox: Sandbox) -> int:
    """The most that the sandbox ever took, in kilobytes."""
    with open(f"/proc/{sandbox.pid}/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1])


def test_a_money_log_names_each_mail(tmp_path: Any) -> None:
    log = tmp_path / "money.log"
    with Sandbox.start("resend", "--state-file", str(log)) as sandbox:
        sent = post(sandbox, "/emails", {**MAIL, "cc": "b@example.com"})[1]
        line = json.loads(log.read_text())
        assert line == {
            "kind": "mail", "id": sent["id"], "amount": 1_800, "currency": "usd_micros",
        }  # fmt: skip


def test_records_are_made_shown_changed_deleted(sandbox: Sandbox) -> None:
    for path, data in (
        ("/templates", {"name": "T", "html": "x"}),
        ("/webhooks", {"endpoint": "https://example.com", "events": ["email.sent"]}),
        ("/segments", {"name": "S"}),
        ("/audiences", {"name": "A"}),
        ("/events", {"name": "bought"}),
    ):
        status, made = post(sandbox, path, data)
        assert (status, made["object"]) == (201, path[1:-1])
        where = f"{path}/{made['id']}"
        assert call(sandbox, "PATCH", where, data)[0] == 200
        assert call(sandbox, "GET", where)[2]["id"] == made["id"]
        assert call(sandbox, "GET", path)[2]["data"][0]["id"] == made["id"]
        assert call(sandbox, "DELETE", where)[2]["deleted"] is True
        assert call(sandbox, "GET", where)[0] == 404
    assert call(sandbox, "GET", "/usage")[2]["emails"]["monthly"]["used"] == 0
