"""The one reading of a request to Stripe: what is priced is what is sent.

Query and body are one bucket at Stripe, the body after the query. For an operation that may move
money both are read strictly (`vendors.form`, `vendors.stripe.names`) and every parameter gets its
canonical name. A form body is then sent on as the bytes that came; a JSON body to `/v1`, which
Stripe would refuse, is sent as the form encoding of the very pairs that were read. `/v2` takes JSON
and gets the bytes that came.

Free operations pass untouched; only a JSON body to `/v1` is turned into form encoding for them too,
and a few free operations have parameters that do move money (`catalogue.GUARDED`), for which they
are read strictly and refused. For a key with rules on named fields they are all read strictly.

`_method`, with which some frameworks turn one method into another, is refused in every query and in
every body that is read."""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Final

from vendors import form
from vendors.contract import MediaTypeRefused, Money, Operation, Reading, Sent, Unreadable
from vendors.form import FORM_TYPE, Pair
from vendors.mediatype import plain_type
from vendors.parameters import loose_pairs, query_pairs, tree_pairs
from vendors.strict_json import read_json
from vendors.stripe.catalogue import GUARDED
from vendors.stripe.names import SINGLE, SINGLE_BUT_AMOUNT, gather

JSON_TYPE: Final = "application/json"


class Media(Enum):
    """What a body is, by its Content-Type."""

    ABSENT = "absent"
    FORM = "form"
    JSON = "json"
    OTHER = "other"


_MEDIA: Final = {"": Media.ABSENT, FORM_TYPE: Media.FORM, JSON_TYPE: Media.JSON}
_AMOUNT_IS_MAP: Final = "PostBillingCreditGrants"
_NO_BODY: Final = frozenset({"GET", "HEAD", "DELETE"})


def needs_body(operation: Operation, content_type: str) -> bool:
    """Must the body be read whole: to be priced, to be guarded, or to become form encoding?"""
    if operation.method in _NO_BODY:
        return False
    if operation.money is not Money.FREE or operation.name in GUARDED:
        return True
    return is_v1(operation) and media(content_type) is Media.JSON


def read(operation: Operation, sent: Sent) -> Reading:
    """Raises Unreadable, MediaTypeRefused."""
    guard = GUARDED.get(operation.name)
    if operation.money is Money.FREE and guard is None and not sent.strict:
        return _read_free(operation, sent)
    _check_coding(sent)
    if not is_v1(operation):
        return _read_v2(operation, sent)
    reading = _read_v1(operation, sent)
    if guard is not None and (named := _guarded(guard, reading)) is not None:
        raise Unreadable(named, "moves money here in a way that cannot be priced")
    return reading


@lru_cache(maxsize=128)
def media(content_type: str) -> Media:
    """OTHER: any other type, a charset that is not UTF-8, or parameters nobody needs."""
    kind = plain_type(content_type)
    return Media.OTHER if kind is None else _MEDIA.get(kind, Media.OTHER)


def is_v1(operation: Operation) -> bool:
    """Everything but `/v2` speaks form encoding (OAuth on its own host too)."""
    return not operation.pattern.startswith("/v2/")


def _read_v1(operation: Operation, sent: Sent) -> Reading:
    body = sent.body
    single = SINGLE_BUT_AMOUNT if operation.name == _AMOUNT_IS_MAP else SINGLE
    if not body:
        query, pairs = query_pairs(sent.query)
        return Reading(operation, sent.path, query, "", b"", gather(pairs, single))
    kind = media(sent.content_type)
    if kind is Media.FORM:
        if not sent.query and (plain := form.read_plain(body)) is not None:
            return Reading(operation, sent.path, "", FORM_TYPE, body, plain)
        pairs = form.read_pairs(body)
        if form.ambiguous(body):
            body = form.encode(pairs)
    elif kind is Media.JSON:
        pairs = _json_pairs(body)
        body = form.encode(pairs)
    else:
        raise MediaTypeRefused(
            "send application/x-www-form-urlencoded or application/json in UTF-8"
        )
    query, asked = query_pairs(sent.query)
    fields = gather(asked + pairs, single)
    return Reading(operation, sent.path, query, FORM_TYPE, body, fields)


def _read_v2(operation: Operation, sent: Sent) -> Reading:
    query, pairs = query_pairs(sent.query)
    fields = gather(pairs)
    if not sent.body:
        return Reading(operation, sent.path, query, "", b"", fields)
    if media(sent.content_type) is not Media.JSON:
        raise MediaTypeRefused("Stripe's /v2 takes application/json in UTF-8")
    for name, value in tree_pairs(read_json(sent.body, fractions=True)):
        if name in fields:
            raise Unreadable(form.shown(name), "comes more than once")
        fields[name] = value
    return Reading(operation, sent.path, query, JSON_TYPE, sent.body, fields)


def _read_free(operation: Operation, sent: Sent) -> Reading:
    body, content_type = sent.body, sent.content_type
    pairs: list[Pair] = []
    if is_v1(operation) and media(content_type) is Media.JSON:
        _check_coding(sent)
        pairs = _json_pairs(body) if body else []
        body, content_type = form.encode(pairs), FORM_TYPE
    elif body and media(content_type) is Media.FORM:
        pairs = loose_pairs(body.decode("latin-1"))
    fields = dict(loose_pairs(sent.query) + pairs)
    if any(name.strip("[] ").lower() == "_method" for name in fields):
        raise Unreadable("_method", "methods cannot be overridden")
    return Reading(operation, sent.path, sent.query, content_type, body, fields)


def _json_pairs(body: bytes) -> list[Pair]:
    tree = read_json(body)
    if not isinstance(tree, dict):
        raise Unreadable("body", "must be a JSON object")
    pairs = tree_pairs(tree)
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise Unreadable("body", "holds a NUL character")
    return pairs


def _check_coding(sent: Sent) -> None:
    coding = sent.headers.get(b"content-encoding")
    if coding is not None and coding.strip().lower() != b"identity":
        raise MediaTypeRefused("a compressed body cannot be priced")


def _guarded(guard: frozenset[str], reading: Reading) -> str | None:
    """guard: names, with all that is in them (`settings[payouts]`)."""
    for name in reading.fields:
        if name in guard or any(name.startswith(f"{each}[") for each in guard):
            return name
    return None
