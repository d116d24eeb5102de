"""What others would cost in our place, to hold the pieces against."""

from __future__ import annotations

from typing import Final

import h11

from bench.micro.piece import Once, Piece, alone
from bench.micro.server import post
from bench.micro.smallhouse import CHARGE, intent

_HEAD: Final = [
    (b"host", b"bench"),
    (b"authorization", b"Bearer vault_key_0123456789"),
    (b"content-type", b"application/x-www-form-urlencoded"),
    (b"content-length", b"%d" % len(CHARGE)),
]


def h11_server() -> Once:
    """One request read and one answer written by h11, on a kept connection."""
    raw, body = post(), intent(1)
    connection = h11.Connection(h11.SERVER)
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    def once() -> None:
        connection.receive_data(raw)
        while not isinstance(connection.next_event(), h11.EndOfMessage):
            pass
        connection.send(h11.Response(status_code=200, headers=head))
        connection.send(h11.Data(data=body))
        connection.send(h11.EndOfMessage())
        connection.start_next_cycle()

    return once


def h11_cycle() -> Once:
    """A client's request and a server's answer, both sides by h11."""
    body = intent(1)
    client, server = h11.Connection(h11.CLIENT), h11.Connection(h11.SERVER)
    head = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]

    def sent(sender: h11.Connection, first: h11.Event, data: bytes) -> bytes:
        events = (first, h11.Data(data=data), h11.EndOfMessage())
        return b"".join(sender.send(event) or b"" for event in events)

    def heard(reader: h11.Connection, data: bytes) -> None:
        reader.receive_data(data)
        while not isinstance(reader.next_event(), h11.EndOfMessage):
            pass

    def once() -> None:
        asked = h11.Request(method=b"POST", target=b"/v1/payment_intents", headers=_HEAD)
        heard(server, sent(client, asked, CHARGE))
        heard(client, sent(server, h11.Response(status_code=200, headers=head), body))
        client.start_next_cycle()
        server.start_next_cycle()

    return once


PIECES: Final = (
    Piece("h11.server", "h11: a request read, an answer written", alone(h11_server), calls=100),
    Piece("h11.cycle", "h11: the same, and the client's side", alone(h11_cycle), calls=100),
)
