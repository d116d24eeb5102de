"""What becomes of a batch of entries, and the one future that all who wait for it share."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any


class Verdict(Enum):
    """What became of a batch."""

    DURABLE = "durable"
    FULL = "disk full"
    DEAD = "dead"


class Durability(asyncio.Future[Verdict]):
    """Shared by all who wait for one batch; so nobody may cancel it. A task that is cancelled while
    it waits learns so when the verdict is there."""

    def cancel(self, msg: Any | None = None) -> bool:
        return False
