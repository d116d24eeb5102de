"""resend-python and resend-node, unmodified, through the gateway: a caller changes the base address
and the key, and nothing else.

Neither tries again by itself nor makes an Idempotency-Key. At the cap, for a wrong key and for an
endpoint that is not on the list, resend-python raises its `ResendError` with our code as its
`error_type`, and resend-node gives it as `error.name`; Resend's own refusals come through as they
are.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import resend
from resend.exceptions import MissingRequiredFieldsError, RateLimitError, ResendError

from bench.sandbox.launch import Sandbox
from tests.house import RESEND_SANDBOX, ROOT, Gateway, VaultKey
from tests.mails import (
    ENV,
    MAIL,
    NOWHERE,
    arrived,
    mail,
    mail_key,
    people,
    segment_of,
    sent_mails,
    settings,
    stands,
    went_out,
)

HERE: Final = ROOT / "tests" / "node"
END_TIMEOUT_S: Final = 180.0
UNKNOWN: Final = "vault_key_0123456789ABCDEFGHIJabcdefghij123456"
Call = tuple[Any, ...]
Drive = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def resend_process() -> Iterator[Sandbox]:
    with Sandbox.start(*RESEND_SANDBOX) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def house(resend_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    more = settings(resend_process.base_url)
    directory = tmp_path_factory.mktemp("sdks")
    with Gateway.start(directory, NOWHERE, more=more, env=ENV) as running:
        yield running


@pytest.fixture
def vendor(house: Gateway, resend: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox, with nothing in it, and resend-python on its way to the gateway."""
    _point(house, monkeypatch)
    return resend


def _point(house: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resend, "api_url", f"http://{house.address}/resend")


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[VaultKey | str], None]:
    """Make resend-python use this key."""

    def used(key: VaultKey | str) -> None:
        secret = key.secret if isinstance(key, VaultKey) else key
        monkeypatch.setattr(resend, "api_key", secret)

    return used


@pytest.fixture
def key(house: Gateway, vendor: Sandbox, use: Callable[[VaultKey | str], None]) -> VaultKey:
    """What resend-python uses unless a test says otherwise."""
    made = mail_key(house)
    use(made)
    return made


def send(options: Any = None, **changed: Any) -> Any:
    """MAIL with these members changed, through resend-python."""
    params: Any = mail(**changed)
    return resend.Emails.send(params, options)


def refused(**changed: Any) -> ResendError:
    with pytest.raises(ResendError) as raised:
        send(**changed)
    return raised.value


# -- resend-python ---------------------------------------------------------------------------------


def test_python_sends_looks_and_lists(house: Gateway, vendor: Sandbox, key: VaultKey) -> None:
    sent = send(to=people(2), cc="c@example.com", bcc=["B <b@example.com>"])
    assert sent["http_headers"]["keybrake-cost-usd"] == "0.0036"
    seen: Any = resend.Emails.get(sent["id"])
    assert (seen["to"], seen["last_event"]) == (people(2), "sent")
    listed: Any = resend.Emails.list({"limit": 10})
    assert [one["id"] for one in listed["data"]] == [sent["id"]]
    assert (went_out(vendor), stands(house, key)) == (4, {"settled": "0.0036", "calls": 4})
    agents = {one["headers"]["user-agent"] for one in arrived(vendor)}
    assert agents == {f"resend-python:{resend.get_version()}"}


def test_python_sends_batches(house: Gateway, vendor: Sandbox, key: VaultKey) -> None:
    good: Any = mail(to=people(2))
    bad: Any = mail(to=people(3), text=None)
    both: Any = resend.Batch.send([good, good], {"idempotency_key": "b"})
    again: Any = resend.Batch.send([good, good], {"idempotency_key": "b"})
    assert (len(both["data"]), again["data"]) == (2, both["data"])
    partly: Any = resend.Batch.send([good, bad], {"batch_validation": "permissive"})
    assert [error["index"] for error in partly["errors"]] == [1]
    with pytest.raises(ResendError, match="Missing"):
        resend.Batch.send([good, bad])
    assert (went_out(vendor), stands(house, key)) == (6, {"settled": "0.0054", "calls": 6})


def test_python_schedules_moves_and_calls_back(
    house: Gateway, vendor: Sandbox, key: VaultKey
) -> None:
    sent = send(scheduled_at="in 1 hour")
    assert stands(house, key) == {"standing": "0.0009", "calls": 1}
    moved: Any = resend.Emails.update({"id": sent["id"], "scheduled_at": "in 2 days"})
    gone: Any = resend.Emails.cancel(sent["id"])
    assert moved["id"] == gone["id"] == sent["id"]
    assert (went_out(vendor), stands(house, key)) == (0, {})


