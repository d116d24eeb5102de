"""How connections to vendors come about: a socket is opened, TLS verifies, httpcore's connection
goes around it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, cast

import certifi
import h11
import httpcore

from gateway.upstream.stream import VendorStream, no_connection


class VendorBackend:
    """Opens vendor streams; httpcore's AsyncNetworkBackend by its method."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> VendorStream:
        """Raises httpcore's ConnectTimeout, ConnectError. Socket options stay the loop's
        (TCP_NODELAY)."""
        loop = asyncio.get_running_loop()
        local = None if local_address is None else (local_address, 0)
        try:
            async with asyncio.timeout(timeout):
                stream = VendorStream(loop)
                protocol = cast("asyncio.Protocol", stream)
                await loop.create_connection(lambda: protocol, host, port, local_addr=local)
        except OSError as exc:
            raise no_connection(exc) from exc
        return stream


class VendorConnection(httpcore.AsyncHTTP11Connection):
    """A kept-alive connection as httpcore keeps it, with the h11 state and the stream in reach of
    an exchange loop of our own (httpcore's own costs a quarter more CPU a call: hooks, locks,
    generators).

    stack: where it waits between two calls. idle_since_s: loop time when it went back there."""

    MAX_INCOMPLETE_EVENT_SIZE = 65_536

    def __init__(
        self, origin: httpcore.Origin, stream: VendorStream, stack: list[VendorConnection]
    ) -> None:
        super().__init__(origin, cast("httpcore.AsyncNetworkStream", stream))
        self.socket = stream
        self.stack = stack
        self.wire: h11.Connection = self._h11_state
        self.idle_since_s = 0.0


@cache
def tls_context(ca_file: str = "") -> ssl.SSLContext:
    """Verifies certificate and host name; HTTP/1.1 only. ca_file: trust these instead of the
    system's. A system that has none, as a bare container, is lent Mozilla's."""
    context = ssl.create_default_context(cafile=ca_file or None)
    if not ca_file and not _system_has_certificates():
        context.load_verify_locations(cadata=certifi.contents())
    context.set_alpn_protocols(["http/1.1"])
    return context


def _system_has_certificates() -> bool:
    paths = ssl.get_default_verify_paths()  # None for what is not there
    folder = paths.capath
    return paths.cafile is not None or (folder is not None and any(Path(folder).iterdir()))
