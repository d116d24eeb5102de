"""A listening socket and its accept loop; the connections it made, until the last of them is gone.

uvloop takes one connection per turn of the loop, so 256 callers who arrive together wait for each
other behind everybody's work. We accept ourselves, until the socket would block, up to 32 a wake:
with 256 a wake, who connected and closed as fast as he could made others wait 25 ms at p90.
What comes before the first request (a trusted balancer's PROXY header, then the TLS handshake) runs
in a task of its own, each within `head_timeout_s`.
What the machine or the settings have no room for is answered with 503 and closed. Sweep, drain and
close are here too, since they are about all connections at once.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import socket
from contextlib import suppress
from typing import Final, cast

from gateway.errors import Draining
from gateway.http.connection import Connection
from gateway.http.proxyheader import NoProxyHeader, receive
from gateway.http.service import Handler, Render, Service
from gateway.http.sweep import Sweep, interval_for
from gateway.http.tls import Tls
from gateway.http.trusted import Trusted, normal
from gateway.settings import ServerSettings
from gateway.tasks import spawn

_log = logging.getLogger("keybrake.http")

ACCEPTS_PER_WAKE: Final = 32
BACKLOG: Final = 4_096
FDS_SHARE: Final = 0.9
"""File descriptors are given out lowest first: a number above this share of the limit is a full
house."""
SHED_AT_ONCE_MAX: Final = 128
"""Beyond the limits, so many at a time still hear why they are turned away; the rest are just
closed."""
ACCEPT_PAUSE_S: Final = 0.1
"""After the system had no descriptor left for us."""
CLOSE_WAIT_S: Final = 1.0
"""For handlers that end soon after their socket did."""
_OUT_OF_ROOM: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class ListenFailed(Exception):
    """One line: the address and the system's reason."""


