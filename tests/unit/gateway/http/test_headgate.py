"""The framing table, row by row: what is refused and how, and what must pass."""

from __future__ import annotations

import pytest

from gateway.errors import HeadTooLarge, Refusal, RequestMalformed
from gateway.http.headgate import MAY_REPEAT, glance, read_head
from gateway.settings import ServerSettings

LIMITS = ServerSettings()


def head(*lines: bytes, line: bytes = b"POST /v1/charges HTTP/1.1") -> bytes:
    return b"\r\n".join((line, b"Host: localhost", *lines)) + b"\r\n\r\n"


def refusal_of(raw: bytes, limits: ServerSettings = LIMITS) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read_head(raw, limits)
    assert caught.value.close
    return caught.value


def test_a_typical_head_says_all_it_says() -> None:
    read = read_head(
        head(
            b"Content-Length: 38",
            b"AUTHORIZATION:  Bearer x \t",
            b"Connection: keep-alive",
            line=b"POST /stripe/v1/charges?a=b HTTP/1.1",
        ).replace(b"localhost", b"Gw.Example:8080"),
        LIMITS,
    )
    assert (read.method, read.target, read.host) == (
        "POST",
        "/stripe/v1/charges?a=b",
        "gw.example",
    )
    assert read.headers[b"authorization"] == b"Bearer x"
    assert (read.length, read.expects, read.keep_alive, read.is_http_11) == (38, False, True, True)


@pytest.mark.parametrize(
    "lines",
    [
        (b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: chunked", b"Content-Length: 5"),
        (b"Content-Length: 5", b"Content-Length: 5"),
        (b"Content-Length: 5, 5",),
        (b"Content-Length: 05",),
        (b"Content-Length: +5",),
        (b"Content-Length: -5",),
        (b"Content-Length: 0x5",),
        (b"Content-Length: 1_0",),
        (b"Content-Length: 5.0",),
        (b"Content-Length: 1234567890123",),
        (b"Content-Length:",),
        (b"Content-Length: 5 5",),
        (b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        (b"Transfer-Encoding: gzip, chunked",),
        (b"Transfer-Encoding: chunked, identity",),
        (b"Transfer-Encoding: identity",),
        (b"Transfer-Encoding: Chunked",),
        (b"Transfer-Encoding: xchunked",),
        (b"Transfer-Encoding:",),
        (b"Transfer-Encoding: \x0bchunked",),
        (b"Transfer-Encoding:\r\n chunked",),
        (b"X-A: b\r\n folded",),
        (b"X-A: b\r\n\tfolded",),
        (b" X-A: b",),
        (b"X-A : b",),
        (b"X-A\t: b",),
        (b"X A: b",),
        (b": b",),
        (b"no colon",),
        (b"X(A): b",),
        (b"X-A: b\nX-B: c",),
        (b"X-A: b\rX-B: c",),
        (b"X-A: b\r\r",),
        (b"X-A: b\x00",),
        (b"X-A: b\x0b",),
        (b"X-A: b\x0c",),
        (b"X-A: b\x1b[31m",),
        (b"X-A: b\x7f",),
        (b"X-A: b\x80",),
        (b"X-\xc3\xa9: b",),
        (b"X-A: caf\xc3\xa9",),
        (b"Host: other",),
        (b"Authorization: Bearer a", b"authorization: Bearer a"),
        (b"Idempotency-Key: a", b"Idempotency-Key: b"),
        (b"Content-Type: text/plain", b"Content-Type: text/plain"),
        (b"Content-Encoding: gzip", b"Content-Encoding: gzip"),
        (b"Stripe-Account: acct_1", b"Stripe-Account: acct_2"),
        (b"Keybrake-Run: a", b"Keybrake-Run: b"),
        (b"X-Anything: a", b"x-anything: b"),
        (b"Connection: authorization",),
        (b"Connection: close, idempotency-key",),
        (b"Connection: keep-alive, x",),
        (b"Connection: upgrade",),
        (b"Connection:",),
        (b"Connection: close,",),
    ],
)
def test_heads_with_two_meanings_are_400(lines: tuple[bytes, ...]) -> None:
    refusal = refusal_of(head(*lines))
    assert isinstance(refusal, RequestMalformed)
    assert refusal.status == 400
    assert refusal.text.endswith(".")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"post /v1 HTTP/1.1", 400),
        (b"Post /v1 HTTP/1.1", 400),
        (b"PO /v1 HTTP/1.1", 400),
        (b"ABCDEFGHIJK /v1 HTTP/1.1", 400),
        (b"GE+T /v1 HTTP/1.1", 400),
        (b" GET /v1 HTTP/1.1", 400),
        (b"GET  /v1 HTTP/1.1", 400),
        (b"GET /v1  HTTP/1.1", 400),
        (b"GET\t/v1\tHTTP/1.1", 400),
        (b"GET /v1 HTTP/1.1 ", 400),
        (b"GET /a b HTTP/1.1", 400),
        (b"GET /v1", 400),
        (b"GET", 400),
        (b"", 400),
        (b"GET /v1 http/1.1", 400),
        (b"GET /v1 HTTP/11", 400),
        (b"GET /v1 HTTP/1.10", 400),
        (b"GET /v1 XHTTP/1.1", 400),
        (b"GET /v1 HTTP/1.2", 505),
        (b"GET /v1 HTTP/2.0", 505),
        (b"GET /v1 HTTP/0.9", 505),
        (b"GET v1 HTTP/1.1", 400),
        (b"GET * HTTP/1.1", 400),
        (b"OPTIONS * HTTP/1.1", 400),
        (b"GET http://localhost/v1 HTTP/1.1", 400),
        (b"GET https://api.stripe.com/v1 HTTP/1.1", 400),
        (b"GET localhost:80 HTTP/1.1", 400),
        (b"GET /v1#frag HTTP/1.1", 400),
        (b"GET # HTTP/1.1", 400),
        (b"GET \\v1 HTTP/1.1", 400),
        (b"CONNECT api.stripe.com:443 HTTP/1.1", 501),
        (b"CONNECT /v1 HTTP/1.1", 501),
        (b"TRACE /v1 HTTP/1.1", 501),
        (b"PRI * HTTP/2.0", 501),
    ],
)
def test_request_lines(line: bytes, status: int) -> None:
    assert refusal_of(head(line=line)).status == status


