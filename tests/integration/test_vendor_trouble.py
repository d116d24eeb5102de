"""A vendor on its bad days, scripted at the sandbox: what the caller is told and what the books
say.

One request in is at most one write out, whatever goes wrong. What may have been charged counts in
full; what the vendor refused in so many words counts nothing; what it said in an unusual way (in
chunks, compressed, at length) is read all the same. The next caller never gets what the last one's
connection left behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Answer, Closed, Gateway, VaultKey
from tests.speaker import INTENT, Speaker

INTENTS: Final = "/v1/payment_intents"


@pytest.fixture(scope="module")
def house(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway.start(
        tmp_path_factory.mktemp("trouble"),
        sandbox_process.base_url,
        stripe="first_byte_timeout_s = 4\ntotal_timeout_s = 8",
    ) as running:
        yield running


def pay(house: Gateway, key: VaultKey, **headers: str) -> Answer:
    return house.call(key, "POST", INTENTS, form=INTENT, **headers)


def money(house: Gateway, key: VaultKey) -> tuple[str, str, str]:
    """Spent, of that in doubt, and held."""
    record = house.record(key)
    return record["spent_usd"], record["in_doubt_usd"], record["held_usd"]


NOBODY_KNOWS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "closes without an answer": ("vendor_broke_off", {"drop": True}),
    "resets": ("vendor_broke_off", {"drop": True, "reset": True}),
    "closes before it began": ("vendor_broke_off", {"drop_before_executing": True}),
    "half a head": ("vendor_broke_off", {"half_head": True}),
    "half a body": ("vendor_broke_off", {"half_body": True}),
    "half a body, then reset": ("vendor_broke_off", {"half_body": True, "reset": True}),
    "no HTTP": ("vendor_broke_off", {"raw": "SSH-2.0-OpenSSH_9.2\r\n"}),
    "two lengths": (
        "vendor_broke_off",
        {"raw": "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}"},
    ),
    "no length": ("vendor_broke_off", {"raw": "HTTP/1.1 200 OK\r\n\r\n{}"}),
    "another protocol": (
        "vendor_broke_off",
        {"raw": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"},
    ),
    "interim answers without end": ("vendor_broke_off", {"interim": 6}),
    "an unknown encoding": ("vendor_broke_off", {"headers": {"Content-Encoding": "br"}}),
    "silence": ("vendor_timeout", {"stall": True}),
    "silence after executing": ("vendor_timeout", {"stall": True, "execute": True}),
    "silence in the body": ("vendor_timeout", {"stall_body": True}),
    "a redirect": ("vendor_redirected", {"redirect": "http://127.0.0.1:1/"}),
}


@pytest.mark.parametrize("how", NOBODY_KNOWS)
def test_what_may_have_been_charged_counts_in_full(
    house: Gateway, vendor: Sandbox, how: str
) -> None:
    code, fault = NOBODY_KNOWS[how]
    key = house.make_key()
    vendor.behave(path=INTENTS, **fault)
    answer = pay(house, key)
    assert (answer.error, answer.json()["in_doubt"]) == (code, True)
    assert "location" not in answer.headers
    assert money(house, key) == ("12.00", "12.00", "0.00")
    assert vendor.stats()["posts"] == {INTENTS: 1}
    assert pay(house, key).status == 200, "the way to the vendor is open again"
    assert money(house, key) == ("24.00", "12.00", "0.00")


@pytest.mark.parametrize("how", ["closes without an answer", "silence", "a redirect"])
def test_of_a_read_nothing_is_in_doubt(house: Gateway, vendor: Sandbox, how: str) -> None:
    code, fault = NOBODY_KNOWS[how]
    key = house.make_key()
    vendor.behave(path="/v1/customers", **fault)
    answer = house.call(key, "GET", "/v1/customers")
    assert (answer.error, answer.json()["in_doubt"]) == (code, False)
    assert money(house, key) == ("0.00", "0.00", "0.00")
    assert vendor.stats()["requests"] == 1, "not even a read is sent twice"


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        (400, "0.00"),
        (401, "0.00"),
        (402, "0.00"),
        (404, "0.00"),
        (429, "0.00"),
        (409, "12.00"),
        (424, "12.00"),
        (500, "12.00"),
        (503, "12.00"),
    ],
)
def test_a_refusal_of_the_vendors_is_passed_on(
    house: Gateway, vendor: Sandbox, status: int, counts: str
) -> None:
    key = house.make_key()
    vendor.behave(path=INTENTS, status=status)
    answer = pay(house, key)
    assert (answer.status, answer.json()["error"]["message"]) == (status, f"Scripted {status}.")
    assert answer.headers["keybrake-cost-usd"] == counts
    assert money(house, key) == (counts, counts, "0.00")


@pytest.mark.parametrize(
    "fault", [{"gzip": True}, {"chunked": True}, {"gzip": True, "chunked": True}, {"interim": 5}]
)
def test_an_answer_said_in_another_way_is_read_all_the_same(
    house: Gateway, vendor: Sandbox, fault: dict[str, Any]
) -> None:
    key = house.make_key()
    vendor.behave(path=INTENTS, **fault)
    answer = pay(house, key)
    assert (answer.status, answer.json()["status"]) == (200, "succeeded")
    assert "content-encoding" not in answer.headers
    assert money(house, key) == ("12.00", "0.00", "0.00")


@pytest.mark.parametrize("fault", [{}, {"chunked": True}, {"gzip": True}])
def test_a_long_answer_streams_and_counts_as_quoted(
    house: Gateway, vendor: Sandbox, fault: dict[str, Any]
) -> None:
    key = house.make_key()
    vendor.behave(path=INTENTS, pad_bytes=2_000_000, **fault)
    answer = pay(house, key)
    assert answer.headers["keybrake-cost-estimated"] == "true"
    assert answer.headers["keybrake-cost-usd"] == "12.00"
    assert len(answer.json()["padding"]) == 2_000_000
    assert money(house, key)[0] == "12.00"


def test_an_answer_of_a_mebibyte_is_read_whole(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key()
    vendor.behave(path=INTENTS, pad_bytes=1_000_000)
    answer = pay(house, key)
    assert "keybrake-cost-estimated" not in answer.headers
    assert len(answer.json()["padding"]) == 1_000_000
    assert money(house, key) == ("12.00", "0.00", "0.00")


def test_a_long_answer_that_breaks_off_never_looks_complete(
    house: Gateway, vendor: Sandbox
) -> None:
    key = house.make_key()
    vendor.behave(path="/v1/customers", pad_bytes=2_000_000, half_body=True)
    with Speaker(house) as caller, pytest.raises(Closed) as closed:
        caller.call(key, "GET", "/v1/customers")
    assert len(closed.value.got) < 2_000_000


def test_what_a_connection_left_behind_reaches_nobody(house: Gateway, vendor: Sandbox) -> None:
    """A second, forged answer right behind the first: the next caller's own answer comes."""
    key, other = house.make_key(), house.make_key()
    vendor.behave(path=INTENTS, leftover=True)
    first = pay(house, key)
    assert first.status == 200
    second = pay(house, other)
    assert (second.status, second.json()["status"]) == (200, "succeeded")
    assert second.json()["id"] != "pi_not_yours_xx"
    assert money(house, key)[0] == money(house, other)[0] == "12.00"


