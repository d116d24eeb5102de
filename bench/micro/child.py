"""What is counted from outside: one piece so many times, or every piece in a process of its own.

    python -m bench.micro.child --calls 400 quote.stripe
    python -m bench.micro.child --each quote.stripe journal.1

`--each` forks for every round, N and 2N times each piece, after all of the house is imported: under
valgrind that import takes seconds, and is to be paid for once. It prints a line `piece calls pid`
for each child.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Iterator, Sequence

from bench.micro import pieces
from bench.micro.piece import Piece, on_a_loop, play


def rounds_of(piece: Piece) -> tuple[int, int]:
    """The two rounds whose difference is what its calls cost."""
    return piece.calls, 2 * piece.calls


def run(piece: Piece, calls: int) -> None:
    async def work() -> None:
        async with piece.prepare() as once:
            await play(once, piece.warm_up + calls)

    on_a_loop(work())


def each(chosen: Sequence[Piece]) -> Iterator[tuple[Piece, int, int]]:
    """Each piece with the calls and the process of a round that is over."""
    for piece in chosen:
        for calls in rounds_of(piece):
            pid = _forked(piece, calls)
            _, status = os.waitpid(pid, 0)
            if status:
                raise SystemExit(f"{piece.name} failed")
            yield piece, calls, pid


def _forked(piece: Piece, calls: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        run(piece, calls)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.micro.child", description=__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--calls", type=int)
    parser.add_argument("--each", action="store_true")
    options = parser.parse_args()
    chosen = pieces.named(options.names)
    if options.each:
        for piece, calls, pid in each(chosen):
            print(piece.name, calls, pid, flush=True)
    else:
        for piece in chosen:
            run(piece, options.calls)


if __name__ == "__main__":
    main()
