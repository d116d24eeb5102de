"""A mail with 40 MB of attachments, from outside: it streams through in bounded memory, its last
byte leaves only when all of it was read, and what it costs is exact.

The vendor here is a bare listener that keeps count of what reached it, so that "the last byte was
withheld" is seen and not believed."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from tests.house import Answer, Gateway, VaultKey, Wire, resend_at
from tests.integration.test_streams import GROWS_MAX, MIB, Memory
from tests.speaker import until

SIZE: Final = 40 * MIB
PRICE: Final = "0.0009"
ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 45\r\n\r\n"
    b'{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}'
)


@dataclass(slots=True)
class Arrived:
    """One request as far as it came. length: what its head announced, None if chunked."""

    head: bytes
    length: int | None
    body_bytes: int = 0
    tail: bytes = b""
    whole: bool = False


@dataclass(slots=True)
class MailVendor:
    """Takes mails of any size and answers those that are whole."""

    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    arrived: list[Arrived] = field(default_factory=list)
    ended: list[Arrived] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._take, args=(connection,), daemon=True).start()

    def _take(self, connection: socket.socket) -> None:
        with connection:
            while mail := self._head(connection):
                self.arrived.append(mail)
                while not mail.whole and (data := connection.recv(262_144)):
                    _count(mail, data)
                self.ended.append(mail)
                if not mail.whole:
                    return
                connection.sendall(ANSWER)

    def _head(self, connection: socket.socket) -> Arrived | None:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65_536)
            if not piece:
                return None
            data += piece
        head, _, rest = data.partition(b"\r\n\r\n")
        chunked = b"transfer-encoding: chunked" in head.lower()
        announced = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        mail = Arrived(head, None if chunked else int(announced or 0))
        _count(mail, rest)
        return mail


def _count(mail: Arrived, data: bytes) -> None:
    mail.body_bytes += len(data)
    mail.tail = (mail.tail + data)[-64:]
    if mail.length is None:
        mail.whole = mail.tail.endswith(b"\r\n0\r\n\r\n")
    else:
        mail.whole = mail.body_bytes >= mail.length


@pytest.fixture(scope="module")
def mail_vendor() -> Iterator[MailVendor]:
    vendor = MailVendor()
    threading.Thread(target=vendor.serve, daemon=True).start()
    yield vendor
    vendor.listener.close()


@pytest.fixture(scope="module")
def house(mail_vendor: MailVendor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    more = resend_at(mail_vendor.base_url)
    with Gateway.start(
        tmp_path_factory.mktemp("mails"), "http://127.0.0.1:9", more=more
    ) as running:
        yield running


def mail_key(house: Gateway, **terms: Any) -> VaultKey:
    return house.make_key(vendor="resend", allowed_endpoints=["POST /emails"], **terms)


def parts(size: int, end: bytes = b"}", **mail: Any) -> list[bytes]:
    """A mail with an attachment of that size, in pieces."""
    said = {"from": "a@example.com", "to": ["b@example.com"], "subject": "Hi", **mail}
    head = json.dumps(said).encode()[:-1] + b',"attachments":[{"filename":"a","content":"'
    piece = base64.b64encode(bytes(range(256)) * 3_072)
    return [head, *[piece] * (size // len(piece)), b'"}]' + end]


def send(
    house: Gateway, key: VaultKey, pieces: list[bytes], *, chunked: bool = False,
    memory: Memory | None = None, **headers: str,
) -> Answer:  # fmt: skip
    framing = {"Transfer-Encoding": "chunked"}
    if not chunked:
        framing = {"Content-Length": str(sum(map(len, pieces)))}
    lines = {
        "Host": house.address,
        "Authorization": f"Bearer {key.secret}",
        "Content-Type": "application/json",
        **framing,
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    with Wire(house.address) as wire:
        wire.send(f"POST /resend/emails HTTP/1.1\r\n{head}\r\n".encode())
        try:
            for piece in pieces:
                wire.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if memory is not None:
                    memory.sample()
            if chunked:
                wire.send(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before its end: the answer is there to be read
        return wire.answer()


@pytest.mark.parametrize("chunked", [False, True])
def test_forty_megabytes_pass_in_bounded_memory_and_cost_what_they_say(
    house: Gateway, mail_vendor: MailVendor, chunked: bool
) -> None:
    key = mail_key(house)
    send(house, key, parts(2 * MIB), chunked=chunked)  # all is loaded, all is warm
    memory = Memory(house.pid)
    mail = parts(SIZE, cc=["c@example.com"], bcc="d@example.com")
    answer = send(house, key, mail, chunked=chunked, memory=memory)
    assert (answer.status, answer.headers["keybrake-cost-usd"]) == (200, "0.0027")
    assert mail_vendor.arrived[-1].whole
    assert memory.grew() < GROWS_MAX
    record = house.record(key)
    assert (record["spent_usd"], record["held_usd"], record["calls_today"]) == ("0.0036", "0.00", 4)


@pytest.mark.parametrize(
    ("mail", "end", "status", "code"),
    [
        ({}, b'},"to":["c@example.com"]}', 422, "amount_unreadable"),
        ({}, b',"to":["c@example.com"]}', 422, "amount_unreadable"),
        ({}, b',"Bcc":["c@example.com"]}', 422, "amount_unreadable"),
        ({}, b"}x", 422, "amount_unreadable"),
        ({}, b"", 422, "amount_unreadable"),
        ({"to": [f"{n}@example.com" for n in range(151)]}, b"}", 422, "amount_unreadable"),
        ({"from": "evil@example.com"}, b"}", 403, "policy_refused"),
        ({}, b',"bcc":["b@example.com","b@example.com","b@example.com"]}', 403, "policy_refused"),
    ],
)
def test_what_may_not_pass_never_gets_its_last_byte(
    house: Gateway,
    mail_vendor: MailVendor,
    mail: dict[str, Any],
    end: bytes,
    status: int,
    code: str,
) -> None:
    key = mail_key(house, per_call_usd_max=PRICE, params={"from": {"equals": "a@example.com"}})
    before = len(mail_vendor.arrived)
    answer = send(house, key, parts(2 * MIB, end, **mail))
    assert (answer.status, answer.error) == (status, code)
    until(lambda: len(mail_vendor.ended) == len(mail_vendor.arrived))
    assert not [one for one in mail_vendor.arrived[before:] if one.whole]
    record = house.record(key)
    assert (record["spent_usd"], record["held_usd"], record["calls_today"]) == ("0.00", "0.00", 0)


def test_a_caller_who_leaves_in_the_middle_sends_nothing(
    house: Gateway, mail_vendor: MailVendor
) -> None:
    key = mail_key(house)
    pieces = parts(2 * MIB)
    before = len(mail_vendor.ended)
    with Wire(house.address) as wire:
        wire.send(
            f"POST /resend/emails HTTP/1.1\r\nHost: {house.address}\r\n"
            f"Authorization: Bearer {key.secret}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {sum(map(len, pieces))}\r\n\r\n".encode()
        )
        wire.send(pieces[0] + pieces[1])
        until(lambda: len(mail_vendor.arrived) > before)
    until(lambda: len(mail_vendor.ended) > before)
    assert not mail_vendor.ended[-1].whole
    until(lambda: house.record(key)["held_usd"] == "0.00")
    assert house.record(key)["spent_usd"] == "0.00"


def test_a_full_budget_is_told_before_the_mail_is_taken(
    house: Gateway, mail_vendor: MailVendor
) -> None:
    key = mail_key(house, daily_usd_cap="0.1")  # less than 150 recipients
    before = len(mail_vendor.arrived)
    assert send(house, key, parts(2 * MIB)).error == "daily_cap_exceeded"
    assert len(mail_vendor.arrived) == before


def test_the_books_survive_it(house: Gateway, tmp_path: Path) -> None:
    key = mail_key(house)
    assert send(house, key, parts(2 * MIB), idempotency_key="once").status == 200
    assert send(house, key, parts(2 * MIB), idempotency_key="once").status == 200
    assert house.record(key)["spent_usd"] == PRICE
    assert send(house, key, parts(3 * MIB), idempotency_key="once").error == "idempotency_conflict"
