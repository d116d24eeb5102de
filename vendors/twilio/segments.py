"""How many segments a text message is cut into, exactly as Twilio bills it.

A text whose characters are all in GSM-7 (gsm7.json) is sent as septets: a basic character is one, a
character of the extension set two (an escape and a code). One character outside, and the whole text
is UCS-2, counted in UTF-16 units: an emoji is two. Up to 160 septets or 70 units are one segment; a
longer text is cut at 153 or 67, since seven septets or three units of each segment go to the header
that joins them. An escape and its code, or a surrogate pair, are never split: what does not fit
moves to the next segment, so that a plain division can be one too low.

Smart encoding (a message's own wish, or a Messaging Service's setting, on by default) replaces
look-alikes before that. It usually shortens a text, but not always: an ellipsis becomes three dots,
a tab seven blanks, and beside an emoji that is only longer. So where it may be on, the dearer of
both counts.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any, Final

from vendors.money import ceil_div

_DATA: Final[dict[str, Any]] = json.loads(
    files(__package__).joinpath("gsm7.json").read_text("utf-8")
)
_EXTENSION: Final[str] = _DATA["extension"]
_BASIC: Final = re.compile(f"[{re.escape(_DATA['basic'])}]*")
_GSM7: Final = re.compile(f"[{re.escape(_DATA['basic'] + _EXTENSION)}]*")
_DOUBLE: Final = re.compile(f"[{re.escape(_EXTENSION)}]")
_ALIKE: Final = str.maketrans(
    {alike: plain for plain, listed in _DATA["smart_encoding"].items() for alike in listed}
)

GSM7: Final = "GSM-7"
UCS2: Final = "UCS-2"
_GSM7_ONE, _GSM7_EACH = 160, 153
_UCS2_ONE, _UCS2_EACH = 70, 67
_BMP_MAX: Final = "\uffff"


def count(text: str) -> tuple[int, str]:
    """Segments, at least one, and the encoding: `GSM-7` or `UCS-2`."""
    if _BASIC.fullmatch(text) is not None:
        length = len(text)
        return (1 if length <= _GSM7_ONE else ceil_div(length, _GSM7_EACH)), GSM7
    if _GSM7.fullmatch(text) is not None:
        widths = [2 if _DOUBLE.match(char) else 1 for char in text]
        return _pack(widths, _GSM7_ONE, _GSM7_EACH), GSM7
    return _pack([2 if char > _BMP_MAX else 1 for char in text], _UCS2_ONE, _UCS2_EACH), UCS2


def count_most(text: str) -> tuple[int, str]:
    """The same where smart encoding may be on or off: whichever is more."""
    as_it_is = count(text)
    if as_it_is[1] == GSM7:
        return as_it_is
    return max(as_it_is, count(smart(text)))


def smart(text: str) -> str:
    """The text with look-alikes replaced."""
    return text.translate(_ALIKE)


def _pack(widths: list[int], one: int, each: int) -> int:
    """How many segments of `each` hold characters of these widths, none of them split."""
    if sum(widths) <= one:
        return 1
    segments, used = 1, 0
    for width in widths:
        if used + width > each:
            segments, used = segments + 1, 0
        used += width
    return segments
