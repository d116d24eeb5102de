"""Mails on bad days, from outside: a retry sends nothing twice, what may have gone out counts in
full, what is scheduled stands until it went or was called back, and the reconciler finds out by
reading.

Resend marks no replay and shows no idempotency keys. What went out is asked of the sandbox.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import RESEND_SECRET, Answer, Gateway, VaultKey
from tests.integration.test_mail_passes import parts
from tests.integration.test_mail_passes import send as send_in_pieces
from tests.integration.test_streams import MIB
from tests.mails import (
    ENV,
    MAIL,
    NOWHERE,
    SENDING_ONLY,
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

AT_ONCE: Final = """
[reconciler]
doubt_first_look_s = 0
listing_gap_s = 0
calls_per_second_max = 1000
"""
LOOKS_MAX: Final = 6
PAIR: Final = mail(cc="c@example.com")
LATER: Final = mail(cc="c@example.com", scheduled_at="in 1 hour")
HOUR_S: Final = 3_700


@pytest.fixture(scope="module")
def resend_process() -> Iterator[Sandbox]:
    narrow = f"{SENDING_ONLY}:sending_access"
    with Sandbox.start("resend", "--secret", RESEND_SECRET, "--secret", narrow) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def house(resend_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Nobody looks again before a minute has passed."""
    more = settings(resend_process.base_url)
    directory = tmp_path_factory.mktemp("resend")
    with Gateway.start(directory, NOWHERE, more=more, env=ENV) as running:
        yield running


