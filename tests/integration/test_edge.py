"""The edge of the house from outside: TLS and its certificates, balancers in front, traces, and a
line for each call."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import ssl
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from bench import load
from bench.sandbox.launch import Sandbox
from tests.certificates import CERT, KEY, OTHER, trusting
from tests.house import ADMIN_KEY, ANSWER_TIMEOUT_S, Answer, Gateway, Wire, request_bytes
from tests.speaker import INTENT, until

FORM: Final = "application/x-www-form-urlencoded"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PROXY_V1: Final = b"PROXY TCP4 192.0.2.7 127.0.0.1 55123 443\r\n"
PROXY_V2: Final = (
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x13"
    + socket.inet_aton("192.0.2.9")
    + socket.inet_aton("127.0.0.1")
    + b"\xd7\x53\x01\xbb"
    + b"\x02\x00\x04gate"  # a note that is skipped
)


class Door(Wire):
    """A connection that says something before its first request, and may speak TLS."""

    __slots__ = ()

    def __init__(
        self,
        address: str,
        *,
        first: bytes = b"",
        tls: ssl.SSLContext | None = None,
        source: str = "127.0.0.1",
    ) -> None:
        """first: what is said before all else. source: the address that it comes from."""
        host, _, port = address.rpartition(":")
        self._left = b""
        self._socket = socket.create_connection(
            (host, int(port)), ANSWER_TIMEOUT_S, source_address=(source, 0)
        )
        if first:
            self.send(first)
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname="127.0.0.1")

    def ask(
        self, method: str, target: str, bearer: str, body: Any = None, **headers: str
    ) -> Answer:
        """body: a dict is JSON, a text is a form."""
        named = {"Host": "gw", "Authorization": f"Bearer {bearer}"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        sent = None
        if body is not None:
            named["Content-Type"] = FORM if isinstance(body, str) else "application/json"
            sent = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send(request_bytes(method, target, named, sent))
        return self.answer()

    @property
    def subject(self) -> str:
        assert isinstance(self._socket, ssl.SSLSocket)
        named: Any = (self._socket.getpeercert() or {})["subject"]
        return str(dict(pairs[0] for pairs in named)["commonName"])


def make_key(door: Door, label: str = "edge/1") -> Mapping[str, Any]:
    terms = {
        "vendor": "stripe",
        "daily_usd_cap": "500",
        "allowed_endpoints": ["POST /v1/**", "GET /v1/**"],
        "agent_run_label": label,
    }
    answer = door.ask("POST", "/vault/keys", ADMIN_KEY, terms)
    assert answer.status == 201, answer
    made: Mapping[str, Any] = answer.json()
    return made


def call_lines(gateway: Gateway, count: int) -> list[dict[str, Any]]:
    """The lines of calls, once there are so many."""

    def lines() -> list[dict[str, Any]]:
        whole = gateway.said.rpartition("\n")[0].splitlines()
        told = [json.loads(line) for line in whole if line.startswith("{")]
        return [line for line in told if line["event"] == "call"]

    return until(lines, lambda found: len(found) >= count)


# ── TLS ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    made = tmp_path / "tls" / "cert.pem", tmp_path / "tls" / "key.pem"
    made[0].parent.mkdir()
    for source, copy in zip((CERT, KEY), made, strict=True):
        shutil.copy(source, copy)
    return made


@pytest.fixture
def secure(vendor: Sandbox, tmp_path: Path, files: tuple[Path, Path]) -> Iterator[Gateway]:
    lines = f'tls_cert_file = "{files[0]}"\ntls_key_file = "{files[1]}"'
    with Gateway.start(
        tmp_path, vendor.base_url, server=f'{lines}\nadmin_listen = "127.0.0.1:0"'
    ) as running:
        yield running


def put(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(path)


def test_both_listeners_speak_tls_and_say_so(secure: Gateway, vendor: Sandbox) -> None:
    with Door(secure.admin_address, tls=trusting()) as admin:
        key = make_key(admin)
    assert key["base_url"].startswith(f"https://{secure.address}")
    with Door(secure.address, tls=trusting()) as caller:
        target = "/stripe/v1/payment_intents"
        assert caller.ask("POST", target, key["key"], urlencode(INTENT)).status == 200
    assert vendor.charged() == 1200
    for address in (secure.address, secure.admin_address):
        with Wire(address) as plain:
            plain.send(b"GET /healthz HTTP/1.1\r\nHost: gw\r\n\r\n")
            assert plain.at_end() or plain._left[:1] == b"\x15"  # at most a TLS alert
    assert "Traceback" not in secure.said
    assert secure.stop() == 0


def test_a_new_certificate_serves_who_comes_next(secure: Gateway, files: tuple[Path, Path]) -> None:
    with Door(secure.admin_address, tls=trusting()) as before:
        make_key(before)
        put(files[0], OTHER.read_text())
        os.kill(secure.pid, signal.SIGHUP)  # the key does not fit yet
        until(lambda: "does not belong to the certificate" in secure.said)
        with Door(secure.admin_address, tls=trusting()) as between:
            assert between.subject == "keybrake test house"
        put(files[1], OTHER.read_text())
        os.kill(secure.pid, signal.SIGHUP)
        until(lambda: "TLS certificate loaded" in secure.said)
        for address in (secure.address, secure.admin_address):
            with Door(address, tls=trusting(OTHER)) as after:
                assert after.subject == "keybrake test vendor"
        assert before.ask("GET", "/vault/keys", ADMIN_KEY).status == 200


def test_files_that_change_are_noticed_without_a_signal(
    secure: Gateway, files: tuple[Path, Path]
) -> None:
    for file in files:
        put(file, OTHER.read_text())
    until(lambda: "TLS certificate loaded" in secure.said)
    with Door(secure.address, tls=trusting(OTHER)) as after:
        assert after.subject == "keybrake test vendor"


# ── balancers ───────────────────────────────────────────────────────────────────────────────────


BALANCER: Final = "127.0.0.2"
"""All of 127.0.0.0/8 is this machine, so a balancer may have an address of its own."""


def peers_of(
    gateway: Gateway, firsts: list[bytes], source: str = BALANCER, **headers: str
) -> list[str]:
    """What the lines of calls say of connections from a source that begin so."""
    key = gateway.make_key(agent_run_label="edge/1")
    for first in firsts:
        with Door(gateway.address, first=first, source=source) as door:
            answer = door.ask("GET", "/stripe/v1/customers/cus_1", key.secret, **headers)
            assert answer.status == 200
    return [line["peer"] for line in call_lines(gateway, len(firsts))]


def test_x_forwarded_for_of_a_trusted_balancer(vendor: Sandbox, tmp_path: Path) -> None:
    said = {"x_forwarded_for": "6.6.6.6, 192.0.2.7"}
    lines = f'trusted_proxies = ["{BALANCER}"]'
    with Gateway.start(tmp_path, vendor.base_url, server=lines) as gateway:
        assert peers_of(gateway, [b""], **said) == ["192.0.2.7"]


def test_x_forwarded_for_of_anybody_else(gateway: Gateway) -> None:
    assert peers_of(gateway, [b""], x_forwarded_for="192.0.2.7") == [BALANCER]


def test_proxy_headers_of_a_trusted_balancer(vendor: Sandbox, tmp_path: Path) -> None:
    lines = f'trusted_proxies = ["{BALANCER}"]\nproxy_protocol = true'
    with Gateway.start(tmp_path, vendor.base_url, server=lines) as gateway:
        typed = {"x_forwarded_for": "6.6.6.6"}  # a balancer of bytes passes on what is typed
        assert peers_of(gateway, [PROXY_V1, PROXY_V2], **typed) == ["192.0.2.7", "192.0.2.9"]
        with Door(gateway.address, source=BALANCER) as bare:
            bare.send(b"GET /healthz HTTP/1.1\r\nHost: gw\r\n\r\n")
            assert bare.at_end()
        with Door(gateway.address, first=PROXY_V1 + b"\r\n") as stranger:
            assert stranger.answer().status == 400
        page = gateway.request("GET", "/metrics", admin=True).body.decode()
        assert "keybrake_proxy_headers_refused_total 1\n" in page


# ── a line for each call ────────────────────────────────────────────────────────────────────────


def test_a_trace_is_in_the_line_and_goes_no_further(gateway: Gateway, vendor: Sandbox) -> None:
    key = gateway.make_key()
    parent = f"00-{TRACE}-{PARENT}-01"
    path = "/v1/customers/cus_1"
    gateway.call(key, "GET", path, traceparent=parent, tracestate="a=b")
    (line,) = call_lines(gateway, 1)
    assert (line["trace_id"], line["parent_id"]) == (TRACE, PARENT)
    (seen,) = (one for one in vendor.stats()["seen"] if one["path"] == path)
    assert TRACE not in json.dumps(seen)


def test_hostile_labels_and_paths_stay_on_their_line(gateway: Gateway) -> None:
    secret = "sk_live_0123456789abcdef"
    label = f'x"}}{{"event":"call","run":"\\u202e {secret}'
    key = gateway.make_key(agent_run_label=label)
    for path in (f"/v1/customers/{secret}", '/v1/"},{"a":"b', f"/v1/%73{secret[1:]}"):
        gateway.call(key, "GET", path)
    lines = call_lines(gateway, 3)
    assert len(lines) == 3
    assert {line["key_id"] for line in lines} == {key.id}
    assert all(line["run"].endswith("[secret]") for line in lines)
    assert secret not in gateway.said


def test_who_wants_no_lines_gets_none(vendor: Sandbox, tmp_path: Path) -> None:
    with Gateway.start(tmp_path, vendor.base_url, more="[log]\ncalls = false") as gateway:
        gateway.call(gateway.make_key(), "GET", "/v1/customers/cus_1")
        assert gateway.stop() == 0
        assert '"call"' not in gateway.said


UNREAD: Final = """\
import fcntl, os, sys
reading, writing = os.pipe()
fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
os.dup2(writing, 2)
from gateway.run.cli import main
sys.exit(main())
"""
"""A gateway whose stderr is a pipe that nobody reads."""


def test_a_stderr_that_nobody_reads_stops_no_call(vendor: Sandbox, tmp_path: Path) -> None:
    with Gateway.start(tmp_path, vendor.base_url) as gateway:
        key = gateway.make_key(agent_run_label="x" * 200)
        assert gateway.stop() == 0
        gateway.program = ("-c", UNREAD)
        gateway.restart()
        path = "/stripe/v1/customers/cus_" + "1" * 240
        shot = load.request("GET", path, headers=(("Authorization", f"Bearer {key.secret}"),))
        results = asyncio.run(load.burst(gateway.address, [shot] * 1_800, 16))
        assert Counter(result.status for result in results) == {404: 1_800}
        page = gateway.request("GET", "/metrics", admin=True).body.decode()
        (dropped,) = (
            line.split()[1]
            for line in page.splitlines()
            if line.startswith("keybrake_log_lines_dropped_total")
        )
        assert int(dropped) > 0
        assert gateway.stop() == 0
