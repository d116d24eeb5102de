"""A real key in a caller's hand: whoever sends a vendor's own key, or the admin key, as if it were
a vault key has it from somewhere, and it is to be rolled.

The caller is told what everybody is told whose key is unknown. The operator gets a line in the log,
at most once a minute for each key, and a counter. Secrets are known here by their hash alone.
"""

from __future__ import annotations

import base64
import binascii
import logging
from typing import Final

from gateway.http.message import Request
from gateway.metrics import Metrics
from gateway.settings import Settings
from gateway.vault.secrets import digest

_log = logging.getLogger("keybrake")

ADMIN: Final = ("keybrake", "admin")
"""Where others have their vendor and account."""
_MINUTE_US: Final = 60_000_000


class Leaks:
    """Living. `look` at a request whose key is not known."""

    __slots__ = ("_admin", "_counts", "_names", "_told")

    def __init__(self, settings: Settings, admin_digest: bytes, metrics: Metrics) -> None:
        """admin_digest: of the admin key."""
        self._admin = admin_digest
        self._names: dict[bytes, tuple[str, str]] = {}
        self._told: dict[tuple[str, str], int] = {}
        self._counts = metrics.real_keys
        self.renew(settings)

    def renew(self, settings: Settings) -> None:
        """Other accounts, other secrets. Their counters show from the start, as 0."""
        self._names = {self._admin: ADMIN} | {
            digest(account.secret.reveal()): (vendor.name, account.name)
            for vendor in settings.vendors.values()
            for account in vendor.accounts.values()
        }
        for name in self._names.values():
            self._counts.setdefault(name, 0)

    def look(self, request: Request, now_us: int) -> None:
        for secret in secrets_in(request.headers.get(b"authorization", b"")):
            if (name := self._names.get(digest(secret))) is not None:
                self._counts[name] += 1
                self._tell(name, request.peer, now_us)

    def _tell(self, name: tuple[str, str], peer: str, now_us: int) -> None:
        minute = now_us // _MINUTE_US
        if self._told.get(name) == minute:
            return
        self._told[name] = minute
        facts = {"vendor": name[0], "account": name[1], "peer": peer}
        _log.warning("a caller bears a real key as its vault key: roll it", extra=facts)


def secrets_in(header: bytes) -> tuple[bytes, ...]:
    """All that an Authorization header can carry a secret in: Twilio's stands in the password."""
    scheme, _, value = header.partition(b" ")
    if scheme.lower() != b"basic":
        return (value,)
    try:
        user, _, password = base64.b64decode(value, validate=True).partition(b":")
    except binascii.Error:
        return (value,)
    return user, password
