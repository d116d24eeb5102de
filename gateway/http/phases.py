"""What a client's socket can be doing, what may follow what, and how its end is kept polite.

IDLE -> HEAD -> CALL -> IDLE …       a kept connection; HEAD only if a head comes in parts
                CALL -> REST -> IDLE   the small rest of a body is read away after the answer
any  -> LINGER -> CLOSED               the last answer is out, the client may still be sending
any  -> CLOSED                         nothing is under way, or the client is gone
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

DISCARD_BYTES_MAX: Final = 65_536
"""The rest of a body that nobody read: up to here it is read away and the connection stays."""
LINGER_BYTES_MAX: Final = 1_048_576
LINGER_S: Final = 2.0
"""After a last answer we read on for so long, since a close with unread bytes is a reset that can
destroy the answer on its way; Node retries on ECONNRESET."""


class Phase(IntEnum):
    """What a socket is doing. Integers, since they are looked up for every request."""

    IDLE = 0
    """Between two requests, not a byte of the next."""
    HEAD = 1
    """Part of a head is here."""
    CALL = 2
    """A handler runs, or its answer is being written."""
    REST = 3
    """Answered; the small rest of a body is being discarded."""
    LINGER = 4
    """The last answer is out; what still comes is discarded."""
    CLOSED = 5
    """Closed, perhaps with bytes to flush."""


AFTER: Final[Mapping[Phase, frozenset[Phase]]] = {
    Phase.IDLE: frozenset({Phase.HEAD, Phase.CALL, Phase.LINGER, Phase.CLOSED}),
    Phase.HEAD: frozenset({Phase.CALL, Phase.LINGER, Phase.CLOSED}),
    Phase.CALL: frozenset({Phase.IDLE, Phase.REST, Phase.LINGER, Phase.CLOSED}),
    Phase.REST: frozenset({Phase.IDLE, Phase.LINGER, Phase.CLOSED}),
    Phase.LINGER: frozenset({Phase.CLOSED}),
    Phase.CLOSED: frozenset({Phase.CLOSED}),
}
