"""One canonical form for a vendor's path: what allowlists judge is, byte for byte, what the vendor
gets.

A path is one or more segments, each `/` and then `[A-Za-z0-9_.~@+:,-]+`, never `.` or `..`. The
escapes `%2B`, `%40` and `%3A` (either case of the hex letter) stand for `+`, `@` and `:` and are
judged and sent as such. Anything else is refused and not repaired: two parsers can disagree about
whatever normalising would change (`//`, a trailing `/`, `%2e%2e`, `%2f`, `;`, a backslash, control
characters, anything beyond ASCII).
"""

from __future__ import annotations

import re
from typing import Final

from gateway.errors import EndpointNotAllowed

SEGMENT: Final = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.~@+:,-]+"
"""One segment as a regular expression, to be followed by `/` or the end."""

_PATH: Final = re.compile(rf"(?:/{SEGMENT})+")
_ESCAPE: Final = re.compile(r"%(?:2[Bb]|40|3[Aa])")
_MEANS: Final = {"%2b": "+", "%40": "@", "%3a": ":"}


def canonical(path: str) -> str:
    """The path as it is matched and sent. Raises EndpointNotAllowed."""
    if _PATH.fullmatch(path) is not None:
        return path
    # One pass: what it writes is never read again, and a '%' that is left fails the match.
    plain = _ESCAPE.sub(lambda escape: _MEANS[escape[0].lower()], path)
    if _PATH.fullmatch(plain) is not None:
        return plain
    raise EndpointNotAllowed(
        "The path is not in its plain form: segments of letters, digits and _.~@+:,- only, "
        "no empty, '.' or '..' segment, no trailing slash, no escape but %2B, %40 and %3A.",
        path=path,
    )


def is_canonical(path: str) -> bool:
    """Is this a path that `canonical` would leave alone?"""
    return _PATH.fullmatch(path) is not None
