"""An hour of everything at once, on a gateway whose days pass in minutes.

    python -m bench.soak [--minutes 60] [--rate 40] [--day-s 240] [--var FOLDER] [--save FILE]

A real gateway before sandboxes of Stripe, Twilio and Resend, under a mixed and gentle load:
charges, reads, messages, mails, retries, hang-ups, refusals; edits, top-ups, revokes, runs, pages,
exports, backups, reloads; and the vendors' bad days. Its clock for dates runs faster (`warp.py`),
so that midnights, checkpoints, retries that are too old and the reconciler's ladders all come by.
In the first and the third quarter it is ended again and again, by SIGTERM and by SIGKILL in turn;
in the second and the last it lives through, so that its memory can be compared at the same age.

In the end the callers stop, what is still authorised is cancelled at the vendor, and the reconciler
gets the time to finish. Then the books are laid beside the vendors' own. The exit code is 1 when
any check fails.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import logging
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench import machine
from bench.soak import house, report, watch
from bench.soak.crowd import Crowd
from bench.soak.desk import EDITED, Desk
from bench.soak.house import House
from bench.soak.report import Check
from bench.soak.truth import Charges, compare, moved, over_ceilings
from bench.stage import ROOT

WORKERS: Final = 16
SAMPLE_S: Final = 10.0
SAMPLES_MIN: Final = 40
TELL_S: Final = 60.0
LIVES_A_QUARTER: Final = 6
DRAIN_DAYS: Final = 3.5
"""What nobody can clear up settles after 72 hours."""
AWAY: Final = (OSError, http.client.HTTPException, RuntimeError)


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=40.0, help="calls a second")
    parser.add_argument("--day-s", type=int, default=240, help="real seconds of a day")
    parser.add_argument("--var", type=Path, help="where the books lie; kept. Default: below var/")
    parser.add_argument("--save", type=Path, help="all samples and checks, as JSON")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


class Soak:
    """Living: one run."""

    def __init__(self, of: House, options: argparse.Namespace) -> None:
        dice = random.Random(options.seed)
        self._options = options
        self._house = of
        self._crowd = Crowd(of.address, of.warp, dice, options.rate)
        self._desk = Desk(of, self._crowd, dice)
        self._charges = Charges(of.stripe)
        self._over = asyncio.Event()
        self._began_s = time.monotonic()
        self._moving = asyncio.Lock()
        self.samples: list[watch.Sample] = []
        self.checks: list[Check] = []
        self.ends: list[str] = []
        self.told: dict[str, object] = {}

    def age_s(self) -> float:
        return time.monotonic() - self._began_s

    async def run(self) -> None:
        await asyncio.to_thread(self._desk.furnish)
        seconds = 60 * self._options.minutes
        beside = [
            asyncio.create_task(self._watch()),
            asyncio.create_task(self._desk.work(self._over, 15 / self._options.rate)),
        ]
        load = asyncio.create_task(self._crowd.work(WORKERS, self._over))
        await self._live(seconds)
        self._over.set()
        await asyncio.gather(load, *beside)
        await self._drain()
        await asyncio.to_thread(self._check)

    # -- while it runs ---------------------------------------------------------------------------

    async def _live(self, seconds: float) -> None:
        """Quarters: many lives, one, many, one."""
        quarter = seconds / 4
        for number in range(4):
            lives = LIVES_A_QUARTER if number % 2 == 0 else 1
            for life in range(lives):
                await asyncio.sleep(quarter / lives)
                if number < 3 or life < lives - 1:
                    await self._end(kill=life % 2 == 1)

    async def _end(self, *, kill: bool) -> None:
        async with self._moving:
            code = await asyncio.to_thread(self._house.end, kill=kill)
            self.ends.append("killed" if kill else f"exit code {code}")
            await asyncio.to_thread(self._house.start)

    async def _watch(self) -> None:
        told_s = 0.0
        while not self._over.is_set():
            async with self._moving:
                await asyncio.to_thread(self._look)
            if self.age_s() - told_s >= TELL_S and self.samples:
                told_s = self.age_s()
                say(report.line(self.samples[-1], self._crowd, self._house.warp))
            await asyncio.sleep(min(SAMPLE_S, 60 * self._options.minutes / SAMPLES_MIN))

    def _look(self) -> None:
        steady = [k.id for keys in self._crowd.keys.values() for k in keys if k.steady]
        try:
            self.samples.append(watch.look(self._house, self.age_s(), steady, self._desk.ceilings))
        except AWAY as exc:
            say(f"no sample: {exc!r}")
        self._charges.collect()

    async def _drain(self) -> None:
        for sandbox in (self._house.stripe, self._house.twilio, self._house.resend):
            sandbox.calm()
        canceled = await asyncio.to_thread(self._charges.cancel_open_intents)
        left_s = DRAIN_DAYS * self._options.day_s
        say(f"drained: {canceled} intents cancelled at the vendor")
        say(f"the reconciler goes on for {left_s / 60:.1f} min at most …")
        until_s = self.age_s() + left_s
        quiet = 0
        while quiet < 3 and self.age_s() < until_s:
            await asyncio.sleep(min(SAMPLE_S, self._options.day_s / 10))
            await asyncio.to_thread(self._look)
            quiet = 0 if open_holds(self.samples[-1]) else quiet + 1
        say(report.line(self.samples[-1], self._crowd, self._house.warp))

    # -- at its end ------------------------------------------------------------------------------

    def _check(self) -> None:
        of, crowd = self._house, self._crowd
        last = self.samples[-1]
        left = of.told("/vault/in-doubt?limit=100")["data"]
        self._note("nothing is open", not open_holds(last) and not left, str(last.figures))
        status, body = of.ask("GET", "/vault/calls/export?format=ndjson", timeout_s=1_800.0)
        rows = map(json.loads, body.splitlines()) if status == 200 else iter(())
        paid, kinds = moved(of.folder / "stripe.money")
        found = compare(rows, self._charges.tokens, paid, crowd.late)
        found.charged["stripe"] += kinds["refund"] * 10_000
        for vendor in ("twilio", "resend"):
            charged = getattr(of, vendor).stats()["charged"]
            found.charged[vendor] = charged.get("usd_micros", 0)
        for vendor, micros in found.charged.items():
            told = f"{found.counted[vendor] / 1e6:.2f} counted, {micros / 1e6:.2f} charged"
            self._note(f"{vendor}: counted >= charged", found.counted[vendor] >= micros, told)
        self._none(
            "each call, each key and day: counted >= charged; none after a revoke", found.wrong
        )
        self._none("no day above its cap, in the log", over_ceilings(found, self._desk.ceilings))
        self._none("no key above its cap, ever", [o for s in self.samples for o in s.over_caps])
        self._none("answers as they should be", [f"{n} x {w}" for w, n in crowd.wrong.items()])
        spent = sum(by_key(of).values())
        told = f"{spent / 1e6:.6f} USD in sums, {found.counted.total() / 1e6:.6f} in rows"
        self._note("sums of the log are its rows", spent == found.counted.total(), told)
        self._none("no key is above its cap in the books", over_caps_of(of, self._desk.ceilings))
        self.ends.append(f"exit code {of.end(kill=False)}")
        self._none(
            "ends in good order", [e for e in self.ends if e not in ("killed", "exit code 0")]
        )
        verified = of.run("ledger", "verify", "--json")
        entries = [shard["entries"] for shard in json.loads(verified.stdout)["shards"]]
        self._note("ledger verify", verified.returncode == 0, f"{sum(entries)} entries")
        trouble = report.trouble(of.folder / "stderr.log")
        loud = any(what.startswith(("error", "critical")) for what in trouble)
        told = "; ".join(f"{n} x {what}" for what, n in trouble.items())
        self._note("no errors in the log", not loud, told)
        self.checks += report.flat(self.samples, 60 * self._options.minutes)
        self.told = {
            "rows": found.calls,
            "states": dict(found.states),
            "moved_at_stripe": dict(kinds),
            "keys_and_days": len(found.by_key_day),
        }

    def _none(self, name: str, wrong: list[str]) -> None:
        self._note(name, not wrong, f"{len(wrong)}: {'; '.join(wrong[:5])}" if wrong else "")

    def _note(self, name: str, well: bool, told: str) -> None:
        self.checks.append(Check(name, well, told))

    def result(self) -> dict[str, object]:
        return {
            "options": {n: str(v) for n, v in vars(self._options).items()},
            "machine": machine.facts(),
            "calls": self._crowd.calls,
            "answers": {f"{kind}: {out}": n for (kind, out), n in sorted(self._crowd.told.items())},
            "done": dict(self._desk.done),
            "refused": dict(self._desk.refused),
            "ends": self.ends,
            **self.told,
            "checks": [asdict(check) for check in self.checks],
            "samples": [asdict(sample) for sample in self.samples],
        }


def open_holds(sample: watch.Sample) -> int:
    return sum(sample.figures[name] for name in ("held", "standing", "pending", "in_doubt"))


def by_key(of: House) -> dict[str, int]:
    """Micro-USD that the log's sums say of each key."""
    found: dict[str, int] = {}
    begin = time.gmtime(of.warp.shown_ns / 1e9 - 86_400)
    after, since = "", time.strftime("%Y-%m-%dT%H:%M:%SZ", begin)
    while True:
        more = f"&starting_after={after}" if after else ""
        page = of.told(f"/vault/spend?by=key&limit=100&since={since}{more}")
        found |= {row["id"]: report.micros(row["cost_usd"]) for row in page["data"]}
        if not page["has_more"]:
            return found
        after = page["data"][-1]["id"]


def over_caps_of(of: House, more: Mapping[tuple[str, str], int]) -> list[str]:
    """Of all keys there are, today, but for the one whose cap goes up and down."""
    page = of.told("/vault/keys?limit=100")
    left = [record for record in page["data"] if record["name"] != EDITED]
    return [told for record in left if (told := watch.over_cap(record, more))]


def say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    options = arguments(sys.argv[1:])
    logging.basicConfig(level=logging.WARNING)
    machine.allow_descriptors()
    (ROOT / "var").mkdir(exist_ok=True)
    folder = options.var or Path(tempfile.mkdtemp(prefix="soak-", dir=ROOT / "var"))
    folder.mkdir(parents=True, exist_ok=True)
    with house.opened(folder.resolve(), 86_400 // options.day_s) as of:
        soak = Soak(of, options)
        asyncio.run(soak.run())
    if options.save:
        options.save.write_text(json.dumps(soak.result(), indent=1))
    say(report.table(soak.samples, soak.result(), soak.checks))
    if not options.var:
        shutil.rmtree(folder)
    return 0 if all(check.well for check in soak.checks) else 1


if __name__ == "__main__":
    sys.exit(main())
