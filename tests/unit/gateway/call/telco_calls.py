"""Calls to the vendor that is unlike Stripe, for tests of the journey."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.vault.allowlist import Allowlist
from tests.calls import Calls, Holder, SentBody
from tests.telco import OWN, TELCO

JSON: dict[str, Any] = {"content_type": "application/json"}
AS_JSON = (b"content-type", b"application/json")
SENT = (201, {"sid": "SM1", "account_sid": OWN}, AS_JSON)


async def telco_key(calls: Calls, **terms: Any) -> Holder:
    everything = Allowlist.parse(["GET /**", "POST /**"])
    return await calls.key(vendor="telco", allowed=everything, **terms)


async def message(calls: Calls, key: Holder, sid: str, text: dict[str, str], **more: Any) -> Any:
    body = SentBody(orjson.dumps(text))
    path = f"/2010/Accounts/{sid}/Messages"
    return await calls.call(key, "POST", path, body=body, **JSON, **more)


def alias(key: Holder) -> str:
    return TELCO.alias(key.key.terms.key_id)
