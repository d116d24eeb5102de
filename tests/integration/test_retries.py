"""A retry is not a second charge: the same Idempotency-Key continues what its first call began.

A bad day is played by the stand-in for Stripe: it answers 500, 409 or 424, hangs up before it
charges or right after. What became of the money is asked of it, not of us.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import END_TIMEOUT_S, Answer, Gateway, VaultKey

INTENTS = "/v1/payment_intents"
PAY = {"amount": 1200, "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}
ISSUER = {
    "daily_usd_cap": "500",
    "template": {
        "vendors": ["stripe"],
        "allowed_endpoints": ["POST /v1/**", "GET /v1/**", "DELETE /v1/**"],
        "daily_usd_cap_max": "500",
    },
}


def pay(gateway: Gateway, key: VaultKey, name: str = "order-1", **form: Any) -> Answer:
    return send(gateway, key, INTENTS, name, **{**PAY, **form})


def send(gateway: Gateway, key: VaultKey, path: str, name: str, **form: Any) -> Answer:
    return gateway.call(key, "POST", path, form=form, idempotency_key=name)


def counts(gateway: Gateway, key: VaultKey) -> dict[str, str]:
    """What of the key's budget is not 0.00, by its state."""
    record = gateway.record(key)
    states = ("settled", "standing", "held", "in_doubt")
    return {s: record[f"{s}_usd"] for s in states if record[f"{s}_usd"] != "0.00"}


def issuer_of(gateway: Gateway) -> tuple[str, str]:
    """Id and secret of a new issuer."""
    answer = gateway.admin("POST", "/vault/issuers", ISSUER)
    assert answer.status == 201, answer
    return answer.json()["id"], answer.json()["key"]


def vendor_keys(vendor: Sandbox) -> list[str]:
    """The Idempotency-Key of each POST that arrived."""
    posts = [seen for seen in vendor.stats()["seen"] if seen["method"] == "POST"]
    return [{n.lower(): v for n, v in post["headers"]}["idempotency-key"] for post in posts]


# -- the same call again ---------------------------------------------------------------------------


def test_the_same_call_twice_is_one_charge_and_one_hold(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="12")
    first, again = pay(gateway, key), pay(gateway, key)
    assert (first.status, again.status) == (200, 200)
    assert again.body == first.body
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"]
    assert (first.headers["keybrake-cost-usd"], again.headers["keybrake-cost-usd"]) == (
        "12.00",
        "0.00",
    )
    assert (vendor.charged(), counts(gateway, key)) == (1200, {"settled": "12.00"})
    assert gateway.record(key)["calls_today"] == 1


