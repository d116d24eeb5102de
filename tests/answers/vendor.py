"""A vendor that says byte for byte what a case tells it, on real sockets, a thread a connection.

A call names its case in its head; what names none that is hostile is answered as a vendor answers.
Each connection has a number, so that a test sees which one a call came over and whether it was used
again.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from tests.answers.corpus import Act, Step

ANSWER: Final = re.compile(rb"[ch]\d{5}x")
"""How a call names its case: `c…` is hostile, `h…` honest."""
WAIT_S: Final = 120.0
_PAUSE_S: Final = 0.05
_FLOOD_BYTES_MAX: Final = 256_000_000


@dataclass(slots=True)
class Script:
    """What is said to one call. early: before its body was read. nudge: waits until the gateway
    has taken all that was said so far. answered: set when the caller has its answer."""

    steps: list[Step]
    early: bool
    nudge: Callable[[], None]
    answered: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Heard:
    """A request. connection: its number."""

    connection: int
    head: bytes


class RawVendor:
    """honest: the answer to a call by the name of its case."""

    def __init__(self, honest: Callable[[bytes], bytes]) -> None:
        self._honest = honest
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.scripts: dict[bytes, Script] = {}
        self.heard: dict[bytes, list[Heard]] = {}
        self.strangers: list[bytes] = []
        """Heads of requests that name no case."""
        self.ended: set[int] = set()
        self.failures: list[BaseException] = []
        self._open: set[socket.socket] = set()
        self._count = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in tuple(self._open):
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._listener.accept()
                self._count += 1
                peer.settimeout(WAIT_S)
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open.add(peer)
                threading.Thread(target=self._run, args=(peer, self._count), daemon=True).start()

    def _run(self, peer: socket.socket, number: int) -> None:
        try:
            with peer:
                while self._exchange(peer, number):
                    pass
        except (OSError, TimeoutError):
            pass  # the gateway left, or the test is over
        except BaseException as exc:
            self.failures.append(exc)
        finally:
            self._open.discard(peer)
            self.ended.add(number)

    def _exchange(self, peer: socket.socket, number: int) -> bool:
        """One request and what is said to it. False when the connection is over."""
        head = _head(peer)
        if not head:
            return False
        named = ANSWER.search(head)
        if named is None:
            self.strangers.append(head)
            return False
        name = named[0]
        self.heard.setdefault(name, []).append(Heard(number, head))
        script = self.scripts.get(name)
        if script is None or not script.early:
            _read_body(peer, head)
        if script is None:
            peer.sendall(self._honest(name))
            return True
        return all(_did(step, peer, script) for step in script.steps)


def _did(step: Step, peer: socket.socket, script: Script) -> bool:
    """Say it, or do it. False if the connection is over by it."""
    if isinstance(step, bytes):
        peer.sendall(step)
        return True
    _ACTS[step.name](step, peer, script)
    return step.name not in ("close", "reset")


def _reset(_: Act, peer: socket.socket, __: Script) -> None:
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def _flood(act: Act, peer: socket.socket, _: Script) -> None:
    """Until the gateway has enough of it."""
    piece = act.data * max(1, 65_536 // len(act.data))
    for _sent in range(_FLOOD_BYTES_MAX // len(piece)):
        peer.sendall(piece)
    raise AssertionError("the gateway took all of it")


def _drip(act: Act, peer: socket.socket, _: Script) -> None:
    """A piece every now and then, until the gateway has enough of it."""
    peer.settimeout(_PAUSE_S)
    while True:
        with suppress(TimeoutError):
            if not peer.recv(65_536):
                return
        peer.sendall(act.data)


_ACTS: Final[dict[str, Callable[[Act, socket.socket, Script], object]]] = {
    "close": lambda _, peer, __: peer.close(),
    "end": lambda _, peer, __: peer.shutdown(socket.SHUT_WR),
    "reset": _reset,
    "taken": lambda _, __, script: script.nudge(),
    "answered": lambda _, __, script: script.answered.wait(WAIT_S),
    "flood": _flood,
    "drip": _drip,
}


def _head(peer: socket.socket) -> bytes:
    """b'' at the end of the connection. A call's head and body may come in one piece: the body is
    left where it is."""
    while True:
        seen = peer.recv(65_536, socket.MSG_PEEK)
        end = seen.find(b"\r\n\r\n") + 4
        if end > 3 or not seen:
            return peer.recv(end) if seen else b""


def _read_body(peer: socket.socket, head: bytes) -> None:
    found = re.search(rb"\r\ncontent-length: (\d+)\r\n", head.lower())
    missing = int(found[1]) if found else 0
    while missing:
        data = peer.recv(missing)
        if not data:
            raise ConnectionResetError
        missing -= len(data)
