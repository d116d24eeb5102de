"""Framing and smuggling, over raw sockets against a live gateway. Tricks with paths and headers are
in `test_tricks_outside.py`.

Each row of the table is a request as an attacker would send it: refused as it says, nothing at the
vendor, and the connection closed, or good for another request, as it says. A second request stands
behind every refused one: it must never be answered on a connection that is no longer trusted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Gateway, VaultKey
from tests.speaker import INTENT, Speaker

INTENTS: Final = "/v1/payment_intents"
FORM: Final = "amount=1200&currency=usd&payment_method=pm_card_visa&confirm=true"


@pytest.fixture(scope="module")
def house(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway.start(tmp_path_factory.mktemp("framing"), sandbox_process.base_url) as running:
        yield running


@pytest.fixture(scope="module")
def key(house: Gateway) -> VaultKey:
    allowed = ["POST /v1/payment_intents", "GET /v1/customers/*", "POST /files/v1/files"]
    return house.make_key(allowed_endpoints=allowed)


def post(
    *lines: str,
    body: str = FORM,
    length: str | None = "",
    start: str = f"POST /stripe{INTENTS} HTTP/1.1",
) -> str:
    """A charge; length: '' for the right one, None for no such line. KEY stands for the secret."""
    head = [start, "Host: gw", "Authorization: Bearer KEY"]
    head.append("Content-Type: application/x-www-form-urlencoded")
    if length is not None:
        head.append(f"Content-Length: {length or len(body)}")
    return "\r\n".join([*head, *lines, "", body])


def get(*lines: str, start: str = "GET /stripe/v1/customers/cus_1 HTTP/1.1") -> str:
    return "\r\n".join([start, "Host: gw", "Authorization: Bearer KEY", *lines, "", ""])


def chunked(body: str, *lines: str) -> str:
    return post("Transfer-Encoding: chunked", *lines, body=body, length=None)


CHUNK: Final = f"{len(FORM):x}\r\n{FORM}\r\n"
MALFORMED: Final[dict[str, tuple[int, str]]] = {
    # lengths
    "length and coding": (400, post("Transfer-Encoding: chunked", body=CHUNK + "0\r\n\r\n")),
    "coding and length": (400, chunked(CHUNK + "0\r\n\r\n", "Content-Length: 5")),
    "two lengths": (400, post("Content-Length: 7")),
    "two equal lengths": (400, post(f"Content-Length: {len(FORM)}")),
    "a list of lengths": (400, post(length="5, 5")),
    "a signed length": (400, post(length="+5")),
    "a hexadecimal length": (400, post(length="0x5")),
    "a length with a score": (400, post(length="1_0")),
    "a padded length": (400, post(length="007")),
    "an endless length": (400, post(length="99999999999999999999")),
    "a negative length": (400, post(length="-1")),
    "two codings": (400, chunked("0\r\n\r\n", "Transfer-Encoding: chunked")),
    "a list of codings": (400, post("Transfer-Encoding: gzip, chunked", length=None)),
    "another coding": (400, post("Transfer-Encoding: identity", length=None)),
    "a coding in capitals": (400, chunked("0\r\n\r\n").replace("chunked", "Chunked")),
    "a coding with a tab inside": (400, post("Transfer-Encoding: chun\tked", length=None)),
    "a coding in HTTP/1.0": (
        400,
        chunked("0\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0"),
    ),
    # chunks
    "a chunk extension": (400, chunked(f"{len(FORM):x};a=b\r\n{FORM}\r\n0\r\n\r\n")),
    "a space before a chunk's end": (400, chunked(f"{len(FORM):x} \r\n{FORM}\r\n0\r\n\r\n")),
    "a signed chunk": (400, chunked(f"+{len(FORM):x}\r\n{FORM}\r\n0\r\n\r\n")),
    "a prefixed chunk": (400, chunked(f"0x{len(FORM):x}\r\n{FORM}\r\n0\r\n\r\n")),
    "a nine-digit chunk": (400, chunked(f"{len(FORM):09x}\r\n{FORM}\r\n0\r\n\r\n")),
    "an empty chunk size": (400, chunked(f"\r\n{FORM}\r\n0\r\n\r\n")),
    "a chunk with a bare line feed": (400, chunked(f"{len(FORM):x}\n{FORM}\r\n0\r\n\r\n")),
    "bytes before a chunk's end": (400, chunked(f"{len(FORM):x}\r\n{FORM}xx\r\n0\r\n\r\n")),
    "a trailer": (400, chunked(CHUNK + "0\r\nAuthorization: Bearer x\r\n\r\n")),
    # lines and bytes
    "a bare line feed": (400, get("X: y\nZ: w")),
    "a bare carriage return": (400, get("X: y\rZ: w")),
    "a null byte": (400, get("X: y\0z")),
    "a folded line": (400, get("X: y", " z")),
    "a folded coding": (400, chunked("0\r\n\r\n").replace("coding: ", "coding:\r\n ")),
    "a vertical tab": (400, get("X: y\x0bz")),
    "a delete": (400, get("X: y\x7fz")),
    "beyond ASCII": (400, get("X: caf\xe9")),
    "an empty name": (400, get(": x")),
    "a space before the colon": (400, get("X : y")),
    "no colon": (400, get("X")),
    "a name that is no token": (400, get("X(y): z")),
    # the first line
    "a method in lower case": (400, get(start="get /stripe/v1/customers/cus_1 HTTP/1.1")),
    "a method of two letters": (400, get(start="GE /stripe/v1/customers/cus_1 HTTP/1.1")),
    "a method of eleven letters": (400, get(start="GETGETGETGE /stripe/v1/customers HTTP/1.1")),
    "two spaces": (400, get(start="GET  /stripe/v1/customers/cus_1 HTTP/1.1")),
    "HTTP/1.2": (505, get(start="GET /stripe/v1/customers/cus_1 HTTP/1.2")),
    "HTTP/2.0": (505, get(start="GET /stripe/v1/customers/cus_1 HTTP/2.0")),
    "no version": (400, get(start="GET /stripe/v1/customers/cus_1")),
    "no slash": (400, get(start="GET stripe/v1/customers/cus_1 HTTP/1.1")),
    "absolute form": (400, get(start="GET http://gw/stripe/v1/customers/cus_1 HTTP/1.1")),
    "absolute form elsewhere": (400, get(start="GET http://evil.example/v1/customers HTTP/1.1")),
    "authority form": (400, get(start="GET gw:80 HTTP/1.1")),
    "a star": (400, get(start="OPTIONS * HTTP/1.1")),
    "a fragment": (400, get(start="GET /stripe/v1/customers/cus_1#x HTTP/1.1")),
    "TRACE": (501, get(start="TRACE /stripe/v1/customers/cus_1 HTTP/1.1")),
    "CONNECT": (501, get(start="CONNECT gw:443 HTTP/1.1")),
    "HTTP/2 prior knowledge": (501, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    # single headers
    "no host": (400, get().replace("Host: gw\r\n", "")),
    "two hosts": (400, get("Host: gw")),
    "a host that is none": (400, get().replace("Host: gw", "Host: gw/stripe")),
    "a host with a user": (400, get().replace("Host: gw", "Host: a@gw")),
    "an upgrade": (501, get("Connection: keep-alive", "Upgrade: h2c")),
    "HTTP/2 settings": (501, get("HTTP2-Settings: AAMAAABkAAQAAP__")),
    "another expectation": (417, post("Expect: 200-ok")),
    "two expectations": (417, post("Expect: 100-continue", "Expect: 100-continue")),
    "Connection names a header": (400, post("Connection: close, idempotency-key")),
    "Connection names the credential": (400, post("Connection: authorization")),
    "two credentials": (400, get("Authorization: Bearer x")),
    "two idempotency keys": (400, post("Idempotency-Key: a", "Idempotency-Key: b")),
    "two content types": (400, post("Content-Type: application/json")),
    "a GET with a body": (400, get("Content-Length: 1") + "x"),
    "a DELETE with a body": (400, post(start=f"DELETE /stripe{INTENTS} HTTP/1.1")),
    "a HEAD in chunks": (400, get("Transfer-Encoding: chunked").replace("GET", "HEAD", 1)),
    # sizes
    "a long head": (431, get(f"X: {'y' * 16_384}")),
    "many headers": (431, get(*(f"X-{n}: y" for n in range(65)))),
    "a long target": (431, get(start=f"GET /stripe/v1/customers/{'a' * 4_096} HTTP/1.1")),
}  # fmt: skip
CODES: Final = {431: "head_too_large"}


@pytest.mark.parametrize("how", MALFORMED)
def test_what_two_readers_could_read_differently(
    house: Gateway, vendor: Sandbox, key: VaultKey, how: str
) -> None:
    status, text = MALFORMED[how]
    with Speaker(house) as caller:
        caller.wire.send((text + get()).replace("KEY", key.secret).encode("latin-1"))
        answer = caller.wire.answer()
        assert answer.status == status
        assert answer.error == CODES.get(status, "request_malformed")
        assert answer.headers["connection"] == "close"
        assert caller.wire.at_end(), "what stood behind it was not answered"
    assert vendor.stats()["requests"] == 0


def test_none_of_these_stopped_anybody_else(house: Gateway, vendor: Sandbox, key: VaultKey) -> None:
    assert house.call(key, "POST", INTENTS, form=INTENT).status == 200


# ── what is said plainly ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [1, 5, len(FORM)])
def test_a_body_in_chunks_is_read_and_sent_with_its_length(
    house: Gateway, vendor: Sandbox, key: VaultKey, size: int
) -> None:
    pieces = [FORM[at : at + size] for at in range(0, len(FORM), size)]
    body = "".join(f"{len(piece):X}\r\n{piece}\r\n" for piece in pieces) + "0\r\n\r\n"
    with Speaker(house) as caller:
        caller.wire.send(chunked(body).replace("KEY", key.secret).encode())
        assert caller.wire.answer().status == 200
        assert caller.goes_on()
    seen = vendor.stats()["seen"][-1]
    assert seen["body"] == FORM
    assert dict(seen["headers"])["content-length"] == str(len(FORM))


def test_http_10_is_answered_and_closed(house: Gateway, vendor: Sandbox, key: VaultKey) -> None:
    for text in (get(), post(length=None, body="")):
        with Speaker(house) as caller:
            text = text.replace("HTTP/1.1", "HTTP/1.0").replace("Host: gw\r\n", "")
            caller.wire.send(text.replace("KEY", key.secret).encode())
            assert caller.wire.answer().status in (200, 422)
            assert caller.wire.at_end()


@pytest.mark.parametrize("connection", ["close", "Close", "keep-alive, close"])
def test_nothing_behind_a_close_is_answered(
    house: Gateway, vendor: Sandbox, key: VaultKey, connection: str
) -> None:
    with Speaker(house) as caller:
        text = get(f"Connection: {connection}") + get()
        caller.wire.send(text.replace("KEY", key.secret).encode())
        assert caller.wire.answer().status == 200
        assert caller.wire.at_end()
    assert vendor.stats()["requests"] == 1


def test_a_refused_body_that_nobody_read_is_not_the_next_request(
    house: Gateway, vendor: Sandbox, key: VaultKey
) -> None:
    """A small one is read away, a long one costs the connection."""
    smuggled = get().replace("KEY", key.secret)
    for padding, goes_on in ((0, True), (200_000, False)):
        body = smuggled + "x" * padding
        with Speaker(house) as caller:
            head = {"Authorization": f"Bearer {key.secret}"}
            answer = caller.ask("POST", "/stripe/v1/refunds", head, body.encode())
            assert answer.error == "endpoint_not_allowed"
            assert caller.goes_on() is goes_on
    assert vendor.stats()["requests"] == 0
