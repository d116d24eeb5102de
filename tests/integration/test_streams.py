"""Long bodies, slow peers and callers who leave: memory stays bounded, order is kept, and the books
hear of everything.

Sizes are as promised: a GiB up and a GiB down, with the gateway's memory sampled all the way. What
is slow is not waited for: a peer that takes nothing fills what may be filled, and then the other
side stands still.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Answer, Gateway, VaultKey, Wire
from tests.speaker import INTENT, Speaker, until

MIB: Final = 1 << 20
GIB: Final = 1 << 30
GROWS_MAX: Final = 16 * MIB
INTENTS: Final = "/v1/payment_intents"
FILES: Final = "/stripe/files/v1/files"
PIECE: Final = bytes(MIB)
FORM: Final = "application/x-www-form-urlencoded"
PART: Final = (
    b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\ndispute_evidence\r\n--b\r\n'
    b'Content-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
)
LAST: Final = b"\r\n--b--\r\n"


@pytest.fixture(scope="module")
def house(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("streams")
    patient = "write_timeout_s = 300"  # who stands still here is asked for more, however late
    with Gateway.start(directory, sandbox_process.base_url, server=patient) as running:
        yield running


@pytest.fixture(scope="module")
def key(house: Gateway) -> VaultKey:
    entries = ["POST /files/v1/files", "GET /files/v1/**", "POST /v1/**", "GET /v1/**"]
    return house.make_key(daily_usd_cap="100000", allowed_endpoints=[*entries, "HEAD /v1/**"])


class Memory:
    """A process's resident memory: at first, and the most of all samples since."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.idle_bytes = self.most_bytes = self._resident()

    def sample(self) -> None:
        self.most_bytes = max(self.most_bytes, self._resident())

    def grew(self) -> int:
        return self.most_bytes - self.idle_bytes

    def _resident(self) -> int:
        status = Path(f"/proc/{self._pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


def upload_head(key: VaultKey, length: int | None) -> dict[str, str]:
    framing = (
        {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
    )
    return {
        "Authorization": f"Bearer {key.secret}",
        "Content-Type": "multipart/form-data; boundary=b",
        **framing,
    }


def upload(caller: Speaker, key: VaultKey, size: int, memory: Memory, *, chunked: bool) -> Answer:
    length = None if chunked else len(PART) + size + len(LAST)
    caller.say("POST", FILES, upload_head(key, length))
    for piece in (PART, *[PIECE] * (size // MIB), LAST):
        caller.wire.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        memory.sample()
    if chunked:
        caller.wire.send(b"0\r\n\r\n")
    return caller.wire.answer()


# ── a gibibyte each way ─────────────────────────────────────────────────────────────────────────


def test_a_gibibyte_goes_up_in_bounded_memory(
    house: Gateway, vendor: Sandbox, key: VaultKey
) -> None:
    with Speaker(house) as caller:
        upload(caller, key, MIB, Memory(house.pid), chunked=False)  # all is loaded, all is warm
        memory = Memory(house.pid)
        answer = upload(caller, key, GIB, memory, chunked=False)
        assert (answer.status, answer.json()["size"]) == (200, GIB)
        assert caller.goes_on()
    assert memory.grew() < GROWS_MAX


def test_a_gibibyte_comes_down_in_bounded_memory(
    house: Gateway, vendor: Sandbox, key: VaultKey
) -> None:
    with Drain(house.address) as down:
        down.begin(key, MIB)
        down.take_rest()
    memory = Memory(house.pid)
    with Drain(house.address) as down:
        assert down.begin(key, GIB) == GIB
        assert down.take_rest(memory) == GIB
    assert memory.grew() < GROWS_MAX


class Drain:
    """A download whose bytes are counted and not kept."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), 30)
        self._taken = self._length = 0

    def begin(self, key: VaultKey, size: int) -> int:
        """Ask, and read the head: the length that it tells."""
        self._socket.sendall(
            f"GET {FILES}/file_1/contents?size={size} HTTP/1.1\r\nHost: gw\r\n"
            f"Authorization: Bearer {key.secret}\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._socket.recv(65_536)
        head, _, body = head.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        self._taken = len(body)
        self._length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        return self._length

    def take_rest(self, memory: Memory | None = None) -> int:
        buffer = bytearray(MIB)
        while self._taken < self._length and (count := self._socket.recv_into(buffer)):
            self._taken += count
            if memory is not None:
                memory.sample()
        return self._taken

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()


# ── slow peers ──────────────────────────────────────────────────────────────────────────────────


def test_readers_who_take_nothing_cost_little_and_nobody_elses_time(
    house: Gateway, vendor: Sandbox, key: VaultKey
) -> None:
    """Sixteen downloads of 64 MiB stand still; calls go on beside them; then one is taken."""
    memory = Memory(house.pid)
    downs = [Drain(house.address) for _ in range(16)]
    for down in downs:
        down.begin(key, 64 * MIB)
    for _ in range(100):
        assert house.call(key, "GET", "/v1/customers/cus_1").status == 200
        memory.sample()
    assert downs[-1].take_rest(memory) == 64 * MIB
    for down in downs:
        down.__exit__()
    assert memory.grew() < 16 * 2 * MIB, "two marks of 256 KiB each way, and what lies between"
    until(lambda: house.record(key)["in_flight"], lambda count: count == 0)


class Deaf:
    """A vendor that accepts and never reads, with as little room as the system gives."""

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.peers: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                self.peers.append(self._listener.accept()[0])
            except OSError:
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self.peers:
            peer.close()


def test_a_vendor_who_takes_nothing_stops_its_caller(tmp_path: Path) -> None:
    """What fits between the two fits; then the caller's socket takes no more."""
    deaf = Deaf()
    with Gateway.start(tmp_path, deaf.url) as gateway:
        key = gateway.make_key(allowed_endpoints=["POST /files/v1/files"])
        memory = Memory(gateway.pid)
        with Speaker(gateway) as caller:
            caller.say("POST", FILES, upload_head(key, GIB))
            sent = _send_while_taken(caller.wire)
            memory.sample()
            assert sent < GROWS_MAX
            assert memory.grew() < GROWS_MAX
            deaf.close()
            assert caller.wire.answer().error == "vendor_unreachable", "it never had it all"


def _send_while_taken(wire: Wire) -> int:
    """Send until nothing was taken for half a second; how much was."""
    raw = wire._socket
    raw.setblocking(False)
    sent = 0
    while sent < GIB and select.select([], [raw], [], 0.5)[1]:
        sent += raw.send(PIECE)
    raw.settimeout(30)
    return sent


# ── how bodies are said ─────────────────────────────────────────────────────────────────────────


def test_an_upload_in_chunks(house: Gateway, vendor: Sandbox, key: VaultKey) -> None:
    with Speaker(house) as caller:
        answer = upload(caller, key, 8 * MIB, Memory(house.pid), chunked=True)
        assert (answer.status, answer.json()["size"]) == (200, 8 * MIB)
        assert caller.goes_on()
    assert dict(vendor.stats()["seen"][-1]["headers"])["transfer-encoding"] == "chunked"


def test_a_caller_who_waits_is_invited_once_it_may_come(
    house: Gateway, vendor: Sandbox, key: VaultKey
) -> None:
    with Speaker(house) as caller:
        headers = upload_head(key, len(PART + LAST)) | {"Expect": "100-continue"}
        caller.say("POST", FILES, headers)
        assert caller.wire.interim() == 100
        caller.wire.send(PART + LAST)
        assert caller.wire.answer().status == 200
        assert caller.goes_on()


@pytest.mark.parametrize(
    ("target", "length", "status"),
    [("/stripe/v1/refund", 10, 403), (f"/stripe{INTENTS}", 2 * MIB, 413), ("/nowhere", 10, 404)],
)
def test_a_caller_who_is_refused_keeps_its_body(
    house: Gateway, vendor: Sandbox, key: VaultKey, target: str, length: int, status: int
) -> None:
    with Speaker(house) as caller:
        headers = {
            "Authorization": f"Bearer {key.secret}",
            "Content-Type": FORM,
            "Content-Length": str(length),
            "Expect": "100-continue",
        }
        caller.say("POST", target, headers)
        assert caller.wire.interim() == status, "no 100 before it"
    assert vendor.stats()["requests"] == 0


def test_a_head_has_the_length_and_no_body(house: Gateway, vendor: Sandbox, key: VaultKey) -> None:
    with Speaker(house) as caller:
        got = caller.call(key, "GET", "/v1/customers/cus_1")
        head = caller.call(key, "HEAD", "/v1/customers/cus_1")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(got.body))
        assert caller.goes_on()


def test_pipelined_requests_are_answered_in_order_one_at_a_time(
    house: Gateway, vendor: Sandbox, key: VaultKey
) -> None:
    """The first one is slow; the others wait for it, and each is a call of its own."""
    vendor.behave(path="/v1/customers/cus_0", latency_ms=200)
    with Speaker(house) as caller:
        bearer = {"Authorization": f"Bearer {key.secret}", "Host": house.address}
        lines = "".join(f"{name}: {value}\r\n" for name, value in bearer.items())
        one = b"amount=%d&currency=usd"
        burst = b"".join(
            f"GET /stripe/v1/customers/cus_{n} HTTP/1.1\r\n{lines}\r\n".encode()
            + f"POST /stripe{INTENTS} HTTP/1.1\r\n{lines}Content-Type: {FORM}\r\n".encode()
            + b"Content-Length: 24\r\n\r\n"
            + one % (1000 + n)
            for n in range(10)
        )
        caller.wire.send(burst)
        for n in range(10):
            assert caller.wire.answer().status == (200 if n == 1 else 404)
            assert caller.wire.answer().json()["amount"] == 1000 + n
        assert caller.goes_on()
    paths = [seen["path"] for seen in vendor.stats()["seen"]]
    assert paths == [p for n in range(10) for p in (f"/v1/customers/cus_{n}", INTENTS)]


# ── callers who leave ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reset", [False, True])
def test_a_caller_who_hangs_up_changes_nothing_in_the_books(
    house: Gateway, vendor: Sandbox, reset: bool
) -> None:
    key = house.make_key()
    vendor.behave(path=INTENTS, answer_latency_ms=300)
    with Speaker(house) as caller:
        body = b"amount=1200&currency=usd&payment_method=pm_card_visa&confirm=true"
        headers = {"Authorization": f"Bearer {key.secret}", "Content-Type": FORM}
        caller.say("POST", f"/stripe{INTENTS}", headers, body)
        until(lambda: vendor.charged())
        if reset:
            linger = b"\1\0\0\0\0\0\0\0"
            caller.wire._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    record = until(lambda: house.record(key), lambda it: it["in_flight"] == 0)
    assert (record["settled_usd"], record["held_usd"], record["in_doubt_usd"]) == (
        "12.00",
        "0.00",
        "0.00",
    )
    [told] = house.ask(f"/vault/calls?key_id={key.id}")["data"]
    assert (told["state"], told["status"]) == ("settled", 200)


def test_a_caller_who_leaves_before_its_request_is_whole_was_never_there(
    house: Gateway, vendor: Sandbox
) -> None:
    key = house.make_key()
    for body in (b"amount=1200&currency=usd", b""):
        with Speaker(house) as caller:
            headers = {"Authorization": f"Bearer {key.secret}", "Content-Type": FORM}
            caller.say("POST", f"/stripe{INTENTS}", headers | {"Content-Length": "60"})
            caller.wire.send(body)
            until(lambda: house.record(key)["in_flight"])
        until(lambda: house.record(key)["in_flight"], lambda count: count == 0)
    assert house.record(key)["spent_usd"] == house.record(key)["held_usd"] == "0.00"
    assert vendor.stats()["requests"] == 0


def test_a_download_left_midway_frees_its_connection(
    house: Gateway, vendor: Sandbox, key: VaultKey
) -> None:
    for _ in range(5):
        with Drain(house.address) as down:
            down.begin(key, 64 * MIB)
    until(lambda: house.record(key)["in_flight"], lambda count: count == 0)
    until(lambda: vendor.state()["connections"], lambda count: count <= 3)
    assert house.call(key, "POST", INTENTS, form=INTENT).status == 200
