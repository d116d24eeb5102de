"""Addresses that callers gave: shown as links only where a browser does nothing but go there."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

SCHEMES: Final = frozenset({"http", "https"})


def host_of(address: str | None) -> str:
    """The host that a link to this address names; '' where it must not be a link: another scheme
    than http and https, no host, user names or control characters in it."""
    if not address or not address.isprintable() or not address.isascii() or "\\" in address:
        return ""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return ""
    return host if parts.scheme in SCHEMES and "@" not in parts.netloc else ""
