"""This sandbox's price list, and where a number is. Money is an int of micro-USD.

SMS rates are in `prices.json`; what is not in a public table (voice abroad, most Lookup packages)
is a figure of the sandbox's own. Carrier fees come on top of a message's price and are never part
of it. `drift_percent` raises everything at once: a vendor that bills above its list.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Final

import orjson

_TABLE: Final = orjson.loads(files(__package__).joinpath("prices.json").read_bytes())
SMS: Final[dict[str, tuple[str, int]]] = {k: (v[0], v[1]) for k, v in _TABLE["sms"].items()}
UNKNOWN_MICROS: Final[int] = _TABLE["unknown_micros"]
PREFIX_MAX: Final = max(map(len, SMS))

MMS_MICROS: Final = 22_000
MMS_COUNTRIES: Final = frozenset({"US", "CA"})
WHATSAPP_MICROS: Final = 5_000
WHATSAPP_SERVICE_MICROS: Final = 3_400
WHATSAPP_TEMPLATE_MICROS: Final = {"US": 25_000, "DE": 120_000}
WHATSAPP_TEMPLATE_ELSEWHERE_MICROS: Final = 60_000
FAILED_MICROS: Final = 1_000
CARRIER_FEES: Final = {"US": (3_500, 4_500, 4_500, 5_000, 4_000), "CA": (6_400, 8_700, 7_200)}
MMS_CARRIER_FEE_MICROS: Final = 10_000

VOICE_PER_MINUTE: Final = {"US": 14_000, "CA": 14_000, "GB": 30_000, "DE": 35_000}
VOICE_ELSEWHERE_PER_MINUTE: Final = 200_000
RECORDING_PER_MINUTE: Final = 2_500

VERIFY_SUCCESS_MICROS: Final = 50_000
LOOKUP: Final = {
    "validation": 0,
    "line_type_intelligence": 8_000,
    "caller_name": 10_000,
    "sim_swap": 40_000,
    "call_forwarding": 40_000,
    "line_status": 15_000,
    "identity_match": 100_000,
    "reassigned_number": 20_000,
    "sms_pumping_risk": 25_000,
    "phone_number_quality_score": 10_000,
    "pre_fill": 80_000,
}
LOOKUP_V1: Final = {"carrier": 8_000, "caller-name": 10_000}

NUMBER_PER_MONTH: Final = {
    "US": {"local": 1_150_000, "tollfree": 2_150_000},
    "CA": {"local": 1_150_000, "tollfree": 2_150_000},
    "GB": {"local": 1_150_000, "mobile": 1_150_000},
    "PT": {"local": 3_000_000, "mobile": 135_000_000},
}
NUMBER_ELSEWHERE_PER_MONTH: Final = 15_000_000

TOLL_FREE: Final = re.compile(r"\+1(800|833|844|855|866|877|888)\d{7}", re.ASCII)


def destination(number: str) -> tuple[str, int]:
    """ISO country and micros for one SMS segment, by the longest prefix; `??` where none fits."""
    digits = number.removeprefix("+")
    for length in range(min(PREFIX_MAX, len(digits)), 0, -1):
        found = SMS.get(digits[:length])
        if found is not None:
            return found
    return "??", UNKNOWN_MICROS


def carrier_fee(number: str, *, mms: bool) -> int:
    """For each segment, or the whole MMS: by the carrier, which the number's digits decide here."""
    country, _ = destination(number)
    fees = CARRIER_FEES.get(country)
    if fees is None:
        return 0
    return MMS_CARRIER_FEE_MICROS if mms else fees[sum(map(int, number[-4:])) % len(fees)]


def whatsapp(number: str, *, template: bool) -> int:
    """Twilio's fee and Meta's."""
    if not template:
        return WHATSAPP_MICROS + WHATSAPP_SERVICE_MICROS
    country, _ = destination(number)
    fee = WHATSAPP_TEMPLATE_MICROS.get(country, WHATSAPP_TEMPLATE_ELSEWHERE_MICROS)
    return WHATSAPP_MICROS + fee


def voice(number: str) -> int:
    """One minute to this number; `client:` and `sip:` as to a US number."""
    country, _ = destination(number) if number.startswith("+") else ("US", 0)
    return VOICE_PER_MINUTE.get(country, VOICE_ELSEWHERE_PER_MINUTE)


def number_rent(number: str, kind: str) -> int:
    """A month of a number. kind: local, mobile, tollfree."""
    country, _ = destination(number)
    return NUMBER_PER_MONTH.get(country, {}).get(kind, NUMBER_ELSEWHERE_PER_MONTH)


def dollars(micros: int) -> str:
    """`8300` -> `0.00830`: five decimals, as Twilio writes a price."""
    tens = -(-abs(micros) // 10)
    sign = "-" if micros < 0 else ""
    return f"{sign}{tens // 100_000}.{tens % 100_000:05}"


def micros_of(text: str) -> int:
    """A price as text, sign dropped, in micros: `-0.0083` -> 8300. Raises ValueError."""
    found = re.fullmatch(r"-?(\d+)(?:\.(\d{1,6}))?", text, re.ASCII)
    if found is None:
        raise ValueError(f"not a price: {text}")
    return int(found[1]) * 1_000_000 + int((found[2] or "").ljust(6, "0"))
