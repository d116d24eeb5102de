"""The one reading of a request to Twilio: what is priced is what is sent.

Twilio's parameters are form-encoded names in CapitalCase, and query and body are one bucket. For an
operation that may cost money both are read strictly (`vendors.form`): a name that comes twice is
refused, but for the few lists, which repeat their name and are numbered here (`MediaUrl[0]`); and a
name that is one of Twilio's but for its case, brackets or blanks (`to`, `TO `, `To[]`) is refused,
since nobody can say how Twilio would take it. The few products that speak JSON are read as JSON.
The bytes go out as they came, unless they hold a raw `;`, at which some parsers cut: then they go
out newly encoded.

Where a key bounds phone calls and the caller gave no `TimeLimit`, ours is added to what is sent.

Free operations pass untouched, unless the key has rules on named fields."""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from functools import lru_cache
from typing import Final

from vendors import form
from vendors.contract import (
    MediaTypeRefused,
    Money,
    Operation,
    Reading,
    RuleRefused,
    Sent,
    Unreadable,
)
from vendors.form import FORM_TYPE, Pair
from vendors.mediatype import plain_type
from vendors.parameters import check_length, loose_pairs, query_pairs, tree_pairs
from vendors.strict_json import read_json
from vendors.twilio.catalogue import KINDS, PARAMETERS

JSON_TYPE: Final = "application/json"
_LISTS: Final = (
    "AddOns ConferenceRecordingStatusCallbackEvent ConferenceStatusCallbackEvent Events "
    "HelpKeywords Identity MediaUrl MessageSamples OptInKeywords OptOutKeywords Participant "
    "PersistentAction RecordingStatusCallbackEvent StatusCallbackEvent Tag ToBinding Type"
)
LISTS: Final = frozenset(_LISTS.split())
"""Parameters that may come several times, and are always numbered."""
JSON_OPERATIONS: Final = frozenset(
    {
        "lookups.v2.CreateBulkLookup",
        "verify.v2.CreateChallengePasskeys",
        "verify.v2.UpdateChallengePasskeys",
        "verify.v2.UpdatePasskeysFactor",
    }
)
"""Those with a price that take JSON; all others with one take form encoding."""


class Media(Enum):
    """What a body is, by its Content-Type."""

    FORM = "form"
    JSON = "json"
    OTHER = "other"


_MEDIA: Final = {FORM_TYPE: Media.FORM, JSON_TYPE: Media.JSON}
_INDEX: Final = re.compile(r"\[[0-9]*\]", re.ASCII)
_SECONDS: Final = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)
_NO_BODY: Final = frozenset({"GET", "HEAD", "DELETE"})
_DIALS: Final = frozenset({"call", "call_change"})


def _folded(name: str) -> str:
    """What is left of a name when everything goes that a lenient parser might overlook."""
    plain = unicodedata.normalize("NFKC", _INDEX.sub("", name)).casefold()
    return "".join([char for char in plain if char.isalnum()])


_KNOWN: Final = {_folded(name): name for name in PARAMETERS}


def needs_body(operation: Operation) -> bool:
    """Must the body be read whole before sending?"""
    return operation.money is not Money.FREE and operation.method not in _NO_BODY


def read(operation: Operation, sent: Sent) -> Reading:
    """Raises Unreadable, MediaTypeRefused, RuleRefused."""
    if operation.money is Money.FREE and not sent.strict:
        return _read_free(operation, sent)
    _check_coding(sent)
    query, pairs = query_pairs(sent.query)
    if not sent.body:
        return _bounded(Reading(operation, sent.path, query, "", b"", gather(pairs)), sent)
    if _media_of(operation, sent.content_type) is Media.JSON:
        fields = gather(pairs)
        for name, value in tree_pairs(read_json(sent.body, fractions=True)):
            if name in fields:
                raise Unreadable(form.shown(name), "comes more than once")
            fields[name] = value
        return Reading(operation, sent.path, query, JSON_TYPE, sent.body, fields)
    body = sent.body
    listed = form.read_pairs(body)
    if form.ambiguous(body):
        body = form.encode(listed)
    reading = Reading(operation, sent.path, query, FORM_TYPE, body, gather(pairs + listed))
    return _bounded(reading, sent)


