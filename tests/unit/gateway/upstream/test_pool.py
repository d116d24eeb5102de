"""The stacks of connections: who gets which, what is never used again, that none is ever lost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.errors import KeyRevoked
from gateway.upstream.backend import VendorBackend
from gateway.upstream.pool import (
    Aborted,
    NotSent,
    Reply,
    Upstream,
    Watch,
)
from gateway.upstream.stream import VendorStream
from tests.vendor_double import (
    CERTIFICATE,
    OK,
    SECRET,
    Double,
    Heard,
    Peer,
    ScriptedBody,
    all_of,
    answering,
    cancelled_at,
    hearing,
    post,
    server_tls,
    silent,
    turns,
    until,
    upstream_to,
    vendor_double,
)
from vendors.contract import Lookup

# Reuse.


async def test_one_connection_serves_call_after_call() -> None:
    async with vendor_double(answering(OK)) as double, upstream_to(double.url) as upstream:
        for _ in range(5):
            assert (await upstream.send(post(), Watch())).body == b"ok"
        assert (upstream.counts.opened, upstream.counts.reused) == (1, 4)
    assert double.connections == 1


async def test_the_warmest_connection_comes_first() -> None:
    async with vendor_double(answering(OK)) as double, upstream_to(double.url) as upstream:
        await asyncio.gather(*(upstream.send(post(), Watch()) for _ in range(3)))
        assert upstream.idle == 3
        stack = upstream._origins[""].idle
        warmest = stack[-1]
        await upstream.send(post(), Watch())
        assert stack[-1] is warmest


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
        OK + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx",
    ],
    ids=["a second answer", "an empty line", "close", "http 1.0", "after the last chunk"],
)
async def test_a_connection_that_is_not_used_again(answer: bytes) -> None:
    async with (
        vendor_double(answering(answer), answering(OK)) as double,
        upstream_to(double.url) as upstream,
    ):
        assert (await upstream.send(post(), Watch())).body == b"ok"
        assert upstream.connections == 0
        assert (await upstream.send(post(), Watch())).body == b"ok"
    assert double.connections == 2


async def _spoiled(double: Double, upstream: Upstream) -> None:
    """The idle connection is discarded, and the next call gets an answer of its own."""
    assert upstream.idle == 1
    reply = await upstream.send(post(), Watch())
    assert reply.body == b"fresh"
    assert upstream.counts.closed_stale == 1
    assert double.connections == 2


FRESH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfresh"


@pytest.mark.parametrize("late", [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", b""])
@pytest.mark.parametrize("seen", [True, False])
async def test_what_comes_while_it_is_idle_spoils_it(late: bytes, seen: bool) -> None:
    """Left-over bytes, or the vendor's hanging up; seen by the loop or still in the kernel."""
    go_on, done = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        peer.say(OK)
        await go_on.wait()
        peer.say_at_once(late)
        done.set()
        await peer.gone()

    async with (
        vendor_double(script, answering(FRESH)) as double,
        upstream_to(double.url) as upstream,
    ):
        await upstream.send(post(), Watch())
        go_on.set()
        if seen:
            await done.wait()
            await turns(5)
        await done.wait()
        await _spoiled(double, upstream)


async def test_a_connection_that_was_idle_too_long() -> None:
    async with (
        vendor_double(answering(OK), answering(FRESH)) as double,
        upstream_to(double.url, connection_idle_s=-1.0) as upstream,
    ):
        await upstream.send(post(), Watch())
        await _spoiled(double, upstream)
        upstream.sweep(asyncio.get_running_loop().time())
        assert upstream.connections == 0


async def test_the_sweep_closes_what_was_idle_too_long() -> None:
    async with vendor_double(answering(OK)) as double, upstream_to(double.url) as upstream:
        await asyncio.gather(*(upstream.send(post(), Watch()) for _ in range(3)))
        now_s = asyncio.get_running_loop().time()
        upstream.sweep(now_s + 29)
        assert upstream.connections == 3
        upstream.sweep(now_s + 31)
        assert upstream.connections == upstream.idle == 0
        assert upstream.counts.closed_stale == 3


# The gate.


async def test_a_gate_that_refuses_leaves_the_connection_unused() -> None:
    heard: list[Heard] = []

    def gate() -> None:
        raise KeyRevoked

    async with vendor_double(hearing(heard)) as double, upstream_to(double.url) as upstream:
        for _ in range(2):
            watch = Watch(gate)
            with pytest.raises(KeyRevoked):
                await upstream.send(post(), watch)
            assert not watch.left
            assert upstream.idle == 1
        assert (await upstream.send(post(), Watch())).body == b"ok"
    assert (double.connections, len(heard)) == (1, 1)


