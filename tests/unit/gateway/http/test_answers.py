"""The bytes of an answer's head."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from gateway.http.answers import DateLine, length_of, render_head
from gateway.http.message import Headers, Response

DATE = b"date: today"


def render(
    status: int = 200,
    headers: Headers | None = None,
    *,
    length: int | None = 5,
    chunked: bool = False,
    close: bool = False,
) -> bytes:
    return render_head(status, headers or [], DATE, length=length, chunked=chunked, close=close)


def test_heads() -> None:
    assert render(headers=[(b"a", b"b"), (b"a", b"c")]) == (
        b"HTTP/1.1 200 OK\r\na: b\r\na: c\r\ndate: today\r\ncontent-length: 5\r\n\r\n"
    )
    assert render(599, length=None) == b"HTTP/1.1 599 \r\ndate: today\r\n\r\n"
    assert b"\r\ntransfer-encoding: chunked\r\n" in render(length=None, chunked=True)
    assert render(close=True).endswith(b"connection: close\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_have_no_length(status: int) -> None:
    assert b"content-length" not in render(status)


@pytest.mark.parametrize("name", [b"content-length", b"transfer-encoding", b"connection", b"date"])
def test_framing_is_never_a_handlers(name: bytes) -> None:
    assert render(headers=[(name, b"7")]) == render()


@pytest.mark.parametrize(
    "header", [(b"a", b"b\r\nc: d"), (b"a", b"b\n"), (b"a\r", b"b"), (b"a", b"\r")]
)
def test_no_header_smuggles_a_line(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(ValueError, match="line end"):
        render(headers=[header])


def test_lengths() -> None:
    assert length_of(Response(200, [], b"abc"), is_head=False) == 3
    assert length_of(Response(200, [], b"abc"), is_head=True) == 3
    assert length_of(Response(200, [], length=920), is_head=True) == 920
    assert length_of(Response(200, []), is_head=False) == 0


def test_the_date_is_made_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    at_s = 1_790_000_000.2
    monkeypatch.setattr(time, "time", lambda: at_s)
    line = DateLine()
    first = line.now()
    assert first == b"date: " + formatdate(1_790_000_000, usegmt=True).encode()
    assert line.now() is first
    at_s += 1
    assert line.now() != first
