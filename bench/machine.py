"""The machine under a benchmark: pinned processes, their CPU seconds and memory from /proc."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import resource
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
STOP_SECONDS: Final = 15.0
REST_SECONDS: Final = 0.1
PROC: Final = Path("/proc")
_CPUCLOCK_SCHED: Final = 2


class Process:
    """A child pinned to one core. CPU and memory include all its threads and children."""

    __slots__ = ("_log", "_popen", "name")

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        core: int | None,
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self._log = log
        with contextlib.nullcontext() if log is None else log.open("wb") as stderr:
            self._popen = subprocess.Popen(
                pinned(command, core),
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=cwd,
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def first_line(self) -> dict[str, Any]:
        """The JSON line that it prints when ready. Raises RuntimeError when it ends instead."""
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline()
        if not line:
            code = self._popen.wait()
            raise RuntimeError(f"{self.name} ended at once, exit code {code}\n{self.last_words()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._popen.poll()

    def last_words(self) -> str:
        """The end of what it wrote to stderr, for the one who reads why it failed."""
        return "" if self._log is None else self._log.read_text(errors="replace")[-2_000:]

    def cpu_s(self) -> float:
        return sum(_cpu_ticks(pid) for pid in family(self.pid)) / TICKS_PER_SECOND

    def clock_s(self) -> float:
        """CPU seconds of the process itself, finely, and quick to ask; `man 3 clock_getcpuclockid`
        for what the number is."""
        return time.clock_gettime(~self.pid << 3 | _CPUCLOCK_SCHED)

    def rss_bytes(self) -> int:
        return sum(_rss_bytes(pid) for pid in family(self.pid))

    def stop(self) -> None:
        self._popen.terminate()
        try:
            self._popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        if self._popen.stdout is not None:
            self._popen.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def until_idle(process: Process, seconds_max: float = 60.0) -> None:
    """Wait until it has used next to no CPU for a tenth of a second, or so long at the most."""
    deadline = time.monotonic() + seconds_max
    before_s = process.cpu_s()
    while time.monotonic() < deadline:
        time.sleep(REST_SECONDS)
        now_s = process.cpu_s()
        if now_s - before_s <= 2 / TICKS_PER_SECOND:
            return
        before_s = now_s


def pinned(command: Sequence[str], core: int | None) -> list[str]:
    """The command as one that runs on one core; threads and children inherit it."""
    return list(command) if core is None else ["taskset", "-c", str(core), *command]


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """This process itself on one core, until the end of the block."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def allow_descriptors() -> None:
    """As many open files as this process may have, and its children: two for each caller of a
    proxy, where a shell gives 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cores() -> tuple[int | None, int | None]:
    """The core of the program measured, and that of load and vendor; None: do not pin."""
    usable = sorted(os.sched_getaffinity(0))
    return (usable[0], usable[1]) if len(usable) > 1 else (None, None)


def family(pid: int) -> list[int]:
    """A process and its living descendants."""
    parents = {}
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            fields = _stat(int(entry.name))
            if fields:
                parents[int(entry.name)] = int(fields[1])
    found = [pid]
    for member in found:
        found.extend(child for child, parent in parents.items() if parent == member)
    return found


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on (`man 5 proc`); empty once it is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _cpu_ticks(pid: int) -> int:
    """utime, stime, and both of children that were waited for."""
    fields = _stat(pid)
    return sum(int(value) for value in fields[11:15]) if fields else 0


def _rss_bytes(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[21]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def facts() -> dict[str, str | int]:
    """What a reader of old results wants to know about the machine. load_average: before the run,
    of the last minute; more than a trifle means that others were at work."""
    return {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cores": os.cpu_count() or 0,
        "cpu": _cpu_model(),
        "load_average": f"{os.getloadavg()[0]:.2f}",
    }


def _cpu_model() -> str:
    for line in (PROC / "cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
