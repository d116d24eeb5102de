"""Two instances behind a real HAProxy: each has its own books and host name. One is drained, then
killed, under load: its caps stay exact, and callers of the other never notice.

nginx carries calls and mails on the file that ships, too."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import RESEND_SANDBOX, STRIPE_SECRET, Answer, Closed, Gateway, VaultKey, resend_at
from tests.integration.balancers import HAProxy, call_through, haproxy, nginx, shipped, tool
from tests.speaker import WAIT_S, Meanwhile, until

CAP_USD: Final = 700
CALLERS: Final = 8
"""Of each instance."""
CALLS_MAX: Final = 600
"""Of each caller: more than anybody comes to."""
CHARGE: Final = b"amount=100&currency=usd&payment_method=pm_card_visa&confirm=true"
INTENTS: Final = "/stripe/v1/payment_intents"
SLOW: Final = "/stripe/v1/charges"
FORM: Final = "application/x-www-form-urlencoded"
TRUSTED: Final = 'trusted_proxies = ["127.0.0.1"]'


class Place:
    """One instance, its vendor and who calls it. up: do callers expect to be served?"""

    def __init__(self, name: str, gateway: Gateway, vendor: Sandbox) -> None:
        self.name = name
        self.host = f"{name}.example.com"
        self.gateway = gateway
        self.vendor = vendor
        self.key: VaultKey = gateway.make_key(daily_usd_cap=CAP_USD)
        self.up = threading.Event()
        self.up.set()
        self.stop = threading.Event()
        self.seen: Counter[str] = Counter()

    def pay(self, front: HAProxy, path: str = INTENTS, body: bytes = CHARGE) -> Answer:
        return call_through(front.address, self.host, self.key, path, body, FORM)

    def call_on(self, front: HAProxy) -> None:
        """Until the cap is reached or it is told to stop. What is not served is not asked again
        before the instance is up."""
        for _ in range(CALLS_MAX):
            if self.stop.is_set():
                return
            try:
                answer = self.pay(front)
                told = "paid" if answer.status == 200 else f"{answer.status} {answer.error}"
            except (Closed, ConnectionError):
                told = "broken off"
            self.seen[told] += 1
            if told == "429 daily_cap_exceeded":
                return
            if told != "paid":
                assert self.up.wait(WAIT_S)

    def paid_more(self, calls: int) -> None:
        before = self.seen["paid"]
        until(lambda: self.seen["paid"], lambda paid: paid >= before + calls)

    def books_cents(self) -> int:
        """What counts against the cap, whatever is known of it."""
        record = self.gateway.record(self.key)
        assert record["held_usd"] == "0.00"
        return round(float(record["spent_usd"]) * 100)


@pytest.fixture
def places(tmp_path: Path) -> Iterator[list[Place]]:
    with ExitStack() as down:
        made = []
        for name in ("gw1", "gw2"):
            vendor = down.enter_context(Sandbox.start("stripe", "--secret", STRIPE_SECRET))
            vendor.behave(path="/v1/payment_intents", latency_ms=20)
            (tmp_path / name).mkdir()
            public = f'public_url = "https://{name}.example.com"\n{TRUSTED}'
            gateway = Gateway.start(tmp_path / name, vendor.base_url, server=public)
            made.append(Place(name, down.enter_context(gateway), vendor))
        yield made


@pytest.fixture
def front(places: list[Place], tmp_path: Path) -> Iterator[HAProxy]:
    with haproxy(tmp_path, [place.gateway.address for place in places]) as running:
        for place in places:
            running.until(place.name, "UP")
        yield running


def come_back(place: Place, front: HAProxy) -> None:
    place.gateway.restart()
    front.leads_to(place.name, place.gateway.address)
    front.until(place.name, "UP")
    place.up.set()


def test_one_instance_drains_and_dies_and_the_other_never_notices(
    places: list[Place], front: HAProxy
) -> None:
    one, other = places
    load = [
        Meanwhile(lambda place=place: place.call_on(front))  # type: ignore[misc]
        for place in places
        for _ in range(CALLERS)
    ]
    one.paid_more(20)

    # A drain: HAProxy hears of it from /readyz, what is in flight finishes, nothing new comes.
    one.vendor.behave(path="/v1/charges", hold=True)
    slow = Meanwhile(lambda: one.pay(front, SLOW, b"amount=100&currency=usd&source=tok_visa"))
    until(lambda: one.vendor.stats()["posts"].get("/v1/charges"))
    one.up.clear()
    one.gateway.terminate()
    front.until("gw1", "DOWN")
    refused = one.pay(front)
    assert (refused.status, refused.error) == (503, "draining")
    one.vendor.calm()
    assert slow.result().status == 200
    assert one.gateway.wait() == 0
    assert {told for told in one.seen if told != "paid"} <= {"503 draining"}
    come_back(one, front)
    one.paid_more(20)

    # A death in the middle.
    one.up.clear()
    one.gateway.kill()
    front.until("gw1", "DOWN")
    come_back(one, front)
    one.paid_more(20)

    until(lambda: one.seen["429 daily_cap_exceeded"], lambda full: full == CALLERS)
    other.stop.set()
    for caller in load:
        caller.result()
    assert set(other.seen) <= {"paid", "429 daily_cap_exceeded"}
    assert other.books_cents() == other.vendor.charged() == 100 * other.seen["paid"]
    assert one.vendor.charged() <= one.books_cents() == CAP_USD * 100
    lost = {"broken off", "502 vendor_broke_off", "503 draining", "504 vendor_timeout"}
    assert set(one.seen) <= {"paid", "429 daily_cap_exceeded"} | lost
    assert sum(one.seen[told] for told in lost) > 0
    assert one.vendor.charged() >= 100 * (one.seen["paid"] + 1)
    assert one.gateway.stop() == 0
    assert one.gateway.run("ledger", "verify").returncode == 0


def test_who_has_no_instance_is_told_so(places: list[Place], front: HAProxy) -> None:
    key = places[0].key
    stray = call_through(front.address, "gw3.example.com", key, INTENTS, CHARGE, FORM)
    assert (stray.status, stray.error) == (421, "route_unknown")
    swapped = call_through(front.address, "gw2.example.com", key, INTENTS, CHARGE, FORM)
    assert (swapped.status, swapped.error) == (401, "key_unknown")
    assert key.record["base_url"] == "https://gw1.example.com"


def test_what_ships_is_what_the_tools_accept(tmp_path: Path) -> None:
    certificate = tmp_path / "all.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    files = ["-keyout", str(certificate), "-out", str(tmp_path / "one.pem")]
    subprocess.run([*made, *files, "-subj", "/CN=gw1"], check=True, capture_output=True)
    certificate.write_bytes(certificate.read_bytes() + (tmp_path / "one.pem").read_bytes())
    file = tmp_path / "haproxy.cfg"
    changes = {"/etc/haproxy/certs/": str(certificate), "maxconn 20000": "maxconn 1000"}
    file.write_text(shipped("haproxy.cfg", changes))
    subprocess.run([tool("haproxy"), "-c", "-q", "-f", str(file)], check=True, timeout=WAIT_S)
    file = tmp_path / "nginx.conf"
    changes = {
        "/etc/nginx/certs/keybrake.pem": str(certificate),
        "/etc/nginx/certs/keybrake.key": str(certificate),
        "/var/log/nginx/access.log": str(tmp_path / "access.log"),
        "events {": f"pid {tmp_path}/pid;\nevents {{",
    }
    file.write_text(shipped("nginx.conf", changes))
    command = [tool("nginx"), "-q", "-t", "-e", str(tmp_path / "error.log"), "-c", str(file)]
    subprocess.run(command, check=True, timeout=WAIT_S)


def test_nginx_carries_calls_and_large_mails(tmp_path: Path, vendor: Sandbox) -> None:
    with (
        Sandbox.start(*RESEND_SANDBOX) as resend,
        Gateway.start(
            tmp_path, vendor.base_url, server=TRUSTED, more=resend_at(resend.base_url)
        ) as gateway,
        nginx(tmp_path, gateway.address) as front,
    ):
        key = gateway.make_key()
        paid = until(
            lambda: call_through(front, "gw1.example.com", key, INTENTS, CHARGE, FORM),
            lambda answer: answer.status == 200,
        )
        assert paid.headers["keybrake-cost-usd"] == "1.00"
        assert call_through(front, "gw3.example.com", key, INTENTS, CHARGE, FORM).status == 421
        twice = call_through(front, "gw1.example.com", key, f"{INTENTS}//x", CHARGE, FORM)
        assert twice.error == "endpoint_not_allowed", "the path came as it was written"
        attachment = {"filename": "a.bin", "content": "QUJD" * 2_000_000}
        mail = {"from": "a@example.com", "to": ["b@example.com"], "subject": "s", "text": "t"}
        body = json.dumps({**mail, "attachments": [attachment]}).encode()
        sender = gateway.make_key(vendor="resend")
        sent = call_through(
            front, "gw1.example.com", sender, "/resend/emails", body, "application/json"
        )
        assert (sent.status, gateway.record(sender)["spent_usd"]) == (200, "0.0009")