class Server:
    """One listener. Several may share a handler, each with connections of its own."""

    __slots__ = (
        "_arriving",
        "_fds_max",
        "_given",
        "_listen",
        "_listener",
        "_resume_timer",
        "_service",
        "_shed_max",
        "_sweep",
        "_tls",
        "handshakes_failed",
        "proxy_headers_refused",
    )

    def __init__(
        self,
        handler: Handler,
        render: Render,
        settings: ServerSettings,
        *,
        listen: str = "",
        listener: socket.socket | None = None,
        tls: Tls | None = None,
    ) -> None:
        """listen: host:port, by default the settings' one; or listener, a socket of `listen_on`.
        tls: None speaks plain HTTP. To be made inside a running loop."""
        self._listen = listen or settings.listen
        self._given = listener
        self._tls = tls
        self._arriving: set[asyncio.Task[None]] = set()
        self.handshakes_failed = 0
        self.proxy_headers_refused = 0
        self._service = Service(handler, render, settings)
        self._sweep = Sweep(self._service.connections, interval_for(settings), self._service.loop)
        self._listener: socket.socket | None = None
        self._resume_timer: asyncio.TimerHandle | None = None
        fds = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._fds_max = int(fds * FDS_SHARE)
        self._shed_max = min(SHED_AT_ONCE_MAX, (fds - self._fds_max) // 2)

    @property
    def address(self) -> tuple[str, int]:
        """Where we listen, with the port that the system picked. Only while listening."""
        assert self._listener is not None
        host, port = self._listener.getsockname()[:2]
        return host, port

    @property
    def connections(self) -> int:
        """Live ones, and those gone whose handler still runs."""
        return self._service.admitted

    @property
    def cut_off(self) -> int:
        """Answers whose clients took nothing when too many did so."""
        return self._service.cut_off

    def start(self) -> None:
        """Listen and accept. Raises ListenFailed."""
        self._listener = self._given or listen_on(self._listen)
        self._service.loop.add_reader(self._listener.fileno(), self._accept)
        self._sweep.start()

    def renew(self, settings: ServerSettings) -> None:
        """Other limits and deadlines, for every request and connection that begins from now on; and
        the certificate, if its files are others. TLS itself cannot come or go."""
        if self._tls is not None and settings.tls_cert_file:
            self._tls.renew(settings.tls_cert_file, settings.tls_key_file)
        self._service.renew(settings)
        self._sweep.interval_s = interval_for(settings)

    async def drain(self, timeout_s: float) -> bool:
        """From here on every answer is its connection's last. Who was here is waited for; who
        arrives meanwhile is still answered, so that a balancer hears why it should go elsewhere.
        Then nobody is let in. False: after timeout_s some were still busy."""
        service = self._service
        service.draining = True
        try:
            async with asyncio.timeout(timeout_s):
                self._retire_idle()
                await service.part_with(service.connections)
                self._stop_accepting()
                self._retire_idle()
                self._turn_away_arriving()
                await service.emptied.wait()
        except TimeoutError:
            return False
        finally:
            self._stop_accepting()
        return True

    def _retire_idle(self) -> None:
        for connection in tuple(self._service.connections):
            connection.retire()

    def _turn_away_arriving(self) -> None:
        """Who is in the middle of a handshake has not asked for anything yet."""
        for task in tuple(self._arriving):
            task.cancel()

    async def close(self) -> None:
        """Close every socket now. Handlers that still run are not touched: `drain` waits for
        them."""
        self._stop_accepting()
        self._service.draining = True
        self._sweep.stop()
        self._turn_away_arriving()
        for connection in tuple(self._service.connections):
            connection.abort()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WAIT_S):
                await self._service.emptied.wait()

    def _stop_accepting(self) -> None:
        if self._resume_timer is not None:
            self._resume_timer.cancel()
            self._resume_timer = None
        if self._listener is not None:
            self._service.loop.remove_reader(self._listener.fileno())
            self._listener.close()
            self._listener = None

    def _accept(self) -> None:
        assert self._listener is not None
        for _ in range(ACCEPTS_PER_WAKE):
            try:
                sock, address = self._listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as exc:
                if exc.errno not in _OUT_OF_ROOM:
                    continue  # that client is gone already (ECONNABORTED and its kin)
                self._pause_accepting(exc)
                return
            self._admit(sock, normal(address[0]))

    def _pause_accepting(self, exc: OSError) -> None:
        """The backlog keeps who comes; without the pause we would spin."""
        _log.error("cannot accept: %s", exc.strerror)
        assert self._listener is not None
        self._service.loop.remove_reader(self._listener.fileno())
        self._resume_timer = self._service.loop.call_later(ACCEPT_PAUSE_S, self._resume_accepting)

    def _resume_accepting(self) -> None:
        self._resume_timer = None
        assert self._listener is not None  # stopping cancels the timer
        self._service.loop.add_reader(self._listener.fileno(), self._accept)

    def _admit(self, sock: socket.socket, peer: str) -> None:
        sock.setblocking(False)
        full = self._why_full(sock.fileno(), peer, slack=0)
        if full and self._why_full(sock.fileno(), peer, slack=self._shed_max):
            sock.close()
            return
        self._service.admit(peer)
        task = spawn(self._connect(sock, peer, full), name="accept")
        if self._tls is not None or self._service.settings.proxy_protocol:
            self._arriving.add(task)
            task.add_done_callback(self._arriving.discard)

    def _why_full(self, fileno: int, peer: str, *, slack: int) -> str:
        """'' when there is room, within slack beyond each limit."""
        service, settings = self._service, self._service.settings
        if service.admitted >= settings.connections_max + slack or fileno >= self._fds_max + slack:
            return "This instance has as many connections as it can hold; try again later."
        return self._why_crowded(peer, slack - 1)

    def _why_crowded(self, source: str, slack: int = 0) -> str:
        """slack: -1 for a connection that is not counted yet."""
        if (
            self._service.sources[source]
            > self._service.settings.connections_per_source_max + slack
        ):
            return "This address has as many connections as it may; try again later."
        return ""

    async def _connect(self, sock: socket.socket, peer: str, full: str) -> None:
        service, source, trusted = self._service, peer, self._service.trusted
        connection: Connection | None = None
        try:
            if trusted is not None and not trusted.holds(peer):
                trusted = None
            elif trusted is not None and service.settings.proxy_protocol:
                source, trusted = await self._hear_balancer(sock, peer, trusted)
                full = full or self._why_crowded(source)
            is_https = self._tls is not None
            no = Draining(full) if full else None
            connection = Connection(
                service, source, is_https=is_https, trusted=trusted, turned_away=no
            )
            await self._attach(sock, connection)
        except (OSError, NoProxyHeader, asyncio.CancelledError):
            if connection is None or connection not in service.connections:
                service.release(source)
                sock.close()
            return
        if self._listener is None and not full:
            connection.retire()

    async def _hear_balancer(
        self, sock: socket.socket, peer: str, trusted: Trusted
    ) -> tuple[str, Trusted | None]:
        """The source that a PROXY header names, and whether what is forwarded in heads is believed:
        a balancer that passes bytes on passes on what its client typed there, too. Where it names
        none, it speaks for itself. Raises NoProxyHeader, OSError."""
        service = self._service
        try:
            async with asyncio.timeout(service.settings.head_timeout_s):
                header = await receive(sock, service.loop)
        except (NoProxyHeader, TimeoutError) as exc:
            self.proxy_headers_refused += 1
            _log.debug("a balancer's connection was closed: %s", exc or "no PROXY header in time")
            raise
        source = header.source or peer
        service.move(peer, source)  # the limit of each source is for callers, not for balancers
        return source, trusted if header.source and trusted.holds(source) else None

    async def _attach(self, sock: socket.socket, connection: Connection) -> None:
        """From here on the connection has the socket. Raises OSError: a handshake that failed or
        took too long is one."""
        service = self._service
        protocol = cast("asyncio.Protocol", connection)  # it is one by its methods
        if self._tls is None:
            await service.loop.connect_accepted_socket(lambda: protocol, sock)
            return
        settings = service.settings
        try:
            await service.loop.connect_accepted_socket(
                lambda: protocol,
                sock,
                ssl=self._tls.context,
                ssl_handshake_timeout=settings.head_timeout_s,
                ssl_shutdown_timeout=settings.write_timeout_s,
            )
        except OSError as exc:
            self.handshakes_failed += 1
            _log.debug("a TLS handshake failed: %s", exc)
            raise


def _split(listen: str) -> tuple[str, int]:
    """host:port, `[::1]:8080` for IPv6. Raises ListenFailed."""
    host, _, port = listen.rpartition(":")
    if not port.isdecimal() or int(port) > 65_535:
        raise ListenFailed(f"cannot listen on {listen}: it is not host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def listen_on(listen: str) -> socket.socket:
    """A listening socket; who comes waits in its backlog until a Server takes it over.
    TCP_NODELAY is inherited by what is accepted. Raises ListenFailed."""
    host, port = _split(listen)
    sock: socket.socket | None = None
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind | socket.SOCK_NONBLOCK, proto)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as exc:
        if sock is not None:
            sock.close()
        raise ListenFailed(f"cannot listen on {listen}: {exc.strerror}") from exc
    return sock
