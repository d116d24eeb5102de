"""wrk, an HTTP load generator in C: the script it runs, and what its figures mean.

It is a closed loop: each caller sends its next request when it has its answer. Its own percentiles
are not corrected for what it did not send meanwhile; the open loop (load.py) is there for that.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench.machine import pinned

TIMEOUT_S: Final = 30
"""A caller that waits for longer counts as broken; wrk's own default is 2 s."""
_PERCENTILES: Final = {"p50_us": 50, "p99_us": 99, "p999_us": 99.9}
_SCRIPT: Final = """\
wrk.method = {method}
wrk.body = {body}
{headers}
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n{{"requests":%d,"wall_us":%d,{names},"refused":%d,"broken":%d}}\\n',
    summary.requests, summary.duration, {percentiles},
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""


def script(method: str, headers: Sequence[tuple[str, str]], body: str) -> str:
    """In Lua, whose strings are quoted as JSON quotes them, as far as text of ours goes."""
    return _SCRIPT.format(
        method=json.dumps(method),
        body=json.dumps(body),
        headers="\n".join(
            f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers
        ),
        names=",".join(f'"{name}":%d' for name in _PERCENTILES),
        percentiles=", ".join(f"latency:percentile({p})" for p in _PERCENTILES.values()),
    )


def command(
    program: str, url: str, path: Path, callers: int, seconds: float, core: int | None
) -> list[str]:
    """path: of the script. wrk knows whole seconds only."""
    words = [program, "-t1", f"-c{callers}", f"-d{max(1, round(seconds))}"]
    words += ["--timeout", str(TIMEOUT_S), "--latency", "-s", str(path), url]
    return pinned(words, core)


def run(words: Sequence[str]) -> dict[str, Any]:
    """The figures of a round. Raises RuntimeError when wrk does not give them."""
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"wrk failed, exit code {ended.returncode}: {ended.stderr.strip()}")
    return figures(ended.stdout)


def figures(out: str) -> dict[str, Any]:
    """What the script wrote last, in seconds; the rest of wrk's report is for people. Raises
    RuntimeError."""
    lines = out.strip().splitlines()
    try:
        found = json.loads(lines[-1])
        return {
            "requests": found["requests"],
            "wall_s": found["wall_us"] / 1e6,
            **{f"{name[:-3]}_s": found[name] / 1e6 for name in _PERCENTILES},
            "refused": found["refused"],
            "broken": found["broken"],
        }
    except (IndexError, KeyError, TypeError, ValueError) as exc:
        raise RuntimeError(f"wrk did not tell its figures: {out[-300:]!r}") from exc
