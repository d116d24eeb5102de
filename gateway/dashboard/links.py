"""Addresses that callers gave: shown as links only where a browser does nothing but go there."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_ODD: Final = re.compile(r"[^!-~]|\\")
"""What no address has unescaped, and browsers read in their own ways."""
SCHEMES: Final = frozenset({"http", "https"})


def host_of(address: str | None) -> str:
    """The host that a link to this address names; '' where it must not be a link: another scheme
    than http and https, no host, a user name, or a character that no address has."""
    if not address or _ODD.search(address) is not None:
        return ""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return ""
    return host if parts.scheme in SCHEMES and "@" not in parts.netloc else ""
