"""Where a phone number leads: E.164 in, ISO countries out.

regions.json maps calling codes; no code begins another, so trying one, two and three digits finds
the one there is. +1 is 24 countries and is told apart by area code. A code that several countries
share (+7, +44) gives them all: the dearest of them counts, and each must be allowed. Satellites,
global services, toll-free numbers and codes nobody has give `??`.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any, Final

_DATA: Final[dict[str, Any]] = json.loads(
    files(__package__).joinpath("regions.json").read_text("utf-8")
)

Countries = tuple[str, ...]

UNKNOWN: Final[Countries] = ("??",)
"""A place that nobody can name."""
_US: Final[Countries] = ("US",)

_E164: Final = re.compile(r"\+[1-9][0-9]{1,14}", re.ASCII)
_AREA: Final = re.compile(r"[2-9][0-9]{2}", re.ASCII)
_TOLL_FREE: Final = frozenset(_DATA["nanp_toll_free"])
_NANP: Final[dict[str, Countries]] = {
    area: (region,) for region, areas in _DATA["nanp"].items() for area in areas
} | dict.fromkeys(_DATA["nanp_unknown"], UNKNOWN)
_CODES: Final[dict[str, Countries]] = (
    {code: (region,) for code, region in _DATA["single"].items()}
    | {code: tuple(regions) for code, regions in _DATA["shared"].items()}
    | dict.fromkeys(_DATA["non_geographic"], UNKNOWN)
)


def is_e164(number: str) -> bool:
    """`+`, a digit from 1 to 9, at most 15 digits in all; nothing else."""
    return _E164.fullmatch(number) is not None


def countries_of(number: str) -> Countries:
    """number: E.164. Never empty."""
    if number.startswith("+1"):
        return area_of(number[2:5])
    for length in (2, 3, 1):
        found = _CODES.get(number[1 : 1 + length])
        if found is not None:
            return found
    return UNKNOWN


def area_of(area: str) -> Countries:
    """The country of an area code of +1."""
    found = _NANP.get(area)
    if found is not None:
        return found
    return _US if _AREA.fullmatch(area) is not None else UNKNOWN


def is_toll_free(area: str) -> bool:
    """An area code of +1 where whoever is called pays."""
    return area in _TOLL_FREE
