"""The 2010 API without `.json` answers XML: the same object under CapitalCase names."""

from __future__ import annotations

import re
from typing import Any, Final
from xml.sax.saxutils import escape

from bench.sandbox.wire import Obj

SUFFIX: Final = re.compile(r"\.[a-z]+\Z")
HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
ROOTS: Final = {
    "Messages": "Message", "Calls": "Call", "Accounts": "Account", "Keys": "Key",
    "SigningKeys": "SigningKey", "Tokens": "Token", "Participants": "Participant",
    "IncomingPhoneNumbers": "IncomingPhoneNumber", "Records": "UsageRecord",
}  # fmt: skip
"""A collection's name in paths -> one of it."""


def render(data: Obj, path: str, status: int) -> bytes:
    """path: tells what the object is, `…/Messages/SM…` a Message."""
    if status >= 400:
        return _whole("RestException", data)
    parts = [part for part in SUFFIX.sub("", path).split("/") if part in ROOTS or part == "Balance"]
    name = ROOTS.get(parts[-1], "Balance") if parts else "Resource"
    return _whole(name, data)


def _whole(name: str, data: Obj) -> bytes:
    return f"{HEAD}<TwilioResponse><{name}>{_elements(data)}</{name}></TwilioResponse>".encode()


def _elements(data: Obj) -> str:
    return "".join(
        f"<{capital(key)}>{_value(key, value)}</{capital(key)}>" for key, value in data.items()
    )


def _value(key: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return _elements(value)
    if isinstance(value, list):
        one = capital(key).removesuffix("s")
        return "".join(f"<{one}>{_value(key, item)}</{one}>" for item in value)
    return escape(str(value))


def capital(name: str) -> str:
    """`price_unit` -> `PriceUnit`."""
    return "".join(part.capitalize() for part in name.split("_"))
