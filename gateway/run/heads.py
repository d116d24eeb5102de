"""Where the journals end, said in the log at the start and once a day.

A chain of rows shows every change but one: rows that are cut off its end leave a shorter chain that
holds. A log that is kept elsewhere remembers how long it was, and the last row's mac.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from ledger import Ledger

_log = logging.getLogger("keybrake")

EVERY_S: Final = 86_400.0


async def tell_heads(ledger: Ledger) -> None:
    """Until it is cancelled."""
    while True:
        for shard, seq, mac in await ledger.heads():
            facts = {"shard": shard, "seq": seq, "mac": mac.hex()}
            _log.info("a journal ends here for now", extra=facts)
        await asyncio.sleep(EVERY_S)
