"""Loads of calls: what is measured, and in which order.

A benchmark compares programs in one run, on one machine, against one vendor. Rounds interleave
(A B C, A B C, …): what the machine does to one it does to the others. CPU seconds are read from
/proc around each round. Load comes from wrk where it is installed, else from our own closed loop;
an open loop at a fixed rate shows what callers wait when the load does not wait for answers.

Other scenarios have files of their own: `bursts.py`, `streams.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import uvloop

from bench import disk, load, wrk
from bench.machine import on_core, until_idle
from bench.report import OPEN, percentile
from bench.shots import CHARGE
from bench.stage import Contender, Stage

Tell = Callable[[str], None]
OURS: Final = "keybrake FULL"
PEAK_CALLERS: Final = 32
PEAK_LOOKS: Final = 3


@dataclass(frozen=True, slots=True)
class Round:
    """One round's figures. kind: of call. callers: 0 in an open loop. rate: of an open loop, a
    second. cpu_s: of the program under test; load_cpu_s: of load and vendor."""

    contender: str
    kind: str
    callers: int
    requests: int
    wall_s: float
    cpu_s: float
    load_cpu_s: float
    p50_s: float
    p99_s: float
    p999_s: float
    refused: int
    broken: int
    rss_bytes: int
    rate: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does. stream_bytes: 0 for none of it; bursts: how many of each, 0 for none."""

    names: tuple[str, ...]
    rounds: int = 3
    seconds: float = 2.0
    warm_seconds: float = 1.0
    callers: tuple[int, ...] = (1, 32, 256, 1024)
    bursts: int = 0
    stream_bytes: int = 0
    open_rate: float = 0.0
    open_share: float = 0.0


# Closed loops.


def closed_rounds(made: Stage, plan: Plan, tell: Tell) -> tuple[list[Round], list[float]]:
    """All rounds of a plan, interleaved; and what a data sync took on the ledgers' disk, a look in
    each round of a lone caller. tell: called with a line for each."""
    rounds: list[Round] = []
    syncs_s: list[float] = []
    for callers in plan.callers:
        able = [contender for contender in made.contenders if contender.serves(callers)]
        for heavy in (contender for contender in made.contenders if contender not in able):
            made.leave_out(f"{heavy.name} at {callers:,} callers", tell)
        for contender in able:
            play(made, contender, callers, plan.warm_seconds)
        for number in range(plan.rounds):
            if callers == 1:
                syncs_s.append(data_sync_s(made))
            for contender in able:
                rounds.append(play(made, contender, callers, plan.seconds))
                tell(f"c={callers} round {number + 1}: {line(rounds[-1])}")
    return rounds, syncs_s


def data_sync_s(made: Stage) -> float:
    """On the core where the journals' threads wait for theirs."""
    with on_core(made.core):
        return disk.data_sync_s(made.var)


def play(made: Stage, contender: Contender, callers: int, seconds: float) -> Round:
    """Load one contender for so long and read what it cost; then wait until it rests."""
    before = _cpu_s(made, contender)
    figures = (_own_loop if made.wrk is None else _wrk)(made, contender, callers, seconds)
    return _round(made, contender, before, contender.shot.name, callers, figures)


def _cpu_s(made: Stage, contender: Contender) -> tuple[float, float]:
    """Of the program; of the vendor, this process and the load generators it has waited for."""
    times = os.times()
    own = times.user + times.system + times.children_user + times.children_system
    program = contender.process.cpu_s() if contender.process else 0.0
    return program, made.vendor[0].cpu_s() + own


def _round(
    made: Stage,
    contender: Contender,
    before: tuple[float, float],
    kind: str,
    callers: int,
    figures: dict[str, Any],
    rate: float = 0.0,
) -> Round:
    after = _cpu_s(made, contender)
    process = contender.process
    played = Round(
        contender=contender.name,
        kind=kind,
        callers=callers,
        cpu_s=after[0] - before[0],
        load_cpu_s=after[1] - before[1],
        rss_bytes=process.rss_bytes() if process else 0,
        rate=rate,
        **figures,
    )
    if process:
        until_idle(process)  # what it still works off is not for the next one's core
    return played


def _wrk(made: Stage, contender: Contender, callers: int, seconds: float) -> dict[str, Any]:
    """One round by wrk, whose figures come as JSON from a script of ours."""
    assert made.wrk is not None
    shot = contender.shot
    path = made.var / "wrk.lua"
    path.write_text(wrk.script(shot.method, shot.headers(contender.bearer), shot.body))
    url = f"http://{contender.address}{contender.prefix}{shot.target}"
    return wrk.run(wrk.command(made.wrk, url, path, callers, seconds, made.load_core))


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
        "p999_s": percentile(tally.seconds, 99.9),
        "refused": len(tally.seconds) - good - broken,
        "broken": broken,
    }


def line(played: Round) -> str:
    per_second = played.requests / played.wall_s
    cpu_ms = 1_000 * played.cpu_s / max(1, played.requests)
    wrong = f", {played.refused} refused, {played.broken} broken"
    return (
        f"{played.contender} {played.kind}: {per_second:,.0f}/s, {cpu_ms:.3f} ms CPU a call"
        f"{wrong if played.refused or played.broken else ''}"
    )


# Open loops.


def open_rounds(made: Stage, plan: Plan, tell: Tell) -> list[Round]:
    """The same contenders under an open loop at a fixed rate: what a caller waits when the load
    does not wait for answers. Charges only, and only by those who can carry the rate: a queue that
    grows for as long as one measures has no percentiles."""
    charges = [contender for contender in made.contenders if contender.shot is CHARGE]
    rate = plan.open_rate or plan.open_share * own_peak(made, charges, plan.seconds)
    if not rate:
        return []
    tell(f"an open loop of {rate:,.0f} calls/s")
    able = [c for c in charges if _carries(made, c, rate, plan.warm_seconds, tell)]
    rounds = []
    for _ in range(plan.rounds):
        for contender in able:
            rounds.append(_open_round(made, contender, rate, plan.seconds))
            tell(line(rounds[-1]))
    return rounds


def own_peak(made: Stage, charges: Sequence[Contender], seconds: float) -> float:
    """Calls a second that we carry at 32 callers, everything durable: the least of three looks. 0
    when we are not on stage."""
    ours = [contender for contender in charges if contender.name == OURS]
    looks = [play(made, c, PEAK_CALLERS, seconds) for c in ours for _ in range(PEAK_LOOKS)]
    return min((played.requests / played.wall_s for played in looks), default=0.0)


def _carries(made: Stage, contender: Contender, rate: float, seconds: float, tell: Tell) -> bool:
    """Does it answer as much as that in a closed loop?"""
    if not contender.serves(PEAK_CALLERS):
        return False
    played = play(made, contender, PEAK_CALLERS, seconds)
    able = played.requests / played.wall_s > rate
    if not able:
        made.leave_out(f"{contender.name} does not carry {rate:,.0f} calls/s", tell)
    return able


def _open_round(made: Stage, contender: Contender, rate: float, seconds: float) -> Round:
    data = contender.shot.bytes_for(contender.bearer, contender.prefix)
    before = _cpu_s(made, contender)
    with on_core(made.load_core):
        tally = uvloop.run(load.open_loop(contender.address, data, rate, seconds))
    figures = figures_of(tally)
    return _round(made, contender, before, OPEN, 0, figures, rate)
