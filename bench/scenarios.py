"""What is measured, and in which order.

A benchmark compares programs in one run, on one machine, against one vendor. Rounds interleave
(A B C, A B C, …): what the machine does to one it does to the others. CPU seconds are read from
/proc around each round. Load comes from wrk where it is installed, else from our own closed loop;
an open loop at a fixed rate shows what callers wait when the load does not wait for answers.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import uvloop

from bench import load
from bench.machine import on_core, pinned
from bench.report import percentile
from bench.stage import CHARGE, Contender, Stage, check_answers, stage

WRK_SCRIPT: Final = """\
wrk.method = "{method}"
wrk.body = "{body}"
{headers}
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\\n{{"requests":%d,"wall_us":%d,"p50_us":%d,"p99_us":%d,"refused":%d,"broken":%d}}\\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Round:
    """One round's figures. cpu_s: of the program under test; load_cpu_s: of load and vendor."""

    contender: str
    kind: str
    callers: int
    requests: int
    wall_s: float
    cpu_s: float
    load_cpu_s: float
    p50_s: float
    p99_s: float
    refused: int
    broken: int
    rss_bytes: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Plan:
    rounds: int = 3
    seconds: float = 5.0
    warm_seconds: float = 1.0
    callers: tuple[int, ...] = (1, 32, 256)
    gateway: bool = True
    use_wrk: bool = True


def run(plan: Plan, tell: Callable[[str], None]) -> list[Round]:
    """All rounds of a plan, interleaved. tell: called with a line for each."""
    rounds: list[Round] = []
    use_wrk = plan.use_wrk and shutil.which("wrk") is not None
    with stage(gateway=plan.gateway) as made:
        for contender in made.contenders:
            check_answers(contender)
        for callers in plan.callers:
            for contender in made.contenders:
                play(made, contender, callers, plan.warm_seconds, use_wrk=use_wrk)
            for number in range(plan.rounds):
                for contender in made.contenders:
                    played = play(made, contender, callers, plan.seconds, use_wrk=use_wrk)
                    rounds.append(played)
                    tell(f"c={callers} round {number + 1}: {line(played)}")
    return rounds


def play(
    made: Stage, contender: Contender, callers: int, seconds: float, *, use_wrk: bool
) -> Round:
    """Load one contender for so long and read what it cost."""
    process, (vendor, _) = contender.process, made.vendor
    cpu, vendor_cpu = process.cpu_s() if process else 0.0, vendor.cpu_s()
    own_cpu = _own_cpu_s()
    figures = (_wrk if use_wrk else _own_loop)(made, contender, callers, seconds)
    return Round(
        contender=contender.name,
        kind=contender.shot.method,
        callers=callers,
        cpu_s=process.cpu_s() - cpu if process else 0.0,
        load_cpu_s=vendor.cpu_s() - vendor_cpu + _own_cpu_s() - own_cpu,
        rss_bytes=process.rss_bytes() if process else 0,
        **figures,
    )


def _own_cpu_s() -> float:
    """Of this process and the load generators it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def line(played: Round) -> str:
    per_second = played.requests / played.wall_s
    cpu_ms = 1_000 * played.cpu_s / max(1, played.requests)
    wrong = f", {played.refused} refused, {played.broken} broken"
    return (
        f"{played.contender} {played.kind}: {per_second:,.0f}/s, {cpu_ms:.3f} ms CPU a call"
        f"{wrong if played.refused or played.broken else ''}"
    )


# Load.


def _wrk(made: Stage, contender: Contender, callers: int, seconds: float) -> dict[str, Any]:
    """One round by wrk, whose figures come as JSON from a script of ours."""
    shot = contender.shot
    headers = {"Authorization": f"Bearer {contender.bearer}"}
    if shot.form:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    script = WRK_SCRIPT.format(
        method=shot.method,
        body=shot.form,
        headers="\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in headers.items()),
    )
    url = f"http://{contender.address}{contender.prefix}{shot.target}"
    path = made.var / "wrk.lua"
    path.write_text(script)
    command = ["wrk", "-t1", f"-c{callers}", f"-d{seconds:.0f}", "--latency", "-s", str(path), url]
    out = subprocess.run(
        pinned(command, made.load_core), capture_output=True, text=True, check=True
    ).stdout
    found = json.loads(out.strip().splitlines()[-1])
    return {
        "requests": found["requests"],
        "wall_s": found["wall_us"] / 1e6,
        "p50_s": found["p50_us"] / 1e6,
        "p99_s": found["p99_us"] / 1e6,
        "refused": found["refused"],
        "broken": found["broken"],
    }


def _own_loop(made: Stage, contender: Contender, callers: int, seconds: float) -> dict[str, Any]:
    """One round by our own closed loop, in this process, on the load's core."""
    data = contender.shot.bytes_for(contender.bearer, contender.prefix)
    with on_core(made.load_core):
        tally = uvloop.run(load.closed_loop(contender.address, data, callers, seconds))
    return figures_of(tally)


def figures_of(tally: load.Tally) -> dict[str, Any]:
    tally.seconds.sort()
    good = sum(count for status, count in tally.statuses.items() if 200 <= status < 300)
    broken = tally.statuses.get(0, 0)
    return {
        "requests": len(tally.seconds),
        "wall_s": tally.wall_s,
        "p50_s": percentile(tally.seconds, 50),
        "p99_s": percentile(tally.seconds, 99),
        "refused": len(tally.seconds) - good - broken,
        "broken": broken,
    }


def open_rounds(plan: Plan, rate: float, tell: Callable[[str], None]) -> list[Round]:
    """The same contenders under an open loop at a fixed rate: what a caller waits when the load
    does not wait for answers. Charges only."""
    rounds: list[Round] = []
    with stage(gateway=plan.gateway) as made:
        for _ in range(plan.rounds):
            for contender in made.contenders:
                if contender.shot is CHARGE:
                    rounds.append(_open_round(made, contender, rate, plan.seconds))
                    tell(line(rounds[-1]))
    return rounds


def _open_round(made: Stage, contender: Contender, rate: float, seconds: float) -> Round:
    data = contender.shot.bytes_for(contender.bearer, contender.prefix)
    process, (vendor, _) = contender.process, made.vendor
    cpu, load_cpu = process.cpu_s() if process else 0.0, vendor.cpu_s() + _own_cpu_s()
    with on_core(made.load_core):
        tally = uvloop.run(load.open_loop(contender.address, data, rate, seconds))
    return Round(
        contender=contender.name,
        kind=f"{rate:g}/s",
        callers=0,
        cpu_s=process.cpu_s() - cpu if process else 0.0,
        load_cpu_s=vendor.cpu_s() + _own_cpu_s() - load_cpu,
        rss_bytes=process.rss_bytes() if process else 0,
        **figures_of(tally),
    )
