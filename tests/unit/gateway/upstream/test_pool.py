"""The stacks of connections: who gets which, what is never used again, that none is ever lost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import KeyRevoked
from gateway.settings import AccountSettings, Secret, VendorSettings
from gateway.upstream.backend import VendorBackend
from gateway.upstream.pool import (
    Aborted,
    NotSent,
    Order,
    OutcomeUnknown,
    Reply,
    Upstream,
    Upstreams,
    Watch,
)
from gateway.upstream.stream import VendorStream
from tests.vendor_double import (
    CERTIFICATE,
    KNOWN,
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
    server_tls,
    turns,
    until,
    upstream_to,
    vendor_double,
)
from vendors.contract import Lookup


def post(body: bytes | ScriptedBody = b"a=1", *, whole: int = 1000, product: str = "") -> Order:
    return Order(b"POST", b"/v1/x", [], body, product, whole)


async def silent(peer: Peer) -> None:
    await peer.gone()


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


# The whole house of them.


async def test_each_account_has_its_own() -> None:
    accounts = {name: AccountSettings(name, Secret(f"sk_test_{name}")) for name in ("a", "b")}
    settings = VendorSettings("double", "https://api.double.example", accounts=accounts)
    upstreams = Upstreams({"double": settings}, asyncio.get_running_loop(), KNOWN)
    assert upstreams.account("double", "a").authorization == b"Bearer sk_test_a"
    assert upstreams.account("double", "b").authorization == b"Bearer sk_test_b"
    assert list(upstreams.accounts) == [("double", "a"), ("double", "b")]
    with pytest.raises(KeyError):
        upstreams.account("double", "c")
    await upstreams.close()


async def test_the_timer_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.upstream.pool.SWEEP_S", 0.001)
    async with (
        vendor_double(silent) as double,
        upstream_to(double.url, first_byte_timeout_s=0.0) as upstream,
    ):
        with pytest.raises(OutcomeUnknown):
            await upstream.send(post(), Watch())


async def test_a_loop_that_was_held_up_reads_before_it_calls_an_answer_late() -> None:
    account = AccountSettings("default", Secret(SECRET))
    loop = asyncio.get_running_loop()
    async with vendor_double(silent) as double:
        settings = VendorSettings("double", double.url, accounts={"default": account})
        upstreams = Upstreams({"double": replace(settings, first_byte_timeout_s=0.0)}, loop, KNOWN)
        watch = Watch()
        call = upstreams.account("double", "default").send(post(), watch)
        task = asyncio.ensure_future(call)
        await until(lambda: watch.left)
        upstreams._tick()
        await turns()
        assert not task.done()
        await until(lambda: loop.time() > upstreams._looked_s)
        upstreams._tick()
        upstreams._tick()
        with pytest.raises(OutcomeUnknown):
            await task
        await upstreams.close()


async def test_closing_ends_what_is_under_way() -> None:
    account = AccountSettings("default", Secret(SECRET))
    async with vendor_double(silent) as double:
        settings = VendorSettings("double", double.url, accounts={"default": account})
        secure = replace(settings, name="secure", base_url=f"https://127.0.0.1:{double.port}")
        known = {"double": KNOWN["double"], "secure": KNOWN["double"]}
        loop = asyncio.get_running_loop()
        upstreams = Upstreams({"double": settings, "secure": secure}, loop, known)
        upstream = upstreams.account("double", "default")
        watch = Watch()
        sending = asyncio.ensure_future(upstream.send(post(), watch))
        connecting = upstreams.account("secure", "default").send(post(), Watch())
        shaking = asyncio.ensure_future(connecting)
        await until(lambda: watch.left and double.connections == 2)
        await upstreams.close()
        with pytest.raises(OutcomeUnknown, match="closing"):
            await sending
        with pytest.raises(NotSent):
            await shaking
        with pytest.raises(NotSent, match="closing"):
            await upstream.send(post(), Watch())
        assert upstream.connections == upstream.in_flight == 0
        await turns()


async def test_what_ends_after_closing_is_not_kept() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast"
    account = AccountSettings("default", Secret(SECRET))
    async with vendor_double(answering(raw)) as double:
        settings = VendorSettings("double", double.url, accounts={"default": account})
        upstreams = Upstreams({"double": settings}, asyncio.get_running_loop(), KNOWN)
        upstream = upstreams.account("double", "default")
        reply = await upstream.send(post(whole=0), Watch())
        await upstreams.close()
        assert await all_of(reply.chunks()) == b"last"  # it had come
        assert upstream.connections == 0


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


# Other settings while calls are under way.

READ = Lookup("/v1/balance", "")


def settings_at(url: str, *secrets: str, **limits: Any) -> dict[str, VendorSettings]:
    accounts = {f"a{n}": AccountSettings(f"a{n}", Secret(one)) for n, one in enumerate(secrets)}
    return {"double": replace(VendorSettings("double", url, accounts=accounts), **limits)}


async def test_only_what_changed_is_made_again() -> None:
    async with vendor_double(answering(OK)) as double:
        loop = asyncio.get_running_loop()
        upstreams = Upstreams(settings_at(double.url, "sk_test_a", "sk_test_b"), loop, KNOWN)
        a, b = upstreams.accounts.values()
        await a.look(READ)
        await b.look(READ)
        prepared = upstreams.prepared(settings_at(double.url, "sk_test_a", "sk_test_z"), KNOWN)
        assert upstreams.account("double", "a1") is b, "nothing has changed yet"
        upstreams.renew(prepared)
        new = upstreams.account("double", "a1")
        assert upstreams.account("double", "a0") is a
        assert (a.idle, b.idle, b.connections) == (1, 0, 0)
        assert new.authorization == b"Bearer sk_test_z"
        assert new.counts is b.counts, "numbers go on"
        upstreams.renew(upstreams.prepared(settings_at(double.url, "sk_test_a"), KNOWN))
        with pytest.raises(KeyError):
            upstreams.account("double", "a1")
        await upstreams.close()


@pytest.mark.parametrize(
    "change", [{"connections_max": 3}, {"total_timeout_s": 3.0}, {"hosts": {"files": "http://x"}}]
)
async def test_other_limits_are_another_way(change: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    upstreams = Upstreams(settings_at("http://127.0.0.1:9", "sk_test_a"), loop, KNOWN)
    before = upstreams.account("double", "a0")
    same = settings_at("http://127.0.0.1:9", "sk_test_a", queue_wait_s=9.0)
    upstreams.renew(upstreams.prepared(same, KNOWN))
    assert upstreams.account("double", "a0") is before
    other = settings_at("http://127.0.0.1:9", "sk_test_a", **change)
    upstreams.renew(upstreams.prepared(other, KNOWN))
    assert upstreams.account("double", "a0") is not before
    await upstreams.close()


async def test_who_holds_the_old_way_sends_on_it_and_is_held_to_its_deadline() -> None:
    loop = asyncio.get_running_loop()
    async with vendor_double(silent) as double:
        upstreams = Upstreams(settings_at(double.url, "a", first_byte_timeout_s=0.0), loop, KNOWN)
        old, watch = upstreams.account("double", "a0"), Watch()
        upstreams.renew(upstreams.prepared(settings_at(double.url, "b"), KNOWN))
        task = asyncio.ensure_future(old.send(post(), watch))  # it was chosen before the change
        await until(lambda: watch.left)
        upstreams.sweep(loop.time() + 1)
        with pytest.raises(OutcomeUnknown):
            await task
        assert (old.counts.ends["timed_out"], old.connections) == (1, 0)
        await upstreams.close()


async def test_a_connection_of_the_old_way_is_not_kept() -> None:
    async with vendor_double(answering(OK)) as double:
        loop = asyncio.get_running_loop()
        upstreams = Upstreams(settings_at(double.url, "a"), loop, KNOWN)
        old = upstreams.account("double", "a0")
        upstreams.renew(upstreams.prepared(settings_at(double.url, "b"), KNOWN))
        await old.look(READ)
        assert (old.idle, old.connections) == (0, 0)
        await upstreams.close()