def test_the_caller_gets_its_own_key_back_and_the_vendor_never_sees_it(
    gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key()
    for _ in range(2):
        assert pay(gateway, key, "order 1 & more").headers["idempotency-key"] == "order 1 & more"
    first, second = vendor_keys(vendor)
    assert first == second
    assert first.startswith("kb-")
    assert "order" not in first


def test_a_call_without_a_key_gets_one_of_ours(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    for _ in range(2):
        answer = gateway.call(key, "POST", INTENTS, form=PAY)
        assert "idempotency-key" not in answer.headers
    assert len(set(vendor_keys(vendor))) == 2
    assert (vendor.charged(), counts(gateway, key)) == (2400, {"settled": "24.00"})


def test_the_audit_log_says_whose_retry_it_was(gateway: Gateway) -> None:
    key = gateway.make_key()
    first = pay(gateway, key, amount=700, confirm="false")
    again = pay(gateway, key, amount=700, confirm="false")
    told = gateway.ask(f"/vault/calls/{again.headers['keybrake-call-id']}")
    assert told["retry_of"] == first.headers["keybrake-call-id"]
    assert told["cost_usd"] == "0.00"
    before = gateway.ask(f"/vault/calls/{first.headers['keybrake-call-id']}")
    assert told["idempotency_key"] == before["idempotency_key"] != "order-1"


@pytest.mark.parametrize(
    "other",
    [
        {"path": INTENTS, "amount": 1201},
        {"path": INTENTS, "amount": 1200, "metadata[a]": "b"},
        {"path": "/v1/charges", "amount": 1200},
        {"path": f"{INTENTS}?description=x", "amount": 1200},
    ],
)
def test_the_same_key_for_another_request_is_a_conflict(
    gateway: Gateway, vendor: Sandbox, other: dict[str, Any]
) -> None:
    key = gateway.make_key()
    assert pay(gateway, key).status == 200
    path = other.pop("path")
    answer = send(gateway, key, path, "order-1", **{**PAY, **other})
    assert (answer.status, answer.error) == (409, "idempotency_conflict")
    assert answer.headers["stripe-should-retry"] == "false"
    assert (vendor.charged(), len(vendor_keys(vendor))) == (1200, 1)


# -- whose key it is -------------------------------------------------------------------------------


def test_two_admin_keys_are_two_callers(gateway: Gateway, vendor: Sandbox) -> None:
    one, two = gateway.make_key(), gateway.make_key()
    assert pay(gateway, one).json()["id"] != pay(gateway, two).json()["id"]
    assert len(set(vendor_keys(vendor))) == 2
    assert counts(gateway, one) == counts(gateway, two) == {"settled": "12.00"}
    assert vendor.charged() == 2400


def test_a_rerun_under_a_fresh_issued_key_is_the_same_caller(
    gateway: Gateway, vendor: Sandbox
) -> None:
    issuer_id, issuer = issuer_of(gateway)
    one = gateway.make_key(bearer=issuer, agent_run_label="bill/1")
    first = pay(gateway, one)
    gateway.admin("POST", f"/vault/keys/{one.id}/revoke", {})
    two = gateway.make_key(bearer=issuer, agent_run_label="bill/2", daily_usd_cap="1")
    again = pay(gateway, two)
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    assert (counts(gateway, one), counts(gateway, two)) == ({"settled": "12.00"}, {})
    assert gateway.ask(f"/vault/issuers/{issuer_id}")["spent_usd"] == "12.00"
    assert vendor.charged() == 1200


def test_keys_of_two_issuers_are_two_callers(gateway: Gateway, vendor: Sandbox) -> None:
    for _ in range(2):
        assert pay(gateway, gateway.make_key(bearer=issuer_of(gateway)[1])).status == 200
    assert vendor.charged() == 2400


def test_a_scope_joins_admin_keys(gateway: Gateway, vendor: Sandbox) -> None:
    one, two = (gateway.make_key(idempotency_scope="billing") for _ in range(2))
    apart = gateway.make_key(idempotency_scope="shipping")
    assert pay(gateway, one).body == pay(gateway, two).body
    assert pay(gateway, apart).status == 200
    assert (vendor.charged(), counts(gateway, two)) == (2400, {})


# -- both at once ----------------------------------------------------------------------------------


class Gate:
    """Between the gateway and Stripe: bytes pass, but answers wait until it is opened."""

    def __init__(self, vendor: Sandbox) -> None:
        self._vendor = vendor.address.rsplit(":", 1)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.waiting = threading.Event()
        self.opened = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self._sockets: list[socket.socket] = []
        self._threads[0].start()

    def close(self) -> None:
        self.opened.set()
        for each in (self._server, *self._sockets):
            _shut(each)
        for thread in self._threads:
            thread.join(END_TIMEOUT_S)

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._server.accept()
            except OSError:
                return
            callee = socket.create_connection((self._vendor[0], int(self._vendor[1])))
            self._sockets += [caller, callee]
            for source, sink, gated in ((caller, callee, False), (callee, caller, True)):
                thread = threading.Thread(target=self._pump, args=(source, sink, gated))
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket, gated: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if gated:
                    self.waiting.set()
                    self.opened.wait(END_TIMEOUT_S)
                sink.sendall(data)
        _shut(sink)


def _shut(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@pytest.fixture
def gate(vendor: Sandbox) -> Iterator[Gate]:
    between = Gate(vendor)
    yield between
    between.close()


@pytest.fixture
def gated(gate: Gate, tmp_path: Any) -> Iterator[Gateway]:
    with Gateway.start(tmp_path, gate.base_url) as running:
        yield running


def in_flight(gateway: Gateway, key: VaultKey, number: int) -> None:
    """Until so many calls of the key are on their way. A look takes a round trip, so this ends."""
    for _ in range(20_000):
        if gateway.record(key)["in_flight"] == number:
            return
    raise AssertionError(f"never {number} calls in flight")


def test_a_retry_waits_for_the_first_call(gated: Gateway, gate: Gate, vendor: Sandbox) -> None:
    key = gated.make_key(daily_usd_cap="12")
    with ThreadPoolExecutor(4) as callers:
        calls: list[Future[Answer]] = [callers.submit(pay, gated, key)]
        assert gate.waiting.wait(END_TIMEOUT_S)
        calls += [callers.submit(pay, gated, key) for _ in range(3)]
        in_flight(gated, key, 4)
        conflict = pay(gated, key, amount=1)
        assert (conflict.status, conflict.error) == (409, "idempotency_conflict")
        assert not any(call.done() for call in calls)
        assert len(vendor_keys(vendor)) == 1
        gate.opened.set()
        answers = [call.result(END_TIMEOUT_S) for call in calls]
    assert {(a.status, a.body) for a in answers} == {(200, answers[0].body)}
    replayed = [a.headers.get("idempotent-replayed") for a in answers]
    assert sorted(map(str, replayed)) == ["None", "true", "true", "true"]
    assert (vendor.charged(), counts(gated, key)) == (1200, {"settled": "12.00"})


def test_different_calls_do_not_wait_for_each_other(
    gated: Gateway, gate: Gate, vendor: Sandbox
) -> None:
    key = gated.make_key()
    with ThreadPoolExecutor(2) as callers:
        calls = [callers.submit(pay, gated, key, name) for name in ("order-1", "order-2")]
        in_flight(gated, key, 2)
        both = (len(vendor_keys(vendor)) == 2 for _ in range(20_000))
        assert next(filter(None, both), False), "one waits for the other"
        gate.opened.set()
        assert [call.result(END_TIMEOUT_S).status for call in calls] == [200, 200]
    assert vendor.charged() == 2400


# -- after a no ------------------------------------------------------------------------------------


def test_after_a_refusal_of_ours_it_holds_afresh(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="11.99")
    assert pay(gateway, key).error == "daily_cap_exceeded"
    gateway.admin("PATCH", f"/vault/keys/{key.id}", {"daily_usd_cap": "12"})
    assert pay(gateway, key).status == 200
    assert (vendor.charged(), counts(gateway, key)) == (1200, {"settled": "12.00"})


def test_after_a_refusal_of_ours_the_key_is_free_for_another_request(
    gateway: Gateway, vendor: Sandbox
) -> None:
    key = gateway.make_key(daily_usd_cap="10")
    assert pay(gateway, key).error == "daily_cap_exceeded"
    assert pay(gateway, key, amount=1000).status == 200
    assert (vendor.charged(), counts(gateway, key)) == (1000, {"settled": "10.00"})


def test_after_a_release_it_holds_afresh(gateway: Gateway, vendor: Sandbox) -> None:
    """Stripe does not keep a 400 of its parameter checks, so the retry is a call like any other."""
    key = gateway.make_key(daily_usd_cap="12")
    vendor.behave(path=INTENTS, status=400, stored=False)
    assert pay(gateway, key).status == 400
    assert counts(gateway, key) == {}
    assert pay(gateway, key).status == 200
    assert (vendor.charged(), counts(gateway, key)) == (1200, {"settled": "12.00"})


def test_a_replayed_refusal_releases_again(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    form = {"amount": 1200, "currency": "usd", "source": "tok_chargeDeclined"}
    for _ in range(2):
        answer = send(gateway, key, "/v1/charges", "order-1", **form)
        assert (answer.status, counts(gateway, key)) == (402, {})
    assert answer.headers["idempotent-replayed"] == "true"
    assert vendor.charged() == 0


def test_a_replayed_decline_stands_once(gateway: Gateway) -> None:
    """The intent that its confirmation left behind counts, and not once more with each retry."""
    key = gateway.make_key(daily_usd_cap="12")
    for _ in range(3):
        assert pay(gateway, key, payment_method="pm_card_visa_chargeDeclined").status == 402
        assert counts(gateway, key) == {"standing": "12.00"}


# -- in doubt --------------------------------------------------------------------------------------

IN_DOUBT: dict[str, dict[str, Any]] = {
    "500": {"status": 500, "stored": False},
    "409": {"status": 409},
    "424": {"status": 424, "stored": False},
    "hung up before": {"drop_before_executing": True},
    "hung up after": {"drop": True},
    "reset after": {"drop": True, "reset": True},
    "half a head": {"half_head": True},
    "half a body": {"half_body": True},
    "noise": {"raw": "no HTTP at all\r\n\r\n"},
    "another object": {"status": 200, "stored": False, "body": '{"object":"payment_intent"}'},
}


@pytest.mark.parametrize("fault", IN_DOUBT.values(), ids=IN_DOUBT.keys())
def test_a_retry_settles_what_was_in_doubt(
    gateway: Gateway, vendor: Sandbox, fault: dict[str, Any]
) -> None:
    key = gateway.make_key(daily_usd_cap="12")
    vendor.behave(path=INTENTS, **fault)
    first = pay(gateway, key)
    assert counts(gateway, key) == {"in_doubt": "12.00"}, first
    assert pay(gateway, key, "order-2").error == "daily_cap_exceeded"
    assert pay(gateway, key).status == 200
    assert (vendor.charged(), counts(gateway, key)) == (1200, {"settled": "12.00"})
    told = gateway.ask(f"/vault/calls/{first.headers['keybrake-call-id']}")
    assert (told["state"], told["cost_usd"]) == ("settled", "12.00")


def test_a_stored_500_stays_in_doubt(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    vendor.behave(path=INTENTS, status=500)
    for _ in range(3):
        assert pay(gateway, key).status == 500
        assert counts(gateway, key) == {"in_doubt": "12.00"}


@pytest.mark.parametrize("status", [400, 401, 402, 404, 429])
def test_a_refusal_to_the_retry_proves_nothing(
    gateway: Gateway, vendor: Sandbox, status: int
) -> None:
    """It may have charged before: only its own answer tells."""
    key = gateway.make_key()
    vendor.behave(path=INTENTS, drop=True)
    assert pay(gateway, key).status == 502
    vendor.behave(path=INTENTS, status=status, stored=False, execute=False)
    assert pay(gateway, key).status == status
    assert counts(gateway, key) == {"in_doubt": "12.00"}
    assert vendor.charged() == 1200


def test_two_doubts_in_a_row(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="12")
    vendor.behave(path=INTENTS, drop=True, count=2)
    for _ in range(2):
        answer = pay(gateway, key)
        assert (answer.status, answer.error) == (502, "vendor_broke_off")
        assert answer.json()["in_doubt"] is True
        assert counts(gateway, key) == {"in_doubt": "12.00"}
    assert pay(gateway, key).headers["idempotent-replayed"] == "true"
    assert (vendor.charged(), counts(gateway, key)) == (1200, {"settled": "12.00"})


def test_what_an_intent_came_to_is_found_out_by_the_retry(
    gateway: Gateway, vendor: Sandbox
) -> None:
    """Its own hold and the earlier ones of the intent, each as the answer says."""
    key = gateway.make_key(daily_usd_cap="30")
    options = {"payment_method_options[card][request_overcapture]": "if_available"}
    held = {**PAY, "amount": 2000, "capture_method": "manual", **options}
    path = f"{INTENTS}/{send(gateway, key, INTENTS, 'hold', **held).json()['id']}"
    assert counts(gateway, key) == {"standing": "20.00"}
    vendor.behave(path=f"{path}/capture", drop=True)
    assert send(gateway, key, f"{path}/capture", "take", amount_to_capture=2300).status == 502
    assert counts(gateway, key) == {"standing": "20.00", "in_doubt": "3.00"}
    assert vendor.charged() == 2300
    assert send(gateway, key, f"{path}/capture", "take", amount_to_capture=2300).status == 200
    assert counts(gateway, key) == {"settled": "23.00"}


@pytest.mark.parametrize(("what", "left"), [("capture", {"settled": "15.00"}), ("cancel", {})])
def test_the_rest_of_an_intent_is_freed_by_the_retry(
    gateway: Gateway, vendor: Sandbox, what: str, left: dict[str, str]
) -> None:
    key = gateway.make_key()
    held = {**PAY, "amount": 2000, "capture_method": "manual"}
    path = f"{INTENTS}/{send(gateway, key, INTENTS, 'hold', **held).json()['id']}"
    form = {"amount_to_capture": 1500} if what == "capture" else {}
    vendor.behave(path=f"{path}/{what}", drop=True)
    assert send(gateway, key, f"{path}/{what}", "end", **form).status == 502
    assert counts(gateway, key) == {"standing": "20.00"}
    assert send(gateway, key, f"{path}/{what}", "end", **form).status == 200
    assert counts(gateway, key) == left


def test_a_retry_that_tells_of_the_past_frees_nothing(gateway: Gateway, vendor: Sandbox) -> None:
    """An intent was lowered (nobody heard the answer) and raised again: the first answer is old."""
    key = gateway.make_key()
    path = f"{INTENTS}/{pay(gateway, key, 'make', amount=3000, confirm='false').json()['id']}"
    vendor.behave(path=path, method="POST", drop=True)
    assert send(gateway, key, path, "lower", amount=1000).status == 502
    assert send(gateway, key, path, "raise", amount=2500).status == 200
    assert counts(gateway, key) == {"standing": "25.00"}
    assert send(gateway, key, path, "lower", amount=1000).json()["amount"] == 1000
    assert counts(gateway, key) == {"standing": "25.00"}
    assert send(gateway, key, f"{path}/confirm", "pay").status == 200
    assert (counts(gateway, key), vendor.charged()) == ({"settled": "25.00"}, 2500)


def test_a_take_over_in_doubt_is_finished_by_the_retry(gateway: Gateway, vendor: Sandbox) -> None:
    """Both keys count it while nobody knows, the issuer once; afterwards the second key alone."""
    issuer_id, issuer = issuer_of(gateway)
    one = gateway.make_key(bearer=issuer, agent_run_label="one/1")
    two = gateway.make_key(bearer=issuer, agent_run_label="two/1")
    path = f"{INTENTS}/{pay(gateway, one, 'make', amount=2000, confirm='false').json()['id']}"
    vendor.behave(path=f"{path}/confirm", drop=True)
    assert send(gateway, two, f"{path}/confirm", "pay").status == 502
    assert (counts(gateway, one), counts(gateway, two)) == (
        {"standing": "20.00"},
        {"in_doubt": "20.00"},
    )
    assert gateway.ask(f"/vault/issuers/{issuer_id}")["spent_usd"] == "20.00"
    assert send(gateway, two, f"{path}/confirm", "pay").status == 200
    assert (counts(gateway, one), counts(gateway, two)) == ({}, {"settled": "20.00"})
    record = gateway.ask(f"/vault/issuers/{issuer_id}")
    assert (record["settled_usd"], record["spent_usd"]) == ("20.00", "20.00")
    assert vendor.charged() == 2000


def test_a_take_over_of_what_goes_on_standing_is_finished_too(
    gateway: Gateway, vendor: Sandbox
) -> None:
    issuer_id, issuer = issuer_of(gateway)
    one = gateway.make_key(bearer=issuer, agent_run_label="one/1")
    two = gateway.make_key(bearer=issuer, agent_run_label="two/1")
    path = f"{INTENTS}/{pay(gateway, one, 'make', amount=2000, confirm='false').json()['id']}"
    vendor.behave(path=path, method="POST", drop=True)
    assert send(gateway, two, path, "raise", amount=3000).status == 502
    assert (counts(gateway, one), counts(gateway, two)) == (
        {"standing": "20.00"},
        {"in_doubt": "30.00"},
    )
    assert gateway.ask(f"/vault/issuers/{issuer_id}")["spent_usd"] == "30.00"
    assert send(gateway, two, path, "raise", amount=3000).status == 200
    assert (counts(gateway, one), counts(gateway, two)) == ({}, {"standing": "30.00"})
    assert gateway.ask(f"/vault/issuers/{issuer_id}")["standing_usd"] == "30.00"
    assert gateway.ask("/vault/in-doubt")["data"] == []
    assert send(gateway, one, f"{path}/cancel", "end").status == 200
    assert gateway.ask(f"/vault/issuers/{issuer_id}")["spent_usd"] == "0.00"


def test_a_take_over_that_is_old_news_leaves_no_doubt(gateway: Gateway, vendor: Sandbox) -> None:
    """The other key raised the intent meanwhile, and goes on carrying it."""
    issuer_id, issuer = issuer_of(gateway)
    one = gateway.make_key(bearer=issuer, agent_run_label="one/1")
    two = gateway.make_key(bearer=issuer, agent_run_label="two/1")
    path = f"{INTENTS}/{pay(gateway, one, 'make', amount=2000, confirm='false').json()['id']}"
    vendor.behave(path=path, method="POST", drop=True)
    assert send(gateway, two, path, "raise", amount=2500).status == 502
    assert send(gateway, one, path, "raise it more", amount=4000).status == 200
    assert counts(gateway, one) == {"standing": "40.00"}
    assert send(gateway, two, path, "raise", amount=2500).json()["amount"] == 2500
    assert (counts(gateway, one), counts(gateway, two)) == ({"standing": "40.00"}, {})
    assert gateway.ask("/vault/in-doubt")["data"] == []
    assert send(gateway, one, f"{path}/confirm", "pay").status == 200
    assert (counts(gateway, one), counts(gateway, two)) == ({"settled": "40.00"}, {})
    assert gateway.ask(f"/vault/issuers/{issuer_id}")["spent_usd"] == "40.00"
    assert vendor.charged() == 4000


def test_a_refund_in_doubt_gives_back_once_it_is_known(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(refunds_restore_cap=True)
    form = {"payment_intent": pay(gateway, key).json()["id"], "amount": 500}
    vendor.behave(path="/v1/refunds", drop=True)
    assert send(gateway, key, "/v1/refunds", "refund", **form).status == 502
    assert gateway.record(key)["restored_usd"] == "0.00"
    for _ in range(2):
        assert send(gateway, key, "/v1/refunds", "refund", **form).status == 200
        record = gateway.record(key)
        assert (record["settled_usd"], record["restored_usd"]) == ("17.00", "5.00")
    assert vendor.stats()["refunded"] == {"usd": 500}


def test_a_retry_asks_nothing_that_was_asked_before(gateway: Gateway, vendor: Sandbox) -> None:
    """The first call was priced; the intent has moved on since."""
    key = gateway.make_key()
    path = f"{INTENTS}/{pay(gateway, key, 'make', confirm='false').json()['id']}"
    for _ in range(2):
        assert send(gateway, key, f"{path}/confirm", "pay").status == 200
    looked = [seen for seen in vendor.stats()["seen"] if seen["method"] == "GET"]
    assert len(looked) == 1


# -- after a restart -------------------------------------------------------------------------------


def test_a_kill_in_between_changes_nothing(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="36")
    vendor.behave(path=INTENTS, drop=True)
    pay(gateway, key, "doubted")
    pay(gateway, key, "open", confirm="false")
    first = pay(gateway, key, "paid")
    gateway.kill()
    gateway.restart()
    assert gateway.record(key)["spent_usd"] == "36.00"
    assert pay(gateway, key, "more").error == "daily_cap_exceeded"
    assert pay(gateway, key, "paid", amount=1).error == "idempotency_conflict"
    assert pay(gateway, key, "paid").body == first.body
    assert pay(gateway, key, "open", confirm="false").headers["idempotent-replayed"] == "true"
    assert pay(gateway, key, "doubted").headers["idempotent-replayed"] == "true"
    assert counts(gateway, key) == {"settled": "24.00", "standing": "12.00"}
    assert vendor.charged() == 2400


def test_a_call_that_was_on_its_way_at_the_kill(
    gated: Gateway, gate: Gate, vendor: Sandbox
) -> None:
    key = gated.make_key(daily_usd_cap="12")
    with ThreadPoolExecutor(1) as callers:
        cut_off = callers.submit(pay, gated, key)
        assert gate.waiting.wait(END_TIMEOUT_S)
        gated.kill()
        assert cut_off.exception(END_TIMEOUT_S) is not None
    gate.opened.set()
    gated.restart()
    assert counts(gated, key) == {"in_doubt": "12.00"}
    assert pay(gated, key).headers["idempotent-replayed"] == "true"
    assert (vendor.charged(), counts(gated, key)) == (1200, {"settled": "12.00"})


# -- by hand ---------------------------------------------------------------------------------------


def doubted(gateway: Gateway, vendor: Sandbox, key: VaultKey, **fault: Any) -> str:
    """The id of a call that is in doubt."""
    vendor.behave(path=INTENTS, **fault)
    call_id = pay(gateway, key).headers["keybrake-call-id"]
    shown = gateway.ask("/vault/in-doubt")["data"]
    assert [(row["id"], row["counts_usd"]) for row in shown] == [(call_id, "12.00")]
    return call_id


def test_a_person_says_that_it_was_settled(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    call_id = doubted(gateway, vendor, key, drop=True)
    wish = {"outcome": "settled", "cost_usd": "11.50", "reason": "seen in Stripe's dashboard"}
    answer = gateway.admin("POST", f"/vault/calls/{call_id}/resolve", wish)
    assert (answer.status, answer.json()["state"]) == (200, "settled")
    assert counts(gateway, key) == {"settled": "11.50"}
    assert gateway.ask("/vault/in-doubt")["data"] == []
    again = pay(gateway, key)
    assert again.headers["idempotent-replayed"] == "true"
    assert counts(gateway, key) == {"settled": "11.50"}
    gateway.kill()
    gateway.restart()
    assert counts(gateway, key) == {"settled": "11.50"}
    told = gateway.ask(f"/vault/calls/{call_id}")
    assert (told["state"], told["cost_usd"]) == ("settled", "11.50")


def test_a_person_says_that_it_never_happened(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key(daily_usd_cap="12")
    call_id = doubted(gateway, vendor, key, drop_before_executing=True)
    wish = {"outcome": "released", "reason": "Stripe has no such intent"}
    assert gateway.admin("POST", f"/vault/calls/{call_id}/resolve", wish).status == 200
    assert counts(gateway, key) == {}
    twice = gateway.admin("POST", f"/vault/calls/{call_id}/resolve", wish)
    assert (twice.status, twice.error) == (400, "invalid_request")
    assert pay(gateway, key).status == 200
    assert (vendor.charged(), counts(gateway, key)) == (1200, {"settled": "12.00"})


def test_a_call_that_is_not_in_doubt_cannot_be_resolved(gateway: Gateway) -> None:
    key = gateway.make_key()
    call_id = pay(gateway, key).headers["keybrake-call-id"]
    wish = {"outcome": "released", "reason": "I would like that"}
    answer = gateway.admin("POST", f"/vault/calls/{call_id}/resolve", wish)
    assert (answer.status, answer.error) == (400, "invalid_request")
    assert gateway.admin("POST", "/vault/calls/call_none/resolve", wish).status == 404
    assert counts(gateway, key) == {"settled": "12.00"}
