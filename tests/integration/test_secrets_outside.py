"""Secrets stay where they belong: the real one inside, the vault key outside.

Canary secrets go through a whole day of a gateway's life, with a vendor that echoes what it got in
every way it can. Then everything that left the process is searched: answers, logs, settings, the
log's export, every byte of every file.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import ADMIN_KEY, Answer, Gateway, VaultKey
from tests.speaker import INTENT, Speaker, artefacts

INTENTS: Final = "/v1/payment_intents"
CANARY: Final = "sk_test_CanaryInTheCoalMine0123456789"
FORMS: Final = (
    CANARY.encode(),
    base64.b64encode(CANARY.encode())[:-4],
    base64.b64encode(b":" + CANARY.encode())[4:-4],
    base64.b64encode(CANARY.encode() + b":")[:-4],
)


@pytest.fixture(scope="module")
def anyones() -> Iterator[Sandbox]:
    with Sandbox.start("stripe", "--secret", CANARY) as sandbox:
        yield sandbox


@pytest.fixture
def vendor(anyones: Sandbox) -> Sandbox:
    anyones.reset()
    return anyones


@pytest.fixture
def house(vendor: Sandbox, tmp_path: Path) -> Iterator[Gateway]:
    env = {"STRIPE_SECRET_KEY": CANARY, "KEYBRAKE__LOG__LEVEL": "debug"}
    with Gateway.start(tmp_path, vendor.base_url, env=env) as running:
        yield running


def pay(house: Gateway, key: VaultKey, **headers: str) -> Answer:
    return house.call(key, "POST", INTENTS, form=INTENT, **headers)


def clean(*texts: bytes) -> None:
    for text in texts:
        for form in FORMS:
            assert form not in text


def shown(answer: Answer) -> bytes:
    return repr(answer.headers).encode() + answer.body


ECHOES: Final[dict[str, dict[str, Any]]] = {
    "body and header": {"echo": True},
    "relayed header": {"headers": {"Request-Id": "{authorization}", "Stripe-Notice": CANARY}},
    "compressed": {"echo": True, "gzip": True},
    "in chunks": {"echo": True, "chunked": True},
    "streamed": {"echo": True, "pad_bytes": 1_500_000},
    "streamed, compressed": {"echo": True, "pad_bytes": 1_500_000, "gzip": True},
    "an error": {"status": 401, "body": json.dumps({"error": {"message": f"bad key {CANARY}"}})},
}


@pytest.mark.parametrize("how", ECHOES)
def test_an_echo_is_scrubbed(house: Gateway, vendor: Sandbox, how: str) -> None:
    key = house.make_key()
    for path, send in ((INTENTS, pay), ("/v1/customers", _list)):
        vendor.behave(path=path, **ECHOES[how])
        answer = send(house, key)
        clean(shown(answer))
        if how != "relayed header":
            assert b"*" * 12 in answer.body, "the echo was there, and went under"


def _list(house: Gateway, key: VaultKey) -> Answer:
    return house.call(key, "GET", "/v1/customers")


class EchoingVendor:
    """Answers each request with its own credential, in whatever pieces it is told to."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.piece_bytes = 1
        self.disguise: Callable[[str], str] = str
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with peer:
                self._answer(peer)

    def _answer(self, peer: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := peer.recv(65_536)):
                return
            head += data
        told = head.partition(b"uthorization: Bearer ")[2].partition(b"\r\n")[0].decode()
        body = b'{"told": "before ' + self.disguise(told).encode() + b' after"}'
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for at in range(0, len(body), self.piece_bytes):
            piece = body[at : at + self.piece_bytes]
            peer.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
        peer.sendall(b"0\r\n\r\n")


