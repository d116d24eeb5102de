"""Our own stand-ins for vendors without credentials: child processes that end with us.

A stand-in is `python -m bench.sandbox stripe`, never imported here: the gateway speaks to it over a
socket, as to any vendor. It says where it listens in one line of JSON on stdout, and ends when its
stdin does, so that even a gateway that was killed leaves none behind. They start side by side, and
are up before the event loop begins.
"""

from __future__ import annotations

import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.machinery import PathFinder
from importlib.util import find_spec
from typing import Final

import orjson

from gateway.run.modules import product_hosts
from gateway.settings import Settings, VendorSettings
from vendors.contract import Credential, Vendor

READY_TIMEOUT_S: Final = 15.0
"""From starting a stand-in to its line. Importing takes 0.3 s; a loaded machine takes more."""
STOP_TIMEOUT_S: Final = 5.0


class SandboxFailed(Exception):
    """A stand-in did not start. One line."""


def command(vendor: str, *more: str) -> list[str]:
    """What starts a stand-in."""
    return [sys.executable, "-m", "bench.sandbox", vendor, *more]


@contextmanager
def sandboxes(settings: Settings, known: Mapping[str, Vendor]) -> Iterator[Settings]:
    """A stand-in for each vendor without credentials, and the settings that lead there; at the end
    all of them are stopped. Raises SandboxFailed, and then none is left running."""
    vendors: dict[str, VendorSettings] = dict(settings.vendors)
    with ExitStack() as running:
        started = {
            name: running.enter_context(_process(name, _secrets(vendor)))
            for name, vendor in settings.vendors.items()
            if vendor.sandbox
        }
        for name, process in started.items():
            vendors[name] = pointed_at(vendors[name], known[name], _address(name, process))
        yield replace(settings, vendors=vendors)


def led_back(
    began: Settings, now: Settings, wanted: Settings, known: Mapping[str, Vendor]
) -> tuple[Settings, list[str]]:
    """Settings that were read again: a vendor without credentials is led to the stand-in that runs
    since the start, if that knows the credentials. Where none does, the vendor stays as it is now,
    and is named: a process is not started among calls. began: as `sandboxes` gave them."""
    vendors, missing = dict(wanted.vendors), []
    for name, vendor in wanted.vendors.items():
        if not vendor.sandbox:
            continue
        ours = began.vendors.get(name)
        if ours is not None and ours.sandbox and set(_secrets(vendor)) <= set(_secrets(ours)):
            vendors[name] = pointed_at(vendor, known[name], ours.base_url)
            continue
        missing.append(f"vendors.{name}.sandbox")
        del vendors[name]
        if name in now.vendors:
            vendors[name] = now.vendors[name]
    return replace(wanted, vendors=vendors), missing


def has_stand_in(vendor: str) -> bool:
    """Is there one of this vendor? Looks where it would lie, and imports nothing of it."""
    spec = find_spec("bench")
    for name in ("bench.sandbox", f"bench.sandbox.{vendor}"):
        if spec is None or spec.submodule_search_locations is None:
            return False
        spec = PathFinder.find_spec(name, spec.submodule_search_locations)
    return spec is not None


def secret_text(credential: Credential) -> str:
    """A credential as a stand-in takes it: `SECRET`, `AC…:TOKEN`, `AC…:SK…:SECRET`."""
    parts = (credential.account, credential.api_key, credential.secret)
    return ":".join(part for part in parts if part)


def _secrets(vendor: VendorSettings) -> list[str]:
    return sorted({secret_text(account.credential()) for account in vendor.accounts.values()})


@contextmanager
def _process(vendor: str, secrets: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """One stand-in on its way up. secrets: the credentials it accepts."""
    keys = [word for secret in secrets for word in ("--secret", secret)]
    with subprocess.Popen(
        command(vendor, "--listen", "127.0.0.1:0", "--exit-with-parent", *keys),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the gateway, which still has calls to finish
    ) as process:
        try:
            yield process
        finally:
            _stop(process)


def pointed_at(vendor: VendorSettings, known: Vendor, base_url: str) -> VendorSettings:
    """The same vendor at another address, all its hosts with it: nothing may still lead to the real
    one."""
    return replace(vendor, base_url=base_url, hosts=product_hosts(known, base_url))


def read_ready_line(pipe: int, timeout_s: float) -> bytes:
    """What a child says when it is up: one line from a pipe; what came until then if the pipe ends.
    Raises TimeoutError."""
    line, deadline_s = b"", time.monotonic() + timeout_s
    with open(pipe, "rb", buffering=0, closefd=False) as source:
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([source], [], [], max(0.0, deadline_s - time.monotonic()))
            if not ready:
                raise TimeoutError
            piece = source.read(4_096)
            if not piece:
                break
            line += piece
    return line


def _address(vendor: str, process: subprocess.Popen[bytes]) -> str:
    """Where it listens, once it does. Raises SandboxFailed."""
    assert process.stdout is not None
    try:
        line = read_ready_line(process.stdout.fileno(), READY_TIMEOUT_S)
        return f"http://{orjson.loads(line)['address']}"
    except TimeoutError:
        why = "said nothing in time"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        why = "ended without saying where it listens"
    raise SandboxFailed(f"the {vendor} sandbox did not start: it {why}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Close its stdin and wait; kill it if it does not end by itself."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
