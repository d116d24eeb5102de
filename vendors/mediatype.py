"""What a Content-Type says of a body: its type, if nothing else is said of it than UTF-8."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_CHARSET: Final = re.compile(r"""charset\s*=\s*(?:utf-?8|"utf-?8")""", re.IGNORECASE | re.ASCII)


@lru_cache(maxsize=128)
def plain_type(content_type: str) -> str | None:
    """In lower case, '' where there is none; None with a charset that is not UTF-8, or parameters
    nobody needs."""
    kind, semicolon, parameters = content_type.partition(";")
    if semicolon and _CHARSET.fullmatch(parameters.strip()) is None:
        return None
    return kind.strip().lower()