@pytest.mark.parametrize("piece_bytes", [1, 7, 31])
def test_an_echo_split_over_chunks_is_scrubbed(tmp_path: Path, piece_bytes: int) -> None:
    vendor = EchoingVendor()
    vendor.piece_bytes = piece_bytes
    disguises: dict[str, Callable[[str], str]] = {
        "plain": lambda text: text,
        "base64": lambda text: base64.b64encode(text.encode()).decode(),
        "of Basic": lambda text: base64.b64encode(f"{text}:".encode()).decode(),
        "of another user": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
        "for a URL": lambda text: base64.urlsafe_b64encode(f"?{text}".encode()).decode(),
    }
    env = {"STRIPE_SECRET_KEY": CANARY}
    with Gateway.start(tmp_path, vendor.url, env=env) as house:
        key = house.make_key()
        for name, disguise in disguises.items():
            vendor.disguise = disguise
            answer = house.call(key, "GET", "/v1/customers")
            assert b"before" in answer.body, name
            assert b"after" in answer.body, name
            assert disguise(CANARY)[6:-6].encode() not in answer.body, name
    vendor.close()


def test_no_secret_is_left_anywhere(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key(agent_run_label="canary/1")
    issuer = house.admin(
        "POST",
        "/vault/issuers",
        {
            "daily_usd_cap": 5,
            "template": {
                "vendors": ["stripe"],
                "allowed_endpoints": ["GET /v1/**"],
                "daily_usd_cap_max": 5,
            },
        },
    ).json()
    answers = _a_day(house, vendor, key)
    house.stop()
    files = artefacts(house.directory)
    assert {"ledger-0.db", "audit.db", "stderr.log"} <= {path.name for path in files}
    clean(*files.values(), *map(shown, answers))
    for secret in (key.secret, issuer["key"], ADMIN_KEY):
        for path, data in files.items():
            assert secret.encode() not in data, path


def _a_day(house: Gateway, vendor: Sandbox, key: VaultKey) -> list[Answer]:
    """Charges, echoes, drops, refusals, a wrong path, a restart, an export."""
    answers = [pay(house, key)]
    for fault in ({"echo": True}, {"drop": True}, {"status": 500}, {"half_head": True}):
        vendor.behave(path=INTENTS, **fault)
        answers.append(pay(house, key, keybrake_reason=quote(f"The key is {key.secret}!")))
    answers += [
        pay(house, key, keybrake_step=key.secret, keybrake_run_url=f"https://x/?k={key.secret}"),
        house.call(key, "GET", f"/v1/customers/{key.secret}"),
        house.call(CANARY, "GET", "/v1/customers"),
        house.call(key, "GET", "/v1/nothing/here", idempotency_key=key.secret),
        house.request("GET", f"/nowhere/{key.secret}"),
    ]
    house.kill()
    house.restart()
    for target in ("calls", "calls/export?format=csv", "runs", "in-doubt", "keys", "issuers"):
        answers.append(house.admin("GET", f"/vault/{target}"))
    return [*answers, house.request("GET", "/metrics", admin=True)]


def test_a_vault_key_never_reaches_the_vendor(house: Gateway, vendor: Sandbox) -> None:
    """Whatever place of a request it is put into besides the one it belongs to."""
    key = house.make_key()
    secret = key.secret
    pay(house, key)
    attempts = [
        house.call(key, "GET", f"/v1/customers?email={secret}"),
        house.call(key, "GET", f"/v1/customers?email={secret.replace('_', '%5F')}"),
        house.call(key, "GET", f"/v1/customers/{secret}"),
        house.call(key, "GET", "/v1/customers", user_agent=f"agent/{secret}"),
        pay(house, key, idempotency_key=secret),
        pay(house, key, cookie=f"key={secret}", x_api_key=secret),
        house.call(key, "POST", INTENTS, form={**INTENT, "description": secret}),
        house.call(key, "POST", INTENTS, json_body={**INTENT, "description": secret}),
        house.call(key, "POST", "/v1/customers", form={"description": f"it is {secret}"}),
    ]
    assert attempts[0].error == attempts[1].error == "request_malformed"
    seen = json.dumps(vendor.stats()["seen"])
    assert secret not in seen
    assert secret.replace("_", "%5F") not in seen
    assert vendor.stats()["requests"] >= 1


def test_the_real_secret_goes_to_the_vendor_and_only_there(house: Gateway, vendor: Sandbox) -> None:
    with Speaker(house) as caller:
        caller.call(house.make_key(), "GET", "/v1/customers", proxy_authorization="Basic x")
    headers = vendor.stats()["seen"][-1]["headers"]
    assert [value for name, value in headers if "auth" in name] == [f"Bearer {CANARY}"]
