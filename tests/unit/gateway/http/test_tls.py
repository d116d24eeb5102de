"""Certificate and key from files: what is spoken with them, and what becomes of them when the files
change."""

from __future__ import annotations

import asyncio
import logging
import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.http import tls as tls_module
from gateway.http.message import Request, Response
from gateway.http.server import Server
from gateway.http.tls import Tls, TlsMistake, load
from tests.certificates import CERT, KEY, OTHER, trusting
from tests.unit.gateway.http.loopback import Client, House

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def pair() -> Tls:
    return Tls(str(CERT), str(KEY))


async def say_scheme(request: Request) -> Response:
    return Response(200, [], request.scheme.encode())


async def join(house: House, server: Server, **options: Any) -> Client:
    context = options.pop("ssl", None) or trusting()
    return await house.connect(server, ssl=context, server_hostname="127.0.0.1", **options)


def certificate_of(client: Client) -> str:
    named: Any = client.writer.get_extra_info("peercert")["subject"]
    return str(dict(pairs[0] for pairs in named)["commonName"])


async def test_https_in_short(house: House) -> None:
    client = await join(house, house.serve(say_scheme, pair()))
    for _ in range(3):
        assert (await client.ask(GET)).body == b"https"
    spoken = client.writer.get_extra_info("ssl_object")
    assert (spoken.version(), spoken.selected_alpn_protocol()) == ("TLSv1.3", "http/1.1")


