"""What a service manager is told, and what it passes."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.run import systemd
from gateway.run.systemd import NotActivated, Notifier, forget, passed_sockets


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as door:
        door.bind(str(tmp_path / "notify"))
        yield door


def heard(door: socket.socket) -> list[str]:
    return door.recv(4_096).decode().split("\n")


def test_it_hears_of_each_step(manager: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.getsockname()})
    notifier.ready("serving")
    assert heard(manager) == ["READY=1", "STATUS=serving"]
    notifier.reloading()
    reloading, at = heard(manager)
    assert (reloading, at.partition("=")[0]) == ("RELOADING=1", "MONOTONIC_USEC")
    notifier.stopping("draining")
    assert heard(manager) == ["STOPPING=1", "STATUS=draining"]


def test_an_abstract_socket_has_no_file() -> None:
    name = f"keybrake-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.bind(f"\0{name}")
        Notifier({"NOTIFY_SOCKET": f"@{name}"}).tell("STATUS=here")
        assert heard(door) == ["STATUS=here"]


def test_nobody_there_is_no_trouble(tmp_path: Path) -> None:
    Notifier({}).ready("serving")
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready("serving")


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({}, 0),
        ({"WATCHDOG_USEC": "3000000"}, 3),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
    ],
)
def test_how_often_it_wants_to_hear(environ: dict[str, str], watchdog_s: float) -> None:
    assert Notifier(environ).watchdog_s == watchdog_s


async def test_only_who_is_healthy_says_so(manager: socket.socket) -> None:
    environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "2000"}
    told = iter((True, False, True))
    asked = asyncio.Event()

    def healthy() -> bool:
        answer = next(told, None)
        if answer is None:
            asked.set()
        return bool(answer)

    watching = asyncio.ensure_future(Notifier(environ).watch(healthy))
    await asked.wait()
    watching.cancel()
    await asyncio.wait((watching,))
    assert [heard(manager), heard(manager)] == [["WATCHDOG=1"]] * 2
    with pytest.raises(BlockingIOError):
        manager.recv(1)


async def test_who_is_not_asked_says_nothing() -> None:
    await Notifier({}).watch(lambda: True)


# -- sockets -----------------------------------------------------------------------------------


@pytest.fixture
def first_fd(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Two listening sockets at consecutive numbers, as systemd would pass them from 3 on."""
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    first = 900
    for number, one in enumerate(opened):
        os.dup2(one.detach(), first + number)
    monkeypatch.setattr(systemd, "FIRST_FD", first)
    yield first
    for number in (first, first + 1):
        try:
            os.close(number)
        except OSError:
            continue


def passed(count: int, names: str = "") -> dict[str, str]:
    told = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(count)}
    return told | ({"LISTEN_FDNAMES": names} if names else {})


@pytest.mark.parametrize(
    ("names", "order"),
    [
        ("", ["listen", "admin_listen"]),
        ("keybrake.socket:keybrake.socket", ["listen", "admin_listen"]),
        ("listen:admin_listen", ["listen", "admin_listen"]),
        ("admin_listen:listen", ["admin_listen", "listen"]),
    ],
)
def test_sockets_by_name_or_in_order(first_fd: int, names: str, order: list[str]) -> None:
    found = passed_sockets(passed(2, names))
    assert [(name, one.fileno()) for name, one in found.items()] == [
        (order[0], first_fd),
        (order[1], first_fd + 1),
    ]
    for one in found.values():
        assert not one.getblocking()
        assert not os.get_inheritable(one.fileno())
        assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        one.close()


def test_one_alone_may_be_the_admin_sides(first_fd: int) -> None:
    [(name, one)] = passed_sockets(passed(1, "admin_listen")).items()
    assert name == "admin_listen"
    one.close()


def test_what_was_for_another_process_is_not_taken() -> None:
    assert passed_sockets({}) == {}
    assert passed_sockets({"LISTEN_PID": "1", "LISTEN_FDS": "2"}) == {}
    assert passed_sockets({"LISTEN_PID": str(os.getpid())}) == {}


@pytest.mark.parametrize("names", ["", "listen:listen"])
def test_more_than_there_is_use_for(first_fd: int, names: str) -> None:
    with pytest.raises(NotActivated, match="one for each of listen, admin_listen"):
        passed_sockets(passed(2 if names else 3, names))


def test_a_socket_that_does_not_listen(first_fd: int, tmp_path: Path) -> None:
    with socket.socket() as plain:
        os.dup2(plain.fileno(), first_fd)
    with pytest.raises(NotActivated, match="no listening TCP socket"):
        passed_sockets(passed(1))


def test_children_do_not_hear_of_it() -> None:
    environ = passed(2) | {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1", "HOME": "/"}
    forget(environ)
    assert environ == {"HOME": "/"}
