"""Two Stripes that other people wrote, behind a real gateway: what it books is what they show.

localstripe and stripe-stateful-mock are older than the API and differ from it in known ways
(localstripe: no idempotency, no `amount_received`, a partial capture shown as a refund of the rest;
the mock: no payment intents; neither previews an invoice). Asserted is what can be compared; where
they leave out what the real one shows, the books stay on the safe side.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Final

import pytest

from tests.house import ROOT, STRIPE_SECRET, Answer, Gateway, VaultKey, Wire, request_bytes
from vendors.money import show_usd
from vendors.rates import Rates

NODE: Final = ROOT / "tests" / "node"
SET_UP: Final = "is not set up here: `make integration` does that"
RUNNING: Final = re.compile(rb"Running on http://\S+:(\d+) ")
END_TIMEOUT_S: Final = 180.0
MONEY: Final = """
[money]
rates_margin_percent = "2"
rates_age_max_days = 3_650
"""


class Other:
    """A vendor of somebody else's, asked with the real key past the gateway. pays, declines: what
    it calls a card that pays, and one that does not."""

    def __init__(self, address: str, pays: str, declines: str) -> None:
        self.address = address
        self.base_url = f"http://{address}"
        self.pays = {"currency": "usd", "source": pays}
        self.declines = {"currency": "usd", "source": declines}

    def ask(self, target: str) -> Any:
        headers = {"Host": self.address, "Authorization": f"Bearer {STRIPE_SECRET}"}
        with Wire(self.address) as wire:
            wire.send(request_bytes("GET", target, {**headers, "Connection": "close"}))
            answer = wire.answer()
        assert answer.status == 200, answer
        return answer.json()

    def charges(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("/v1/charges?limit=100")["data"]
        return found

    def paid(self) -> int:
        return sum(one["status"] == "succeeded" for one in self.charges())


def started(*words: str, cwd: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        words, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def said(process: subprocess.Popen[bytes]) -> bytes:
    """The first line it writes. Fails if it ends instead."""
    out: IO[bytes] | None = process.stdout
    assert out is not None
    line = out.readline()
    if not line:
        pytest.fail(f"{process.args!r} ended with {process.wait(END_TIMEOUT_S)}")
    return line


def ended(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate(timeout=END_TIMEOUT_S)


@pytest.fixture(scope="module")
def localstripe() -> Iterator[Other]:
    if find_spec("localstripe") is None:
        pytest.fail(f"localstripe {SET_UP}")
    process = started(sys.executable, "-u", "tests/alone_localstripe.py", cwd=ROOT)
    try:
        match = RUNNING.search(said(process))
        assert match is not None, "localstripe does not say where it listens"
        address = f"127.0.0.1:{match[1].decode()}"
        yield Other(address, "pm_card_visa", "pm_card_chargeCustomerFail")
    finally:
        ended(process)


@pytest.fixture(scope="module")
def mock() -> Iterator[Other]:
    beside = str(Path(sys.executable).parent)
    node = shutil.which("node", path=os.pathsep.join([os.environ.get("PATH", ""), beside]))
    if node is None or not (NODE / "node_modules" / "stripe-stateful-mock").is_dir():
        pytest.fail(f"stripe-stateful-mock {SET_UP}")
    process = started(node, "stateful_mock.cjs", cwd=NODE)
    try:
        yield Other(json.loads(said(process))["address"], "tok_visa", "tok_chargeDeclined")
    finally:
        ended(process)


@pytest.fixture(scope="module")
def at_localstripe(
    localstripe: Other, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """It knows payouts in euros alone."""
    directory = tmp_path_factory.mktemp("gateway")
    with Gateway.start(directory, localstripe.base_url, more=MONEY) as running:
        yield running


@pytest.fixture(scope="module")
def at_mock(mock: Other, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway.start(tmp_path_factory.mktemp("gateway"), mock.base_url) as running:
        yield running


@pytest.fixture(params=["localstripe", "mock"])
def pair(request: pytest.FixtureRequest) -> tuple[Other, Gateway]:
    """Each of the two, and the gateway before it."""
    other: Other = request.getfixturevalue(request.param)
    return other, request.getfixturevalue(f"at_{request.param}")


def spent(gateway: Gateway, key: VaultKey) -> str:
    record = gateway.record(key)
    assert record["held_usd"] == "0.00", record
    return str(record["spent_usd"])


def charge(pair: tuple[Other, Gateway], key: VaultKey, amount: int, **more: Any) -> Answer:
    other, gateway = pair
    form = {"amount": amount, **other.pays, **more}
    return gateway.call(key, "POST", "/v1/charges", form=form)


# Both.


def test_charges_are_booked_as_they_are_listed(pair: tuple[Other, Gateway]) -> None:
    other, gateway = pair
    key = gateway.make_key(daily_usd_cap="2000")
    made = {charge(pair, key, amount).json()["id"] for amount in (1200, 50, 99_999)}
    listed = [one for one in other.charges() if one["id"] in made]
    assert [one["status"] for one in listed] == ["succeeded"] * 3
    assert sum(one["amount"] for one in listed) == 101_249
    assert spent(gateway, key) == "1012.49"


def test_a_refund_counts_beside_its_charge(pair: tuple[Other, Gateway]) -> None:
    other, gateway = pair
    key = gateway.make_key()
    paid = charge(pair, key, 1200).json()["id"]
    part = gateway.call(key, "POST", "/v1/refunds", form={"charge": paid, "amount": 200})
    rest = gateway.call(key, "POST", "/v1/refunds", form={"charge": paid, "amount": 1000})
    assert (part.json()["amount"], rest.json()["amount"]) == (200, 1000)
    assert other.ask(f"/v1/charges/{paid}")["amount_refunded"] == 1200
    assert spent(gateway, key) == "24.00"


def test_a_declined_card_costs_nothing(pair: tuple[Other, Gateway]) -> None:
    other, gateway = pair
    key, before = gateway.make_key(), other.paid()
    answer = charge(pair, key, 1200, **other.declines)
    assert (answer.status, answer.error) == (402, "card_declined")
    assert (other.paid(), spent(gateway, key)) == (before, "0.00")


def test_an_authorised_charge_stands_until_it_is_captured(pair: tuple[Other, Gateway]) -> None:
    other, gateway = pair
    key = gateway.make_key()
    held = charge(pair, key, 1200, capture="false").json()["id"]
    assert other.ask(f"/v1/charges/{held}")["captured"] is False
    assert spent(gateway, key) == "12.00"
    assert gateway.call(key, "POST", f"/v1/charges/{held}/capture", form={}).status == 200
    assert other.ask(f"/v1/charges/{held}")["captured"] is True
    assert spent(gateway, key) == "12.00"


def test_a_capture_in_part_is_never_booked_below_what_was_kept(
    pair: tuple[Other, Gateway],
) -> None:
    """Both show the rest as refunded, and not what was captured."""
    other, gateway = pair
    key = gateway.make_key()
    held = charge(pair, key, 1200, capture="false").json()["id"]
    capture = gateway.call(key, "POST", f"/v1/charges/{held}/capture", form={"amount": 500})
    assert capture.status == 200, capture
    shown = other.ask(f"/v1/charges/{held}")
    assert shown["amount"] - shown["amount_refunded"] == 500
    assert spent(gateway, key) in ("5.00", "12.00")


def test_what_is_over_the_cap_never_arrives(pair: tuple[Other, Gateway]) -> None:
    other, gateway = pair
    key, before = gateway.make_key(daily_usd_cap="10"), len(other.charges())
    answer = charge(pair, key, 1001)
    assert (answer.status, answer.error) == (429, "daily_cap_exceeded")
    assert len(other.charges()) == before
    assert charge(pair, key, 1000).status == 200
    assert len(other.charges()) == before + 1


def test_customers_cost_nothing(pair: tuple[Other, Gateway]) -> None:
    other, gateway = pair
    key = gateway.make_key(daily_usd_cap="0")
    form = {"email": "a@x.example"}
    customer = gateway.call(key, "POST", "/v1/customers", form=form).json()
    assert other.ask(f"/v1/customers/{customer['id']}")["email"] == "a@x.example"
    assert spent(gateway, key) == "0.00"


# localstripe alone.


def test_an_intent_that_hides_what_it_received_counts_in_full(
    localstripe: Other, at_localstripe: Gateway
) -> None:
    key = at_localstripe.make_key()
    form = {"amount": 1200, "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}
    answer = at_localstripe.call(key, "POST", "/v1/payment_intents", form=form)
    assert (answer.status, answer.json()["status"]) == (200, "succeeded")
    assert "amount_received" not in localstripe.ask(f"/v1/payment_intents/{answer.json()['id']}")
    assert spent(at_localstripe, key) == "12.00"


def test_a_refund_that_comes_to_more_than_was_left_is_booked_as_it_is(
    localstripe: Other, at_localstripe: Gateway
) -> None:
    """It takes a refund without an amount for all of the charge, however much went back already:
    what the vendor declares above the hold is drift, and counts."""
    key = at_localstripe.make_key()
    paid = charge((localstripe, at_localstripe), key, 1200).json()["id"]
    forms: list[dict[str, Any]] = [{"charge": paid, "amount": 200}, {"charge": paid}]
    refunds = [at_localstripe.call(key, "POST", "/v1/refunds", form=form) for form in forms]
    assert [refund.json()["amount"] for refund in refunds] == [200, 1200]
    assert spent(at_localstripe, key) == "26.00"
    assert "drift" in at_localstripe.said


def test_a_payout_is_money_that_leaves(localstripe: Other, at_localstripe: Gateway) -> None:
    key = at_localstripe.make_key()
    form = {"amount": 2500, "currency": "eur"}
    payout = at_localstripe.call(key, "POST", "/v1/payouts", form=form).json()
    assert localstripe.ask(f"/v1/payouts/{payout['id']}")["amount"] == 2500
    rate = Rates.load(None, "2", 3_650).fixed("eur", 2)
    assert spent(at_localstripe, key) == show_usd(rate.to_micros(2500))


# The mock alone.


def test_a_replay_is_one_charge(mock: Other, at_mock: Gateway) -> None:
    key, before = at_mock.make_key(), len(mock.charges())
    form = {"amount": 1200, **mock.pays}
    first, again = (
        at_mock.call(key, "POST", "/v1/charges", form=form, idempotency_key="order-1")
        for _ in range(2)
    )
    assert (first.status, again.status) == (200, 200)
    assert first.json()["id"] == again.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"]
    assert len(mock.charges()) == before + 1
    assert spent(at_mock, key) == "12.00"


def test_the_same_words_of_two_keys_are_two_charges(mock: Other, at_mock: Gateway) -> None:
    keys = [at_mock.make_key(), at_mock.make_key()]
    form = {"amount": 1200, **mock.pays}
    ids = {
        at_mock.call(key, "POST", "/v1/charges", form=form, idempotency_key="order-2").json()["id"]
        for key in keys
    }
    assert len(ids) == 2
    assert [spent(at_mock, key) for key in keys] == ["12.00", "12.00"]


def test_a_decline_is_replayed_and_costs_nothing(mock: Other, at_mock: Gateway) -> None:
    key = at_mock.make_key()
    form = {"amount": 1200, **mock.declines}
    answers = [
        at_mock.call(key, "POST", "/v1/charges", form=form, idempotency_key="order-3")
        for _ in range(2)
    ]
    assert [answer.status for answer in answers] == [402, 402]
    assert spent(at_mock, key) == "0.00"
