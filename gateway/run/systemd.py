"""What systemd asks of a service, without its library: telling how it goes (sd_notify), the
watchdog, and sockets that it opened for us (socket activation).

It is three small protocols over environment variables and a datagram: `sdnotify` on PyPI does the
first of them and was last released in 2016, `systemd-python` wants systemd's headers and a
compiler at install time. So it is here. Without systemd's variables nothing of it does anything.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Final

FIRST_FD: Final = 3
"""systemd passes its sockets from here on."""
NAMES: Final = ("listen", "admin_listen")
_OURS: Final = (
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
)


class NotActivated(Exception):
    """One line: why a socket that was passed cannot be used."""


class Notifier:
    """Tells the service manager. watchdog_s: how often it wants to hear that we live, 0 for
    never."""

    __slots__ = ("_address", "watchdog_s")

    def __init__(self, environ: Mapping[str, str]) -> None:
        name = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        usec = environ.get("WATCHDOG_USEC", "")
        self.watchdog_s = int(usec) / 1_000_000 if usec.isdecimal() and meant else 0.0

    def tell(self, *lines: str) -> None:
        """One datagram. A manager that does not listen must not stop a call, so nothing is raised
        and nothing waits."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as door:
            try:
                door.sendto("\n".join(lines).encode(), self._address)
            except OSError:
                return

    def ready(self, status: str) -> None:
        self.tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Type=notify-reload wants to know when it began, to tell this from an earlier one."""
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
        self.tell("RELOADING=1", f"MONOTONIC_USEC={now_us}")

    def stopping(self, status: str) -> None:
        self.tell("STOPPING=1", f"STATUS={status}")

    async def watch(self, healthy: Callable[[], bool]) -> None:
        """Until it is cancelled: say that we live, twice in the time that is allowed, from the loop
        that carries the calls. One that hangs, or is not healthy, says nothing, and is ended."""
        while self.watchdog_s:
            if healthy():
                self.tell("WATCHDOG=1")
            await asyncio.sleep(self.watchdog_s / 2)


def passed_sockets(environ: Mapping[str, str]) -> dict[str, socket.socket]:
    """Listening sockets that systemd opened, by the setting that they stand for: FileDescriptorName
    says which, else the first is `listen` and the second `admin_listen`. Raises NotActivated."""
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    count = environ.get("LISTEN_FDS", "")
    told = environ.get("LISTEN_FDNAMES", "").split(":")
    fds = range(FIRST_FD, FIRST_FD + int(count)) if count.isdecimal() else range(0)
    names = told if len(told) == len(fds) and set(told) <= set(NAMES) else NAMES
    if len(fds) > len(NAMES) or len(set(names)) != len(names):
        raise NotActivated(f"{len(fds)} sockets were passed: one for each of {', '.join(NAMES)}")
    return {name: _listener(fd) for fd, name in zip(fds, names, strict=False)}


def _listener(fd: int) -> socket.socket:
    os.set_inheritable(fd, False)
    passed = socket.socket(fileno=fd)
    listens = passed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if passed.family not in (socket.AF_INET, socket.AF_INET6) or not listens:
        passed.close()
        raise NotActivated(f"file descriptor {fd} is no listening TCP socket")
    passed.setblocking(False)
    passed.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return passed


def forget(environ: MutableMapping[str, str]) -> None:
    """What was for this process is not for its children."""
    for name in _OURS:
        environ.pop(name, None)