@pytest.mark.parametrize("name", [b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"])
def test_no_other_protocol(name: bytes) -> None:
    assert refusal_of(head(name)).status == 501


@pytest.mark.parametrize(
    "lines",
    [
        (b"Expect: 100-Continue",),
        (b"Expect: 200-ok",),
        (b"Expect:",),
        (b"Expect: 100-continue, 100-continue",),
        (b"Expect: 100-continue", b"Expect: 100-continue"),
    ],
)
def test_other_expectations_are_417(lines: tuple[bytes, ...]) -> None:
    assert refusal_of(head(b"Content-Length: 5", *lines)).status == 417


@pytest.mark.parametrize(
    ("line", "lines", "expects"),
    [
        (b"POST / HTTP/1.1", (b"Content-Length: 5",), True),
        (b"POST / HTTP/1.1", (b"Transfer-Encoding: chunked",), True),
        (b"POST / HTTP/1.1", (b"Content-Length: 0",), False),
        (b"GET / HTTP/1.1", (), False),
        (b"POST / HTTP/1.0", (b"Content-Length: 5",), False),
    ],
)
def test_a_client_waits_only_before_a_body(
    line: bytes, lines: tuple[bytes, ...], expects: bool
) -> None:
    read = read_head(head(*lines, b"Expect: 100-continue", line=line), LIMITS)
    assert read.expects is expects


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE"])
def test_reads_and_deletes_have_no_body(method: bytes) -> None:
    line = method + b" /v1/customers/cus_1 HTTP/1.1"
    assert refusal_of(head(b"Content-Length: 1", line=line)).status == 400
    assert refusal_of(head(b"Transfer-Encoding: chunked", line=line)).status == 400
    assert read_head(head(b"Content-Length: 0", line=line), LIMITS).length == 0
    assert read_head(head(line=line), LIMITS).length == 0


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a b",
        b"a/b",
        b"user@host",
        b"a:b",
        b"a:123456",
        b"a:",
        b"a,b",
        b"a?b",
        b"[::1",
        b"[zz]",
        b"a\\b",
        b"a" * 254,
        b"http://a",
    ],
)
def test_hosts_that_are_none(host: bytes) -> None:
    assert refusal_of(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host).status == 400


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (b"LOCALHOST", "localhost"),
        (b"127.0.0.1:8080", "127.0.0.1"),
        (b"[::1]:8080", "[::1]"),
        (b"stripe.gw-1.example.com", "stripe.gw-1.example.com"),
        (b"my_service:80", "my_service"),
    ],
)
def test_hosts(host: bytes, name: str) -> None:
    assert read_head(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host, LIMITS).host == name


