"""The gateway as people get it, installed and as one file: the same walk through both.

`make binary` builds the file. It is started with an environment of its own, in a folder of its own,
and at last below a root where there is nothing but glibc: no Python, no certificates, no zones.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import ADMIN_KEY, ROOT, STRIPE_SECRET, Answer, Gateway, VaultKey
from tests.speaker import INTENT, WAIT_S, Meanwhile, until
from tests.vendor_double import CERTIFICATE

BINARY: Final = ROOT / "dist" / "keybrake"
INTENTS: Final = "/v1/payment_intents"
DEMO_TIMEOUT_S: Final = 180.0
SANDBOXED: Final = """
[server]
listen = "127.0.0.1:0"
[ledger]
shards = ["sqlite:ledger-0.db"]
audit = "sqlite:audit.db"
[vendors.stripe]
sandbox = true
[vendors.resend]
sandbox = true
[vendors.twilio]
sandbox = true
"""
ACME: Final = """
[vendors.acme.accounts.default]
secret = "env:ACME_KEY"
"""
LIBC: Final = ("ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libpthread.so.0", "librt.so.1")
LIBC_MORE: Final = ("libdl.so.2", "libresolv.so.2", "libutil.so.1")
BARE: Final = (
    "--map-root-user",
    "--mount",
    "sh",
    "-ec",
    "for own in proc dev; do mkdir -p $own; mount --rbind /$own $own; done; "
    'exec chroot . /keybrake "$@"',
    "sh",
)
"""What `unshare` does before it becomes the gateway, with the same pid: a root of its own."""


@dataclass(slots=True)
class OneFile(Gateway):
    """dist/keybrake, in an environment that holds nothing but what it is told."""

    python: str = str(BINARY)
    program: tuple[str, ...] = ()

    def _environment(self) -> dict[str, str]:
        return {
            "KEYBRAKE_ADMIN_KEY": ADMIN_KEY,
            "KEYBRAKE_DEBUGGABLE": "1",  # its maps are read from here
            "STRIPE_SECRET_KEY": STRIPE_SECRET,
            **self.env,
        }


@dataclass(slots=True)
class Bare(OneFile):
    """The same below a root of its own, which is the gateway's directory."""

    python: str = "unshare"
    program: tuple[str, ...] = BARE

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "KEYBRAKE_ADMIN_KEY": ADMIN_KEY}


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    assert BINARY.exists(), "make binary builds what this is about"


@pytest.fixture(params=[Gateway, OneFile], ids=["installed", "one-file"])
def kind(request: pytest.FixtureRequest) -> type[Gateway]:
    made: type[Gateway] = request.param
    return made


@pytest.fixture
def house(kind: type[Gateway], vendor: Sandbox, tmp_path: Path) -> Iterator[Gateway]:
    with kind.start(tmp_path, vendor.base_url) as running:
        yield running


def command(kind: type[Gateway]) -> list[str]:
    """`keybrake`, as this kind has it."""
    return [str(BINARY)] if kind is OneFile else [str(ROOT / ".venv" / "bin" / "keybrake")]


