"""h11 must agree, once for each shape of head."""

from __future__ import annotations

import h11
import pytest

from gateway.errors import RequestMalformed
from gateway.http import secondreader
from gateway.http.bodygate import ChunkedGate, SizedGate
from gateway.http.headgate import read_head
from gateway.http.secondreader import PlainGate, SecondReader, body_gate
from gateway.settings import ServerSettings


def raw(key: bytes = b"a", extra: bytes = b"") -> bytes:
    return b"GET /v1?q HTTP/1.1\r\nHost: x\r\nKey: %s\r\n%s\r\n" % (key, extra)


def test_a_shape_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    real = h11.Connection

    def counted(role: type[h11.SERVER], bytes_max: int) -> h11.Connection:
        made.append(role)
        return real(role, bytes_max)

    monkeypatch.setattr(h11, "Connection", counted)
    reader = SecondReader()
    for head in (raw(), raw(b"b"), raw(b"c", b"More: 1\r\n"), raw(b"d", b"more: 2\r\n")):
        reader.confirm(head, read_head(head, ServerSettings()))
    assert len(made) == 2


def test_shapes_are_forgotten_rather_than_hoarded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secondreader, "SHAPES_MAX", 2)
    reader = SecondReader()
    for number in range(5):
        head = raw(extra=b"N%d: 1\r\n" % number)
        reader.confirm(head, read_head(head, ServerSettings()))
        assert len(reader._agreed) <= 2


def test_long_heads_are_not_remembered() -> None:
    head, reader = raw(b"k" * secondreader.SHAPE_BYTES_MAX), SecondReader()
    reader.confirm(head, read_head(head, ServerSettings()))
    assert not reader._agreed


def test_repeated_lists_are_agreed_on() -> None:
    head = raw(extra=b"Accept: a\r\nAccept: b\r\n")
    SecondReader().confirm(head, read_head(head, ServerSettings()))


@pytest.mark.parametrize(
    "change",
    [
        {"target": "/other"},
        {"method": "POST"},
        {"is_http_11": False},
        {"headers": {b"host": b"x"}},
        {"length": 5},
        {"keep_alive": False},
    ],
)
def test_a_gate_that_read_something_else_is_not_believed(change: dict[str, object]) -> None:
    head = read_head(raw(), ServerSettings())._replace(**change)  # type: ignore[arg-type]
    with pytest.raises(RequestMalformed):
        SecondReader().confirm(raw(), head)


def test_what_h11_refuses_is_refused() -> None:
    head = read_head(raw(), ServerSettings())
    with pytest.raises(RequestMalformed):
        SecondReader().confirm(raw(extra=b"Content-Length: x\r\n"), head)


SIZED = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_the_switch_has_h11_read_every_head_and_body(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(body_gate(SIZED, read_head(SIZED, ServerSettings()))) is SizedGate
    monkeypatch.setattr(secondreader, "ENABLED", False)
    for head, body in ((SIZED, b"12345"), (CHUNKED, b"5\r\n12345\r\n0\r\n\r\n")):
        gate, pieces = body_gate(head, read_head(head, ServerSettings())), list[bytes]()
        assert type(gate) is PlainGate
        assert gate.take(body[:3], pieces) is None
        assert gate.bytes_left == (None if head is CHUNKED else 2)
        assert gate.take(body[3:] + b"next", pieces) == b"next"
        assert b"".join(pieces) == b"12345"
    lie = read_head(raw(), ServerSettings())._replace(target="/other")
    reader = SecondReader()
    reader.confirm(raw(), read_head(raw(), ServerSettings()))
    with pytest.raises(RequestMalformed):
        reader.confirm(raw(), lie)


@pytest.mark.parametrize(
    ("gate", "head", "body"),
    [
        (SizedGate(4), SIZED, b"12345"),
        (SizedGate(6), SIZED, b"12345"),
        (ChunkedGate(), SIZED, b"1\r\nx\r\n"),
        (SizedGate(5), CHUNKED, b"x\r\n45"),
    ],
)
def test_a_gate_that_sees_another_end_is_not_believed(
    gate: SizedGate | ChunkedGate, head: bytes, body: bytes
) -> None:
    plain = PlainGate(gate, head)
    with pytest.raises(RequestMalformed):
        plain.take(body, [])
