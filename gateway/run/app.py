"""The one place that constructs: builds the house from settings, opens the door, and closes it
again.

Order on the way up: books first (nothing may be answered before they are replayed), then the audit
log, keys, vendors, and last the listeners. On the way down the reverse: no new calls, calls in
flight to their end, then the books. A dead journal ends the process at once: what it held in memory
cannot be trusted.
"""

from __future__ import annotations

import logging
from typing import Final

_log = logging.getLogger("keybrake")

TICK_S: Final = 1.0
"""How often the books are looked after: retries on a full disk, stalls, steps of the wall clock."""


class StartRefused(Exception):
    """One line: why this process cannot start. Nothing was touched."""
