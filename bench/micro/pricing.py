"""What a call can cost, and what its answer means, per vendor. Pure: bytes in, values out.

A quote goes the way a call goes: the operation is found, the request read once, and priced. An
outcome is what the vendor's module makes of the answer that such a call gets.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

import orjson

from bench.micro.piece import Once, Piece, alone
from bench.micro.smallhouse import CHARGE, intent
from vendors import VENDORS
from vendors.contract import Answer, End, Outcome, Quote, Reading, Sent
from vendors.rates import Rates

_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"
_SID: Final = "AC" + "0123456789abcdef" * 2


@dataclass(frozen=True, slots=True)
class Case:
    """A POST that a vendor prices."""

    vendor: str
    path: str
    content_type: str
    body: bytes

    def quoted(self, rates: Rates) -> tuple[Reading, Quote]:
        vendor, headers = VENDORS[self.vendor], {b"content-type": self.content_type.encode()}
        operation = vendor.operation("POST", self.path, "")
        sent = Sent("POST", self.path, "", self.content_type, self.body, headers)
        reading = vendor.read(operation, sent)
        quote = vendor.quote(reading, rates, (), None)
        assert isinstance(quote, Quote)
        return reading, quote


def _mail(bytes_total: int) -> bytes:
    mail = {
        "from": "Acme <billing@example.com>",
        "to": ["ada@example.com", "grace@example.com"],
        "cc": "team@example.com",
        "subject": "Your invoice",
        "tags": [{"name": "run", "value": "make-billing-scenario"}],
        "html": "",
    }
    mail["html"] = "x" * (bytes_total - len(orjson.dumps(mail)))
    return orjson.dumps(mail)


_MANY: Final = urlencode(
    {
        "amount": "1200",
        "currency": "usd",
        "customer": "cus_123456789",
        "description": "March, 2 seats",
        "confirm": "true",
        "off_session": "true",
        "payment_method": "pm_card_visa",
        "receipt_email": "a@example.com",
        **{f"metadata[order_{number}]": f"value {number}" for number in range(7)},
    }
).encode()
_TEXT: Final = ("Your code is 123456. It is valid for ten minutes. " * 4)[:160]
_MESSAGE: Final = urlencode({"To": "+14155550123", "From": "+14155550100", "Body": _TEXT}).encode()

CHARGED: Final = Case("stripe", "/v1/payment_intents", _FORM, CHARGE)
CHARGED_WITH_MORE: Final = Case("stripe", "/v1/payment_intents", _FORM, _MANY)
TEXTED: Final = Case("twilio", f"/2010-04-01/Accounts/{_SID}/Messages.json", _FORM, _MESSAGE)
MAILED: Final = Case("resend", "/emails", _JSON, _mail(1_024))

_QUEUED: Final = {
    "sid": "SM" + "1c" * 16,
    "account_sid": _SID,
    "api_version": "2010-04-01",
    "body": _TEXT,
    "date_created": "Mon, 23 Nov 2026 10:00:00 +0000",
    "date_sent": None,
    "date_updated": "Mon, 23 Nov 2026 10:00:00 +0000",
    "direction": "outbound-api",
    "error_code": None,
    "error_message": None,
    "from": "+14155550100",
    "messaging_service_sid": None,
    "num_media": "0",
    "num_segments": "1",
    "price": None,
    "price_unit": "USD",
    "status": "queued",
    "to": "+14155550123",
    "uri": f"/2010-04-01/Accounts/{_SID}/Messages/SM{'1c' * 16}.json",
}
_SENT: Final = {"id": "49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}


def rates() -> Rates:
    return Rates.load("", "2", 30).at(int(time.time() * 1_000_000))


def quote(case: Case) -> Once:
    return partial(case.quoted, rates())


def outcome(case: Case, status: int, body: bytes, end: End) -> Once:
    vendor, (reading, quoted) = VENDORS[case.vendor], case.quoted(rates())
    headers: Mapping[bytes, bytes] = {b"content-type": b"application/json", b"request-id": b"req_1"}
    answer = Answer(status, headers, body)

    def once() -> Outcome:
        return vendor.settle(reading, quoted, answer)

    assert once().end is end
    return once


def _outcome(case: Case, status: int, tree: Mapping[str, Any] | bytes, end: End) -> Any:
    body = tree if isinstance(tree, bytes) else orjson.dumps(tree)
    return alone(partial(outcome, case, status, body, end))


PIECES: Final = (
    Piece("quote.stripe", "a charge, a form of 38 bytes", alone(partial(quote, CHARGED))),
    Piece("quote.stripe-15", "a charge of 15 fields", alone(partial(quote, CHARGED_WITH_MORE)),
          calls=100),
    Piece("quote.twilio", "a message of 160 characters", alone(partial(quote, TEXTED))),
    Piece("quote.resend", "a mail of 1 KB, 3 recipients", alone(partial(quote, MAILED))),
    Piece("outcome.stripe", "an intent that succeeded",
          _outcome(CHARGED, 200, intent(1), End.SETTLED)),
    Piece("outcome.twilio", "a message that is queued",
          _outcome(TEXTED, 201, _QUEUED, End.PENDING)),
    Piece("outcome.resend", "a mail that is sent", _outcome(MAILED, 200, _SENT, End.SETTLED)),
)  # fmt: skip
