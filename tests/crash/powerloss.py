"""The power goes, at any moment: what was not synced is gone, or half of it is.

    python -m tests.crash.powerloss [--images 500] [--calls 120] [--seed 1] [--synchronous NORMAL]

One real gateway is loaded under strace, from an empty directory to its end in good order, with
checkpoints and archives on the way. From what it asked of the disk, images of its ledger are made
as of random moments (`platter.py`), and each is started on. It must start; every row of it must
verify; every call whose first byte had left for the vendor by then must be held, settled or in
doubt in it; and no budget may be above its cap. With `ledger.synchronous = "NORMAL"` calls are lost
soon, as its setting says: so the look is not blind.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench import load
from bench.sandbox.launch import Sandbox
from ledger import verify
from ledger.entries import Held
from tests.crash.platter import OPTIONS, TRACED, Event, Platter, asked_of_vendor, events
from tests.crash.tracing import put_under, signal_traced
from tests.house import STRIPE_SECRET, Gateway, stripe_at
from tests.ledgers import open_in, settings_in
from tests.wishes import DECLINED, INTENT_PAYS, PAYS

CALLERS: Final = 6
CAP_USD: Final = 1_000_000
FIRST_CENTS: Final = 1_000
"""Each call asks for another amount, by which it is known."""
CENT_MICROS: Final = 10_000
CHECKPOINT_ENTRIES: Final = 100
TELL_EVERY: Final = 100


@dataclass(slots=True)
class Told:
    images: int = 0
    moments: int = 0
    left: int = 0
    most_in_doubt: int = 0
    before_the_first_call: int = 0
    files: Counter[str] = field(default_factory=Counter)


def record(directory: Path, calls: int, synchronous: str) -> tuple[list[Event], str]:
    """What a gateway asked of the disk and of the vendor, and where that is."""
    trace, where = directory / "trace", directory / "live"
    where.mkdir()
    with (
        Sandbox.start("stripe", "--secret", STRIPE_SECRET) as vendor,
        Gateway(where, {}) as gateway,
    ):
        gateway.env["KEYBRAKE__LEDGER__CHECKPOINT_ENTRIES"] = str(CHECKPOINT_ENTRIES)
        gateway.env["KEYBRAKE__LEDGER__SYNCHRONOUS"] = synchronous
        put_under(gateway, [*OPTIONS, "-e", f"trace={TRACED}", "-o", str(trace)])
        gateway.begin(stripe_at(vendor.base_url))
        keys = [gateway.make_key(daily_usd_cap=str(CAP_USD)) for _ in range(4)]
        kinds = (PAYS, INTENT_PAYS, DECLINED, PAYS)
        wishes = [kinds[n % 4].of(FIRST_CENTS + n).request(keys[n % 3]) for n in range(calls)]
        asyncio.run(load.burst(gateway.address, wishes, CALLERS))
        signal_traced(gateway, signal.SIGTERM)
        assert gateway.wait() == 0
        return list(events(trace)), vendor.address


def moments(found: Sequence[Event], count: int, dice: random.Random) -> list[int]:
    """Numbers of events, ascending: the power goes after them."""
    return sorted(dice.randrange(len(found)) for _ in range(count))


def play(directory: Path, images: int, calls: int, seed: int, synchronous: str = "FULL") -> Told:
    """Raises AssertionError, and leaves the image behind."""
    dice, told = random.Random(seed), Told()
    found, vendor = record(directory, calls, synchronous)
    where = str(directory / "live")
    found = [e for e in found if e.path.startswith(where) or asked_of_vendor(e, vendor)]
    found = [e for e in found if "audit.db" not in e.path]
    platter, left, done = Platter(Path(where)), Counter[int](), 0
    for at in moments(found, images, dice):
        for event in found[done : at + 1]:
            platter.take(event)
            cents = asked_of_vendor(event, vendor)
            if cents is not None:
                left[cents] += 1
        told.moments += at >= done
        done = max(done, at + 1)
        image = directory / "image"
        platter.image(image, dice)
        _look_at(image, left, told, synchronous)
        shutil.rmtree(image)
        if told.images % TELL_EVERY == 0:
            print(f"{told.images} images hold", file=sys.stderr, flush=True)
    told.left = left.total()
    return told


def _look_at(image: Path, left: Counter[int], told: Told, synchronous: str) -> None:
    told.images += 1
    told.before_the_first_call += not left
    told.files.update(path.name.rpartition("-")[2] for path in image.iterdir())
    held, in_doubt = asyncio.run(_opened(image, synchronous))
    missing = left - held
    assert not missing, f"calls left that no hold tells of: {missing}; see {image}"
    told.most_in_doubt = max(told.most_in_doubt, in_doubt)
    report = verify(settings_in(image, 2))
    assert report.ok, f"{report.first_error}; see {image}"


async def _opened(image: Path, synchronous: str) -> tuple[Counter[int], int]:
    """Every hold's cents, and how many holds are in doubt, in a ledger that starts on it."""
    ledger = await open_in(image, shards=2, synchronous=synchronous)
    try:
        rows = (row for shard in ledger.shards() for _, row in ledger.read_entries(shard))
        entries = [entry for row in rows for entry in row]
        held = Counter(e.amount_micros // CENT_MICROS for e in entries if isinstance(e, Held))
        for shard in ledger._by_number.values():
            for account in shard.state.accounts.values():
                assert account.standing(shard.state.at_us).over_cap_micros == 0
        return held, sum(1 for _ in ledger.open_holds())
    finally:
        await ledger.close()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--calls", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--synchronous", choices=("FULL", "NORMAL"), default="FULL")
    parser.add_argument("--directory", type=Path, help="where everything lies meanwhile")
    given = parser.parse_args()
    directory = Path(tempfile.mkdtemp(dir=given.directory, prefix="keybrake-powerloss-"))
    told = play(directory, given.images, given.calls, given.seed, given.synchronous)
    shutil.rmtree(directory)
    print(json.dumps({"seed": given.seed, **{n: getattr(told, n) for n in Told.__slots__}}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