def test_python_replays_for_nothing(house: Gateway, vendor: Sandbox, key: VaultKey) -> None:
    first = send({"idempotency_key": "order-7"})
    again = send({"idempotency_key": "order-7"})
    assert first["id"] == again["id"]
    assert again["http_headers"]["keybrake-cost-usd"] == "0.00"
    with pytest.raises(ResendError) as conflict:
        send({"idempotency_key": "order-7"}, subject="Other")
    assert (conflict.value.code, conflict.value.error_type) == (409, "idempotency_conflict")
    assert (went_out(vendor), stands(house, key)) == (1, {"settled": "0.0009", "calls": 1})


def test_python_sends_a_broadcast(house: Gateway, vendor: Sandbox, key: VaultKey) -> None:
    wish: Any = {
        "segment_id": segment_of(vendor, 3), "from": "n@example.com", "subject": "News",
        "text": "none",
    }  # fmt: skip
    made: Any = resend.Broadcasts.create(wish)
    assert stands(house, key) == {}
    resend.Broadcasts.send({"broadcast_id": made["id"]})
    assert (went_out(vendor), stands(house, key)) == (3, {"settled": "0.0027", "calls": 3})


def test_python_manages_contacts_for_nothing(
    house: Gateway, vendor: Sandbox, key: VaultKey
) -> None:
    segment: Any = resend.Segments.create({"name": "Customers"})
    contact: Any = resend.Contacts.create({"email": "a@example.com"})
    resend.Contacts.Segments.add({"contact_id": contact["id"], "segment_id": segment["id"]})
    assert resend.Contacts.get(id=contact["id"])["email"] == "a@example.com"
    resend.Contacts.remove(id=contact["id"])
    resend.Segments.remove(segment["id"])
    assert stands(house, key) == {}


def test_python_sends_attachments_of_megabytes(
    house: Gateway, vendor: Sandbox, key: VaultKey
) -> None:
    send(attachments=[{"filename": "a.pdf", "content": "QUJD" * 800_000}], cc="c@example.com")
    assert (went_out(vendor), stands(house, key)) == (2, {"settled": "0.0018", "calls": 2})


def test_python_raises_our_refusals(
    house: Gateway, vendor: Sandbox, use: Callable[[VaultKey | str], None]
) -> None:
    use(mail_key(house, daily_usd_cap="0.0009"))
    cap = refused(cc="c@example.com")
    assert (cap.code, cap.error_type) == (429, "daily_cap_exceeded")
    assert "cap" in cap.message
    use(mail_key(house, daily_call_cap=1))
    assert refused(cc="c@example.com").error_type == "call_count_exceeded"
    use(UNKNOWN)
    wrong = refused()
    assert (wrong.code, wrong.error_type) == (401, "key_unknown")
    use(mail_key(house, allowed_endpoints=["GET /emails"]))
    outside = refused()
    assert (outside.code, outside.error_type) == (403, "endpoint_not_allowed")
    use(mail_key(house))
    unread = refused(to="a@example.com, b@example.com")
    assert (unread.code, unread.error_type) == (422, "amount_unreadable")
    assert "to[0]" in unread.message
    with pytest.raises(ResendError) as minted:
        resend.ApiKeys.create({"name": "mine"})
    assert (minted.value.code, minted.value.error_type) == (403, "policy_refused")
    assert arrived(vendor) == [], "not once, and not again"


def test_python_raises_resends_own_refusals(house: Gateway, vendor: Sandbox, key: VaultKey) -> None:
    with pytest.raises(MissingRequiredFieldsError):
        send(subject=None)
    vendor.control("POST", "limits", {"daily": 0})
    with pytest.raises(RateLimitError) as limited:
        send()
    assert limited.value.error_type == "daily_quota_exceeded"
    vendor.behave(path="/emails", drop=True)
    lost = refused()
    assert (lost.code, lost.error_type) == (502, "vendor_broke_off")
    assert stands(house, key) == {"in_doubt": "0.0009", "calls": 1}


