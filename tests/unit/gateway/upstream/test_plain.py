"""What h11 does for an exchange, on the state of one connection."""

from __future__ import annotations

import h11
import pytest

from gateway.upstream import plain
from gateway.upstream.direct import Direct
from gateway.upstream.order import Order
from gateway.upstream.origins import origin_of

ORIGIN = origin_of("http://vendor", "")
ORDER = Order(b"POST", b"/", [(b"x-a", b"b"), (b"Accept", b"c")], b"")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\n"


def wire() -> h11.Connection:
    return h11.Connection(h11.CLIENT)


@pytest.mark.parametrize("body", [b"", b"a=1"])
def test_it_writes_what_the_direct_way_writes(body: bytes) -> None:
    assert plain.opening(wire(), ORDER, ORIGIN, len(body), body) == Direct().opening(
        ORDER, ORIGIN, body
    )


def test_a_body_in_pieces() -> None:
    used = wire()
    out = plain.opening(used, ORDER, ORIGIN, None, b"one")
    out += b"".join(plain.framed(used, b"two")) + plain.ending(used)
    assert out.endswith(b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


def test_an_exchange_and_the_next() -> None:
    used = wire()
    for _ in range(2):
        assert plain.reusable(used)
        plain.retell(used, ORDER, ORIGIN, b"a=1")
        assert not plain.reusable(used)
        assert plain.read(used, b"HTTP/1.1 103 Early\r\n\r\n") is None
        assert plain.read(used, OK) == (200, [(b"x-a", b"b")], b"")
        assert plain.pieces(used) == []
        used.receive_data(b"ok")
        assert plain.pieces(used) == [b"ok"]
        assert plain.pieces(used) == [b""]


def test_a_byte_too_many() -> None:
    used = wire()
    plain.retell(used, ORDER, ORIGIN, b"a=1")
    plain.read(used, OK)
    used.receive_data(b"ok!")
    assert [plain.pieces(used), plain.pieces(used)] == [[b"ok"], [b""]]
    assert not plain.reusable(used)


def test_chunks_are_read_so_many_at_a_time() -> None:
    used = wire()
    plain.retell(used, ORDER, ORIGIN, b"a=1")
    plain.read(used, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    used.receive_data(b"1\r\nx\r\n" * (plain.CHUNKS_AT_ONCE + 1) + b"0\r\n\r\n")
    assert plain.pieces(used) == [b"x"] * plain.CHUNKS_AT_ONCE
    assert [plain.pieces(used), plain.pieces(used)] == [[b"x"], [b""]]
    assert plain.reusable(used)


def test_what_cannot_be_written_or_read() -> None:
    with pytest.raises(plain.Unwritable):
        plain.opening(wire(), Order(b"POST", b"/ ", [], b""), ORIGIN, 0, b"")
    used = wire()
    plain.retell(used, ORDER, ORIGIN, b"")
    with pytest.raises(plain.Misread):
        plain.read(used, b"220 smtp\r\n\r\n")
