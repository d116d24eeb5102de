"""Lookup: a GET that costs. Each package of `Fields` (v2) or `Type` (v1) has its fee; asking only
whether a number is one is free."""

from __future__ import annotations

from typing import Final

import orjson

from bench.sandbox.twilio import people, prices
from bench.sandbox.twilio.asked import Asked, url
from bench.sandbox.twilio.errors import TwilioError, not_found
from bench.sandbox.wire import Obj

TOO_SHORT: Final = "TOO_SHORT"
TOO_LONG: Final = "TOO_LONG"
DIGITS_TOO_MANY: Final = 13
ANSWERS: Final[dict[str, Obj]] = {
    "caller_name": {"caller_name": "SANDBOX", "caller_type": "CONSUMER", "error_code": None},
    "line_type_intelligence": {
        "carrier_name": "Sandbox Wireless",
        "error_code": None,
        "mobile_country_code": "310",
        "mobile_network_code": "000",
        "type": "mobile",
    },
}


def fetch(asked: Asked) -> Obj:
    """v2."""
    given = asked.ids[0]
    wanted = [part.strip() for text in asked.fields.all("Fields") for part in text.split(",")]
    answer = _find(asked, given, [name for name in dict.fromkeys(wanted) if name])
    return {**answer, "url": url(asked, f"/v2/PhoneNumbers/{answer['phone_number']}")}


def batch(asked: Asked) -> Obj:
    """v2, many numbers in one JSON body, each with packages of its own."""
    try:
        queries = [
            (str(query["phone_number"]), list(query.get("fields", ())), query)
            for query in orjson.loads(asked.body)["phone_numbers"]
        ]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise TwilioError(400, 20001, "Invalid request body") from None
    found = [
        {"correlation_id": query.get("correlation_id"), **_find(asked, number, packages)}
        for number, packages, query in queries
    ]
    return {"phone_numbers": found}


def _find(asked: Asked, given: str, packages: list[str]) -> Obj:
    """What the packages say of a number, billed."""
    unknown = [name for name in packages if name not in prices.LOOKUP]
    if unknown:
        raise TwilioError(400, 60600, f"Invalid Fields parameter: {unknown[0]}")
    number = people.e164(given)
    country = None if number is None else prices.destination(number)[0]
    answer: Obj = {
        "calling_country_code": None if number is None else _calling_code(number),
        "country_code": country,
        "phone_number": number or given,
        "national_format": number,
        "valid": number is not None,
        "validation_errors": None if number is not None else [_why(given)],
    }
    for name, fee in prices.LOOKUP.items():
        if name != "validation":
            answer[name] = ANSWERS.get(name, {"error_code": None}) if name in packages else None
        if name in packages and number is not None and fee:
            asked.world.bill("lookup", given, fee)
    return answer


def fetch_v1(asked: Asked) -> Obj:
    given = asked.ids[0]
    kinds = dict.fromkeys(asked.fields.all("Type"))
    unknown = [kind for kind in kinds if kind not in prices.LOOKUP_V1]
    if unknown:
        raise TwilioError(400, 60600, f"Invalid Type parameter: {unknown[0]}")
    number = people.e164(given)
    if number is None:
        raise not_found(asked.path)
    for kind in kinds:
        asked.world.bill("lookup", number, prices.LOOKUP_V1[kind])
    carrier = {"name": "Sandbox Wireless", "type": "mobile", "error_code": None}
    return {
        "add_ons": None,
        "caller_name": ANSWERS["caller_name"] if "caller-name" in kinds else None,
        "carrier": carrier if "carrier" in kinds else None,
        "country_code": prices.destination(number)[0],
        "national_format": number,
        "phone_number": number,
        "url": url(asked, f"/v1/PhoneNumbers/{number}"),
    }


def _why(given: str) -> str:
    digits = sum(map(str.isdigit, given))
    return TOO_LONG if digits > 11 else TOO_SHORT


def _calling_code(number: str) -> str:
    digits = number.removeprefix("+")
    if digits.startswith(("1", "7")):
        return digits[0]
    lengths = (length for length in (2, 3) if digits[:length] in prices.SMS)
    return digits[: next(lengths, 2)]
