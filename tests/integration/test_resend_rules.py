"""What a key of Resend's may do, from outside: broadcasts are bounded by their audience, fan-outs
are refused by their name, rules are about every recipient, no tenant reaches another's account.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import RESEND_SECRET, Gateway
from tests.mails import (
    ACME_SECRET,
    ENV,
    MAIL,
    NOWHERE,
    arrived,
    directly,
    draft_for,
    mail,
    mail_key,
    people,
    segment_of,
    send,
    sent_mails,
    settings,
    stands,
    went_out,
)
from tests.speaker import artefacts


@pytest.fixture(scope="module")
def resend_process() -> Iterator[Sandbox]:
    with Sandbox.start("resend", "--secret", RESEND_SECRET, "--secret", ACME_SECRET) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def house(resend_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("resend")
    more = settings(resend_process.base_url)
    with Gateway.start(directory, NOWHERE, more=more, env=ENV) as running:
        yield running


# -- what goes out to nobody knows whom ------------------------------------------------------------


def test_a_broadcast_costs_what_its_segment_counts(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house, daily_call_cap=250)
    segment = segment_of(resend, 120)
    broadcast = draft_for(resend, segment)
    answer = send(house, key, {}, path=f"/broadcasts/{broadcast}/send")
    assert (answer.status, answer.headers["keybrake-cost-usd"]) == (200, "0.108")
    assert (stands(house, key), went_out(resend)) == ({"settled": "0.108", "calls": 120}, 120)
    looked = [f"{seen['path']}?{seen['query']}" for seen in arrived(resend, "GET")]
    assert looked[0] == f"/broadcasts/{broadcast}?"
    assert looked[1] == f"/segments/{segment}/contacts?limit=100"
    assert looked[2].startswith(f"/segments/{segment}/contacts?limit=100&after=")
    assert len(looked) == 3
    for seen in arrived(resend, "GET"):
        assert seen["headers"]["authorization"] == f"Bearer {RESEND_SECRET}"
        assert key.secret not in str(seen)
    refused = send(house, key, {}, path=f"/broadcasts/{draft_for(resend, segment)}/send")
    assert refused.status == 200
    over = send(house, key, {}, path=f"/broadcasts/{draft_for(resend, segment)}/send")
    assert (over.error, went_out(resend)) == ("call_count_exceeded", 240)


def test_a_broadcast_made_and_sent_in_one_call(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house, daily_usd_cap="0.0027")
    wish = {"from": "n@example.com", "subject": "News", "text": "none"}
    for name in ("segment_id", "audience_id"):
        small = segment_of(resend, 3)
        draft = send(house, key, {**wish, name: small}, path="/broadcasts")
        assert (draft.status, draft.headers["keybrake-cost-usd"]) == (201, "0.00")
    directly(resend, "POST", "/contacts", {"email": "d@example.com", "segments": [small]})
    sent = send(house, key, {**wish, "segment_id": small, "send": True}, path="/broadcasts")
    assert sent.error == "daily_cap_exceeded", "a contact more than fits"
    other = segment_of(resend, 0)
    directly(resend, "POST", "/contacts", {"email": "e@example.com", "segments": [other]})
    sent = send(house, key, {**wish, "segment_id": other, "send": True}, path="/broadcasts")
    assert (sent.status, sent.headers["keybrake-cost-usd"]) == (201, "0.0009")
    assert (sent_mails(resend), stands(house, key)) == (
        [["e@example.com"]], {"settled": "0.0009", "calls": 1},
    )  # fmt: skip
    both = {**wish, "segment_id": small, "audience_id": other, "send": True}
    told = send(house, key, both, path="/broadcasts").json()
    assert (told["error"], told["field"]) == ("amount_unreadable", "segment_id")


def test_what_the_vendor_says_to_a_lookup_is_said_to_the_caller(
    house: Gateway, resend: Sandbox
) -> None:
    key = mail_key(house)
    answer = send(house, key, {}, path="/broadcasts/4f8b2c6e-0000-4000-8000-000000000000/send")
    assert (answer.status, answer.json()["name"]) == (404, "not_found")
    assert (stands(house, key), arrived(resend)) == ({}, [])
    resend.behave(path="/broadcasts/*", status=500)
    answer = send(house, key, {}, path="/broadcasts/4f8b2c6e-0000-4000-8000-000000000000/send")
    assert (answer.status, answer.error, answer.json()["stage"]) == (
        502, "vendor_unreachable", "lookup",
    )  # fmt: skip
    assert stands(house, key) == {}


FAN_OUTS: Final = [
    ("POST", "/events/send", "events/send"),
    ("POST", "/automations", "automations/create"),
    ("PATCH", "/automations/a1", "automations/update"),
    ("POST", "/inboxes/i1/drafts/d1/send", "inboxes/send-draft"),
    ("POST", "/inboxes/i1/threads/t1/emails/e1/reply", "inboxes/reply-email"),
    ("POST", "/inboxes/i1/threads/t1/emails/e1/forward", "inboxes/forward-email"),
    ("PATCH", "/inboxes/i1/agent", "inboxes/update-agent"),
    ("POST", "/domains", "domains/create"),
    ("POST", "/unheard-of", ""),
    ("DELETE", "/emails/e1", ""),
]


@pytest.mark.parametrize(("method", "path", "operation"), FAN_OUTS)
def test_a_fan_out_is_refused_by_its_name(
    house: Gateway, resend: Sandbox, method: str, path: str, operation: str
) -> None:
    key = mail_key(house)
    body = None if method == "DELETE" else {"event": "signed-up"}
    answer = house.call(key, method, path, json_body=body)
    assert (answer.status, answer.error) == (403, "endpoint_unpriced")
    told = answer.json()
    assert (told["operation"], told["setting"]) == (operation, "allow_unpriced")
    assert f"{method} " in told["message"]
    assert (stands(house, key), arrived(resend, method)) == ({}, [])


def test_a_fan_out_passes_under_the_fixed_hold_that_its_key_gives(
    house: Gateway, resend: Sandbox
) -> None:
    step = {"type": "trigger", "config": {"event_name": "signed-up"}}
    steps = [step, {"type": "send_email"}]
    wish = {"name": "Welcome", "status": "enabled", "steps": steps}
    directly(resend, "POST", "/automations", wish)
    key = mail_key(house, allow_unpriced={"POST /events/send": "0.05"}, daily_usd_cap="0.09")
    event = {"event": "signed-up", "email": "new@example.com"}
    answer = send(house, key, event, path="/events/send")
    assert (answer.status, answer.headers["keybrake-cost-usd"]) == (202, "0.05")
    assert (sent_mails(resend), house.record(key)["settled_usd"]) == ([["new@example.com"]], "0.05")
    assert send(house, key, event, path="/events/send").error == "daily_cap_exceeded"
    bad = send(house, mail_key(house, allow_unpriced={"POST /events/send": 1}), {"event": "x"},
               path="/events/send")  # fmt: skip
    assert bad.status == 422, "Resend wants a contact"
    assert went_out(resend) == 1


def test_a_broadcast_for_later_needs_a_fixed_hold(house: Gateway, resend: Sandbox) -> None:
    broadcast = draft_for(resend, segment_of(resend, 2))
    path, later = f"/broadcasts/{broadcast}/send", {"scheduled_at": "in 1 hour"}
    refused = send(house, mail_key(house), later, path=path)
    assert (refused.status, refused.error) == (403, "endpoint_unpriced")
    assert "scheduled_at" in refused.json()["message"]
    key = mail_key(house, allow_unpriced={"POST /broadcasts/*/send": 1})
    answer = send(house, key, later, path=path)
    assert (answer.status, answer.headers["keybrake-cost-usd"]) == (200, "1.00")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api-keys"), ("POST", "/webhooks"), ("PATCH", "/webhooks/w1"),
        ("GET", "/webhooks/w1"), ("POST", "/webhooks/w1/signing-secret/rotate"),
        ("POST", "/emails/e1/share"),
    ],
)  # fmt: skip
def test_what_hands_out_access_is_refused_unless_it_is_named(
    house: Gateway, resend: Sandbox, method: str, path: str
) -> None:
    key = mail_key(house, allow_unpriced={f"{method} {path}": 1})
    body = None if method == "GET" else {"name": "mine", "endpoint": "https://x.example"}
    answer = house.call(key, method, path, json_body=body)
    assert (answer.status, answer.error) == (403, "policy_refused")
    assert answer.json()["rule"] == "mint_endpoints"
    assert arrived(resend, method) == []


def test_a_key_may_mint_what_it_names(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house, mint_endpoints=["POST /api-keys"])
    made = send(house, key, {"name": "mine"}, path="/api-keys")
    assert made.status == 201
    assert made.json()["token"].startswith("re_")
    assert send(house, key, {"endpoint": "x"}, path="/webhooks").error == "policy_refused"


# -- heads, rules and tenants ----------------------------------------------------------------------


def test_a_user_agent_is_always_there(house: Gateway, resend: Sandbox) -> None:
    """Resend's edge turns away whoever has none."""
    key = mail_key(house)
    assert send(house, key).status == 200
    assert send(house, key, user_agent="make.com/1").status == 200
    assert house.call(key, "GET", "/emails").status == 200
    agents = [seen["headers"]["user-agent"] for seen in arrived(resend)]
    assert agents == ["keybrake", "make.com/1"]


