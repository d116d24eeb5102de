"""The three kinds of keys that we mint: their form, their checksum, their hash.

A secret is a prefix, 30 base62 characters of chance (178 bits) and 6 of checksum: the CRC32 of the
30, in base62. The checksum lets scanners and us tell a real key from a look-alike before anything
is looked up. Only the SHA-256 of a secret is kept; looking it up by that hash takes the same time
whatever the guess.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from enum import Enum
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.needles import LONG_BYTES, holds

_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MARK_BYTES: Final = 7
_CHANCE: Final = 30
_CHECKSUM: Final = 6


class Kind(Enum):
    """The prefix of each kind of key."""

    VAULT = "vault_key_"
    ISSUER = "kb_issuer_"
    ADMIN = "kb_admin_"


_FORMS: Final = {
    kind: re.compile(
        rb"%b([0-9A-Za-z]{%d})([0-9A-Za-z]{%d})" % (kind.value.encode(), _CHANCE, _CHECKSUM)
    )
    for kind in Kind
}
_BEGIN: Final = Kind.VAULT.value.encode()

_PERCENT, _BACKSLASH = b"%\\"
_NEEDLESS: Final = re.compile(rb"%(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa]|5[Ff])")
_NEEDLESS_JSON: Final = re.compile(rb"\\u00[3-7]")
"""An escape for a letter, a digit or an underscore: honest encoders leave those as they are. Two
patterns, each with a first byte to look for, go through a binary file twenty times faster than
one."""
_JSON_ESCAPE: Final = re.compile(rb"\\u00([3-7][0-9A-Fa-f])")


def mint(kind: Kind) -> str:
    """A new secret, to be shown once."""
    chance = "".join(secrets.choice(_BASE62) for _ in range(_CHANCE))
    return kind.value + chance + _checksum(chance.encode()).decode()


def digest(secret: str | bytes) -> bytes:
    """SHA-256: 32 bytes, all that is kept of a secret."""
    return hashlib.sha256(secret.encode() if isinstance(secret, str) else secret).digest()


def mark(hashed: bytes) -> int:
    """The first 56 bits of a hash. A number of no more than 60 takes 32 bytes of memory."""
    return int.from_bytes(hashed[:MARK_BYTES], "big")


def well_formed(secret: bytes, kind: Kind) -> bool:
    """Is this the form of such a key, checksum included? Says nothing about whether it exists."""
    match = _FORMS[kind].fullmatch(secret)
    return match is not None and match[2] == _checksum(match[1])


def may_hold_key(text: bytes) -> bool:
    """Is it worth a `find_in_text`? Quick, and never wrong about a text that holds a vault key."""
    if _holds_begin(text) if len(text) >= LONG_BYTES else text.find(_BEGIN) >= 0:
        return True
    if _PERCENT in text and _NEEDLESS.search(text) is not None:
        return True
    return _BACKSLASH in text and _NEEDLESS_JSON.search(text) is not None


def _holds_begin(text: bytes) -> bool:
    """Of a long text. What has no underscore, base64 say, is through sooner."""
    return b"_" in text and holds(text, _BEGIN)


def find_in_text(text: bytes) -> bytes | None:
    """The first well-formed vault key anywhere in a text, plain, percent-encoded or in the escapes
    of JSON; None if there is none. For texts that go to a vendor or a log, where a key has no
    business."""
    if b"\\u" in text:
        text = _JSON_ESCAPE.sub(lambda escape: bytes((int(escape[1], 16),)), text)
    if b"%" in text:
        text = unquote_to_bytes(text)
    start = text.find(_BEGIN)
    while start >= 0:
        match = _FORMS[Kind.VAULT].match(text, start)
        if match is not None and match[2] == _checksum(match[1]):
            return match[0]
        start = text.find(_BEGIN, start + 1)
    return None


_PAIRS: Final = tuple((a + b).encode() for a in _BASE62 for b in _BASE62)


def _checksum(chance: bytes) -> bytes:
    """Six base62 digits, in pairs."""
    rest, low = divmod(zlib.crc32(chance), len(_PAIRS))
    high, middle = divmod(rest, len(_PAIRS))
    return _PAIRS[high] + _PAIRS[middle] + _PAIRS[low]