async def test_large_answers_and_bodies_pass(house: House) -> None:
    async def echo(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            while piece := await request.body.read():
                yield piece

        return Response(200, [], stream=pieces())

    client = await join(house, house.serve(echo, pair()))
    body = bytes(range(256)) * 8_192
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert (await client.reply()).body == body


async def test_tls_12_with_forward_secrecy_is_the_least(house: House) -> None:
    server = house.serve(say_scheme, pair())
    context = trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    client = await join(house, server, ssl=context)
    cipher, version, _ = client.writer.get_extra_info("cipher")
    assert cipher.startswith("ECDHE-")
    assert version == "TLSv1.2"
    context.set_ciphers("AES128-GCM-SHA256:AES256-SHA")
    with pytest.raises(OSError):
        await join(house, server, ssl=context)
    assert (await (await join(house, server)).ask(GET)).status == 200


async def test_a_refusal_of_the_framing_closes_without_a_half_close(house: House) -> None:
    client = await join(house, house.serve(say_scheme, pair()))
    reply = await client.ask(b"GET /\x01 HTTP/1.1\r\n\r\n")
    assert (reply.status, reply.headers["connection"]) == (400, "close")


async def test_a_client_that_says_goodbye_is_gone(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    told = asyncio.Event()

    async def wait(request: Request) -> Response:
        request.on_gone(told.set)
        started.set()
        await told.wait()
        return Response(200, [])

    started = asyncio.Event()
    server = house.serve(wait, pair())
    client = await join(house, server)
    client.send(GET)
    await started.wait()
    await client.close()
    await told.wait()
    await server._service.emptied.wait()
    assert "eof_received" not in caplog.text


@pytest.mark.parametrize("data", [GET, b"\x16\x03\x01\x00\x05hello", b"\x00" * 600])
async def test_what_is_no_handshake_is_closed_and_counted(
    house: House, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "keybrake")
    server = house.serve(say_scheme, pair())
    client = await house.connect(server)
    client.send(data)
    assert b"HTTP/" not in await client.reader.read()
    await server._service.emptied.wait()
    assert (server.handshakes_failed, server.connections) == (1, 0)
    assert caplog.records == []


async def test_who_never_shakes_hands_is_cut_off(house: House) -> None:
    server = house.serve(say_scheme, pair(), head_timeout_s=0.02)
    client = await house.connect(server)
    assert await client.at_end()
    await server._service.emptied.wait()
    assert server.handshakes_failed == 1


@pytest.mark.parametrize("end", ["drain", "close"])
async def test_an_end_does_not_wait_for_handshakes(house: House, end: str) -> None:
    server = house.serve(say_scheme, pair())
    silent = await house.connect(server)
    settled = await join(house, server)
    assert (await settled.ask(GET)).status == 200
    assert server._arriving  # the silent one came first, and is waited for
    if end == "drain":
        assert await server.drain(20.0)
    else:
        await server.close()
    assert await silent.at_end()
    assert server.connections == 0


async def test_beyond_the_limits_is_503_over_tls_too(house: House) -> None:
    server = house.serve(say_scheme, pair(), connections_max=1)
    first = await join(house, server)
    assert (await first.ask(GET)).status == 200
    assert (await (await join(house, server)).ask(GET)).status == 503


# ── files ───────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    shutil.copy(CERT, cert)
    shutil.copy(KEY, key)
    return cert, key


def opened(files: tuple[Path, Path]) -> Tls:
    return Tls(str(files[0]), str(files[1]))


def put(path: Path, text: str) -> None:
    """As careful people do: a new file takes the old one's name."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(path)


def test_one_file_may_hold_both() -> None:
    assert load(str(OTHER), "").minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("cert", "key", "why"),
    [
        ("/nowhere.pem", "", "cannot read /nowhere.pem: No such file"),
        (str(CERT), "/nowhere.pem", "cannot read /nowhere.pem: No such file"),
        (str(CERT), "", "no certificate with its key in PEM"),
        (str(KEY), str(KEY), "no certificate with its key in PEM"),
        (str(OTHER), str(KEY), "does not belong to the certificate"),
        (__file__, "", "no certificate with its key in PEM"),
    ],
)
def test_a_pair_that_is_none_is_one_line(cert: str, key: str, why: str) -> None:
    with pytest.raises(TlsMistake, match=why) as caught:
        load(cert, key)
    assert "\n" not in str(caught.value)


def test_nobody_is_asked_for_a_password(tmp_path: Path) -> None:
    locked = tmp_path / "key.pem"
    locked.write_text(ENCRYPTED)
    with pytest.raises(TlsMistake, match="is encrypted; it is needed without a password"):
        load(str(CERT), str(locked))


async def test_a_changed_pair_serves_who_comes_next(house: House, files: tuple[Path, Path]) -> None:
    tls = opened(files)
    server = house.serve(say_scheme, tls)
    before = await join(house, server)
    for file in files:
        put(file, OTHER.read_text())
    tls.look()  # the files may still be being written
    assert certificate_of(await join(house, server)) == "keybrake test house"
    tls.look()
    after = await join(house, server, ssl=trusting(OTHER))
    assert certificate_of(after) == "keybrake test vendor"
    assert (await before.ask(GET)).body == (await after.ask(GET)).body == b"https"


async def test_a_bad_pair_keeps_the_old_one_and_is_said_once(
    house: House, files: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    tls = opened(files)
    server = house.serve(say_scheme, tls)
    put(files[0], OTHER.read_text())
    for _ in range(4):
        tls.look()
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "does not belong to the certificate" in caplog.text
    assert certificate_of(await join(house, server)) == "keybrake test house"
    put(files[1], OTHER.read_text())
    tls.look()
    tls.look()
    assert certificate_of(await join(house, server, ssl=trusting(OTHER))) == "keybrake test vendor"


def test_files_that_are_gone_keep_what_was_read(
    files: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    tls = opened(files)
    context = tls.context
    files[1].unlink()
    for _ in range(3):
        tls.look()
    assert tls.context is context
    assert caplog.text.count("cannot read") == 1


def test_a_renewal_loads_at_once_and_only_what_is_new(files: tuple[Path, Path]) -> None:
    tls = opened(files)
    seen = [tls.context]
    tls.renew(str(files[0]), str(files[1]))
    assert tls.context is seen[0]
    for file in files:
        put(file, OTHER.read_text())
    for renewed in (files, (CERT, KEY)):
        tls.renew(*map(str, renewed))
        assert tls.context not in seen
        seen.append(tls.context)


async def test_a_listener_renews_its_certificate_with_its_settings(house: House) -> None:
    tls = pair()
    server = house.serve(say_scheme, tls)
    changed = type(server._service.settings)(tls_cert_file=str(OTHER))
    server.renew(changed)
    assert certificate_of(await join(house, server, ssl=trusting(OTHER))) == "keybrake test vendor"
    server.renew(type(changed)())  # TLS does not go
    assert (await (await join(house, server, ssl=trusting(OTHER))).ask(GET)).status == 200


async def test_somebody_looks_at_the_files(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tls_module, "LOOK_S", 0.001)
    tls = opened(files)
    loaded = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            loop.call_soon_threadsafe(loaded.set)

    log = logging.getLogger("keybrake.http")
    heard = Heard()
    log.addHandler(heard)
    caplog.set_level(logging.INFO, log.name)
    task = loop.create_task(tls.watch())
    for file in files:
        put(file, OTHER.read_text())
    await loaded.wait()
    task.cancel()
    await asyncio.wait((task,))
    log.removeHandler(heard)


ENCRYPTED = """\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgsx8eOxHFmYAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEJ6YFp2rNLSnjiofbLSEcvIEgZDw
9OeVnIjunzXQ6l0omUsA5wYnJ/ZBOmmxoyDh9Kiz16dQjj2riVazVa+DJxoFBWV5
rmVGK+kFyOBZF++aLshvdbpHvnf3N8i3wC4aNgLmR450KJz8g47s/lNmbbx06BCh
kTtnynHeeLqSEQoxAJI61ZeoRt0vSEFo5xjLJGZviRXBUMeUhpwwR/lXQ5JSDhk=
-----END ENCRYPTED PRIVATE KEY-----
"""