async def test_aborted_before_it_began() -> None:
    watch = Watch()
    watch.abort()
    async with vendor_double(silent) as double, upstream_to(double.url) as upstream:
        with pytest.raises(Aborted) as aborted:
            await upstream.send(post(), watch)
        assert upstream.idle == 1
    assert not aborted.value.left


async def test_aborted_while_connecting() -> None:
    watch = Watch()
    async with (
        vendor_double(silent) as double,
        upstream_to(f"https://127.0.0.1:{double.port}") as upstream,
    ):
        task = asyncio.get_running_loop().create_task(upstream.send(post(), watch))
        await until(lambda: double.connections == 1)
        assert watch.abort() is True
        with pytest.raises(Aborted) as aborted:
            await task
        assert upstream.connections == 0
    assert not aborted.value.left


# Connecting.


async def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with upstream_to(f"http://127.0.0.1:{port}") as upstream:
        with pytest.raises(NotSent, match="no connection to 127"):
            await upstream.send(post(), Watch())
        assert upstream.connections == 0


async def test_a_vendor_that_never_finishes_the_handshake() -> None:
    async with vendor_double(silent) as double:
        url = f"https://127.0.0.1:{double.port}"
        async with upstream_to(url, connect_timeout_s=0.0) as upstream:
            with pytest.raises(NotSent, match="timed out"):
                await upstream.send(post(), Watch())


async def test_a_vendor_that_speaks_first_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(peer: Peer) -> None:
        peer.say(OK)
        await peer.gone()

    connect = VendorBackend.connect_tcp

    async def slowly(backend: VendorBackend, host: str, port: int) -> VendorStream:
        stream = await connect(backend, host, port)
        await until(lambda: not stream.untouched)
        return stream

    monkeypatch.setattr(VendorBackend, "connect_tcp", slowly)
    async with vendor_double(script) as double, upstream_to(double.url) as upstream:
        with pytest.raises(NotSent, match="before it was asked"):
            await upstream.send(post(), Watch())
        await turns()


async def test_tls_is_verified() -> None:
    async with (
        vendor_double(answering(OK), tls=server_tls()) as double,
        upstream_to(f"https://127.0.0.1:{double.port}") as upstream,
    ):
        with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
            await upstream.send(post(), Watch())
        assert upstream.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_tls_with_the_settings_certificates(host: str) -> None:
    heard: list[Heard] = []
    async with vendor_double(hearing(heard), tls=server_tls()) as double:
        url = f"https://{host}:{double.port}/base"
        async with upstream_to(url, ca_file=str(CERTIFICATE)) as upstream:
            for _ in range(3):
                assert (await upstream.send(post(), Watch())).body == b"ok"
            assert upstream.counts.reused == 2
    assert heard[0].lines[:2] == [
        b"POST /base/v1/x HTTP/1.1",
        f"host: {host}:{double.port}".encode(),
    ]


# Places.


async def test_no_more_calls_than_connections() -> None:
    async with (
        vendor_double(silent) as double,
        upstream_to(double.url, connections_max=2) as upstream,
    ):
        watches = [Watch(), Watch()]
        tasks = [asyncio.ensure_future(upstream.send(post(), watch)) for watch in watches]
        await until(lambda: all(watch.left for watch in watches))
        with pytest.raises(NotSent, match="busy"):
            await upstream.send(post(), Watch())
        assert upstream.in_flight == 2
        for watch in watches:
            watch.abort()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(result) for result in results] == [Aborted, Aborted]


async def test_idle_connections_of_another_host_give_way() -> None:
    async with (
        vendor_double(answering(OK)) as double,
        upstream_to(double.url, connections_max=2) as upstream,
    ):
        await asyncio.gather(*(upstream.send(post(), Watch()) for _ in range(2)))
        await upstream.send(post(product="files"), Watch())
        assert upstream.connections == 2


# Products.


async def test_products_of_a_stand_in_are_its_paths() -> None:
    heard: list[Heard] = []
    async with vendor_double(hearing(heard)) as double:
        hosts = {"other": double.url + "/elsewhere"}
        async with upstream_to(double.url, hosts=hosts) as upstream:
            for product in ("", "files", "other"):
                await upstream.send(post(product=product), Watch())
            with pytest.raises(NotSent, match="no host"):
                await upstream.send(post(product="unknown"), Watch())
    assert [line.lines[0].split()[1] for line in heard] == [
        b"/v1/x",
        b"/files/v1/x",
        b"/elsewhere/v1/x",
    ]


