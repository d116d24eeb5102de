"""What wrk is told, and what it tells."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench import wrk

SAID = {"requests": 40, "wall_us": 2_000_000, "p50_us": 900, "p99_us": 5_000, "p999_us": 9_000}
REPORT = """Running 2s test @ http://127.0.0.1:1
  1 threads and 2 connections
"""


def test_figures_are_the_last_line_in_seconds() -> None:
    out = REPORT + "\n" + json.dumps({**SAID, "refused": 1, "broken": 2}) + "\n"
    assert wrk.figures(out) == {
        "requests": 40,
        "wall_s": 2.0,
        "p50_s": 0.0009,
        "p99_s": 0.005,
        "p999_s": 0.009,
        "refused": 1,
        "broken": 2,
    }


@pytest.mark.parametrize("out", ["", REPORT, "7", json.dumps(SAID)])
def test_a_report_without_figures_is_an_error(out: str) -> None:
    with pytest.raises(RuntimeError, match="did not tell its figures"):
        wrk.figures(out)


def test_a_wrk_that_fails_is_an_error() -> None:
    script = "import sys; sys.exit('unable to connect')"
    with pytest.raises(RuntimeError, match="exit code 1: unable to connect"):
        wrk.run([sys.executable, "-c", script])


def test_the_script_says_what_is_sent_and_asked() -> None:
    text = wrk.script("POST", [("Authorization", "Bearer k")], '{"to": "a"}')
    assert 'wrk.method = "POST"' in text
    assert 'wrk.body = "{\\"to\\": \\"a\\"}"' in text
    assert 'wrk.headers["Authorization"] = "Bearer k"' in text
    assert "latency:percentile(99.9)" in text


def test_the_command_counts_in_whole_seconds() -> None:
    words = wrk.command("/usr/bin/wrk", "http://x/", Path("s.lua"), 32, 0.2, None)
    assert words[:4] == ["/usr/bin/wrk", "-t1", "-c32", "-d1"]
    assert wrk.command("wrk", "http://x/", Path("s.lua"), 1, 5.0, 1)[:3] == ["taskset", "-c", "1"]
