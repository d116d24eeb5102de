"""The books: money set aside and settled where no disk is waited for, and what a batch of the
journal costs on its way to a file.

The file lies in the system's temporary folder and is not synced for each batch: what the disk
takes is no work of ours.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.micro import smallhouse
from bench.micro.piece import Once, Piece
from ledger import BudgetTerms, Ending, HoldState, codec, journalfile, store
from ledger.entries import Held

_ASKED: Final = b"m" * 300
_WENT: Final = b"m" * 120
_CALL: Final = "call_01m83rzns0bkj6y7n043s43ra2"


@asynccontextmanager
async def hold_and_settle(*, threaded: bool) -> AsyncIterator[Once]:
    async with smallhouse.books(threaded=threaded) as ledger:
        issuer = await ledger.open_account(BudgetTerms(daily_micros=10**15))
        account = await ledger.open_account(BudgetTerms(daily_micros=10**15), parent=issuer)

        async def once() -> None:
            hold = await ledger.hold(account, 12_000_000, memo=_ASKED, call_id=_CALL)
            ending = Ending(hold.hold_id, HoldState.SETTLED, 12_000_000, memo=_WENT)
            ledger.book([ending], now_us=time.time_ns() // 1_000)

        yield once


@asynccontextmanager
async def journal(entries: int) -> AsyncIterator[Once]:
    """A batch of holds as the journal's thread writes it, made of entries that are encoded."""
    held = Held(1, 1, None, 20_780, None, 1_795_000_000_000_000, 12_000_000, 1, False, _CALL,
                "pi_000000000000000000000001", "", _ASKED, None)  # fmt: skip
    parts = [codec.encode(held)] * entries
    with TemporaryDirectory(prefix="keybrake-micro-") as directory:
        path = Path(directory) / "ledger-0.db"
        journalfile.create(path, 0, "0" * 32, {0: "0" * 32})
        kept = store.SqliteStore(path, journalfile.connect(path, "NORMAL"), b"k" * 32, 0)
        yield lambda: kept.append(entries, codec.body_of(parts))
        kept.close()


PIECES: Final = (
    Piece("books.hold", "hold and settle, in a key's and its issuer's budget",
          partial(hold_and_settle, threaded=False)),
    Piece("books.thread", "the same, through the journal's thread and back",
          partial(hold_and_settle, threaded=True), clock_ns=time.process_time_ns),
    Piece("journal.1", "a batch of one hold, to a file", partial(journal, 1)),
    Piece("journal.32", "a batch of 32", partial(journal, 32), calls=100),
    Piece("journal.256", "a batch of 256", partial(journal, 256), calls=64),
)  # fmt: skip
