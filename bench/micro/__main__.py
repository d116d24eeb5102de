"""Pieces of the hot path, timed and counted alone.

    python -m bench.micro [NAMES…] [--save] [--against FILE] [--rounds 9] [--no-count] [--list]

A name is a family (`quote`), a piece (`quote.stripe`) or a pattern (`*.stripe`). Microseconds of
CPU are shown only; instructions are compared with a baseline, and what grew by more than 3 % is
marked. Around a change: `--against /tmp/before.json --save`, then `--against /tmp/before.json`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.micro import comparison, counting, pieces
from bench.micro.comparison import BASELINE, Baseline
from bench.micro.counting import MISSING, CannotCount
from bench.micro.piece import Piece
from bench.micro.timing import timed


def options_from(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.micro",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAMES")
    parser.add_argument("--save", action="store_true", help="keep the counts in that file")
    parser.add_argument(
        "--against", type=Path, default=BASELINE, help="the file to compare with (baseline.json)"
    )
    parser.add_argument("--rounds", type=int, default=9, help="of 10 ms each")
    parser.add_argument("--no-count", action="store_true", help="microseconds only")
    parser.add_argument("--list", action="store_true", help="the pieces, and what they are")
    return parser.parse_args(arguments)


def measure(chosen: Sequence[Piece], options: argparse.Namespace) -> int:
    kept = _kept(options)
    times = {piece.name: timed(piece, options.rounds) for piece in chosen}
    by = None if options.no_count else counting.counter()
    counts = {} if by is None else counting.counted(chosen, by)
    before = kept.instructions if kept is not None and counts else {}
    print(comparison.table(chosen, times, counts, before))
    if by is None:
        if not options.no_count:
            print(MISSING, file=sys.stderr)
        return int(options.save)
    made_on = comparison.here(by.name)
    for line in comparison.differs(kept, made_on) if kept is not None else ():
        print(f"note: {line}")
    if options.save:
        comparison.save(options.against, Baseline(counts, made_on), kept)
        print(f"kept in {options.against}")
    return 0


def _kept(options: argparse.Namespace) -> Baseline | None:
    """What to compare with; a file that is yet to be saved is not there. Raises OSError,
    ValueError."""
    if options.save and not options.against.exists():
        return None
    return comparison.load(options.against)


def main(arguments: Sequence[str] | None = None) -> int:
    options = options_from(arguments)
    try:
        chosen = pieces.named(options.names)
        if options.list:
            print("\n".join(f"{piece.name:22} {piece.about}" for piece in chosen))
            return 0
        return measure(chosen, options)
    except (pieces.NoSuchPiece, CannotCount, OSError, ValueError) as exc:
        print(exc, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
