"""What goes to the vendor and what comes back: header lists by allowlist, and the cost in the head.

Nothing of the caller's head is copied but what the vendor module names; nothing of the vendor's
head is relayed but what it names. The caller's Idempotency-Key is given back as it was sent."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import compress
from operator import itemgetter
from typing import Final

from gateway.http.message import Headers
from vendors.contract import Vendor
from vendors.money import show_usd

_USER_AGENT: Final = (b"user-agent", b"keybrake")
"""Of a caller that names none: Resend answers 403 to a request without."""
_CONTENT_TYPE: Final = b"content-type"
SHAPES_MAX: Final = 256
"""Of heads, whose headers' names are remembered: at most 16 kB each."""
_NAME: Final = itemgetter(0)


def outgoing(
    headers: Mapping[bytes, bytes],
    vendor: Vendor,
    authorization: bytes,
    content_type: bytes | None,
    account_headers: Mapping[bytes, bytes],
    idempotency_key: str | None,
) -> Headers:
    """The head that the vendor gets, but for Host and framing. content_type: of the body as it is
    sent, None to pass on the caller's."""
    allowed = vendor.request_headers
    out: Headers = [(b"authorization", authorization)]
    if b"user-agent" not in headers:
        out.append(_USER_AGENT)
    but = (_CONTENT_TYPE if content_type is not None else None, *account_headers)
    out += compress(headers.items(), _chosen(tuple(headers), allowed, but))
    if content_type:
        out.append((_CONTENT_TYPE, content_type))
    if account_headers:
        out.extend(account_headers.items())
    if idempotency_key is not None and vendor.idempotency_header is not None:
        out.append((vendor.idempotency_header, idempotency_key.encode("ascii")))
    return out


def relayed(headers: Headers, vendor: Vendor, call_id: str, idempotency_key: str | None) -> Headers:
    """The vendor's headers that the caller may see. idempotency_key: the caller's own, or None."""
    allowed, key_header = vendor.answer_headers, vendor.idempotency_header
    out: Headers = [(b"keybrake-call-id", call_id.encode("ascii"))]
    names = tuple(map(_NAME, headers))
    out += compress(headers, _chosen(names, allowed, (key_header,)))
    if idempotency_key is not None and key_header in names:
        assert key_header is not None  # once, however often the vendor says its own
        out.append((key_header, idempotency_key.encode("ascii")))
    return out


@lru_cache(SHAPES_MAX)
def _chosen(
    names: tuple[bytes, ...], allowed: frozenset[bytes], but: tuple[bytes | None, ...]
) -> tuple[bool, ...]:
    """Which headers go on: heads come in a few dozen shapes, and each is looked through once."""
    return tuple(name in allowed and name not in but for name in names)


def add_cost(
    headers: Headers, cost_micros: int, today: tuple[int, int | None], *, estimated: bool
) -> None:
    """What the call counts for, and how the key's day stands now (`Ledger.today`)."""
    spent_micros, remaining_micros = today
    headers.append((b"keybrake-cost-usd", show_usd(cost_micros).encode("ascii")))
    headers.append((b"keybrake-spent-usd", show_usd(spent_micros).encode("ascii")))
    headers.append((b"keybrake-remaining-usd", show_usd(remaining_micros or 0).encode("ascii")))
    if estimated:
        headers.append((b"keybrake-cost-estimated", b"true"))