# -- resend-node -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def node() -> str:
    """Node.js: the machine's own, or the one that `make` put beside this Python."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("node", path=os.pathsep.join([os.environ.get("PATH", ""), beside]))
    if found is None or not (HERE / "node_modules" / "resend").is_dir():
        pytest.fail("resend-node is not set up: `make integration` does that")
    return found


@pytest.fixture
def drive(node: str, house: Gateway) -> Drive:
    """Calls made one after the other by one client. prefix: of the gateway's; without one the key
    says whose paths these are."""

    def driven(key: VaultKey | str, *calls: Call, prefix: str = "") -> list[dict[str, Any]]:
        secret = key.secret if isinstance(key, VaultKey) else key
        wish = {"key": secret, "base": f"http://{house.address}{prefix}", "calls": calls}
        done = subprocess.run(
            [node, "drive_resend.mjs"],
            cwd=HERE,
            input=json.dumps(wish),
            capture_output=True,
            text=True,
            timeout=END_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told: list[dict[str, Any]] = json.loads(done.stdout)
        return told

    return driven


def data(told: list[dict[str, Any]]) -> list[Any]:
    """Of calls that all succeeded."""
    assert all(each["error"] is None for each in told), told
    return [each["data"] for each in told]


def error(told: dict[str, Any]) -> tuple[int, str]:
    """Of one that failed."""
    assert told["data"] is None, told
    return told["error"]["statusCode"], told["error"]["name"]


@pytest.mark.parametrize("prefix", ["", "/resend"])
def test_node_sends_replays_and_looks(
    drive: Drive, house: Gateway, resend: Sandbox, prefix: str
) -> None:
    key = mail_key(house)
    body = mail(to=people(2), cc="c@example.com", replyTo="r@example.com")
    told = drive(
        key,
        ("emails.send", body, {"idempotencyKey": "order-7"}),
        ("emails.send", body, {"idempotencyKey": "order-7"}),
        ("emails.get", "$0.id"),
        ("emails.list", {"limit": 5}),
        prefix=prefix,
    )
    first, again, seen, listed = data(told)
    assert (again["id"], seen["reply_to"]) == (first["id"], ["r@example.com"])
    assert [one["id"] for one in listed["data"]] == [first["id"]]
    costs = [told[n]["headers"]["keybrake-cost-usd"] for n in (0, 1)]
    assert costs == ["0.0027", "0.00"]
    assert (went_out(resend), stands(house, key)) == (3, {"settled": "0.0027", "calls": 3})
    agents = {one["headers"]["user-agent"] for one in arrived(resend)}
    assert [agent.partition(":")[0] for agent in agents] == ["resend-node"]


def test_node_sends_batches_and_calls_back(drive: Drive, house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house)
    bad = {name: value for name, value in MAIL.items() if name != "text"}
    told = drive(
        key,
        ("batch.send", [MAIL, bad], {"batchValidation": "permissive"}),
        ("emails.send", mail(scheduledAt="in 1 hour", cc="c@example.com")),
        ("emails.update", {"id": "$1.id", "scheduledAt": "in 2 days"}),
        ("emails.cancel", "$1.id"),
    )
    partly, scheduled, _, gone = data(told)
    assert [one["index"] for one in partly["errors"]] == [1]
    assert gone["id"] == scheduled["id"]
    assert (sent_mails(resend), stands(house, key)) == (
        [["a@example.com"]], {"settled": "0.0009", "calls": 1},
    )  # fmt: skip


def test_node_sends_a_broadcast_and_an_attachment(
    drive: Drive, house: Gateway, resend: Sandbox
) -> None:
    key = mail_key(house)
    wish = {"segmentId": segment_of(resend, 3), "from": "n@example.com", "subject": "News",
            "text": "none"}  # fmt: skip
    large = mail(attachments=[{"filename": "a.bin", "content": {"$bytes": 2_000_000}}])
    told = drive(
        key,
        ("broadcasts.create", wish),
        ("broadcasts.send", "$0.id"),
        ("emails.send", large),
        ("contacts.create", {"email": "n@example.com"}),
        ("contacts.remove", {"email": "n@example.com"}),
    )
    data(told)
    assert (went_out(resend), stands(house, key)) == (4, {"settled": "0.0036", "calls": 4})


def test_node_shows_our_refusals_and_resends(drive: Drive, house: Gateway, resend: Sandbox) -> None:
    poor = mail_key(house, daily_usd_cap="0.0009", allowed_endpoints=["POST /emails"])
    pair = mail(cc="c@example.com")
    told = drive(
        poor,
        ("emails.send", pair),
        ("emails.list",),
        ("emails.send", mail(to="a@example.com,b@example.com")),
        ("emails.send", mail(subject="")),
        ("emails.send", MAIL, {"idempotencyKey": "k"}),
        ("emails.send", mail(subject="Other"), {"idempotencyKey": "k"}),
    )
    assert [error(told[n]) for n in (0, 1, 2, 3, 5)] == [
        (429, "daily_cap_exceeded"),
        (403, "endpoint_not_allowed"),
        (422, "amount_unreadable"),
        (422, "missing_required_field"),
        (409, "idempotency_conflict"),
    ]
    assert told[0]["error"]["cap_usd"] == "0.0009"
    assert error(drive(UNKNOWN, ("emails.send", MAIL))[0]) == (401, "key_unknown")
    assert (went_out(resend), len(arrived(resend))) == (1, 2)
