"""What a TwiML document of a call can do: only harmless verbs, or a no.

A document that dials, redirects, connects or asks another address what to do next can cost what
nobody knows. So every tag must be one of a short list, and no attribute may send Twilio elsewhere
for instructions. This is no XML parser, and stricter than one: a document with anything else that
begins with `<` (DOCTYPE, comments, CDATA, namespaces, processing instructions but the first), or
with a `>` out of place, is not read at all, and entities are never expanded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from vendors.contract import Unpriced

_DECLARATION: Final = re.compile(r"\s*<\?xml[^<>?]*\?>")
_TAG: Final = re.compile(r"</?([A-Za-z][A-Za-z-]*)((?:\s[^<>]*)?)/?>")
_ATTRIBUTE: Final = re.compile(
    r"""(?<!\s)\s++([A-Za-z][A-Za-z:-]*+)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)')"""
)
"""Possessive, and begun where blanks begin: a tag of nothing but blanks is looked at once."""
_VERBS: Final = frozenset(
    {"Gather", "Hangup", "Leave", "Pause", "Play", "Record", "Reject", "Response", "Say"}
)
_SPEECH_MARKS: Final = frozenset(
    {"break", "emphasis", "lang", "p", "phoneme", "prosody", "s", "say-as", "sub", "w"}
)
"""SSML inside `Say`."""
_ELSEWHERE: Final = frozenset(
    {"action", "transcribe", "transcribecallback", "partialresultcallback"}
)
"""Attributes that ask another address what comes next, or buy a transcription."""
_PLAIN_VOICES: Final = frozenset({"", "man", "woman", "alice"})
"""Voices that are not billed apart."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What a document adds to the call's minutes."""

    records: bool = False
    speaks: bool = False


def read_twiml(name: str, document: str) -> Extras:
    """name: the parameter it came in. Raises Unpriced."""
    declared = _DECLARATION.match(document)
    rest = document[declared.end() :] if declared else document
    if set(_TAG.sub("", rest)) & {"<", ">"}:
        raise Unpriced(f"{name} cannot be read for sure")
    records = speaks = False
    for verb, text in _TAG.findall(rest):
        if verb not in _VERBS and verb not in _SPEECH_MARKS:
            raise Unpriced(f"{name} uses <{verb[:40]}>, which can cost more than this call")
        attributes = _attributes(name, verb, text)
        records = records or verb == "Record"
        speaks = speaks or attributes.get("voice", "") not in _PLAIN_VOICES
    return Extras(records, speaks)


def _attributes(name: str, verb: str, text: str) -> dict[str, str]:
    """By lower-case name, values as they stand."""
    if _ATTRIBUTE.sub("", text).strip() not in ("", "/"):
        raise Unpriced(f"{name} cannot be read for sure at <{verb}>")
    found = {}
    for attribute, double, single in _ATTRIBUTE.findall(text):
        key = attribute.lower()
        if key in _ELSEWHERE:
            raise Unpriced(f"{name} has <{verb} {attribute}>, which can cost more than this call")
        found[key] = double or single
    heard = found.get("input", "")
    if "speech" in heard or "&" in heard:
        raise Unpriced(f"{name} has <{verb} input> with speech, which is billed apart")
    return found
