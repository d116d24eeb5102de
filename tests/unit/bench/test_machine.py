"""CPU and memory of real processes, as /proc tells them."""

from __future__ import annotations

import json
import os
import sys

import pytest

from bench.machine import Process, cores, facts, family, pinned

BUSY = (
    "import json, os, sys, time\n"
    "while time.process_time() < 0.2: pass\n"
    "print(json.dumps({'pid': os.getpid(), 'cores': len(os.sched_getaffinity(0))}), flush=True)\n"
    "time.sleep(60)\n"
)


def test_a_process_is_pinned_and_measured() -> None:
    core = cores()[0]
    with Process("busy", [sys.executable, "-c", BUSY], core=core) as process:
        said = process.first_line()
        assert said["pid"] == process.pid  # taskset becomes the program, it does not stay around
        assert core is None or said["cores"] == 1
        assert process.cpu_s() >= 0.15
        assert process.clock_s() >= 0.2
        assert process.rss_bytes() > 1_000_000
        assert process.ended() is None
    assert process.ended() is not None
    assert process.cpu_s() == 0.0
    assert process.rss_bytes() == 0


def test_a_process_that_ends_at_once_is_an_error() -> None:
    with (
        Process("short", [sys.executable, "-c", "raise SystemExit(4)"], core=None) as process,
        pytest.raises(RuntimeError, match="short ended at once, exit code 4"),
    ):
        process.first_line()


def test_children_belong_to_the_family() -> None:
    script = (
        "import json, subprocess, sys\n"
        "child = subprocess.Popen(['cat'], stdin=subprocess.PIPE)\n"
        "print(json.dumps({'child': child.pid}), flush=True)\n"
        "child.wait()\n"
    )
    with Process("parent", [sys.executable, "-c", script], core=None) as process:
        child = process.first_line()["child"]
        assert family(process.pid) == [process.pid, child]


def test_the_machine_is_described() -> None:
    assert facts()["cores"] == os.cpu_count()
    json.dumps(facts())
    assert pinned(["x"], None) == ["x"]
    assert pinned(["x"], 1) == ["taskset", "-c", "1", "x"]
