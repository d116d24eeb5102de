"""The strict look at a vendor's raw head."""

from __future__ import annotations

import pytest

from gateway.upstream.answerhead import (
    CHUNKED,
    HEAD_BYTES_MAX,
    UNTIL_CLOSE,
    Unreadable,
    framing,
    head_end,
    relayed,
)

OK = b"HTTP/1.1 200 OK\r\n"


def head(*lines: bytes, status: bytes = OK) -> bytes:
    return status + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def test_the_end_is_after_the_empty_line() -> None:
    raw = head(b"A: b")
    assert head_end(raw + b"body\r\n\r\n") == len(raw)


@pytest.mark.parametrize("cut", range(1, len(head(b"A: b"))))
def test_a_head_cut_anywhere_is_not_whole_yet(cut: int) -> None:
    assert head_end(head(b"A: b")[:cut]) == 0


def test_a_head_without_end_is_too_long() -> None:
    with pytest.raises(Unreadable, match="too long"):
        head_end(OK + b"A: " + b"b" * HEAD_BYTES_MAX)


def test_a_head_of_bare_line_feeds_is_refused_before_its_end() -> None:
    with pytest.raises(Unreadable, match="bare"):
        head_end(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok")


@pytest.mark.parametrize(
    ("lines", "length"),
    [
        ((b"Content-Length: 12",), 12),
        ((b"CONTENT-length:\t0 ",), 0),
        ((b"Transfer-Encoding: chunked",), CHUNKED),
        ((b"transfer-encoding:CHUNKED",), CHUNKED),
        ((b"X-Content-Length: 5",), UNTIL_CLOSE),
        ((), UNTIL_CLOSE),
    ],
)
def test_framing(lines: tuple[bytes, ...], length: int) -> None:
    assert framing(head(*lines)) == length


def test_http_10_may_have_a_length() -> None:
    assert framing(head(b"Content-Length: 3", status=b"HTTP/1.0 200 OK\r\n")) == 3


@pytest.mark.parametrize(
    "raw",
    [
        head(status=b"HTTP/2.0 200 OK\r\n"),
        head(status=b"HTTP/1.1\t200 OK\r\n"),
        head(status=b"ICY 200 OK\r\n"),
        head(b"A: b\nContent-Length: 5"),
        head(b"A: b\rContent-Length: 5"),
        head(b"A: b", b" folded: c"),
        head(b"Transfer-Encoding:", b"\tchunked"),
        head(b"A: b\0c"),
        head(b"A: b\x7fc"),
        head(b"Content-Length: 5", b"Content-Length: 5"),
        head(b"Content-Length: 5", b"content-length: 6"),
        head(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
        head(b"Transfer-Encoding: gzip, chunked"),
        head(b"Transfer-Encoding: identity"),
        head(b"Transfer-Encoding: chunked", status=b"HTTP/1.0 200 OK\r\n"),
        head(b"Content-Length: 5, 5"),
        head(b"Content-Length: +5"),
        head(b"Content-Length: -5"),
        head(b"Content-Length: 0x5"),
        head(b"Content-Length:"),
        head(b"Content-Length: 1_0"),
        head(b"Content-Length: " + b"9" * 16),
    ],
)
def test_what_two_readers_could_read_in_two_ways(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        framing(raw)


def test_headers_go_on_in_lower_case_without_framing() -> None:
    lines = [
        (b"Content-Length", b"5"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Connection", b"close"),
        (b"Keep-Alive", b"timeout=5"),
        (b"Trailer", b"Expires"),
        (b"Request-Id", b"req_1"),
    ]
    assert relayed(lines) == ([(b"request-id", b"req_1")], b"")


@pytest.mark.parametrize(
    ("values", "encoding"),
    [
        ((b"gzip",), b"gzip"),
        ((b" GZIP ",), b"gzip"),
        ((b"identity",), b""),
        ((b"gzip", b"gzip"), b"gzip,gzip"),
    ],
)
def test_the_encoding_is_told_apart(values: tuple[bytes, ...], encoding: bytes) -> None:
    assert relayed([(b"Content-Encoding", value) for value in values]) == ([], encoding)