def test_the_vendor_sees_the_real_key_and_nobody_else_does(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house)
    resend.behave(path="/emails", echo=True, headers={"x-resend-daily-quota": "{authorization}"})
    answer = send(house, key)
    assert answer.status == 200
    assert RESEND_SECRET not in str(answer)
    assert "x-echo" not in answer.headers
    (seen,) = arrived(resend)
    assert seen["headers"]["authorization"] == f"Bearer {RESEND_SECRET}"
    assert key.secret not in str(seen)
    for said in ({"from_": f"{key.secret}@example.com"}, {"text": f"my key: {key.secret}"}):
        misplaced = send(house, key, mail(**said))
        assert (misplaced.status, len(arrived(resend))) == (400, 1)
    for path, content in artefacts(house.directory).items():
        assert RESEND_SECRET.encode() not in content, path
        assert key.secret.encode() not in content, path


RULES: Final = {
    "from": {"equals": "Shop <shop@example.com>"},
    "to": {"one_of": ["a@example.com", "b@example.com"]},
}


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({}, None),
        ({"to": ["b@example.com", "a@example.com"]}, None),
        ({"from_": "shop@example.com"}, "params:from"),
        ({"to": "c@example.com"}, "params:to"),
        ({"to": ["a@example.com", "c@example.com"]}, "params:to"),
        ({"to": ["a@example.com", "A@example.com"]}, "params:to"),
    ],
)
def test_a_rule_is_about_every_recipient_of_every_mail(
    house: Gateway, resend: Sandbox, said: dict[str, Any], rule: str | None
) -> None:
    key = mail_key(house, params=RULES)
    for path, body in (("/emails", mail(**said)), ("/emails/batch", [MAIL, mail(**said), MAIL])):
        answer = send(house, key, body, path=path)
        if rule is None:
            assert answer.status == 200, answer
        else:
            assert (answer.status, answer.error) == (403, "policy_refused")
            assert answer.json()["rule"] == rule
    if rule is not None:
        assert (stands(house, key), arrived(resend)) == ({}, [])


