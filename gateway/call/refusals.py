"""How a no leaves the house: flat JSON for Make and curl, the vendor's own error shape for its
SDKs.

Official SDKs break on a string in `error`, so a caller that is one gets the vendor's shape with our
code inside. A key's `error_style` and `block_status` decide where they are set; a Stripe SDK always
gets 429 for a cap, since 402 reads as a declined card."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.errors import RateLimited, Refusal, SpendRefusal
from gateway.http.message import JSON_TYPE, Headers, Response
from gateway.ids import make_id
from gateway.vault.terms import ErrorStyle, Terms
from vendors.contract import Vendor


def flat(refusal: Refusal, call_id: str) -> dict[str, Any]:
    return {"error": refusal.code, "message": refusal.text, "call_id": call_id, **refusal.facts}


def dress(
    refusal: Refusal,
    call_id: str,
    vendor: Vendor | None = None,
    terms: Terms | None = None,
    headers: Mapping[bytes, bytes] | None = None,
) -> Response:
    """vendor, terms: as far as they are known. headers: the request's."""
    sdk = vendor is not None and headers is not None and vendor.is_sdk(headers)
    always_429 = sdk and vendor is not None and vendor.sdk_takes_402_for_a_decline
    status = _status(refusal, terms, always_429)
    if vendor is not None and _in_vendor_shape(terms, sdk):
        facts = {"call_id": call_id, **refusal.facts}
        body = vendor.refusal(status, refusal.code, refusal.text, facts)
    else:
        body = flat(refusal, call_id)
    return Response(
        status, _headers(refusal, call_id, vendor), orjson.dumps(body), close=refusal.close
    )


def forget_way(refusal: Refusal) -> None:
    """Where it was raised, and what it was raised for. Some frame on that way still names it, and
    frames that nothing but it holds are garbage that only a collection finds: a key that ran into
    its cap in a loop had one of 25 ms four times a second, at everybody's expense."""
    each: BaseException | None = refusal
    while each is not None:
        each.__traceback__ = None
        each = each.__cause__ or each.__context__


def plain(refusal: Refusal) -> Response:
    """For a request that never became a call: its framing, its route or its key was at fault. The
    id is for the caller to name it by; nothing is kept of it."""
    return dress(refusal, make_id("call_", time.time_ns() // 1000))


def _status(refusal: Refusal, terms: Terms | None, always_429: bool) -> int:
    if isinstance(refusal, SpendRefusal) and terms is not None and not always_429:
        return terms.block_status
    return refusal.status


def _in_vendor_shape(terms: Terms | None, sdk: bool) -> bool:
    style = ErrorStyle.AUTO if terms is None else terms.error_style
    return style is ErrorStyle.VENDOR or (style is ErrorStyle.AUTO and sdk)


def _headers(refusal: Refusal, call_id: str, vendor: Vendor | None) -> Headers:
    headers: Headers = [JSON_TYPE, (b"keybrake-call-id", call_id.encode())]
    if vendor is not None:
        headers.append((b"request-id", call_id.encode()))
    if refusal.retry is not None:
        headers.append((b"stripe-should-retry", b"true" if refusal.retry else b"false"))
    elif 400 <= refusal.status < 500 and vendor is not None:
        headers.append((b"stripe-should-retry", b"false"))
    if isinstance(refusal, RateLimited):
        headers.append((b"retry-after", b"%d" % refusal.facts.get("retry_after_s", 1)))
    return headers