@pytest.fixture(scope="module")
def watched(resend_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Looks again at once."""
    more = settings(resend_process.base_url) + AT_ONCE
    directory = tmp_path_factory.mktemp("watched")
    with Gateway.start(directory, NOWHERE, more=more, env=ENV) as running:
        yield running


@pytest.fixture
def own(resend: Sandbox, tmp_path: Path) -> Iterator[Gateway]:
    """One to be killed."""
    with Gateway.start(tmp_path, NOWHERE, more=settings(resend.base_url), env=ENV) as running:
        yield running


def reborn(gateway: Gateway) -> None:
    gateway.kill()
    gateway.restart()


# -- the same mail again ---------------------------------------------------------------------------


def test_a_replay_sends_nothing_and_costs_nothing(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house, daily_usd_cap="0.0018")
    first = send(house, key, PAIR, idempotency_key="order 7")
    once_more = send(house, key, PAIR, idempotency_key="order 7")
    assert (first.status, once_more.status, once_more.body) == (200, 200, first.body)
    costs = [answer.headers["keybrake-cost-usd"] for answer in (first, once_more)]
    assert costs == ["0.0018", "0.00"]
    assert (went_out(resend), stands(house, key)) == (2, {"settled": "0.0018", "calls": 2})
    rows = [house.ask(f"/vault/calls/{call_id(answer)}") for answer in (first, once_more)]
    assert [row["cost_usd"] for row in rows] == ["0.0018", "0.00"]
    assert rows[0]["idempotency_key"] == rows[1]["idempotency_key"] != "order 7"


def test_the_vendor_sees_a_key_of_ours(house: Gateway, resend: Sandbox) -> None:
    one, two = mail_key(house), mail_key(house)
    for key in (one, two):
        assert send(house, key, idempotency_key="order 7").status == 200
        assert send(house, key).status == 200
        assert send(house, key, [MAIL], path="/emails/batch").status == 200
    seen = [each["headers"]["idempotency-key"] for each in arrived(resend)]
    assert len(set(seen)) == went_out(resend) == 6
    assert all(name.startswith("kb-") and "order" not in name for name in seen)


def test_a_replay_survives_a_kill(own: Gateway, resend: Sandbox) -> None:
    key = mail_key(own)
    first = send(own, key, PAIR, idempotency_key="order 7")
    reborn(own)
    once_more = send(own, key, PAIR, idempotency_key="order 7")
    assert (once_more.status, once_more.body) == (200, first.body)
    assert send(own, key, MAIL, idempotency_key="order 7").error == "idempotency_conflict"
    assert (went_out(resend), stands(own, key)) == (2, {"settled": "0.0018", "calls": 2})


def test_a_rerun_under_another_key_of_the_issuer_is_the_same_call(
    house: Gateway, resend: Sandbox
) -> None:
    template = {
        "vendors": ["resend"], "allowed_endpoints": ["POST /emails"], "daily_usd_cap_max": 1,
    }  # fmt: skip
    wish = {"daily_usd_cap": "0.0018", "template": template}
    issuer = house.admin("POST", "/vault/issuers", wish).json()
    terms: dict[str, Any] = {
        "bearer": issuer["key"], "daily_usd_cap": 1, "allowed_endpoints": ["POST /emails"],
    }  # fmt: skip
    one = mail_key(house, agent_run_label="news/1", **terms)
    two = mail_key(house, agent_run_label="news/2", **terms)
    first = send(house, one, PAIR, idempotency_key="order 7")
    once_more = send(house, two, PAIR, idempotency_key="order 7")
    assert (once_more.status, once_more.body) == (200, first.body)
    assert (stands(house, one), stands(house, two)) == ({"settled": "0.0018", "calls": 2}, {})
    assert send(house, two).error == "issuer_cap_exceeded"
    assert went_out(resend) == 2


@pytest.mark.parametrize(
    ("path", "body"),
    [("/emails", mail(to="b@example.com")), ("/emails", mail(text="x")), ("/emails/batch", [MAIL])],
)
def test_another_request_under_the_same_key_is_a_conflict(
    house: Gateway, resend: Sandbox, path: str, body: Any
) -> None:
    key = mail_key(house)
    assert send(house, key, idempotency_key="k").status == 200
    answer = send(house, key, body, path=path, idempotency_key="k")
    assert (answer.status, answer.error) == (409, "idempotency_conflict")
    assert (went_out(resend), len(arrived(resend))) == (1, 1)


def test_retries_wait_for_the_first_call(house: Gateway, resend: Sandbox) -> None:
    """Resend would answer 409 to whoever asks while the first call runs."""
    key = mail_key(house, daily_usd_cap="0.0018")
    resend.behave(path="/emails", latency_ms=200)
    with ThreadPoolExecutor(4) as callers:
        calls = [callers.submit(send, house, key, PAIR, idempotency_key="k") for _ in range(4)]
        answers = [call.result() for call in calls]
    assert {(answer.status, answer.body) for answer in answers} == {(200, answers[0].body)}
    assert sorted(answer.headers["keybrake-cost-usd"] for answer in answers)[-2:] == [
        "0.00", "0.0018",
    ]  # fmt: skip
    assert (went_out(resend), stands(house, key)) == (2, {"settled": "0.0018", "calls": 2})


def test_a_broadcast_is_answered_again_from_what_was_kept(own: Gateway, resend: Sandbox) -> None:
    """Resend heeds no key there: it would send again."""
    key = mail_key(own)
    path = f"/broadcasts/{draft_for(resend, segment_of(resend, 3))}/send"
    first = send(own, key, {}, path=path, idempotency_key="news 1")
    assert first.status == 200
    for _ in range(2):
        once_more = send(own, key, {}, path=path, idempotency_key="news 1")
        assert (once_more.status, once_more.body) == (200, first.body)
        assert once_more.headers["idempotent-replayed"] == "true"
        reborn(own)
    assert [seen["path"] for seen in arrived(resend)].count(path) == 1
    assert (went_out(resend), stands(own, key)) == (3, {"settled": "0.0027", "calls": 3})


def test_a_broadcast_in_doubt_is_not_sent_again(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house)
    path = f"/broadcasts/{draft_for(resend, segment_of(resend, 3))}/send"
    resend.behave(path=path, drop=True)
    assert send(house, key, {}, path=path, idempotency_key="news").error == "vendor_broke_off"
    once_more = send(house, key, {}, path=path, idempotency_key="news")
    assert (once_more.status, once_more.error) == (504, "vendor_timeout")
    assert once_more.json()["in_doubt"] is True
    assert [seen["path"] for seen in arrived(resend)].count(path) == 1
    assert stands(house, key) == {"in_doubt": "0.0027", "calls": 3}


# -- a vendor on its bad days ----------------------------------------------------------------------

DOUBTFUL: Final[dict[str, tuple[int, str, dict[str, Any]]]] = {
    "says 500": (500, "application_error", {"status": 500}),
    "says 503": (503, "service_unavailable", {"status": 503}),
    "hangs up after it": (502, "vendor_broke_off", {"drop": True}),
    "hangs up before it": (502, "vendor_broke_off", {"drop_before_executing": True}),
    "half an answer": (502, "vendor_broke_off", {"half_body": True}),
    "never answers": (504, "vendor_timeout", {"stall": True}),
    "never answers, but sends": (504, "vendor_timeout", {"stall": True, "execute": True}),
    "redirects": (502, "vendor_redirected", {"redirect": "https://elsewhere.example"}),
}


@pytest.mark.parametrize("how", DOUBTFUL)
def test_what_may_have_gone_out_counts_until_a_retry_tells(
    house: Gateway, resend: Sandbox, how: str
) -> None:
    status, code, fault = DOUBTFUL[how]
    key = mail_key(house, daily_usd_cap="0.0018")
    resend.behave(path="/emails", **fault)
    answer = send(house, key, PAIR, idempotency_key="k")
    told = answer.json()
    assert (answer.status, told.get("error") or told["name"]) == (status, code)
    assert stands(house, key) == {"in_doubt": "0.0018", "calls": 2}
    assert send(house, key, PAIR).error == "daily_cap_exceeded"
    resend.behave(path="/emails", status=422)
    assert send(house, key, PAIR, idempotency_key="k").status == 422
    assert stands(house, key) == {"in_doubt": "0.0018", "calls": 2}, "a refusal frees nothing"
    settled = send(house, key, PAIR, idempotency_key="k")
    assert (settled.status, went_out(resend)) == (200, 2)
    assert stands(house, key) == {"settled": "0.0018", "calls": 2}


def test_a_conflict_at_the_vendor_stays_in_doubt(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house)
    resend.behave(path="/emails", status=409)
    assert send(house, key, PAIR).status == 409
    assert stands(house, key) == {"in_doubt": "0.0018", "calls": 2}


def test_limits_and_quotas_of_resends_cost_nothing(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house, daily_usd_cap="0.0018")
    for limit, name in (
        ({"per_second": 0}, "rate_limit_exceeded"),
        ({"daily": 1}, "daily_quota_exceeded"),
        ({"monthly": 1}, "monthly_quota_exceeded"),
    ):
        resend.control("POST", "limits", limit)
        answer = send(house, key, PAIR, idempotency_key="k")
        assert (answer.status, answer.json()["name"]) == (429, name)
        assert stands(house, key) == {}
        resend.control("POST", "limits", dict.fromkeys(limit))
    assert send(house, key, PAIR, idempotency_key="k").status == 200
    assert (went_out(resend), stands(house, key)) == (2, {"settled": "0.0018", "calls": 2})


def test_a_refusal_of_resends_is_passed_on_and_frees(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house)
    resend.control("POST", "domains", {"verified": ["other.example"]})
    answer = send(house, key)
    assert (answer.status, answer.json()["name"]) == (403, "validation_error")
    assert send(house, key, mail(text=None)).status == 422
    assert stands(house, key) == {}


def test_a_batch_in_doubt_comes_to_what_its_retry_tells(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house)
    batch = [mail(to=people(2)), mail(to=people(5), text=None), mail(cc="c@example.com")]
    named = {"path": "/emails/batch", "idempotency_key": "b", "x_batch_validation": "permissive"}
    resend.behave(path="/emails/batch", drop=True)
    assert send(house, key, batch, **named).error == "vendor_broke_off"
    assert stands(house, key) == {"in_doubt": "0.0081", "calls": 9}
    assert send(house, key, batch, **named).status == 200
    assert (went_out(resend), stands(house, key)) == (4, {"settled": "0.0036", "calls": 4})


def test_a_large_mail_in_doubt_comes_to_what_its_retry_tells(
    house: Gateway, resend: Sandbox
) -> None:
    key = mail_key(house)
    resend.behave(path="/emails", drop=True)
    large = parts(2 * MIB, text="t")
    assert send_in_pieces(house, key, large, idempotency_key="l").error == "vendor_broke_off"
    assert stands(house, key) == {"in_doubt": "0.135", "calls": 150}
    assert send_in_pieces(house, key, large, idempotency_key="l").status == 200
    assert (went_out(resend), stands(house, key)) == (1, {"settled": "0.0009", "calls": 1})


# -- scheduled mail --------------------------------------------------------------------------------


def call_id(answer: Answer) -> str:
    return answer.headers["keybrake-call-id"]


def look(gateway: Gateway, call: str) -> Any:
    return gateway.admin("POST", f"/vault/calls/{call}/reconcile", {}).json()


def looked_until(gateway: Gateway, call: str, *states: str) -> str:
    """The call's state once it is one of these."""
    for _ in range(LOOKS_MAX):
        state: str = gateway.ask(f"/vault/calls/{call}")["state"]
        if state in states:
            return state
        look(gateway, call)
    raise AssertionError(f"still {state}: {gateway.ask('/vault/in-doubt')}")


def scheduled(gateway: Gateway, key: VaultKey) -> tuple[str, str]:
    """The ids of a call and of its mail, which goes out in an hour."""
    answer = send(gateway, key, LATER)
    assert answer.status == 200, answer
    return call_id(answer), answer.json()["id"]


@pytest.mark.parametrize("who", ["the same key", "another key of the account"])
def test_a_scheduled_mail_stands_until_it_is_called_back(
    house: Gateway, resend: Sandbox, who: str
) -> None:
    key = mail_key(house, daily_call_cap=2, daily_usd_cap="0.0018")
    _, mail_id = scheduled(house, key)
    assert stands(house, key) == {"standing": "0.0018", "calls": 2}
    assert send(house, key).status == 429
    canceller = key if who == "the same key" else mail_key(house)
    gone = send(house, canceller, {}, path=f"/emails/{mail_id}/cancel")
    assert (gone.status, gone.headers["keybrake-cost-usd"]) == (200, "0.00")
    assert (stands(house, key), stands(house, canceller)) == ({}, {})
    assert send(house, key, PAIR).status == 200, "there is room again"
    resend.control("POST", "advance", {"seconds": HOUR_S})
    assert went_out(resend) == 2


def test_a_scheduled_mail_can_be_moved_for_nothing(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house, daily_usd_cap="0.0018")
    _, mail_id = scheduled(house, key)
    path = f"/emails/{mail_id}"
    moved = house.call(key, "PATCH", path, json_body={"scheduled_at": "in 2 days"})
    assert (moved.status, moved.headers["keybrake-cost-usd"]) == (200, "0.00")
    more = house.call(key, "PATCH", path, json_body={"scheduled_at": "in 1 day", "bcc": "x@x.io"})
    assert (more.error, more.json()["field"]) == ("amount_unreadable", "bcc")
    assert stands(house, key) == {"standing": "0.0018", "calls": 2}


def test_a_scheduled_mail_is_settled_once_it_went_out(watched: Gateway, resend: Sandbox) -> None:
    key = mail_key(watched)
    call, mail_id = scheduled(watched, key)
    assert "still scheduled" in look(watched, call)["found"]
    assert stands(watched, key) == {"standing": "0.0018", "calls": 2}
    rows = {row["id"]: row["state"] for row in watched.ask("/vault/pending")["data"]}
    assert rows[call] == "standing"
    resend.control("POST", "advance", {"seconds": HOUR_S})
    late = send(watched, key, {}, path=f"/emails/{mail_id}/cancel")
    assert late.status == 422, "it is gone"
    resend.control("POST", "deliver", {"id": mail_id, "event": "bounced"})
    looked_until(watched, call, "settled")
    assert (went_out(resend), stands(watched, key)) == (2, {"settled": "0.0018", "calls": 2})


def test_a_mail_that_somebody_else_called_back_is_released(
    watched: Gateway, resend: Sandbox
) -> None:
    key = mail_key(watched, daily_call_cap=2)
    call, mail_id = scheduled(watched, key)
    directly(resend, "POST", f"/emails/{mail_id}/cancel", {})
    looked_until(watched, call, "released")
    assert stands(watched, key) == {}
    assert send(watched, key, PAIR).status == 200


@pytest.mark.parametrize("fault", ["drop", "drop_before_executing"])
def test_a_cancel_whose_answer_was_lost_comes_to_what_the_mail_says(
    watched: Gateway, resend: Sandbox, fault: str
) -> None:
    key = mail_key(watched)
    call, mail_id = scheduled(watched, key)
    path = f"/emails/{mail_id}/cancel"
    resend.behave(path=path, **{fault: True})
    assert send(watched, key, {}, path=path).error == "vendor_broke_off"
    if fault == "drop_before_executing":
        assert "still scheduled" in look(watched, call)["found"]
        assert stands(watched, key) == {"standing": "0.0018", "calls": 2}
        assert send(watched, key, {}, path=path).status == 200
    looked_until(watched, call, "released", "settled")
    assert watched.ask(f"/vault/calls/{call}")["cost_usd"] == "0.00"
    resend.control("POST", "advance", {"seconds": HOUR_S})
    assert (went_out(resend), stands(watched, key)) == (0, {})


def test_a_cancel_is_answered_again_from_what_was_kept(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house)
    _, mail_id = scheduled(house, key)
    path = f"/emails/{mail_id}/cancel"
    first, again = [send(house, key, {}, path=path, idempotency_key="c") for _ in range(2)]
    assert (first.status, again.status, again.body) == (200, 200, first.body)
    assert [seen["path"] for seen in arrived(resend)].count(path) == 1
    assert stands(house, key) == {}


def test_a_revoke_can_call_back_what_is_scheduled(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house)
    _, mail_id = scheduled(house, key)
    told = house.admin("POST", f"/vault/keys/{key.id}/revoke", {"cancel_open_intents": True})
    assert told.status == 200, told
    assert directly(resend, "GET", f"/emails/{mail_id}")["last_event"] == "canceled"
    assert stands(house, key) == {}


def test_scheduled_mails_of_a_batch_count_at_once(house: Gateway, resend: Sandbox) -> None:
    key = mail_key(house)
    assert send(house, key, [LATER, LATER], path="/emails/batch").status == 200
    assert stands(house, key) == {"settled": "0.0036", "calls": 4}
    resend.control("POST", "advance", {"seconds": HOUR_S})
    assert went_out(resend) == 4


# -- what is in doubt is found by reading ----------------------------------------------------------


def lost(gateway: Gateway, resend: Sandbox, key: VaultKey, body: Any, **fault: Any) -> str:
    """The id of a call whose answer never came."""
    resend.behave(path="/emails", **fault)
    answer = send(gateway, key, body)
    assert answer.status in (502, 504), answer
    return call_id(answer)


def test_a_mail_whose_answer_was_lost_is_found(watched: Gateway, resend: Sandbox) -> None:
    key = mail_key(watched)
    call = lost(watched, resend, key, mail(cc="c@example.com", subject="Lost"), drop=True)
    looked_until(watched, call, "settled")
    assert (went_out(resend), stands(watched, key)) == (2, {"settled": "0.0018", "calls": 2})
    listed = [seen for seen in arrived(resend, "GET") if seen["path"] == "/emails"]
    assert listed[0]["headers"]["authorization"] == f"Bearer {RESEND_SECRET}"
    assert listed[0]["headers"]["user-agent"] == "keybrake"


def test_a_mail_that_never_went_out_is_released(watched: Gateway, resend: Sandbox) -> None:
    key = mail_key(watched, daily_usd_cap="0.0018")
    body = mail(cc="c@example.com", subject="Never")
    call = lost(watched, resend, key, body, drop_before_executing=True)
    looked_until(watched, call, "released")
    assert (went_out(resend), stands(watched, key)) == (0, {})
    assert send(watched, key, PAIR).status == 200


def test_a_scheduled_mail_whose_answer_was_lost_stands(watched: Gateway, resend: Sandbox) -> None:
    key = mail_key(watched)
    call = lost(watched, resend, key, {**LATER, "subject": "Later"}, drop=True)
    looked_until(watched, call, "standing")
    assert stands(watched, key) == {"standing": "0.0018", "calls": 2}
    mail_id = watched.ask(f"/vault/calls/{call}")["object_id"]
    assert send(watched, key, {}, path=f"/emails/{mail_id}/cancel").status == 200
    assert (went_out(resend), stands(watched, key)) == (0, {})


def test_alike_mails_are_told_apart_by_their_sum(watched: Gateway, resend: Sandbox) -> None:
    """Two of four went out, one of them heard of."""
    key = mail_key(watched)
    subject = mail(subject="Alike", cc="c@example.com")
    assert send(watched, key, subject).status == 200
    faults: list[dict[str, Any]] = [
        {"drop_before_executing": True}, {"drop": True}, {"drop_before_executing": True},
    ]  # fmt: skip
    doubts = [lost(watched, resend, key, subject, **fault) for fault in faults]
    ends = [looked_until(watched, call, "settled", "released") for call in doubts]
    assert sorted(ends) == ["released", "released", "settled"]
    assert (went_out(resend), stands(watched, key)) == (4, {"settled": "0.0036", "calls": 4})


def test_of_two_alike_mails_the_dearer_one_may_be_the_one_that_went_out(
    watched: Gateway, resend: Sandbox
) -> None:
    """They differ in their copies, which a listing may leave out."""
    key = mail_key(watched)
    one, fifty = mail(subject="Copies"), mail(subject="Copies", bcc=people(49))
    doubts = [
        lost(watched, resend, key, one, drop_before_executing=True),
        lost(watched, resend, key, fifty, drop=True),
    ]
    look(watched, doubts[0])
    assert looked_until(watched, doubts[1], "settled", "released") == "settled"
    assert looked_until(watched, doubts[0], "settled", "released") == "released"
    assert (went_out(resend), stands(watched, key)) == (50, {"settled": "0.045", "calls": 50})


def test_a_batch_in_doubt_waits_for_a_person(watched: Gateway, resend: Sandbox) -> None:
    key = mail_key(watched)
    resend.behave(path="/emails/batch", drop=True)
    call = call_id(send(watched, key, [PAIR, PAIR], path="/emails/batch"))
    for _ in range(3):
        assert look(watched, call)["state"] == "in_doubt"
    (row,) = [row for row in watched.ask("/vault/in-doubt")["data"] if row["id"] == call]
    assert row["counts_usd"] == "0.0036"
    wish = {"outcome": "settled", "cost_usd": "0.0036", "reason": "seen in the dashboard"}
    assert watched.admin("POST", f"/vault/calls/{call}/resolve", wish).status == 200
    assert (went_out(resend), stands(watched, key)) == (4, {"settled": "0.0036", "calls": 4})


def test_a_key_that_may_only_send_frees_nothing_by_what_it_may_not_read(
    watched: Gateway, resend: Sandbox
) -> None:
    key = mail_key(watched, account="narrow")
    assert send(watched, key).status == 200
    resend.behave(path="/emails", drop_before_executing=True)
    call = call_id(send(watched, key, PAIR))
    for _ in range(3):
        told = look(watched, call)
        assert told["state"] == "in_doubt"
    assert "401" in told["found"]
    assert stands(watched, key) == {"settled": "0.0009", "in_doubt": "0.0018", "calls": 3}


def test_the_books_agree_with_what_went_out(own: Gateway, resend: Sandbox) -> None:
    key = mail_key(own)
    resend.behave(path="/emails", drop=True, count=2, after=2)
    answers = [send(own, key, mail(to=people(n))) for n in range(1, 6)]
    assert [answer.status for answer in answers] == [200, 200, 502, 502, 200]
    assert own.stop() == 0
    own.restart()
    assert stands(own, key) == {"settled": "0.0072", "in_doubt": "0.0063", "calls": 15}
    assert len(sent_mails(resend)) == 5
    assert own.stop() == 0
    told = own.run("ledger", "verify")
    assert told.returncode == 0, told.stdout + told.stderr
