"""The processes on stage: a vendor, the gateway in its modes, its peers.

All run at once for the whole benchmark, idle but for the one whose turn it is: the program under
test on one core, load and vendor on another. Who there is, and how each is started: `cast.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import gear, load
from bench.doors import ask, free_port, make_vault_key, wait_ready
from bench.machine import Process, allow_descriptors, cores
from bench.shots import CHARGE, FORM, READ, Shot

__all__ = [
    "CHARGE",
    "FORM",
    "READ",
    "ROOT",
    "SECRET",
    "Carrier",
    "Contender",
    "Shot",
    "Stage",
    "ask",
    "check_answers",
    "free_port",
    "make_vault_key",
    "stage",
    "wait_ready",
]

ROOT: Final = gear.ROOT
SECRET: Final = "sk_test_" + "51Hbench0" * 11
"""As long as Stripe's are: a short one takes longer to look for in what comes back."""
ALWAYS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Contender:
    """One program in one mode under one kind of call. process None: straight to the vendor.
    callers: the fewest and the most that it is asked to serve."""

    name: str
    shot: Shot
    address: str
    bearer: str
    prefix: str
    process: Process | None
    callers: tuple[int, int] = (1, ALWAYS)

    def serves(self, callers: int) -> bool:
        least, most = self.callers
        return least <= callers <= most


@dataclass(frozen=True, slots=True)
class Carrier:
    """One program as it leads to the vendor of big bodies."""

    name: str
    address: str
    bearer: str
    prefix: str
    process: Process | None


class Stage:
    """All processes of a benchmark, started and stopped together. vendor: its process, and its
    addresses by what they answer. left_out: who could not come, and why."""

    __slots__ = ("_closing", "carriers", "certificate", "contenders", "core", "left_out",
                 "load_core", "var", "vendor", "wrk")  # fmt: skip

    def __init__(self, closing: contextlib.ExitStack, var: Path, certificate: Path | None) -> None:
        self._closing = closing
        self.core, self.load_core = cores()
        self.var = var
        self.certificate = certificate
        self.contenders: list[Contender] = []
        self.carriers: list[Carrier] = []
        self.left_out: list[str] = []
        self.wrk: str | None = None
        tls = ["--tls-cert", str(certificate)] if certificate is not None else []
        process = self.start(
            "vendor", [sys.executable, "-m", "bench.vendor", *tls], core=self.load_core
        )
        self.vendor: tuple[Process, Mapping[str, str]] = process, process.first_line()

    def start(self, name: str, command: Sequence[str], *, core: int | None, **env: str) -> Process:
        """A process that ends with the benchmark. Its stderr goes to a file."""
        log = self.var / f"{name.replace(' ', '-')}.log"
        return self._closing.enter_context(
            Process(name, command, core=core, env=env, log=log, cwd=ROOT)
        )

    def leave_out(self, why: str, tell: gear.Tell) -> None:
        """Somebody has no figures for something: it is told at once and again at the end."""
        self.left_out.append(why)
        tell(f"left out: {why}")


@contextlib.contextmanager
def stage(*, tls: bool = False) -> Iterator[Stage]:
    """An empty stage with its vendor, until the end of the block. Ledgers lie below the checkout,
    on a real disk: on a memory file system a sync would cost nothing. tls: the vendor has a
    certificate, where one can be made."""
    allow_descriptors()
    var = ROOT / "var" / f"bench-{os.getpid()}"
    var.mkdir(parents=True)
    with contextlib.ExitStack() as closing:
        closing.callback(shutil.rmtree, var)
        yield Stage(closing, var, gear.certificate(var) if tls else None)


def check_answers(contender: Contender) -> None:
    """One call before any load. Raises RuntimeError when it is not what the vendor answers."""
    data = contender.shot.bytes_for(contender.bearer, contender.prefix)
    [result] = asyncio.run(load.burst(contender.address, [data], 1))
    if not 200 <= result.status < 300 or contender.shot.shows not in result.body:
        raise RuntimeError(
            f"{contender.name} {contender.shot.name} answers {result.status}: "
            f"{result.body[:300].decode('utf-8', 'replace')}{result.broken}"
        )