def test_the_host_is_missing() -> None:
    assert refusal_of(b"GET / HTTP/1.1\r\n\r\n").status == 400


def test_http_10_needs_no_host_knows_no_chunks_and_is_not_kept() -> None:
    read = read_head(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", LIMITS)
    assert (read.host, read.keep_alive, read.is_http_11) == ("", False, False)
    raw = head(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0")
    assert refusal_of(raw).status == 400


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"close", False),
        (b"Close", False),
        (b"keep-alive", True),
        (b"Keep-Alive", True),
        (b"keep-alive, close", False),
    ],
)
def test_connection(value: bytes, kept: bool) -> None:
    assert read_head(head(b"Connection: " + value), LIMITS).keep_alive is kept


def test_lists_by_nature_may_repeat() -> None:
    read = read_head(head(b"Accept: a", b"accept:  b ", b"Cookie: c=1", b"Cookie: d=2"), LIMITS)
    assert read.headers[b"accept"] == b"a, b"
    assert read.headers[b"cookie"] == b"c=1; d=2"
    assert not {b"authorization", b"content-type", b"host", b"expect"} & MAY_REPEAT


@pytest.mark.parametrize("length", [0, 1, 1 << 30, 999_999_999_999])
def test_lengths_up_to_twelve_digits(length: int) -> None:
    assert read_head(head(b"Content-Length: %d" % length), LIMITS).length == length


def test_chunks() -> None:
    assert read_head(head(b"Transfer-Encoding: chunked"), LIMITS).length is None


def test_limits_count_raw_bytes_lines_and_the_target() -> None:
    limits = ServerSettings(head_bytes_max=400, headers_max=3, target_bytes_max=10)
    assert read_head(head(b"A: b", b"C: d", line=b"GET /234567890 HTTP/1.1"), limits)
    for raw, what in (
        (head(b"A: " + b"b" * 400, line=b"GET / HTTP/1.1"), "400 bytes"),
        (head(b"A: b", b"C: d", b"E: f", line=b"GET / HTTP/1.1"), "3 header lines"),
        (head(line=b"GET /2345678901 HTTP/1.1"), "target may have 10 bytes"),
    ):
        refusal = refusal_of(raw, limits)
        assert isinstance(refusal, HeadTooLarge)
        assert what in refusal.text


@pytest.mark.parametrize(
    "partial", [b"G", b"GET / HT", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nHost: x\r\n\r"]
)
def test_what_may_become_a_head_is_waited_for(partial: bytes) -> None:
    glance(partial, LIMITS)


@pytest.mark.parametrize(
    "partial",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\rHost",
        b"\r\nGET / HTTP/1.1",
        b" GET",
        b"GET / HTTP/1.1\r\nX: \xff",
    ],
)
def test_what_can_never_become_a_head_is_refused_at_once(partial: bytes) -> None:
    with pytest.raises(RequestMalformed):
        glance(partial, LIMITS)


def test_an_endless_head_is_refused_before_its_end() -> None:
    with pytest.raises(HeadTooLarge):
        glance(b"G" * 16_385, LIMITS)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize(
    ("framing", "taken"),
    [
        ("Content-Length: 2", True),
        ("Content-Length: 1", False),
        ("Content-Length: 3", False),
        ("Transfer-Encoding: chunked", False),
    ],
)
def test_a_method_without_a_body_may_have_room_for_an_empty_object_only(
    method: str, framing: str, taken: bool
) -> None:
    raw = f"{method} / HTTP/1.1\r\nHost: gw\r\n{framing}\r\n\r\n".encode()
    if taken:
        assert read_head(raw, ServerSettings()).length == 2
    else:
        with pytest.raises(RequestMalformed, match="has no body"):
            read_head(raw, ServerSettings())
