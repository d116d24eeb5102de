"""One request out and one answer in: every way in which a vendor may answer, or not."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import pytest

from gateway.http.message import ClientGone
from gateway.upstream import plain
from gateway.upstream.exchange import WHY_CHARS_MAX
from gateway.upstream.pool import (
    Aborted,
    NotSent,
    Order,
    OutcomeUnknown,
    Reply,
    Upstream,
    Watch,
)
from gateway.upstream.stream import MARK
from tests.vendor_double import (
    OK,
    SECRET,
    Heard,
    Peer,
    Script,
    ScriptedBody,
    all_of,
    answering,
    hearing,
    strictly,
    turns,
    until,
    upstream_to,
    vendor_double,
)

WHOLE = 1000
LATER_S = 31.0
MUCH_LATER_S = 61.0


def post(body: bytes | ScriptedBody = b"amount=1", *, whole: int = WHOLE) -> Order:
    return Order(b"POST", b"/v1/charges", [(b"x-test", b"1")], body, whole_bytes_max=whole)


def get(method: bytes = b"GET", *, whole: int = WHOLE) -> Order:
    return Order(method, b"/v1/charges", [], b"", whole_bytes_max=whole)


def answer(body: bytes = b"", *lines: bytes, status: bytes = b"200 OK") -> bytes:
    head = b"".join(line + b"\r\n" for line in lines)
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), head, body)


def saying(*pieces: bytes, close: bool = False) -> Script:
    """Says it after a whole request, then closes or waits."""

    async def script(peer: Peer) -> None:
        await peer.request()
        peer.say(*pieces)
        if not close:
            await peer.gone()

    return script


async def sent(script: Script, order: Order, watch: Watch | None = None) -> Reply:
    """A reply that was read whole."""
    async with vendor_double(script) as double, upstream_to(double.url) as upstream:
        reply = await upstream.send(order, watch or Watch())
        assert reply.body is not None
        return reply


def sweep(upstream: Upstream, later_s: float) -> None:
    upstream.sweep(asyncio.get_running_loop().time() + later_s)


async def started(upstream: Upstream, order: Order, watch: Watch) -> asyncio.Task[Reply]:
    """A call under way, whose last byte has left."""
    task = asyncio.get_running_loop().create_task(upstream.send(order, watch))
    await until(lambda: watch.left)
    return task


# The request.


async def test_a_head_of_our_own_framing() -> None:
    heard: list[Heard] = []
    order = Order(
        b"POST",
        b"/v1/charges?a=%2B",
        [
            *((b"host", b"evil"), (b"content-length", b"9"), (b"connection", b"close")),
            *((b"transfer-encoding", b"chunked"), (b"accept-encoding", b"gzip"), (b"x-a", b"b")),
        ],
        b"amount=1",
        whole_bytes_max=WHOLE,
    )
    async with vendor_double(hearing(heard)) as double, upstream_to(double.url + "/p") as upstream:
        await upstream.send(order, Watch())
        host = f"127.0.0.1:{double.port}".encode()
    assert heard[0].lines == [
        b"POST /p/v1/charges?a=%2B HTTP/1.1",
        b"host: " + host,
        b"accept-encoding: identity",
        b"x-a: b",
        b"content-length: 8",
    ]
    assert heard[0].body == b"amount=1"


@pytest.mark.parametrize(
    ("method", "framing"),
    [(b"POST", [b"content-length: 0"]), (b"GET", []), (b"DELETE", [])],
)
@pytest.mark.parametrize("body", [b"", ScriptedBody(length=0)], ids=["bytes", "stream"])
async def test_no_body(method: bytes, framing: list[bytes], body: bytes | ScriptedBody) -> None:
    heard: list[Heard] = []
    await sent(hearing(heard), Order(method, b"/", [], body, whole_bytes_max=WHOLE))
    assert heard[0].lines[2:] == [b"accept-encoding: identity", *framing]


@pytest.mark.parametrize("target", [b"/a b", b"/\r\nX: y", b"/\x80"])
async def test_a_head_that_cannot_be_written(target: bytes) -> None:
    watch = Watch()
    with pytest.raises(NotSent, match="written"):
        await sent(answering(OK), Order(b"POST", target, [], b""), watch)
    assert not watch.left


async def test_a_header_that_would_inject_another() -> None:
    with pytest.raises(NotSent, match="written"):
        await sent(answering(OK), Order(b"POST", b"/", [(b"a", b"b\r\nc: d")], b""))


@pytest.mark.parametrize("length", [None, 11])
async def test_a_body_that_streams(length: int | None) -> None:
    heard: list[Heard] = []
    body = ScriptedBody(b"one ", b"two ", b"end", length=length)
    watch = Watch()
    reply = await sent(hearing(heard), post(body), watch)
    assert reply.body == b"ok"
    assert heard[0].body == b"one two end"
    framing = b"transfer-encoding: chunked" if length is None else b"content-length: 11"
    assert heard[0].lines[-1] == framing
    assert watch.left


async def test_a_streaming_body_of_one_piece_needs_no_task() -> None:
    heard: list[Heard] = []
    body = ScriptedBody(b"all of it", length=9)
    await sent(hearing(heard), post(body))
    assert heard[0].body == b"all of it"
    assert body.reads == 1


async def test_a_connection_is_used_again_after_an_upload() -> None:
    async with vendor_double(answering(OK)) as double, upstream_to(double.url) as upstream:
        for _ in range(3):
            await upstream.send(post(ScriptedBody(b"a", b"b")), Watch())
    assert double.connections == 1


@pytest.mark.parametrize(
    "body",
    [
        ScriptedBody(b"too ", b"long", length=5),
        ScriptedBody(b"too long", length=5),
        ScriptedBody(b"too ", b"short", length=50),
    ],
    ids=["more", "more at once", "less"],
)
async def test_a_body_that_is_not_as_long_as_it_said(body: ScriptedBody) -> None:
    with pytest.raises(NotSent):
        await sent(answering(OK), post(body))


async def test_a_caller_who_leaves_during_the_upload() -> None:
    ends: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.head()
        ends.append(await peer.gone())

    watch = Watch()
    async with vendor_double(script) as double, upstream_to(double.url) as upstream:
        with pytest.raises(ClientGone):
            await upstream.send(post(ScriptedBody(b"half", ClientGone(), length=8)), watch)
        await until(lambda: bool(ends))
    assert not watch.left
    assert b"0\r\n\r\n" not in ends[0]


async def test_the_vendor_takes_an_upload_as_fast_as_it_likes() -> None:
    go_on = asyncio.Event()
    size = 64 * MARK

    async def script(peer: Peer) -> None:
        head = await peer.head()
        await go_on.wait()
        assert b"content-length: %d" % size in head
        await peer.reader.readexactly(size)
        peer.say(OK)
        await peer.gone()

    body = ScriptedBody(*[bytes(MARK)] * 64, length=size)
    async with vendor_double(script) as double, upstream_to(double.url) as upstream:
        task = asyncio.get_running_loop().create_task(upstream.send(post(body), Watch()))
        reads = -1
        while body.reads > reads:
            reads = body.reads
            await turns(50)
        assert reads < 60
        go_on.set()
        assert (await task).body == b"ok"


async def test_a_vendor_that_stops_taking_an_upload() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        await stop.wait()

    stop = asyncio.Event()
    body = ScriptedBody(*[bytes(MARK)] * 64, length=64 * MARK)
    async with vendor_double(script) as double, upstream_to(double.url) as upstream:
        task = asyncio.get_running_loop().create_task(upstream.send(post(body), Watch()))
        reads = -1
        while body.reads > reads:
            reads = body.reads
            await turns(50)
        sweep(upstream, LATER_S)
        with pytest.raises(NotSent, match="too slowly"):
            await task
        stop.set()


@pytest.mark.parametrize("whole", [WHOLE, 0])
async def test_an_answer_before_the_upload_has_ended(whole: int) -> None:
    never = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        peer.say(answer(b"too large", status=b"413 Too Large"))
        await peer.gone()

    watch = Watch()
    async with vendor_double(script) as double, upstream_to(double.url) as upstream:
        reply = await upstream.send(post(ScriptedBody(b"part", never), whole=whole), watch)
        assert reply.status == 413
        assert await all_of(reply.chunks()) == b"too large"
        assert upstream.connections == 0
    assert not watch.left


@pytest.mark.parametrize("whole", [WHOLE, 0])
async def test_an_answer_that_begins_before_the_upload_has_ended(whole: int) -> None:
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        head = await peer.head()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nec")
        assert b"chunked" in head
        await peer._chunks()
        peer.say(b"ho")
        await peer.gone()

    watch = Watch()
    async with vendor_double(script) as double, upstream_to(double.url) as upstream:
        body = ScriptedBody(b"part", go_on, b"rest")
        task = asyncio.get_running_loop().create_task(upstream.send(post(body, whole=whole), watch))
        await turns(20)
        go_on.set()
        reply = await task
        assert await all_of(reply.chunks()) == b"echo"
        assert upstream.idle == 1
    assert watch.left


async def test_a_vendor_that_hangs_up_during_the_upload() -> None:
    async def script(peer: Peer) -> None:
        await peer.head()
        peer.reset()

    body = ScriptedBody(*[bytes(MARK)] * 64, length=64 * MARK)
    with pytest.raises(NotSent, match=r"broke|ended"):
        await sent(script, post(body))


async def test_a_piece_that_comes_when_the_vendor_is_gone() -> None:
    late = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        peer.say(answer(b"no"))

    async with vendor_double(script) as double, upstream_to(double.url) as upstream:
        body = ScriptedBody(b"part", late, b"rest")
        reply = await upstream.send(post(body, whole=0), Watch())
        await turns(20)
        late.set()
        await turns(5)
        assert await all_of(reply.chunks()) == b"no"


# The answer.


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("early", [b"", b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n"])
async def test_an_answer_in_pieces_of_any_size(size: int, early: bytes) -> None:
    raw = early + answer(b"x" * 20, b"Request-Id: req_1")

    async def script(peer: Peer) -> None:
        await peer.request()
        for at in range(0, len(raw), size):
            peer.say(raw[at : at + size])
            await turns(2)
        await peer.gone()

    reply = await sent(script, post())
    assert (reply.status, reply.body) == (200, b"x" * 20)
    assert reply.headers == [(b"request-id", b"req_1")]
    assert reply.length == 20


async def test_chunked_with_extensions_and_trailers() -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw += b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nAuthorization: x\r\n\r\n"
    reply = await sent(answering(raw), post())
    assert (reply.body, reply.headers, reply.length) == (b"abcde", [], None)


async def test_five_interim_answers_and_the_real_one() -> None:
    reply = await sent(answering(b"HTTP/1.1 100 Continue\r\n\r\n" * 5 + OK), post())
    assert reply.status == 200


@pytest.mark.parametrize("status", [b"301 Moved", b"304 Not Modified", b"404 No", b"599 Odd"])
async def test_any_status_is_a_reply(status: bytes) -> None:
    reply = await sent(answering(answer(b"", b"Location: /x", status=status)), post())
    assert reply.status == int(status[:3])
    assert (b"location", b"/x") in reply.headers


@pytest.mark.parametrize(
    ("order", "raw", "length"),
    [
        (get(b"HEAD"), b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", 500),
        (get(b"HEAD", whole=0), b"HTTP/1.1 200 OK\r\n\r\n", None),
        (get(b"HEAD"), b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n", None),
        (get(), b"HTTP/1.1 204 No Content\r\n\r\n", None),
        (get(), b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 7),
        (get(whole=0), answer(b""), 0),
    ],
)
async def test_answers_without_a_body(order: Order, raw: bytes, length: int | None) -> None:
    async with vendor_double(answering(raw)) as double, upstream_to(double.url) as upstream:
        for _ in range(2):
            reply = await upstream.send(order, Watch())
            assert (reply.body, reply.length) == (b"", length)
    assert double.connections == 1


BAD = [
    ("bare line feeds", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    ("one bare line feed", b"HTTP/1.1 200 OK\r\nA: b\nContent-Length: 2\r\n\r\nok"),
    ("length and coding", answer(b"ok", b"Transfer-Encoding: chunked")),
    ("two lengths", answer(b"ok", b"Content-Length: 2")),
    ("101", b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"),
    ("too many interim", b"HTTP/1.1 100 Continue\r\n\r\n" * 6 + OK),
    ("status 600", answer(b"ok", status=b"600 What")),
    ("status 999", answer(b"ok", status=b"999 What")),
    ("status 99", answer(b"ok", status=b"099 What")),
    ("no length", b"HTTP/1.1 200 OK\r\n\r\nok"),
    ("http 1.0, no length", b"HTTP/1.0 200 OK\r\n\r\nok"),
    ("not http", b"220 smtp.example.com ESMTP\r\n\r\n"),
    ("a bad header", b"HTTP/1.1 200 OK\r\nbad header\r\nContent-Length: 2\r\n\r\nok"),
    ("long head", b"HTTP/1.1 200 OK\r\nA: " + b"b" * 66_000 + b"\r\n\r\n"),
    ("unknown encoding", answer(b"ok", b"Content-Encoding: br")),
    ("not gzip", answer(b"ok", b"Content-Encoding: gzip")),
    ("cut gzip", answer(gzip.compress(b"x" * 99)[:-4], b"Content-Encoding: gzip")),
    ("bad chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n"),
    ("bad chunk end", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay"),
]


@strictly(BAD)
async def test_answers_that_are_not_believed(answer: bytes) -> None:
    watch = Watch()
    with pytest.raises(OutcomeUnknown) as unknown:
        await sent(saying(answer), post(), watch)
    assert not unknown.value.timed_out
    assert watch.left


@pytest.mark.parametrize("behind", [b"2\r\nok\r\n0\r\n", b""], ids=["a trailer", "a chunk"])
async def test_a_failure_does_not_repeat_the_credential(behind: bytes) -> None:
    """h11 quotes the line that it cannot read."""
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + behind
    script = saying(raw + SECRET.encode() + b"x" * 300 + b"\r\n\r\n")
    with pytest.raises(OutcomeUnknown) as unknown:
        await sent(script, post())
    assert "***" in unknown.value.why
    assert SECRET not in unknown.value.why
    assert len(unknown.value.why) <= WHY_CHARS_MAX


async def test_chunks_of_one_byte_leave_the_loop_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body of them kept everybody waiting until its last one."""
    turns_given = 0
    sleep = asyncio.sleep

    async def counted(delay: float) -> None:
        nonlocal turns_given
        turns_given += 1
        await sleep(delay)

    count = 8 * plain.CHUNKS_AT_ONCE
    body = b"1\r\nx\r\n" * count + b"0\r\n\r\n"
    script = saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    monkeypatch.setattr(asyncio, "sleep", counted)
    reply = await sent(script, post(whole=count))
    assert reply.body == b"x" * count
    assert turns_given >= 4, "as many pieces as the socket had are read one after the other"


