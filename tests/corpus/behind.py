"""nginx and HAProxy behind the gateway: reverse proxies that stand for a vendor, and count."""

from __future__ import annotations

import csv
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.integration.balancers import HAProxy, tool
from tests.speaker import until

_NGINX: Final = """\
daemon off;
worker_processes 1;
pid {directory}/behind.pid;
events {{ worker_connections 1024; }}
http {{
    log_format lines '$status $request_method $request_uri';
    access_log {directory}/behind.log lines;
    client_body_temp_path {directory}/behind_body;
    proxy_temp_path {directory}/behind_proxy;
    fastcgi_temp_path {directory}/behind_fastcgi;
    uwsgi_temp_path {directory}/behind_uwsgi;
    scgi_temp_path {directory}/behind_scgi;
    upstream tape {{ server 127.0.0.1:{tape}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{port};
        merge_slashes off;
        client_max_body_size 64m;
        large_client_header_buffers 4 32k;
        location / {{
            proxy_pass http://tape;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_next_upstream off;
        }}
    }}
}}
"""
_HAPROXY: Final = """\
global
    stats socket {directory}/behind.sock mode 600 level admin
    maxconn 1000
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
    retries 0
"""
_HAPROXY_SIDE: Final = """\
frontend front{number}
    bind fd@{fd}
    default_backend back{number}
backend back{number}
    server tape 127.0.0.1:{port}
"""


@dataclass(frozen=True, slots=True)
class NginxBehind:
    address: str
    log: Path

    def count(self) -> int:
        """Requests that it carried."""
        return sum(line.startswith("200 ") for line in self._lines())

    def others(self) -> set[str]:
        """The statuses of those that it did not carry. 400 and 499: they broke off."""
        return {line[:3] for line in self._lines()} - {"200"}

    def _lines(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@dataclass(frozen=True, slots=True)
class HAProxyBehind:
    addresses: Sequence[str]
    door: HAProxy

    def counts(self) -> list[int]:
        """Requests at each of its doors."""
        rows = csv.DictReader(self.door.say("show stat").removeprefix("# ").splitlines())
        return [int(row["req_tot"]) for row in rows if row["svname"] == "FRONTEND"]


@contextmanager
def nginx_behind(directory: Path, tape: int) -> Iterator[NginxBehind]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd, port = listener.fileno(), listener.getsockname()[1]
        file = directory / "behind.nginx.conf"
        file.write_text(_NGINX.format(directory=directory, tape=tape, port=port))
        command = [tool("nginx"), "-e", str(directory / "behind.error.log"), "-c", str(file)]
        env = {**os.environ, "NGINX": f"{fd};"}
        with subprocess.Popen(command, pass_fds=(fd,), env=env) as process:
            try:
                yield NginxBehind(f"127.0.0.1:{port}", directory / "behind.log")
            finally:
                process.terminate()


@contextmanager
def haproxy_behind(directory: Path, tapes: Sequence[int]) -> Iterator[HAProxyBehind]:
    """One door for each port of the tape."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in tapes]
    fds = [listener.fileno() for listener in listeners]
    sides = (
        _HAPROXY_SIDE.format(number=number, fd=fd, port=port)
        for number, (fd, port) in enumerate(zip(fds, tapes, strict=True))
    )
    file = directory / "behind.haproxy.cfg"
    file.write_text(_HAPROXY.format(directory=directory) + "".join(sides))
    addresses = [f"127.0.0.1:{listener.getsockname()[1]}" for listener in listeners]
    door = HAProxy(addresses[0], directory / "behind.sock")
    with subprocess.Popen([tool("haproxy"), "-db", "-f", str(file)], pass_fds=fds) as process:
        try:
            until(lambda: door.door.exists() or process.poll() is not None)
            yield HAProxyBehind(addresses, door)
        finally:
            process.terminate()
            for listener in listeners:
                listener.close()
