"""An answer in XML, as far as money goes: the handful of members that settling asks for.

The 2010 API answers in XML where a path has no ending. This is no XML parser: the members wanted
are found by their tags, which no text can hold, since `<` is escaped in every value. A document
with anything that could hide a tag from a parser or show it one (comments, CDATA, a DOCTYPE,
attributes on the members), or with a member twice, says nothing.
"""

from __future__ import annotations

import re
from typing import Final

from vendors.twilio.things import Tree, Unclear

_NAMES: Final = {
    b"AccountSid": "account_sid",
    b"CallSid": "call_sid",
    b"Price": "price",
    b"PriceUnit": "price_unit",
    b"Sid": "sid",
    b"Status": "status",
}
_ROOT: Final = re.compile(
    rb"\s*(?:<\?xml[^<>?]*\?>)?\s*<TwilioResponse>.*</TwilioResponse>\s*", re.DOTALL
)
_MEMBER: Final = re.compile(rb"<(%b)(?:/>|>([!-%%'-;=?-~]{0,64})</\1>)" % b"|".join(_NAMES))
_ANY_TAG: Final = re.compile(rb"<(%b)[\s/>]" % b"|".join(_NAMES))


def is_xml(body: bytes) -> bool:
    """No JSON begins so."""
    return body[:64].lstrip()[:1] == b"<"


def read_xml(body: bytes) -> Tree:
    """The members that are there; an empty one is None. Raises Unclear."""
    if _ROOT.fullmatch(body) is None or b"<!" in body or body.count(b"<?") > 1:
        raise Unclear("the answer is no XML of Twilio's")
    found = _MEMBER.findall(body)
    names = [name for name, _ in found]
    if len(set(names)) < len(names) or names != _ANY_TAG.findall(body):
        raise Unclear("the answer's XML does not say one thing")
    return {_NAMES[name]: value.decode("ascii") or None for name, value in found}
