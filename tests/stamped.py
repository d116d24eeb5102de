"""A vendor that knows to the microsecond when each request's first byte was sent to it.

On loopback the kernel puts its time on a packet while the sender is still in its system call
(SO_TIMESTAMPNS), so what these stamps say of before and after does not depend on who was scheduled
when. `Stamped` reads an answer of the gateway's with the same clock.
"""

from __future__ import annotations

import heapq
import re
import select
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from time import monotonic
from typing import Final

SO_TIMESTAMPNS: Final = 35
"""Linux; Python has no name for it."""
_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_NAME: Final = re.compile(rb"k\d{5}n\d{6}")


def read_stamped(peer: socket.socket) -> tuple[bytes, int]:
    """What came, and when the first of it was sent, in nanoseconds of the kernel's wall clock."""
    data, extra, _, _ = peer.recvmsg(65_536, 1_024)
    for level, kind, value in extra:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, rest = struct.unpack("qq", value[:16])
            return data, seconds * 1_000_000_000 + rest
    assert not data, "the kernel did not say when"
    return data, 0


def stamping(peer: socket.socket) -> socket.socket:
    peer.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return peer


@dataclass(slots=True)
class Arrival:
    """A request. name: of the call it belongs to, look-ups too. at_ns: when its first byte was
    sent. cut: the gateway closed before it was answered."""

    name: str
    look: bool
    at_ns: int
    answered: bool = False
    cut: bool = False


@dataclass(slots=True)
class _Peer:
    socket: socket.socket
    got: bytes = b""
    at_ns: int = 0
    waiting: Arrival | None = None


@dataclass(slots=True)
class StampedVendor:
    """Answers each request after a while of chance. answer: by name and whether it is a look-up."""

    answer: Callable[[str, bool], bytes]
    latency_s: float
    random: Random
    arrivals: list[Arrival] = field(default_factory=list)
    failure: BaseException | None = None
    url: str = ""
    _listener: socket.socket = field(init=False)
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def start(self) -> None:
        self._listener = stamping(socket.create_server(("127.0.0.1", 0), backlog=512))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()
        assert self.failure is None, self.failure

    def _serve(self) -> None:
        peers: dict[int, _Peer] = {}
        try:
            with selectors.EpollSelector() as ready:
                ready.register(self._listener, select.EPOLLIN)
                self._loop(ready, peers)
        except BaseException as exc:
            self.failure = exc
        finally:
            self._listener.close()
            for peer in peers.values():
                peer.socket.close()

    def _loop(self, ready: selectors.EpollSelector, peers: dict[int, _Peer]) -> None:
        due: list[tuple[float, int, Arrival]] = []
        while not self._ending.is_set():
            for key, _ in ready.select(0.001 if due else 0.05):
                if key.fileobj is self._listener:
                    peer = _Peer(stamping(self._listener.accept()[0]))
                    peers[peer.socket.fileno()] = peer
                    ready.register(peer.socket, select.EPOLLIN)
                elif not self._read(peers[key.fd], due):
                    ready.unregister(key.fileobj)
                    peers.pop(key.fd).socket.close()
            while due and due[0][0] <= monotonic():
                _, fd, arrival = heapq.heappop(due)
                peer_now = peers.get(fd)
                if peer_now is not None and peer_now.waiting is arrival:
                    peer_now.waiting, arrival.answered = None, True
                    peer_now.socket.send(self.answer(arrival.name, arrival.look))

    def _read(self, peer: _Peer, due: list[tuple[float, int, Arrival]]) -> bool:
        """False at the connection's end."""
        try:
            data, at_ns = read_stamped(peer.socket)
        except ConnectionResetError:
            data, at_ns = b"", 0
        if not data:
            if peer.waiting is not None:
                peer.waiting.cut = True
            return False
        peer.at_ns = peer.at_ns if peer.got else at_ns
        peer.got += data
        head, found, body = peer.got.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if found and len(body) >= (int(length[1]) if length else 0):
            name = _NAME.search(peer.got)
            assert name is not None, peer.got
            arrival = Arrival(name[0].decode(), head.startswith(b"GET "), peer.at_ns)
            self.arrivals.append(arrival)
            peer.got, peer.waiting = b"", arrival
            late_s = self.random.random() * self.latency_s
            heapq.heappush(due, (monotonic() + late_s, peer.socket.fileno(), arrival))
        return True