def test_copies_have_rules_of_their_own(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house, params={"to": {"prefix": "p"}, "bcc": {"equals": "log@example.com"}})
    assert send(house, key, mail(to=people(2), bcc="log@example.com")).status == 200
    assert send(house, key, mail(to=people(2), bcc="spy@example.com")).status == 403
    assert send(house, key, mail(to=people(2))).json()["rule"] == "params:bcc"
    assert went_out(resend) == 3


def test_a_maximum_per_call_bounds_the_recipients(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house, per_call_usd_max="0.0018")
    assert send(house, key, mail(to=people(2))).status == 200
    refused = send(house, key, mail(to=people(3)))
    assert (refused.error, refused.json()["rule"]) == ("policy_refused", "per_call_usd_max")
    assert went_out(resend) == 2


def test_no_tenant_reaches_anothers_account(house: Gateway, resend: Sandbox) -> None:
    ours, acmes = mail_key(house), mail_key(house, account="acme")
    first = send(house, ours, idempotency_key="same").json()["id"]
    second = send(house, acmes, mail(to=people(2)), idempotency_key="same").json()["id"]
    assert first != second
    secrets = [seen["headers"]["authorization"] for seen in arrived(resend)]
    assert secrets == [f"Bearer {RESEND_SECRET}", f"Bearer {ACME_SECRET}"]
    assert house.call(acmes, "GET", f"/emails/{second}").status == 200
    for method, path in (("GET", f"/emails/{first}"), ("POST", f"/emails/{first}/cancel")):
        body: Any = None if method == "GET" else {}
        assert house.call(acmes, method, path, json_body=body).status == 404
    spend = {row["id"]: row["cost_usd"] for row in house.ask("/vault/spend?by=account")["data"]}
    assert spend["resend/acme"] == "0.0018"
    by_team = sorted(resend.stats()["mails_by_team"].values())
    assert by_team == [1, 2]


def test_a_key_of_another_vendor_sends_no_mail(house: Gateway, resend: Sandbox) -> None:
    key = house.make_key()
    answer = house.request(
        "POST", "/resend/emails", headers={"Authorization": f"Bearer {key.secret}"}, json_body=MAIL
    )
    assert (answer.status, answer.error) == (403, "vendor_mismatch")
    bare = house.request(
        "POST", "/emails", headers={"Authorization": f"Bearer {key.secret}"}, json_body=MAIL
    )
    assert (bare.status, bare.error) == (403, "vendor_mismatch")
    assert arrived(resend) == []
