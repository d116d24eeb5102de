"""HAProxy and nginx for tests, on the very files that deploy/ ships: only addresses, certificates
and the pace of health checks are put in. A listening socket is made here and handed on, so that no
port is guessed."""

from __future__ import annotations

import csv
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.house import ROOT, Answer, VaultKey, Wire, request_bytes
from tests.speaker import WAIT_S, until

DEPLOY: Final = ROOT / "deploy"
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin"


def tool(name: str) -> str:
    """Where it is. A missing one is an error: `make .venv/.balancer` brings it."""
    found = shutil.which(name, path=_PATH)
    assert found is not None, f"{name} is missing: make .venv/.balancer"
    return found


def shipped(name: str, changes: Mapping[str, str]) -> str:
    """A file of deploy/, with pieces of it replaced, each of which must be there."""
    text = (DEPLOY / name).read_text()
    for old, new in changes.items():
        assert old in text, f"deploy/{name} has no {old!r}"
        text = text.replace(old, new)
    return text


def call_through(
    address: str, host: str, key: VaultKey, path: str, body: bytes, content_type: str
) -> Answer:
    """A POST on a connection of its own, with a host name that the balancer goes by."""
    headers = {
        "Host": host,
        "Authorization": f"Bearer {key.secret}",
        "Content-Type": content_type,
    }
    with Wire(address) as wire:
        wire.send(request_bytes("POST", path, headers, body))
        return wire.answer()


@dataclass(frozen=True, slots=True)
class HAProxy:
    """address: of its callers' side. door: its admin socket."""

    address: str
    door: Path

    def say(self, command: str) -> str:
        """A command of its runtime API."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(WAIT_S)
            line.connect(str(self.door))
            line.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: line.recv(65_536), b"")).decode()

    def state(self, backend: str) -> str:
        """Of its one server: UP, DOWN, or on the way between."""
        rows = csv.DictReader(self.say("show stat").removeprefix("# ").splitlines())
        return next(row["status"] for row in rows if row["svname"] == row["pxname"] == backend)

    def leads_to(self, backend: str, address: str) -> None:
        """It moved; who waits for `UP` afterwards sees a check of the new place."""
        host, _, port = address.rpartition(":")
        self.say(f"set server {backend}/{backend} addr {host} port {port}")

    def until(self, backend: str, wanted: str) -> None:
        until(lambda: self.state(backend), lambda state: state == wanted)


@contextmanager
def haproxy(directory: Path, addresses: Sequence[str]) -> Iterator[HAProxy]:
    """Before two gateways, gw1.example.com and gw2.example.com."""
    door = directory / "haproxy.sock"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        changes = {
            "/run/haproxy/admin.sock": str(door),
            "maxconn 20000": "maxconn 1000",
            "bind :443 ssl crt /etc/haproxy/certs/ alpn http/1.1": f"bind fd@{fd}",
            "    bind :80\n": "",
            "    http-request redirect scheme https code 308 unless { ssl_fc }\n": "",
            "10.0.0.11:8080": addresses[0],
            "10.0.0.12:8080": addresses[1],
            "timeout check 5s": "timeout check 30s",
            "inter 1s fall 3 rise 2": "inter 100ms fall 1 rise 1",
        }
        file = directory / "haproxy.cfg"
        file.write_text(shipped("haproxy.cfg", changes))
        command = [tool("haproxy"), "-db", "-f", str(file)]
        with (
            (directory / "haproxy.log").open("wb") as log,
            subprocess.Popen(command, pass_fds=(fd,), stdout=log, stderr=log) as process,
        ):
            try:
                until(lambda: door.exists() or process.poll() is not None)
                assert process.poll() is None, (directory / "haproxy.log").read_text()
                port = listener.getsockname()[1]
                yield HAProxy(f"127.0.0.1:{port}", door)
            finally:
                process.terminate()


@contextmanager
def nginx(directory: Path, address: str) -> Iterator[str]:
    """Before one gateway, gw1.example.com. Gives the address of its callers' side."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd, port = listener.fileno(), listener.getsockname()[1]
        changes = {
            "worker_processes auto;": f"daemon off;\nworker_processes 1;\npid {directory}/pid;",
            "/var/log/nginx/access.log": str(directory / "access.log"),
            "listen 443 ssl;": f"listen 127.0.0.1:{port};",
            "        ssl_certificate     /etc/nginx/certs/keybrake.pem;\n": "",
            "        ssl_certificate_key /etc/nginx/certs/keybrake.key;\n": "",
            "        ssl_protocols TLSv1.2 TLSv1.3;\n": "",
            "10.0.0.11:8080": address,
            "        listen 80;\n": f"        listen unix:{directory}/plain;\n",
            "http {": "http {\n"
            + "".join(
                f"    {kind}_temp_path {directory}/{kind};\n"
                for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            ),
        }
        file = directory / "nginx.conf"
        file.write_text(shipped("nginx.conf", changes))
        command = [tool("nginx"), "-e", str(directory / "error.log"), "-c", str(file)]
        env = {**os.environ, "NGINX": f"{fd};"}  # as at an upgrade of its own: it takes this socket
        with subprocess.Popen(command, pass_fds=(fd,), env=env) as process:
            try:
                yield f"127.0.0.1:{port}"
            finally:
                process.terminate()
