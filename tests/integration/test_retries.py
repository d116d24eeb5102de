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
from tests.lives import INTENTS, ORDER, counts, issuer_of, pay, send, vendor_keys

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
        answer = gateway.call(key, "POST", INTENTS, form=ORDER)
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
    answer = send(gateway, key, path, "order-1", **{**ORDER, **other})
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
