"""The gateway with a journal that writes nothing: what a durable hold costs is the difference.

    python -m bench.unwritten serve --config FILE

For measuring only, and out of reach by accident: no setting, variable or command of the gateway
leads here. Everything else is as it is: holds are checked and applied, packed, handed to the
journal's thread and waited for; only the row is not written. Whatever it carries is forgotten at
its end, and it says so loudly at its start.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from unittest.mock import patch

from gateway.run import app, cli
from ledger import Ledger
from ledger.settings import Clock, LedgerSettings
from ledger.store import Store


class Unwritten:
    """In front of a store: it takes rows and drops them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def append(self, entries: int, body: bytes) -> None:
        """It is on no disk."""

    def move_log(self) -> None:
        self._store.move_log()

    def tidy(self) -> bool:
        return self._store.tidy()

    def free_reserve(self) -> None:
        self._store.free_reserve()

    def keep_reserve(self) -> None:
        self._store.keep_reserve()

    def close(self) -> None:
        self._store.close()


class Forgetful(Ledger):
    """A ledger whose shards write nothing down once they are open."""

    @classmethod
    async def open(
        cls,
        settings: LedgerSettings,
        clock: Clock,
        *,
        on_death: Callable[[str], None],
        through: Callable[[Store], Store] = Unwritten,
    ) -> Ledger:
        return await super().open(settings, clock, on_death=on_death, through=through)


def main() -> int:
    print("bench.unwritten: NOTHING IS WRITTEN DOWN. For measuring only.", file=sys.stderr)
    with patch.object(app, "Ledger", Forgetful):
        return cli.main()


if __name__ == "__main__":
    sys.exit(main())