# Lookups.


async def test_a_lookup_carries_our_key_and_nothing_of_a_caller() -> None:
    heard: list[Heard] = []
    async with vendor_double(hearing(heard)) as double, upstream_to(double.url) as upstream:
        reply = await upstream.look(
            Lookup("/v1/charges/ch_1?expand=x", ""), {b"stripe-account": b"acct_1"}
        )
        assert (reply.status, reply.body) == (200, b"ok")
    assert heard[0].lines == [
        b"GET /v1/charges/ch_1?expand=x HTTP/1.1",
        f"host: 127.0.0.1:{double.port}".encode(),
        b"accept-encoding: identity",
        b"authorization: Bearer " + SECRET.encode(),
        b"accept: application/json",
        b"user-agent: keybrake",
        b"stripe-account: acct_1",
    ]


async def test_a_lookup_whose_gate_is_shut_never_leaves() -> None:
    heard: list[Heard] = []

    def shut() -> None:
        raise KeyRevoked

    async with vendor_double(hearing(heard)) as double, upstream_to(double.url) as upstream:
        with pytest.raises(KeyRevoked):
            await upstream.look(Lookup("/v1/prices/p", ""), {}, shut)
        assert upstream.idle == 1, "its connection is good for the next call"
    assert heard == []


async def test_a_lookup_whose_answer_is_too_long() -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + bytes(1000)
    async with vendor_double(answering(long)) as double, upstream_to(double.url) as upstream:
        assert (await upstream.look(Lookup("/v1/x", ""))).body is None
        assert upstream.connections == 0


@pytest.mark.parametrize(
    ("secret", "livemode"), [("sk_live_1", True), ("sk_test_1", False), ("sk_x_1", None)]
)
async def test_an_account_knows_whether_money_is_real(secret: str, livemode: bool | None) -> None:
    async with upstream_to("https://api.double.example", secret=secret) as upstream:
        assert upstream.livemode is livemode
        assert upstream.authorization == b"Bearer " + secret.encode()


# Cancelled at every await.

Call = Callable[[Upstream], Coroutine[Any, Any, Any]]


async def _plain(upstream: Upstream) -> None:
    await upstream.send(post(), Watch())


async def _upload(upstream: Upstream) -> None:
    await upstream.send(post(ScriptedBody(b"a", b"b", b"c")), Watch())


async def _slow_upload(upstream: Upstream) -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    await upstream.send(post(ScriptedBody(event, b"a", length=1)), Watch())


async def _streamed(upstream: Upstream) -> None:
    reply: Reply = await upstream.send(post(whole=0), Watch())
    await all_of(reply.chunks())


SLOW = (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nConte", b"nt-Length: 4\r\n\r\n")


async def _dripping(peer: Peer) -> None:
    while True:
        await peer.request()
        for piece in (*SLOW, b"ab", b"cd"):
            peer.say(piece)
            await turns(2)


@pytest.mark.parametrize("call", [_plain, _upload, _slow_upload, _streamed])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_cancelled_anywhere_nothing_is_lost(call: Call, tls: bool) -> None:
    context = server_tls() if tls else None
    scheme = "https" if tls else "http"
    async with vendor_double(_dripping, tls=context) as double:
        url = f"{scheme}://127.0.0.1:{double.port}"
        async with upstream_to(url, connections_max=1, ca_file=str(CERTIFICATE)) as upstream:
            at = 0
            while await cancelled_at(call(upstream), at):
                assert upstream.in_flight == 0
                assert upstream.connections == upstream.idle
                await turns(5)
                at += 1
            assert at > 2
            await call(upstream)


async def test_an_account_counts_for_itself() -> None:
    async with vendor_double(answering(OK)) as double, upstream_to(double.url) as upstream:
        await upstream.look(Lookup("/v1/balance", ""))
        counts = upstream.counts
        assert (counts.opened, counts.reused, counts.closed_stale) == (1, 0, 0)
        assert (upstream.in_flight, upstream.idle) == (0, 1)
        assert {end: n for end, n in counts.ends.items() if n} == {"2xx": 1}


@pytest.mark.parametrize("target", ["/v1/x\r\nA: b", "/v1/\u00e9", "/v1/a b", "v1/x", ""])
async def test_a_look_up_that_an_answer_bent_is_never_sent(target: str) -> None:
    heard: list[Heard] = []
    async with vendor_double(hearing(heard)) as double, upstream_to(double.url) as upstream:
        with pytest.raises(NotSent, match="no target"):
            await upstream.look(Lookup(target, ""))
    assert heard == []
