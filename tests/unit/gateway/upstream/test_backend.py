"""Connections to vendors: opened or refused, TLS to whom we trust, httpcore's connection around."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from types import SimpleNamespace

import httpcore
import pytest

from gateway.upstream.backend import VendorBackend, VendorConnection, tls_context
from tests.vendor_double import (
    CERTIFICATE,
    OK,
    Peer,
    answering,
    server_tls,
    turns,
    vendor_double,
)


async def test_httpcores_own_exchange_works_over_it() -> None:
    async with vendor_double(answering(OK)) as double:
        origin = httpcore.Origin(b"http", b"127.0.0.1", double.port)
        stream = await VendorBackend().connect_tcp("127.0.0.1", double.port, 5, "127.0.0.1")
        connection = VendorConnection(origin, stream, [])
        url = httpcore.URL(scheme=b"http", host=b"127.0.0.1", port=double.port, target=b"/")
        request = httpcore.Request("GET", url, headers={"Host": "127.0.0.1"})
        reply = await connection.handle_async_request(request)
        assert await reply.aread() == b"ok"
        await reply.aclose()
        assert connection.is_available()
        assert not connection.has_expired()
        await connection.aclose()
        await turns()


async def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(httpcore.ConnectError):
        await VendorBackend().connect_tcp("127.0.0.1", port)


async def test_connecting_takes_no_longer_than_it_may() -> None:
    with pytest.raises(httpcore.ConnectTimeout):
        await VendorBackend().connect_tcp("127.0.0.1", 1, timeout=0)


async def test_tls_to_whom_we_trust() -> None:
    async with vendor_double(answering(OK), tls=server_tls()) as double:
        stream = await VendorBackend().connect_tcp("127.0.0.1", double.port)
        assert await stream.start_tls(tls_context(str(CERTIFICATE)), "localhost") is stream
        assert stream.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        stream.send(b"GET / HTTP/1.1\r\n\r\n")
        assert await stream.receive() == OK
        await stream.aclose()
        await turns()


@pytest.mark.parametrize(
    ("context", "name"),
    [(tls_context(), "localhost"), (tls_context(str(CERTIFICATE)), "api.stripe.com")],
    ids=["unknown issuer", "another name"],
)
async def test_tls_to_a_stranger(context: ssl.SSLContext, name: str) -> None:
    async with vendor_double(answering(OK), tls=server_tls()) as double:
        stream = await VendorBackend().connect_tcp("127.0.0.1", double.port)
        with pytest.raises(httpcore.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await stream.start_tls(context, name)
        assert stream.closing
        await turns()


async def test_tls_with_one_that_says_nothing() -> None:
    async def silent(peer: Peer) -> None:
        await peer.gone()

    async with vendor_double(silent) as double:
        stream = await VendorBackend().connect_tcp("127.0.0.1", double.port)
        with pytest.raises(httpcore.ConnectTimeout):
            await stream.start_tls(tls_context(), "localhost", timeout=0)
        stream = await VendorBackend().connect_tcp("127.0.0.1", double.port)
        shaking = asyncio.get_running_loop().create_task(
            stream.start_tls(tls_context(), "localhost")
        )
        await turns()
        shaking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await shaking
        assert stream.closing
        await turns()


@pytest.mark.parametrize("lent", [True, False])
def test_where_the_system_trusts_nobody_mozillas_certificates_are_lent(
    lent: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not lent:
        (tmp_path / "of_the_operator.pem").touch()
    there = SimpleNamespace(cafile=None, capath=str(tmp_path))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: there)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody yet
    monkeypatch.setattr(ssl, "create_default_context", lambda cafile: client)
    assert tls_context.__wrapped__() is client
    assert (client.cert_store_stats()["x509_ca"] > 100) is lent