def test_a_lookup_that_fails_sends_nothing_and_counts_nothing(
    house: Gateway, vendor: Sandbox
) -> None:
    key = house.make_key()
    made = house.call(key, "POST", INTENTS, form={"amount": 500, "currency": "usd"})
    other = house.make_key()
    path = f"{INTENTS}/{made.json()['id']}"
    for fault in ({"status": 500}, {"drop": True}, {"stall": True}, {"redirect": "/"}):
        vendor.behave(path=path, method="GET", **fault)
        answer = house.call(
            other, "POST", f"{path}/confirm", form={"payment_method": "pm_card_visa"}
        )
        assert (answer.error, answer.json()["stage"]) == ("vendor_unreachable", "lookup")
    assert money(house, other) == ("0.00", "0.00", "0.00")
    assert vendor.stats()["posts"] == {INTENTS: 1}


def test_a_retry_of_a_call_in_doubt_is_not_a_second_charge(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key()
    vendor.behave(path=INTENTS, drop=True)
    first = pay(house, key, idempotency_key="once")
    assert first.error == "vendor_broke_off"
    second = pay(house, key, idempotency_key="once")
    assert (second.status, second.json()["status"]) == (200, "succeeded")
    assert second.headers["idempotency-key"] == "once"
    assert money(house, key) == ("12.00", "0.00", "0.00")
    assert vendor.charged() == 1200


def test_a_vendor_that_ends_idle_connections_is_reached_again(
    house: Gateway, vendor: Sandbox
) -> None:
    """A call on a connection that the vendor has just left goes out on another, once."""
    key = house.make_key()
    for _ in range(3):
        vendor.behave(path="/v1/customers", raw="HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        assert house.call(key, "GET", "/v1/customers").status == 200
        assert pay(house, key).status == 200
    assert vendor.charged() == 3600