def gather(pairs: list[Pair]) -> dict[str, str]:
    """Parameters by name, lists numbered. Raises Unreadable for a name that comes twice, and for
    one that is nearly another."""
    fields: dict[str, str] = {}
    strange: set[str] = set()
    counts: dict[str, int] = {}
    for name, value in pairs:
        if name in LISTS:
            number = counts.get(name, 0)
            counts[name] = number + 1
            fields[f"{name}[{number}]"] = value
            continue
        if name in fields:
            raise Unreadable(form.shown(name), "comes more than once")
        if name not in PARAMETERS:
            _check_strange(name, strange)
        fields[name] = value
    return fields


@lru_cache(maxsize=128)
def media(content_type: str) -> Media:
    """OTHER: any other type, a charset that is not UTF-8, or parameters nobody needs."""
    kind = plain_type(content_type)
    return Media.OTHER if kind is None else _MEDIA.get(kind, Media.OTHER)


def _media_of(operation: Operation, content_type: str) -> Media:
    """FORM or JSON. Raises MediaTypeRefused."""
    found = media(content_type)
    wanted = {Media.FORM, Media.JSON}
    if operation.money is Money.PRICED:
        wanted = {Media.JSON if operation.name in JSON_OPERATIONS else Media.FORM}
    if found not in wanted:
        names = " or ".join(sorted(kind for kind, as_ in _MEDIA.items() if as_ in wanted))
        raise MediaTypeRefused(f"send {names} in UTF-8")
    return found


def _check_strange(name: str, strange: set[str]) -> None:
    """A name that is none of ours may pass, unless another parser could take it for one that is, or
    for one that came before."""
    check_length(name)
    folded = _folded(name)
    if folded in _KNOWN:
        raise Unreadable(form.shown(name), f"write {_KNOWN[folded]}")
    if not folded or folded in strange:
        raise Unreadable(form.shown(name), "not a name that all parsers read alike")
    strange.add(folded)


def _bounded(reading: Reading, sent: Sent) -> Reading:
    """A phone call keeps within the key's limit, by a `TimeLimit` of ours if it has none."""
    limit_s = sent.call_time_limit_s
    kind = KINDS.get(reading.operation.name)
    if limit_s is None or kind not in _DIALS:
        return reading
    asked = reading.fields.get("TimeLimit")
    if asked is not None:
        if seconds("TimeLimit", asked) > limit_s:
            raise RuleRefused("call_time_limit_s", f"TimeLimit is {asked}, the key's is {limit_s}")
        return reading
    if kind != "call":
        return reading
    body = reading.body + (b"&" if reading.body else b"") + b"TimeLimit=%d" % limit_s
    fields = {**reading.fields, "TimeLimit": str(limit_s)}
    return Reading(reading.operation, reading.path, reading.query, FORM_TYPE, body, fields)


def seconds(name: str, text: str) -> int:
    """Raises Unreadable."""
    if _SECONDS.fullmatch(text) is None:
        raise Unreadable(name, "must be whole seconds, from 1 to 999999")
    return int(text)


def _read_free(operation: Operation, sent: Sent) -> Reading:
    pairs = loose_pairs(sent.query)
    if sent.body and media(sent.content_type) is Media.FORM:
        pairs += loose_pairs(sent.body.decode("latin-1"))
    fields = dict(pairs)
    if any(name.strip("[] ").lower() == "_method" for name in fields):
        raise Unreadable("_method", "methods cannot be overridden")
    return Reading(operation, sent.path, sent.query, sent.content_type, sent.body, fields)


def _check_coding(sent: Sent) -> None:
    coding = sent.headers.get(b"content-encoding")
    if coding is not None and coding.strip().lower() != b"identity":
        raise MediaTypeRefused("a compressed body cannot be priced")
