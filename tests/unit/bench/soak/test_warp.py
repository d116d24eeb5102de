"""Clocks that run faster, the same in every process; those that deadlines go by stay real."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from bench.soak.warp import VARIABLE, Warp

ROOT = Path(__file__).parents[4]
PROGRAM = """
import json, sys, time
boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
print(json.dumps([time.time_ns(), time.time(), boot, time.monotonic(), sys.argv[1:]]))
"""


def test_it_is_a_text_and_back() -> None:
    warp = Warp(360, 5, 1_790_000_000_000_000_000)
    assert Warp.parse(str(warp)) == warp


def test_time_passes_so_many_times_faster() -> None:
    real_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    warp = Warp(1_000, real_ns, 0)
    shown_ns = warp.now_ns()
    passed_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - real_ns
    assert 0 <= shown_ns <= 1_000 * passed_ns
    assert warp.now_us() >= shown_ns // 1_000


def test_it_begins_now() -> None:
    before_ns = time.time_ns()
    assert before_ns <= Warp.begin(1).shown_ns <= time.time_ns()


def test_a_program_lives_by_it(tmp_path: Path) -> None:
    (tmp_path / "tells.py").write_text(PROGRAM)
    real_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    warp = Warp(86_400, real_ns, 1_790_000_000_000_000_000)
    monotonic_s = time.monotonic()
    told = subprocess.run(
        [sys.executable, "-m", "bench.soak.warp", sys.executable, "-m", "tells", "a", "-b"],
        env={**os.environ, VARIABLE: str(warp), "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        check=True,
        cwd=tmp_path,
    )
    time_ns, time_s, boot_ns, program_monotonic_s, words = json.loads(told.stdout)
    assert warp.shown_ns < time_ns <= time_s * 1e9 <= warp.now_ns()
    assert time_ns - warp.shown_ns >= boot_ns - real_ns, "boot time goes along"
    assert boot_ns > time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert monotonic_s <= program_monotonic_s <= time.monotonic(), "and waiting is real"
    assert words == ["a", "-b"]
