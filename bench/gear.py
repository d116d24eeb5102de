"""What a benchmark needs and the gateway does not: Debian's wrk and nginx, and environments of
their own for peers and for what draws. Each is set up on first use; what cannot be had is said in
one line, and the run goes on without it.

An environment is `.venv/peers/NAME`, made from a file of pins with hashes beside this
(`peers/NAME.txt`, `tools/tools.txt`); a stamp in it remembers which pins it was made from.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
BENCH: Final = Path(__file__).resolve().parent
ENVIRONMENTS: Final = ROOT / ".venv" / "peers"
SECONDS_MAX: Final = 900.0
_ADMIN_PATH: Final = ("/usr/sbin", "/sbin", "/usr/local/sbin")
Tell = Callable[[str], None]


class Unavailable(Exception):
    """One line: what is not here, and how to get it."""


def program(name: str, package: str, tell: Tell) -> str:
    """The path of a program of Debian's; installed where we may. Raises Unavailable."""
    found = _which(name)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        tell(f"installing {package} …")
        install(package)
        found = _which(name)
    if found is None:
        raise Unavailable(f"{name} is not installed; on Debian: apt-get install {package}")
    return found


def install(package: str) -> None:
    """By apt-get, and no service of it is started. What goes wrong shows in its absence."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for words in (["update"], ["install", "--no-install-recommends", "-y", package]):
        subprocess.run(
            ["apt-get", "-qq", *words],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=False,
        )


def _which(name: str) -> str | None:
    """On Debian a daemon lies where only root's path leads."""
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(_ADMIN_PATH))


def environment(pins: Path, tell: Tell) -> Path:
    """The folder of its programs. Raises Unavailable."""
    home = ENVIRONMENTS / pins.stem
    stamp, wanted = home / "pins.sha256", hashlib.sha256(pins.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        tell(f"setting up {home.relative_to(ROOT)} …")
        shutil.rmtree(home, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(home)], pins)
        _run([str(home / "bin" / "python"), "-m", "pip", *_PIP, "-r", str(pins)], pins)
        stamp.write_text(wanted)
    return home / "bin"


_PIP: Final = (
    "--quiet", "--disable-pip-version-check", "--no-input", "install",
    "--only-binary", ":all:", "--require-hashes", "--no-deps",
)  # fmt: skip


def _run(command: list[str], pins: Path) -> None:
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=SECONDS_MAX,
            check=True,
        )
    except subprocess.CalledProcessError as exc:
        said = [line for line in exc.stderr.splitlines() if not line.startswith("WARNING")]
        why = said[-1] if said else f"exit code {exc.returncode}"
        raise Unavailable(f"{pins.relative_to(ROOT)} cannot be installed: {why}") from exc
    except subprocess.TimeoutExpired as exc:
        raise Unavailable(
            f"{pins.relative_to(ROOT)} was not installed in {SECONDS_MAX:.0f} s"
        ) from exc


def certificate(folder: Path) -> Path | None:
    """A self-signed certificate for 127.0.0.1 and its key, in one file, good for two days. None
    without openssl, which every Debian has that trusts anybody."""
    openssl = _which("openssl")
    if openssl is None:
        return None
    path, key = folder / "vendor.pem", folder / "vendor.key"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return path
