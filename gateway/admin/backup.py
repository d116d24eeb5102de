"""`POST /vault/backup`: a copy of the books and the audit log, made and verified while calls go on.

The journals are open in this process alone, so it makes the copy; a process of its own reads the
copy from its first row to its last before it gets its name, since that is work which would hold up
the event loop. What a copy is, and how one is put back: docs/cli.md.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import asdict
from pathlib import Path
from typing import Final

from gateway.admin.house import House
from gateway.admin.routes import ADMIN, Answer, Ask, Route
from gateway.errors import BackupFailed, BackupRunning
from gateway.settings import LedgerSettings
from gateway.vault.fields import flag
from ledger import CopyFailed, CopyRunning, Order

_log = logging.getLogger("keybrake")

_FIELDS: Final = (
    flag("with_key", "Put the ledger's own key beside the books. Default false: keep it apart."),
)


async def make(house: House, ask: Ask) -> Answer:
    """What was answered a moment ago is in it."""
    order = _order(house.doors.settings.ledger, ask.fields().get("with_key", False))
    begun_s = time.monotonic()
    await house.history.flush()
    try:
        copied = await house.ledger.back_up(order, verified)
    except CopyRunning:
        raise BackupRunning() from None
    except CopyFailed as exc:
        _log.error("no backup was made: %s", exc)
        raise BackupFailed(f"No backup was made: {exc}") from exc
    seconds = round(time.monotonic() - begun_s, 3)
    _log.info("a backup was made in %.1f s: %s", seconds, copied.path)
    return {"object": "backup", **asdict(copied), "verified": True, "seconds": seconds}


def _order(settings: LedgerSettings, with_key: bool) -> Order:
    audit = Path(settings.audit.removeprefix("sqlite:"))
    return Order(Path(settings.backups).absolute(), audit, with_key)


async def verified(folder: Path, key: Path) -> None:
    """Raises CopyFailed unless every row holds."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "backup", "--verify", str(folder), "--key", str(key)),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
        start_new_session=True,  # Ctrl-C is for the gateway
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise CopyFailed(f"the copy cannot be verified: {last or process.returncode}")


ROUTES: Final = (
    Route("POST", "/vault/backup", ADMIN, make,
          "Make a verified copy of the books and the audit log", "Backup", body=_FIELDS),
)  # fmt: skip
