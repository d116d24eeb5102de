"""What thousands of slow connections cost: a gateway that they are held open to, and a quiet key.

    python -m bench.slow [--connections 2000] [--rounds 3] [--seconds 6] [--rate 50]
                          [--kinds KIND …] [--hold 20] [--var FOLDER]

A quarter of them each:

| kind | does |
| --- | --- |
| `head` | sends its head a byte a second |
| `body` | sends a charge whose body comes a byte a second |
| `read` | asks for 64 MiB and takes a byte a second |
| `idle` | connects, and that is all |

Whoever is cut off comes again, so that as many are there all the time. In each round the quiet
key's calls are timed without them, while they come, and with them some time later; then the
gateway's memory is looked at, and how they were ended. How the quiet key's part is measured:
`bench.fairness`.

`Crowd` is also what tests hold against a gateway with short deadlines.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from bench import load
from bench.fairness import Scene, at_leisure, scene
from bench.machine import allow_descriptors, cores, pinned
from bench.report import percentile
from bench.shots import CHARGE
from bench.stage import ROOT

KINDS: Final = ("head", "body", "read", "idle")
TICK_S: Final = 1.0
BIG: Final = "/stripe/files/v1/files/67108864"
"""The bulk vendor pours as much as the path's end says."""
MEMORY_MB: Final = 150


class Slow:
    """One slow connection. ended: how, once it is: the status of an answer, or how it was cut."""

    __slots__ = ("_left", "_socket", "ended", "kind")

    def __init__(self, kind: str, address: str, bearer: str, big: str) -> None:
        host, _, port = address.rpartition(":")
        self.kind = kind
        self.ended = ""
        self._socket = socket.socket()
        if kind == "read":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self._socket.connect((host, int(port)))
        self._socket.setblocking(False)
        charge = CHARGE.bytes_for(bearer, "/stripe")
        self._left = b""
        if kind == "head":
            self._left = charge
        elif kind == "body":
            head = charge.index(b"\r\n\r\n") + 4
            self._socket.send(charge[:head])
            self._left = charge[head:]
        elif kind == "read":
            headers = [("Authorization", f"Bearer {bearer}")]
            self._socket.send(load.request("GET", big, headers=headers))

    def tick(self) -> None:
        """A byte goes out, but for the last one, or comes in."""
        if self.ended:
            return
        try:
            if len(self._left) > 1:
                self._socket.send(self._left[:1])
                self._left = self._left[1:]
            got = self._socket.recv(1 if self.kind == "read" else 4_096)
        except BlockingIOError:
            return
        except OSError as exc:
            self.end(type(exc).__name__)
            return
        if self.kind != "read" or not got:
            self.end(got[9:12].decode("latin-1") or "closed")

    def end(self, how: str) -> None:
        self.ended = how
        self._socket.close()


class Crowd:
    """Living: so many slow connections, a share of each kind."""

    def __init__(
        self,
        address: str,
        bearer: str,
        connections: int,
        kinds: Sequence[str] = KINDS,
        big: str = BIG,
    ) -> None:
        self._how = (address, bearer, big)
        self.all = [Slow(kinds[n % len(kinds)], *self._how) for n in range(connections)]
        self.ended: Counter[str] = Counter()

    def tick(self) -> None:
        for slow in self.all:
            slow.tick()

    def replace(self) -> None:
        """Whoever was cut off comes again."""
        for at, slow in enumerate(self.all):
            if slow.ended:
                self.ended[f"{slow.kind} {slow.ended}"] += 1
                with suppress(OSError):
                    self.all[at] = Slow(slow.kind, *self._how)

    @property
    def there(self) -> int:
        return sum(not slow.ended for slow in self.all)

    def close(self) -> None:
        for slow in self.all:
            if not slow.ended:
                slow.end("left")


def stay(address: str, bearer: str, connections: int, kinds: Sequence[str]) -> None:
    """The process with the crowd: a JSON line each second, until it is killed."""
    allow_descriptors()
    made = Crowd(address, bearer, connections, kinds)
    while True:
        made.tick()
        made.replace()
        print(json.dumps({"there": made.there, "ended": made.ended}), flush=True)
        time.sleep(TICK_S)


@contextmanager
def crowded(scene: Scene, given: argparse.Namespace, log: Path) -> Iterator[None]:
    """With the crowd, from when it is all there."""
    bearer = scene.here.make_key()[1]
    words = [sys.executable, "-m", "bench.slow", "--crowd", scene.here.address, bearer]
    words += ["--connections", str(given.connections), "--kinds", *given.kinds]
    words = pinned(words, cores()[1])
    with log.open("wb") as out, at_leisure(words, out):
        while not log.read_text().count("\n"):
            time.sleep(TICK_S / 4)
        yield


def play(scene: Scene, given: argparse.Namespace, number: int, log: Path) -> tuple[float, float]:
    """p99 of the quiet key's calls without and with the crowd, in ms."""
    quiet = _p99_ms(scene, given)
    with crowded(scene, given, log):
        coming = _p99_ms(scene, given)
        time.sleep(given.hold)
        busy = _p99_ms(scene, given)
        rss_mb = scene.here.process.rss_bytes() / 1e6
    told = json.loads(log.read_text().splitlines()[-1])
    print(
        f"round {number + 1}: p99 {quiet:.1f} ms without, {coming:.1f} ms while they came, "
        f"{busy:.1f} ms with {told['there']}, "
        f"{rss_mb:.0f} MB, ended {told['ended']}",
        flush=True,
    )
    PEAKS.append(rss_mb)
    return quiet, busy


PEAKS: Final[list[float]] = []


def _p99_ms(scene: Scene, given: argparse.Namespace) -> float:
    tally = scene.quiet(given.rate, given.seconds)
    if set(tally.statuses) != {200}:
        print(f"answers to the quiet key: {tally.statuses}", flush=True)
    return 1e3 * percentile(sorted(tally.seconds), 99)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.slow",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--connections", type=int, default=2_000)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each part")
    parser.add_argument("--rate", type=float, default=50.0, help="the quiet key's calls a second")
    parser.add_argument("--hold", type=float, default=20.0, help="seconds between two looks")
    parser.add_argument("--var", type=Path, default=ROOT / "var", help="for the ledger")
    parser.add_argument("--crowd", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.crowd:
        address, bearer = given.crowd
        stay(address, bearer, given.connections, given.kinds)
        return 0
    with scene(given.var, files="bulk") as made:
        made.quiet(given.rate, 2.0)
        rounds = [play(made, given, n, made.var / "crowd.log") for n in range(given.rounds)]
    ratios = [busy / quiet for quiet, busy in rounds]
    print(
        f"p99 with {given.connections} slow connections to without: "
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}); "
        f"memory {max(PEAKS):.0f} MB at most, {MEMORY_MB} MB are meant"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
