"""SIGTERM and SIGINT: calls in flight finish and are settled, new ones are told to go elsewhere,
the books close, exit code 0; and the next start knows everything.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Answer, Closed, Gateway, VaultKey
from tests.speaker import INTENT, SDK, Meanwhile, Speaker, until

INTENTS: Final = "/v1/payment_intents"
SIGNALS: Final = [signal.SIGTERM, signal.SIGINT]


def pay(gateway: Gateway, key: VaultKey, **headers: str) -> Answer:
    return gateway.call(key, "POST", INTENTS, form=INTENT, **headers)


def begin_slow_call(gateway: Gateway, vendor: Sandbox, key: VaultKey) -> Meanwhile[Answer]:
    """A call that has reached the vendor when this returns, and is held there until it calms."""
    vendor.behave(path=INTENTS, hold=True)
    call = Meanwhile(lambda: pay(gateway, key))
    until(lambda: vendor.stats()["posts"].get(INTENTS))
    return call


def begin_to_end(gateway: Gateway, number: int = signal.SIGTERM) -> None:
    """Send the signal, and wait until /readyz says so."""
    os.kill(gateway.pid, number)
    answer = until(lambda: _readiness(gateway), lambda it: it is not None and it.status == 503)
    assert answer is not None
    assert answer.json()["reasons"] == ["draining"]
    assert answer.headers["connection"] == "close"


def _readiness(gateway: Gateway) -> Answer | None:
    """None: this connection was still silent when the drain began, and was closed as idle."""
    try:
        return gateway.request("GET", "/readyz")
    except (Closed, ConnectionError):
        return None


@pytest.mark.parametrize("number", SIGNALS)
def test_what_is_in_flight_finishes_and_what_is_new_goes_elsewhere(
    gateway: Gateway, vendor: Sandbox, number: int
) -> None:
    key = gateway.make_key()
    slow = begin_slow_call(gateway, vendor, key)
    begin_to_end(gateway, number)
    for agent in ("curl/7.88.1", SDK):
        refused = pay(gateway, key, user_agent=agent)
        assert (refused.status, refused.error) == (503, "draining")
        assert refused.headers["connection"] == "close"
    assert gateway.request("GET", "/healthz").status == 200
    vendor.calm()
    told = slow.result()
    assert (told.status, told.headers["keybrake-cost-usd"]) == (200, "12.00")
    assert told.headers["connection"] == "close"
    assert gateway.wait() == 0
    with pytest.raises(ConnectionRefusedError):
        gateway.wire()
    assert vendor.charged() == 1200
    gateway.restart()
    record = gateway.record(key)
    assert (record["settled_usd"], record["in_doubt_usd"]) == ("12.00", "0.00")
    [row] = gateway.ask("/vault/calls")["data"]
    assert (row["state"], row["id"]) == ("settled", told.headers["keybrake-call-id"])
    assert pay(gateway, key).status == 200
    assert gateway.stop() == 0
    assert gateway.run("ledger", "verify").returncode == 0


@pytest.mark.parametrize("number", SIGNALS)
def test_idle_it_ends_at_once(gateway: Gateway, number: int) -> None:
    """Connections that are kept open ask for nothing, and hold up nobody."""
    key = gateway.make_key()
    with Speaker(gateway) as kept, Speaker(gateway) as silent:
        assert kept.call(key, "GET", "/v1/customers/cus_1").status == 200
        os.kill(gateway.pid, number)
        assert gateway.wait() == 0
        assert kept.wire.at_end()
        assert silent.wire.at_end()


def test_a_request_behind_the_one_in_flight_is_not_begun(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    vendor.behave(path="/v1/customers/cus_1", hold=True)
    bearer = {"Authorization": f"Bearer {key.secret}"}
    with Speaker(gateway) as caller:
        for _ in range(2):
            caller.say("GET", "/stripe/v1/customers/cus_1", bearer)
        until(lambda: vendor.stats()["requests"])
        begin_to_end(gateway)
        vendor.calm()
        answer = caller.wire.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert caller.wire.at_end()
    assert gateway.wait() == 0
    assert vendor.stats()["requests"] == 1


def test_a_caller_who_hung_up_is_waited_for_in_the_books(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    vendor.behave(path=INTENTS, hold=True)
    with Speaker(gateway) as caller:
        headers = {"Authorization": f"Bearer {key.secret}", "Content-Type": "application/json"}
        body = b'{"amount":1200,"currency":"usd","payment_method":"pm_card_visa","confirm":true}'
        caller.say("POST", f"/stripe{INTENTS}", headers, body)
        until(lambda: vendor.stats()["requests"])
    gateway.terminate()
    vendor.calm()
    assert gateway.wait() == 0
    assert vendor.charged() == 1200
    gateway.restart()
    assert gateway.record(key)["settled_usd"] == "12.00"


def test_a_revoke_still_reaches_what_is_draining(tmp_path: Path, vendor: Sandbox) -> None:
    """On the admin side's own listener the work goes on until the callers' side is done."""
    server = 'admin_listen = "127.0.0.1:0"'
    with Gateway.start(tmp_path, vendor.base_url, server=server) as gateway:
        key = gateway.make_key()
        vendor.behave(path=INTENTS, stall=True)
        stalled = Meanwhile(lambda: pay(gateway, key))
        until(lambda: vendor.stats()["requests"])
        begin_to_end(gateway)
        assert gateway.record(key)["held_usd"] == "12.00"
        told = gateway.admin("POST", f"/vault/keys/{key.id}/revoke", {"in_flight": "abort"})
        assert told.json()["aborted"] == 1
        assert stalled.result().error == "key_revoked"
        assert gateway.wait() == 0


def test_a_call_that_takes_too_long_is_left_in_doubt(tmp_path: Path, vendor: Sandbox) -> None:
    """After drain_timeout_s the process ends; what it does not know counts in full."""
    with Gateway.start(tmp_path, vendor.base_url, server="drain_timeout_s = 0.3") as gateway:
        key = gateway.make_key()
        vendor.behave(path=INTENTS, stall=True, execute=True)
        stalled = Meanwhile(lambda: _ending(gateway, key))
        until(lambda: vendor.stats()["requests"])
        gateway.terminate()
        assert gateway.wait() == 0
        assert stalled.result() in ("closed", "vendor_broke_off")
        assert "calls were still in flight" in gateway.said
        gateway.restart()
        record = gateway.record(key)
        assert (record["in_doubt_usd"], record["held_usd"]) == ("12.00", "0.00")
        [doubt] = gateway.ask("/vault/in-doubt")["data"]
        assert doubt["key_id"] == key.id


def _ending(gateway: Gateway, key: VaultKey) -> str | None:
    try:
        return pay(gateway, key).error
    except Closed:
        return "closed"