def told(kind: type[Gateway], *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command to its end, in an empty environment."""
    return subprocess.run(
        [*command(kind), *words],
        cwd=cwd,
        env={},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEMO_TIMEOUT_S,
        check=False,
    )


def pay(house: Gateway, key: VaultKey) -> Answer:
    return house.call(key, "POST", INTENTS, form=INTENT)


# -- the same walk through both ------------------------------------------------------------------


def test_it_brakes_and_the_books_outlive_a_kill(house: Gateway, vendor: Sandbox) -> None:
    assert house.request("GET", "/readyz").status == 200
    key = house.make_key(daily_usd_cap="20", timezone="Europe/Berlin")
    assert pay(house, key).headers["keybrake-cost-usd"] == "12.00"
    refused = pay(house, key)
    assert (refused.status, refused.error) == (429, "daily_cap_exceeded")
    house.kill()
    house.restart()
    assert house.record(key)["spent_usd"] == "12.00"
    assert pay(house, key).status == 429
    assert vendor.charged() == 1200
    assert house.stop() == 0
    verified = house.run("ledger", "verify")
    assert (verified.returncode, verified.stderr) == (0, "the books are whole\n")


def test_a_copy_of_the_books_is_verified_by_a_process_of_its_own(house: Gateway) -> None:
    made = house.admin("POST", "/vault/backup")
    assert (made.status, made.json()["verified"]) == (200, True), made


def test_the_dashboard_and_all_that_its_first_page_loads(house: Gateway) -> None:
    page = house.request("GET", "/dashboard/sign-in")
    assert page.status == 200
    loaded = re.findall(r'(?:href|src)="(/dashboard/static/[^"]+)"', page.body.decode())
    assert {re.sub(r".*/|\?.*", "", path) for path in loaded} >= {
        *("keybrake.css", "keybrake.js", "keybrake.svg"),
        *("htmx.min.js", "pico.min.css"),
    }
    for path in loaded:
        answer = house.request("GET", path)
        assert (answer.status, len(answer.body) > 100) == (200, True), path
        assert "immutable" in answer.headers["cache-control"], path


def test_sigterm_lets_a_call_in_flight_finish(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key()
    vendor.behave(path=INTENTS, latency_ms=500)
    call = Meanwhile(lambda: pay(house, key))
    until(lambda: vendor.stats()["posts"].get(INTENTS))
    house.terminate()
    assert call.result().status == 200
    assert house.wait() == 0
    assert vendor.charged() == 1200


def test_the_process_that_is_started_tells_systemd_and_takes_sighup(
    kind: type[Gateway], vendor: Sandbox, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        door.settimeout(WAIT_S)
        door.bind(str(tmp_path / "notify"))
        env = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with kind.start(tmp_path, vendor.base_url, env=env) as house:
            assert heard(door, "READY=1") == house.pid
            os.kill(house.pid, signal.SIGHUP)
            assert heard(door, "RELOADING=1") == house.pid
            assert heard(door, "READY=1") == house.pid
            assert house.stop() == 0
        assert heard(door, "STOPPING=1") > 0


def heard(door: socket.socket, wanted: str) -> int:
    """The pid that sends the next message with this line."""
    while True:
        data, ancillary, _, _ = door.recvmsg(4_096, socket.CMSG_SPACE(12))
        if wanted in data.decode().split("\n"):
            return int(struct.unpack("3i", ancillary[0][2])[0])


def test_a_vendor_behind_tls(kind: type[Gateway], tmp_path: Path) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *said: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"https://localhost:{server.server_port}"
    with kind.start(tmp_path, url, stripe=f'ca_file = "{CERTIFICATE}"') as house:
        answer = house.call(house.make_key(), "GET", "/v1/customers/cus_1")
        assert (answer.status, answer.body) == (200, b"{}")
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_demo(kind: type[Gateway], tmp_path: Path) -> None:
    done = told(kind, "demo", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "daily_cap_exceeded" in done.stdout
    assert not list(tmp_path.iterdir())


def test_which_of_the_two_it_is(kind: type[Gateway], tmp_path: Path) -> None:
    done = told(kind, "--version", cwd=tmp_path)
    assert re.fullmatch(r"keybrake \d+\.\d+\.\d+( \(binary, Python 3\.\d+\.\d+\))?\n", done.stdout)
    assert ("binary" in done.stdout) is (kind is OneFile)


# -- what is of the file alone -------------------------------------------------------------------


def test_it_needs_glibc_and_no_other_library() -> None:
    done = subprocess.run(
        ["readelf", "--dynamic", str(BINARY)], capture_output=True, text=True, check=True
    )
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", done.stdout))
    assert needed <= {*LIBC, *LIBC_MORE}


def test_it_says_whose_work_is_inside(tmp_path: Path) -> None:
    text = told(OneFile, "--licences", cwd=tmp_path).stdout
    for name in ("libpython3", "libssl3", "libsqlite3", "uvloop", "Jinja2", "htmx", "uPlot"):
        assert re.search(rf"^{name}.* \(", text, re.MULTILINE), name


def test_nothing_around_it_is_run(tmp_path: Path) -> None:
    """Neither Python's variables nor modules that lie in the way."""
    for name in ("gateway", "site", "sitecustomize", "encodings", "orjson"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this was not meant to run')")
    done = subprocess.run(
        [str(BINARY), "--version"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PYTHONHOME": str(tmp_path), "PYTHONSTARTUP": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_vendor_of_the_operators_own_lies_in_a_folder(tmp_path: Path) -> None:
    """Which holds what `pip install --target` makes."""
    shutil.copy2(ROOT / "tests" / "acme_vendor" / "acme_vendor.py", tmp_path)
    facts = tmp_path / "acme_vendor-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-vendor\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[keybrake.vendors]\nacme = acme_vendor:ACME\n")
    (tmp_path / "gateway.toml").write_text(ACME)
    for env, code in (({"KEYBRAKE_PACKAGES": str(tmp_path)}, 0), ({}, 2)):
        done = subprocess.run(
            [str(BINARY), "config", "check"],
            cwd=tmp_path,
            env={**env, "ACME_KEY": "acme_live_0123456789abcdef"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr


def test_a_running_one_may_be_replaced(vendor: Sandbox, tmp_path: Path) -> None:
    """What it has not imported yet still comes from the file that it was started from."""
    program = tmp_path / "keybrake"
    shutil.copy2(BINARY, program)
    with OneFile.start(tmp_path, vendor.base_url) as house:
        house.kill()
        house.python = str(program)
        house.restart()
        (tmp_path / "next").write_bytes(b"another version")
        (tmp_path / "next").replace(program)
        assert house.request("GET", "/dashboard/sign-in").status == 200  # imports Jinja2
        assert house.stop() == 0


# -- a root with nothing in it -------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Of files it has those of glibc, the binary and some settings."""
    for name in (*LIBC, *LIBC_MORE):
        source = _library(name)
        target = tmp_path / str(source).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source.resolve(), target)
    shutil.copy2(BINARY, tmp_path / "keybrake")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "gateway.toml").write_text(SANDBOXED)
    return tmp_path


def _library(name: str) -> Path:
    places = (Path("/lib64"), Path("/lib/x86_64-linux-gnu"), Path("/lib"))
    return next(place / name for place in places if (place / name).exists())


def may_have_a_root_of_its_own() -> bool:
    """Not in a container that may not mount."""
    trial = ["unshare", *BARE[:2], "sh", "-c", "mount --rbind /proc /proc"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def test_on_a_machine_with_nothing_but_glibc(root: Path) -> None:
    if not may_have_a_root_of_its_own():
        pytest.skip("this container may not mount, so there is no root to start it below")
    with Bare(root, {}) as house:
        house.restart()
        assert house.request("GET", "/readyz").json()["sandbox"] == ["resend", "stripe", "twilio"]
        key = house.make_key(daily_usd_cap="20", timezone="Asia/Tokyo")
        assert pay(house, key).status == 200
        assert pay(house, key).error == "daily_cap_exceeded"
        assert house.request("GET", "/dashboard/sign-in").status == 200
        assert Path(f"/proc/{house.pid}/root/keybrake").samefile(root / "keybrake")
        assert programs_in(house.pid) <= {"keybrake", "memfd", *LIBC, *LIBC_MORE}
        assert house.stop() == 0


def programs_in(pid: int) -> set[str]:
    """Names of the files whose code a process has mapped."""
    maps = Path(f"/proc/{pid}/maps").read_text()
    paths = re.findall(r"^\S+ ..x. \S+ \S+ \S+ +/(.+)$", maps, re.MULTILINE)
    return {path.partition(":")[0].rpartition("/")[2] for path in paths}