CUT = [
    ("nothing", b""),
    ("half a head", b"HTTP/1.1 200 OK\r\nContent-"),
    ("half an interim answer", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ("half a body", b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok"),
    ("half a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok"),
    ("no last chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"),
]


@strictly(CUT)
async def test_answers_that_break_off(answer: bytes) -> None:
    with pytest.raises(OutcomeUnknown) as unknown:
        await sent(saying(answer, close=True), post())
    assert not unknown.value.timed_out


@strictly(CUT)
async def test_answers_that_a_reset_cuts(answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        peer.say(answer)
        await peer.said()
        peer.reset()

    with pytest.raises(OutcomeUnknown):
        await sent(script, post())


# Long answers.


@pytest.mark.parametrize("whole", [0, 100])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_longer_body_streams(whole: int, chunked: bool) -> None:
    raw = answer(b"x" * 500)
    if chunked:
        raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        raw += b"32\r\n%s\r\n" % (b"x" * 50) * 10 + b"0\r\n\r\n"
    async with vendor_double(answering(raw)) as double, upstream_to(double.url) as upstream:
        for _ in range(2):
            reply = await upstream.send(post(whole=whole), Watch())
            assert reply.body is None
            assert reply.length == (None if chunked else 500)
            assert upstream.in_flight == 1
            assert await all_of(reply.chunks()) == b"x" * 500
            assert upstream.idle == 1
    assert double.connections == 1


async def test_a_reply_that_is_closed_early_closes_the_connection() -> None:
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n...")
        await peer.gone()
        gone.set()

    async with vendor_double(script) as double, upstream_to(double.url) as upstream:
        reply = await upstream.send(post(whole=0), Watch())
        chunks = reply.chunks()
        assert await anext(chunks) == b"..."
        await reply.close()
        await gone.wait()
        reply = await upstream.send(post(whole=0), Watch())
        await reply.chunks().aclose()


async def test_the_vendor_waits_for_a_slow_reader() -> None:
    size = 64 * MARK
    said = 0

    async def script(peer: Peer) -> None:
        nonlocal said
        await peer.request()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while said < size:
            peer.say(bytes(MARK))
            await peer.said()
            said += MARK
        await peer.gone()

    async with vendor_double(script) as double, upstream_to(double.url) as upstream:
        reply = await upstream.send(post(whole=0), Watch())
        before = -1
        while said > before:
            before = said
            await turns(100)
        assert before < 60 * MARK
        assert len(await all_of(reply.chunks())) == size
        assert upstream.idle == 1


async def test_a_long_body_that_breaks_off() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n..."
    async with (
        vendor_double(saying(raw, close=True)) as double,
        upstream_to(double.url) as upstream,
    ):
        reply = await upstream.send(post(whole=0), Watch())
        with pytest.raises(OutcomeUnknown):
            await all_of(reply.chunks())


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate"])
@pytest.mark.parametrize("whole", [WHOLE, 0])
async def test_a_compressed_answer(encoding: bytes, whole: int) -> None:
    pack = gzip.compress if encoding == b"gzip" else zlib.compress
    raw = answer(pack(b"x" * 900), b"Content-Encoding: " + encoding)
    async with vendor_double(answering(raw)) as double, upstream_to(double.url) as upstream:
        reply = await upstream.send(post(whole=whole), Watch())
        assert (reply.headers, reply.length) == ([], None)
        assert await all_of(reply.chunks()) == b"x" * 900
        assert upstream.idle == 1


async def test_a_bomb_is_not_read_whole() -> None:
    raw = answer(gzip.compress(bytes(30_000_000)), b"Content-Encoding: gzip")
    async with vendor_double(answering(raw)) as double, upstream_to(double.url) as upstream:
        reply = await upstream.send(post(whole=100_000), Watch())
        assert reply.body is None
        size = 0
        async for piece in reply.chunks():
            assert len(piece) <= MARK
            size += len(piece)
        assert size == 30_000_000


async def test_a_body_longer_than_its_length_in_a_later_piece() -> None:
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        await go_on.wait()
        peer.say(b"cdef")
        await peer.gone()

    async with vendor_double(script) as double, upstream_to(double.url) as upstream:
        chunks = (await upstream.send(post(whole=0), Watch())).chunks()
        assert await anext(chunks) == b"ab"
        go_on.set()
        assert await all_of(chunks) == b"cd"
        assert upstream.connections == 0


# What comes back is scrubbed.


async def test_an_echo_of_the_credential() -> None:
    body = b"no such key: " + SECRET.encode()
    raw = answer(body, b"X-Echo: Bearer " + SECRET.encode(), b"X-" + SECRET.encode() + b": 1")
    reply = await sent(answering(raw), post())
    stars = b"*" * len(SECRET)
    assert reply.body == b"no such key: " + stars
    assert reply.headers == [(b"x-echo", b"Bearer " + stars), (b"x-" + stars, b"1")]


async def test_an_echo_across_chunks_and_compressed() -> None:
    body = (b"." * 990 + SECRET.encode()) * 100
    raw = answer(gzip.compress(body, 0), b"Content-Encoding: gzip")
    async with vendor_double(answering(raw)) as double, upstream_to(double.url) as upstream:
        reply = await upstream.send(post(whole=100), Watch())
        clean = await all_of(reply.chunks())
    assert clean == (b"." * 990 + b"*" * len(SECRET)) * 100


# Deadlines.


@pytest.mark.parametrize(
    ("raw", "later_s", "why"),
    [
        (b"", LATER_S, "no answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", MUCH_LATER_S, "too long"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", MUCH_LATER_S, "too long"),
    ],
)
async def test_an_answer_in_time(raw: bytes, later_s: float, why: str) -> None:
    watch = Watch()
    async with vendor_double(saying(raw)) as double, upstream_to(double.url) as upstream:
        task = await started(upstream, post(), watch)
        await turns(20)
        sweep(upstream, later_s - 2)
        await turns()
        assert not task.done()
        sweep(upstream, later_s)
        with pytest.raises(OutcomeUnknown, match=why) as unknown:
            await task
        assert unknown.value.timed_out


async def test_a_long_answer_may_pause_but_not_stop() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n..."
    async with vendor_double(saying(raw)) as double, upstream_to(double.url) as upstream:
        reply = await upstream.send(post(whole=0), Watch())
        chunks = reply.chunks()
        assert await anext(chunks) == b"..."
        sweep(upstream, 1000)  # it is the reader who takes its time
        task = asyncio.ensure_future(anext(chunks))
        await turns()
        sweep(upstream, LATER_S)
        with pytest.raises(OutcomeUnknown) as unknown:
            await task
        assert unknown.value.timed_out


async def test_an_upload_that_ends_does_not_lift_the_deadline_of_a_long_answer() -> None:
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.head()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n...")
        await peer.gone()

    watch = Watch()
    async with vendor_double(script) as double, upstream_to(double.url) as upstream:
        body = ScriptedBody(b"part", go_on, b"rest")
        reply = await upstream.send(post(body, whole=0), watch)
        chunks = reply.chunks()
        assert await anext(chunks) == b"..."
        task = asyncio.ensure_future(anext(chunks))
        await turns()
        go_on.set()
        await until(lambda: watch.left)
        sweep(upstream, LATER_S)
        with pytest.raises(OutcomeUnknown):
            await task


# Abort.


async def test_aborting_what_has_left() -> None:
    watch = Watch()
    async with vendor_double(saying(b"")) as double, upstream_to(double.url) as upstream:
        task = await started(upstream, post(), watch)
        assert watch.abort() is False
        with pytest.raises(Aborted) as aborted:
            await task
    assert aborted.value.left


async def test_aborting_an_upload() -> None:
    watch, never = Watch(), asyncio.Event()
    async with vendor_double(saying(b"")) as double, upstream_to(double.url) as upstream:
        body = ScriptedBody(b"part", never)
        task = asyncio.get_running_loop().create_task(upstream.send(post(body), watch))
        await until(lambda: body.reads == 2)
        assert watch.abort() is True
        with pytest.raises(Aborted) as aborted:
            await task
    assert not aborted.value.left


async def test_aborting_a_long_answer() -> None:
    watch = Watch()
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n..."
    async with vendor_double(saying(raw)) as double, upstream_to(double.url) as upstream:
        reply = await upstream.send(post(whole=0), watch)
        watch.abort()
        with pytest.raises(Aborted):
            await all_of(reply.chunks())


async def test_aborting_what_is_over_changes_nothing() -> None:
    watch = Watch()
    async with vendor_double(answering(OK)) as double, upstream_to(double.url) as upstream:
        await upstream.send(post(), watch)
        assert watch.abort() is False
        assert upstream.idle == 1
