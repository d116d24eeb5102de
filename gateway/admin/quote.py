"""`POST /vault/quote`: what a call would cost and whether it would pass, without making it.

The body says the call as its caller would make it; what is found of it is `gateway/call`'s to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.admin.bodies import written
from gateway.admin.house import House
from gateway.admin.routes import Answer, Ask, Route, Who
from gateway.call.verdicts import Asked, Explanation
from gateway.errors import AdminForbidden, NotFound
from gateway.settings import MIB
from gateway.vault.allowlist import METHODS
from gateway.vault.fields import Field, choice, mistake, refuse, text
from gateway.vault.keys import Key
from gateway.vault.usd import usd_or_none
from vendors.money import show_usd

BODY_BYTES_MAX: Final = 2 * MIB
"""A body that is read whole to be priced has 1 MiB at most, and more as a JSON string."""
PATH_CHARS_MAX: Final = 4_096
HEADERS_MAX: Final = 64
HEADER_CHARS_MAX: Final = 4_096
_PATH: Final = re.compile(r"/[!-~]*")
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
_VALUE: Final = re.compile(r"[ -~]*")


def _read_path(value: Any) -> tuple[str, str]:
    """Path and query."""
    if type(value) is not str or len(value) > PATH_CHARS_MAX or _PATH.fullmatch(value) is None:
        raise ValueError("must be a path such as /v1/payment_intents, as it stands in a request")
    path, _, query = value.partition("?")
    return path, query


def _read_headers(value: Any) -> dict[bytes, bytes]:
    """By lower-case name, without what says who asks."""
    if type(value) is not dict or len(value) > HEADERS_MAX:
        raise ValueError(f"must be an object of at most {HEADERS_MAX} names with their values")
    found: dict[bytes, bytes] = {}
    for name, content in value.items():
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"has a name that is none: {name[:100]!r}")
        if type(content) is not str or len(content) > HEADER_CHARS_MAX:
            raise ValueError(f"must say {name} in a text of at most {HEADER_CHARS_MAX} characters")
        if _VALUE.fullmatch(content) is None:
            raise ValueError(f"must say {name} in printable ASCII")
        key = name.lower().encode()
        if key in found:
            raise ValueError(f"names {name} more than once")
        found[key] = content.encode()
    found.pop(b"authorization", None)
    return found


def _read_body(value: Any) -> Any:
    """A text as it would be sent, or JSON."""
    if type(value) not in (str, dict, list):
        raise ValueError("must be a text, an object or a list")
    return value


_FIELDS: Final = (
    text("key", "The vault key's id, vk_…; a vault key asks about itself, and may leave it out."),
    choice("method", "The call's method.", sorted(METHODS), required=True),
    Field(
        "path",
        _read_path,
        {"type": "string", "maxLength": PATH_CHARS_MAX, "examples": ["/v1/payment_intents"]},
        "Path and query, behind the vendor's prefix or with it.",
        required=True,
    ),
    Field(
        "headers",
        _read_headers,
        {"type": "object", "additionalProperties": {"type": "string"}},
        "Its headers; credentials among them are not looked at.",
    ),
    Field(
        "body",
        _read_body,
        {"anyOf": [{"type": "string"}, {"type": "object"}, {"type": "array"}]},
        "Its body: a text as it is sent, or JSON, which has that Content-Type if none is given.",
    ),
)


async def quote(house: House, ask: Ask) -> Answer:
    wishes = ask.fields()
    key = _key(house, ask, wishes.get("key"))
    return _shown(key, await house.explainer.explain(key, _asked(wishes)))


def _key(house: House, ask: Ask, key_id: str | None) -> Key:
    """The key that is asked about. Raises what a vault key is told that is no longer one,
    AdminForbidden, InvalidRequest, NotFound."""
    own = ask.bearer.key
    if own is not None:
        if (refusal := house.registry.no_longer(own, own.terms.label, house.now_us())) is not None:
            raise refusal
        if key_id not in (None, own.terms.key_id):
            raise AdminForbidden("A vault key asks about itself only.")
        return own
    if key_id is None:
        refuse([mistake("key", "is required")])
    key = house.registry.key(key_id or "")
    if key is None:
        raise NotFound(f"There is no vault key {(key_id or '')[:64]}.")
    return key


def _asked(wishes: Mapping[str, Any]) -> Asked:
    (path, query), body = wishes["path"], wishes.get("body", "")
    headers = wishes.get("headers", {})
    if isinstance(body, str):
        sent = body.encode()
    else:
        sent = written(body).encode()
        headers = {b"content-type": b"application/json", **headers}
    return Asked(wishes["method"], path, query, headers, sent)


def _shown(key: Key, told: Explanation) -> dict[str, Any]:
    refusal, spared, remaining = told.refusal, told.spared, told.remaining_micros
    takes = 0 if refusal is not None else told.hold_micros
    return {
        "object": "quote",
        "key_id": key.terms.key_id,
        "allowed": refusal is None,
        "code": None if refusal is None else refusal.code or None,
        "would_refuse": None if spared is None else spared.code,
        "operation": told.operation or None,
        "quote_usd": usd_or_none(told.quote_micros),
        "how": told.how,
        "would_hold_usd": show_usd(takes),
        "units": told.units,
        "countries": list(told.countries),
        "lookups": list(told.lookups),
        "remaining_now_usd": usd_or_none(remaining),
        "remaining_usd": None if remaining is None else show_usd(max(0, remaining - takes)),
        "rules": [
            {"rule": verdict.rule, "pass": verdict.passed, "detail": verdict.detail}
            for verdict in told.verdicts
        ],
    }


ROUTES: Final = (
    Route("POST", "/vault/quote", frozenset({Who.ADMIN, Who.KEY}), quote,
          "What a call would cost and whether it would pass, without making it", "Quote",
          body=_FIELDS, body_bytes_max=BODY_BYTES_MAX),
)  # fmt: skip
