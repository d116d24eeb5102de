"""Listening, limits, drain and close."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from gateway.http import server as server_module
from gateway.http.message import Request, Response
from gateway.http.server import ListenFailed, Server
from gateway.http.tls import Tls
from gateway.settings import ServerSettings
from tests import certificates
from tests.certificates import CERT, KEY
from tests.unit.gateway.http.loopback import House
from tests.vendor_double import until

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Gate:
    """A handler that waits to be let on."""

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, request: Request) -> Response:
        self.started.set()
        await self.go_on.wait()
        return Response(200, [], b"done")


async def test_a_port_in_use_is_one_line(house: House) -> None:
    host, port = house.serve().address
    with pytest.raises(ListenFailed) as caught:
        house.serve(listen=f"{host}:{port}")
    assert str(caught.value) == f"cannot listen on {host}:{port}: Address already in use"


@pytest.mark.parametrize(
    "listen", ["127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000", "x.invalid:1"]
)
async def test_an_address_that_is_none(house: House, listen: str) -> None:
    with pytest.raises(ListenFailed, match="cannot listen on"):
        house.serve(listen=listen)


async def test_ipv6_and_every_address(house: House) -> None:
    for listen in ("[::1]:0", ":0"):
        server = house.serve(listen=listen)
        assert server.address[1] > 0
        client = await house.connect(server)
        assert (await client.ask(GET)).status == 200


async def test_two_listeners_share_a_handler(house: House) -> None:
    async def answer(request: Request) -> Response:
        return Response(200, [], b"same")

    for server in (house.serve(answer), house.serve(answer)):
        client = await house.connect(server)
        assert (await client.ask(GET)).body == b"same"


async def test_256_at_once_are_all_answered(house: House) -> None:
    server = house.serve()
    clients = await asyncio.gather(*(house.connect(server) for _ in range(256)))
    replies = await asyncio.gather(*(client.ask(GET) for client in clients))
    assert {reply.status for reply in replies} == {200}
    assert server.connections == 256


@pytest.mark.parametrize("limit", ["connections_max", "connections_per_source_max"])
async def test_beyond_the_limits_is_503_and_a_close(house: House, limit: str) -> None:
    changes: dict[str, Any] = {limit: 1}
    server = house.serve(**changes)
    first = await house.connect(server)
    assert (await first.ask(GET)).status == 200
    second = await house.connect(server)
    reply = await second.ask(GET)
    assert (reply.status, reply.headers["connection"]) == (503, "close")
    assert await second.at_end()
    await first.close()
    await second.close()
    await server._service.emptied.wait()
    assert (await (await house.connect(server)).ask(GET)).status == 200


async def test_who_is_turned_away_has_no_request_run(house: House) -> None:
    """Also one that came with the connection: it was told 503, and must not have been paid for."""
    ran: list[str] = []

    async def run(request: Request) -> Response:
        ran.append(request.path)
        return Response(200, [])

    server = house.serve(run, connections_max=1)
    first = await house.connect(server)
    assert (await first.ask(GET)).status == 200
    for number in range(20):
        with socket.create_connection(server.address) as raw:
            raw.sendall(GET.replace(b"GET / ", b"GET /%d " % number))
            raw.setblocking(False)
            told = await asyncio.get_running_loop().sock_recv(raw, 4_096)
            assert told.startswith(b"HTTP/1.1 503 "), told
    assert ran == ["/"]


async def test_far_beyond_the_limits_is_just_a_close(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "SHED_AT_ONCE_MAX", 0)
    server = house.serve(connections_max=1)
    first = await house.connect(server)
    assert (await first.ask(GET)).status == 200
    second = await house.connect(server)
    assert await second.at_end()


async def test_near_the_end_of_descriptors_is_503(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1, 1))
    monkeypatch.setattr(server_module, "FDS_SHARE", 0.0)
    client = await house.meet()
    assert await client.at_end()
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (100_000, 100_000))
    client = await house.meet()
    assert (await client.ask(GET)).status == 503


class Exhausted:
    """A listening socket whose accept fails as it is told to. `failed` is set when it has."""

    def __init__(self, server: Server, *failures: int) -> None:
        assert server._listener is not None
        self._real = server._listener
        self._failures = list(failures)
        self.failed = asyncio.Event()

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        if self._failures:
            self.failed.set()
            raise OSError(self._failures.pop(0), "accept failed")
        return self._real.accept()

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)


@pytest.mark.parametrize(
    "failures", [(errno.EMFILE,), (errno.ECONNABORTED, errno.EPERM), (errno.ENFILE, errno.ENOMEM)]
)
async def test_accepting_goes_on_after_failures(
    house: House, monkeypatch: pytest.MonkeyPatch, failures: tuple[int, ...]
) -> None:
    monkeypatch.setattr(server_module, "ACCEPT_PAUSE_S", 0.005)
    server = house.serve()
    server._listener = Exhausted(server, *failures)  # type: ignore[assignment]
    client = await house.connect(server)
    assert (await client.ask(GET)).status == 200


async def test_closing_while_accepting_is_paused(house: House) -> None:
    server = house.serve()
    exhausted = Exhausted(server, errno.EMFILE)
    server._listener = exhausted  # type: ignore[assignment]
    client = await house.connect(server)
    await exhausted.failed.wait()
    await server.close()
    assert server._resume_timer is None
    with pytest.raises(ConnectionResetError):
        await client.ask(GET)


async def test_a_wake_accepts_no_more_than_its_share(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "ACCEPTS_PER_WAKE", 2)
    server = house.serve()
    clients = await asyncio.gather(*(house.connect(server) for _ in range(9)))
    for client in clients:
        assert (await client.ask(GET)).status == 200


async def test_a_socket_that_cannot_be_taken_is_let_go(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = house.serve()

    class Loop:
        time = server._service.loop.time

        async def connect_accepted_socket(self, factory: object, sock: socket.socket) -> None:
            raise OSError(errno.ENOTCONN, "gone")

    monkeypatch.setattr(server._service, "loop", Loop())
    ours, theirs = socket.socketpair()
    server._service.admit("peer")
    await server._connect(ours, "peer", "")
    assert server.connections == 0
    assert ours.fileno() == -1
    theirs.close()
    monkeypatch.undo()


async def test_drain_closes_the_idle_and_lets_the_busy_finish(house: House) -> None:
    gate = Gate()
    server = house.serve(gate)
    idle, busy, half = [await house.connect(server) for _ in range(3)]
    busy.send(GET)
    half.send(GET[:-2])
    await gate.started.wait()
    drained = asyncio.ensure_future(server.drain(20.0))
    assert await idle.at_end()
    assert not drained.done()
    half.send(b"\r\n")
    gate.go_on.set()
    for client in (busy, half):
        reply = await client.reply()
        assert (reply.body, reply.headers["connection"]) == (b"done", "close")
        assert await client.at_end()
    assert await drained


async def test_who_arrives_while_others_finish_is_answered_once(house: House) -> None:
    """And once they have finished, who arrived and asks nothing is not waited for."""
    gate = Gate()

    async def answer(request: Request) -> Response:
        return Response(503, []) if request.path == "/new" else await gate(request)

    server = house.serve(answer)
    busy = await house.connect(server)
    busy.send(GET)
    await gate.started.wait()
    address = server.address
    drained = asyncio.ensure_future(server.drain(20.0))
    await asyncio.sleep(0)
    late, silent = [await house.connect(server) for _ in range(2)]
    late.send(GET.replace(b"GET / ", b"GET /new "))
    reply = await late.reply()
    assert (reply.status, reply.headers["connection"]) == (503, "close")
    assert await late.at_end()
    assert not drained.done()
    gate.go_on.set()
    assert (await busy.reply()).body == b"done"
    assert await silent.at_end()
    assert await drained
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)


async def test_a_drain_that_takes_too_long_says_so(house: House) -> None:
    gate = Gate()
    server = house.serve(gate)
    client = await house.connect(server)
    client.send(GET)
    await gate.started.wait()
    assert not await server.drain(0.01)
    gate.go_on.set()
    assert (await client.reply()).status == 200
    assert await server.drain(20.0)


async def test_drain_waits_for_handlers_whose_client_is_gone(house: House) -> None:
    gate = Gate()
    server = house.serve(gate)
    client = await house.connect(server)
    client.send(GET)
    await gate.started.wait()
    client.writer.transport.abort()
    drained = asyncio.ensure_future(server.drain(20.0))
    await asyncio.sleep(0)
    assert not drained.done()
    gate.go_on.set()
    assert await drained


async def test_a_stream_that_ends_during_a_drain_is_the_last_answer(house: House) -> None:
    go_on = asyncio.Event()

    async def stream(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"a"
            await go_on.wait()
            yield b"b"

        return Response(200, [], stream=pieces(), length=2)

    server = house.serve(stream)
    client = await house.connect(server)
    client.send(GET)
    await client.head()
    drained = asyncio.ensure_future(server.drain(20.0))
    await asyncio.sleep(0)
    go_on.set()
    assert await client.reader.read() == b"ab"
    assert await drained


async def test_who_arrives_during_a_drain_is_let_go(house: House) -> None:
    server = house.serve()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    await server.drain(0.01)
    server._service.admit("peer")
    await server._connect(ours, "peer", "")
    assert await server.drain(20.0)
    assert theirs.recv(1) == b""
    theirs.close()


async def test_close_is_now_and_twice_is_no_harm(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "CLOSE_WAIT_S", 0.01)
    gate = Gate()
    server = house.serve(gate)
    client = await house.connect(server)
    client.send(GET)
    await gate.started.wait()
    await server.close()
    await server.close()
    assert await client.at_end()
    assert server.connections == 1
    gate.go_on.set()
    assert await server.drain(20.0)


async def test_a_server_that_never_started_can_be_closed() -> None:
    async def never(request: Request) -> Response:
        raise AssertionError

    settings = replace(ServerSettings(), listen="127.0.0.1:0")
    server = Server(never, lambda refusal: Response(refusal.status, []), settings)
    await server.close()
    assert server.connections == 0


# ── balancers ───────────────────────────────────────────────────────────────────────────────────

PROXY = b"PROXY TCP4 192.0.2.7 127.0.0.1 55123 443\r\n"
BEHIND: dict[str, Any] = {"trusted_proxies": ("127.0.0.1",), "proxy_protocol": True}


async def say_peer(request: Request) -> Response:
    return Response(200, [], f"{request.scheme} {request.peer}".encode())


def get(*lines: bytes) -> bytes:
    return b"\r\n".join((b"GET / HTTP/1.1", b"Host: x", *lines, b"", b""))


async def test_what_is_forwarded_is_believed_from_trusted_balancers_only(house: House) -> None:
    asked = get(b"X-Forwarded-For: 6.6.6.6, 192.0.2.7", b"X-Forwarded-Proto: https")
    trusting = await house.meet(say_peer, trusted_proxies=("127.0.0.0/8",))
    assert (await trusting.ask(asked)).body == b"https 192.0.2.7"
    assert (await trusting.ask(GET)).body == b"http 127.0.0.1"
    for networks in ((), ("10.0.0.0/8",)):
        client = await house.meet(say_peer, trusted_proxies=networks)
        assert (await client.ask(asked)).body == b"http 127.0.0.1"


async def test_a_proxy_header_names_the_source_of_a_whole_connection(house: House) -> None:
    server = house.serve(say_peer, **BEHIND)
    client = await house.connect(server)
    client.send(PROXY)
    for _ in range(2):
        assert (await client.ask(GET)).body == b"http 192.0.2.7"
    assert server._service.sources == {"192.0.2.7": 1}


async def test_a_proxy_header_comes_before_the_handshake(house: House) -> None:
    server = house.serve(say_peer, Tls(str(CERT), str(KEY)), **BEHIND)
    client = await house.connect(server)
    client.send(PROXY)
    await client.writer.start_tls(certificates.trusting(), server_hostname="127.0.0.1")
    assert (await client.ask(GET)).body == b"https 192.0.2.7"


async def test_a_balancer_that_passes_bytes_on_vouches_for_no_header(house: House) -> None:
    typed = get(b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-Proto: https")
    server = house.serve(say_peer, **BEHIND)
    for header, told in ((PROXY, b"http 192.0.2.7"), (b"PROXY UNKNOWN\r\n", b"http 127.0.0.1")):
        client = await house.connect(server)
        assert (await client.ask(header + typed)).body == told


async def test_a_balancer_behind_a_balancer_is_believed(house: House) -> None:
    networks = ("127.0.0.1", "192.0.2.0/24")
    client = await house.meet(say_peer, trusted_proxies=networks, proxy_protocol=True)
    asked = PROXY + get(b"X-Forwarded-For: 198.51.100.1")
    assert (await client.ask(asked)).body == b"http 198.51.100.1"


@pytest.mark.parametrize("data", [GET, b"", b"PROXY", b"PROXY TCP4 1.2.3.4\r\n"])
async def test_without_its_header_a_balancer_s_connection_is_closed(
    house: House, data: bytes
) -> None:
    server = house.serve(say_peer, head_timeout_s=0.05, **BEHIND)
    client = await house.connect(server)
    client.send(data)
    with suppress(ConnectionResetError):  # there were bytes that nobody read
        assert await client.at_end()
    await server._service.emptied.wait()
    assert (server.proxy_headers_refused, server._service.sources) == (1, {})


async def test_from_others_a_proxy_header_is_no_request(house: House) -> None:
    client = await house.meet(say_peer, trusted_proxies=("10.0.0.1",), proxy_protocol=True)
    assert (await client.ask(PROXY + GET)).status == 400


async def test_the_limit_of_a_source_is_not_the_balancers(house: House) -> None:
    server = house.serve(say_peer, connections_per_source_max=1, **BEHIND)
    statuses = []
    for source in (b"192.0.2.1", b"192.0.2.2", b"192.0.2.1"):
        client = await house.connect(server)
        reply = await client.ask(PROXY.replace(b"192.0.2.7", source) + GET)
        statuses.append(reply.status)
    assert statuses == [200, 200, 503]


async def test_an_end_does_not_wait_for_a_balancer_s_header(house: House) -> None:
    server = house.serve(say_peer, **BEHIND)
    silent, settled = await house.connect(server), await house.connect(server)
    assert (await settled.ask(PROXY + GET)).status == 200
    assert await server.drain(20.0)
    assert await silent.at_end()


async def test_who_is_trusted_changes_with_the_settings(house: House) -> None:
    server = house.serve(say_peer)
    asked = get(b"X-Forwarded-For: 192.0.2.7")
    assert (await (await house.connect(server)).ask(asked)).body == b"http 127.0.0.1"
    server.renew(replace(server._service.settings, trusted_proxies=("127.0.0.1",)))
    assert (await (await house.connect(server)).ask(asked)).body == b"http 192.0.2.7"


async def test_a_request_that_is_in_the_socket_already_is_still_answered(house: House) -> None:
    """The loop has not read it when the drain begins; its sender must not be left to guess."""
    server = house.serve()
    with socket.create_connection(server.address) as asking:
        asking.setblocking(False)
        await until(lambda: len(server._service.connections) == 1)
        asking.send(GET)
        drained = asyncio.ensure_future(server.drain(20.0))
        assert await drained
        answer = asking.recv(4_096)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer.lower()
