"""Which trace a call belongs to, as its caller says it in `traceparent` (W3C Trace Context, 3.2).

It is kept for the call's line in the log, and goes no further: vendors see the headers that their
modules name, and neither traceparent nor tracestate is one of them. Read strictly, since a header
that is not of this form means nothing. Pure.
"""

from __future__ import annotations

import re
from typing import Final

_FORM: Final = re.compile(rb"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_NO_TRACE: Final = b"0" * 32
_NO_PARENT: Final = b"0" * 16


def read_traceparent(value: bytes) -> tuple[str, str] | None:
    """trace_id, parent_id; None for what is no traceparent. A version after 00 may say more at its
    end."""
    match = _FORM.fullmatch(value)
    if match is None or (match[1] == b"00" and match[4] is not None):
        return None
    if match[2] == _NO_TRACE or match[3] == _NO_PARENT:
        return None
    return match[2].decode(), match[3].decode()
