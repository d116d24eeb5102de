"""The admin key: the operator's, from the environment or a file, or one made at first start.

A made one is shown once and kept as a hash in the books, so that it works after a restart. One that
the operator sets wins over it.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.settings import Settings
from gateway.vault.secrets import Kind, digest, mint
from ledger import Ledger, Note

_KIND = "admin"


@dataclass(frozen=True, slots=True)
class AdminKey:
    """digest: SHA-256. fresh: the secret, if it was made just now; shown once, when it is kept."""

    digest: bytes
    fresh: str | None = None


def digest_of(settings: Settings) -> bytes | None:
    """Of the operator's own key; None if there is none."""
    return None if settings.admin_key is None else digest(settings.admin_key.reveal())


def admin_key(settings: Settings, ledger: Ledger) -> AdminKey:
    """The key in force, or one made now, which the books know of once it is kept."""
    if (set_by_hand := digest_of(settings)) is not None:
        return AdminKey(set_by_hand)
    for note in ledger.notes(_KIND):
        if note.name == "key" and note.blob is not None:
            return AdminKey(note.blob)
    secret = mint(Kind.ADMIN)
    return AdminKey(digest(secret), secret)


async def keep(key: AdminKey, ledger: Ledger) -> None:
    """One that was made just now, right before it is shown: a start that fails in between must not
    leave a key behind that nobody has seen."""
    if key.fresh is not None:
        await ledger.note([Note(_KIND, "key", key.digest)])
