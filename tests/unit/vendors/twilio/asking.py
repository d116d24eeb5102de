"""Requests to Twilio as tests write them: a path, parameters, and what comes of them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from vendors.contract import Answer, Quote, Reading, Sent
from vendors.form import FORM_TYPE
from vendors.rates import Rates
from vendors.twilio import TWILIO, Twilio

ACCOUNT: Final = "AC" + "0a" * 16
OTHER: Final = "AC" + "0b" * 16
ROOT: Final = f"/2010-04-01/Accounts/{ACCOUNT}"
MESSAGES: Final = f"{ROOT}/Messages.json"
CALLS: Final = f"{ROOT}/Calls.json"
SM: Final = "SM" + "1c" * 16
CA: Final = "CA" + "1d" * 16
US: Final = "+14155552671"
FROM: Final = "+14155550100"
RATES: Final = Rates({}, datetime.date(2026, 1, 1), 30)

Parameters = Mapping[str, Any] | Sequence[tuple[str, str]]


def read(
    path: str,
    parameters: Parameters | bytes = b"",
    *,
    method: str = "POST",
    product: str = "",
    query: str = "",
    kind: str = FORM_TYPE,
    **sent: Any,
) -> Reading:
    """The reading of a request; parameters are encoded as SDKs do."""
    body = parameters if isinstance(parameters, bytes) else encoded(parameters)
    operation = TWILIO.operation(method, path, product)
    return TWILIO.read(operation, Sent(method, path, query, kind if body else "", body, **sent))


def encoded(parameters: Parameters) -> bytes:
    return urlencode(parameters, doseq=True).encode()


def quote(
    path: str, parameters: Parameters | bytes = b"", *, vendor: Twilio = TWILIO, **request: Any
) -> Quote:
    return vendor.quote(read(path, parameters, **request), RATES, (), None)


def message(vendor: Twilio = TWILIO, **parameters: Any) -> Quote:
    """The quote of an SMS from and to the US, with these parameters in place of the usual ones.
    None leaves one out."""
    usual: dict[str, Any] = {"To": US, "From": FROM, "Body": "hello"}
    asked = {name: value for name, value in (usual | parameters).items() if value is not None}
    return quote(MESSAGES, asked, vendor=vendor)


def call(vendor: Twilio = TWILIO, **parameters: Any) -> Quote:
    """The quote of a call to the US of one minute, with these parameters in place."""
    usual: dict[str, Any] = {"To": US, "From": FROM, "TimeLimit": "60"}
    asked = {name: value for name, value in (usual | parameters).items() if value is not None}
    return quote(CALLS, asked, vendor=vendor)


def answer(status: int, tree: Any = b"", **headers: str) -> Answer:
    """tree: JSON, or the bytes themselves. headers: `twilio_request_id="RQ1"`."""
    listed = {k.replace("_", "-").encode(): v.encode() for k, v in headers.items()}
    return Answer(status, listed, tree if isinstance(tree, bytes) else orjson.dumps(tree))


def shown(**members: Any) -> dict[str, Any]:
    """A message as Twilio shows it, delivered and priced, with these members in place."""
    usual: dict[str, Any] = {
        "sid": SM,
        "account_sid": ACCOUNT,
        "to": US,
        "from": FROM,
        "messaging_service_sid": None,
        "body": "hello",
        "status": "delivered",
        "price": "-0.00830",
        "price_unit": "USD",
        "num_segments": "1",
        "num_media": "0",
        "error_code": None,
        "date_created": "Mon, 23 Nov 2026 10:00:00 +0000",
        "date_sent": "Mon, 23 Nov 2026 10:00:01 +0000",
    }
    return usual | members
