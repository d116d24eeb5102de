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

import re
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from itertools import islice
from typing import Any, Final
from urllib.parse import parse_qsl

from vendors import form
from vendors.contract import MediaTypeRefused, Money, Operation, Reading, Sent, Unreadable
from vendors.form import FORM_TYPE, PAIRS_MAX, Pair
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
_CHARSET: Final = re.compile(r"""charset\s*=\s*(?:utf-?8|"utf-?8")""", re.IGNORECASE | re.ASCII)
_QUERY: Final = re.compile(r"[!-~]*", re.ASCII)
_NAME_CHARS_MAX: Final = 1_000
"""Stripe's longest are under 200, and a metadata key has 40. Each member of an object repeats the
names around it, so without an end a body of 1 MiB becomes gigabytes."""
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
    kind, semicolon, parameters = content_type.partition(";")
    if semicolon and _CHARSET.fullmatch(parameters.strip()) is None:
        return Media.OTHER
    return _MEDIA.get(kind.strip().lower(), Media.OTHER)


def is_v1(operation: Operation) -> bool:
    """Everything but `/v2` speaks form encoding (OAuth on its own host too)."""
    return not operation.pattern.startswith("/v2/")


def _read_v1(operation: Operation, sent: Sent) -> Reading:
    body = sent.body
    single = SINGLE_BUT_AMOUNT if operation.name == _AMOUNT_IS_MAP else SINGLE
    if not body:
        query, pairs = _query_pairs(sent.query)
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
    query, query_pairs = _query_pairs(sent.query)
    fields = gather(query_pairs + pairs, single)
    return Reading(operation, sent.path, query, FORM_TYPE, body, fields)


def _read_v2(operation: Operation, sent: Sent) -> Reading:
    query, pairs = _query_pairs(sent.query)
    fields = gather(pairs)
    if not sent.body:
        return Reading(operation, sent.path, query, "", b"", fields)
    if media(sent.content_type) is not Media.JSON:
        raise MediaTypeRefused("Stripe's /v2 takes application/json in UTF-8")
    for name, value in _tree_pairs(read_json(sent.body, fractions=True)):
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
        pairs = _loose_pairs(body.decode("latin-1"))
    fields = dict(_loose_pairs(sent.query) + pairs)
    if any(name.strip("[] ").lower() == "_method" for name in fields):
        raise Unreadable("_method", "methods cannot be overridden")
    return Reading(operation, sent.path, sent.query, content_type, body, fields)


def _query_pairs(query: str) -> tuple[str, list[Pair]]:
    """The query as it is sent on, and what it says."""
    if not query:
        return "", []
    if _QUERY.fullmatch(query) is None or "#" in query:
        raise Unreadable("query", "characters that a query cannot hold")
    raw = query.encode("ascii")
    pairs = form.read_pairs(raw)
    return (form.encode(pairs).decode("ascii") if form.ambiguous(raw) else query), pairs


def _json_pairs(body: bytes) -> list[Pair]:
    tree = read_json(body)
    if not isinstance(tree, dict):
        raise Unreadable("body", "must be a JSON object")
    pairs = _tree_pairs(tree)
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise Unreadable("body", "holds a NUL character")
    return pairs


def _tree_pairs(tree: Any) -> list[Pair]:
    pairs = list(islice(_flatten(tree), PAIRS_MAX + 1))
    if len(pairs) > PAIRS_MAX:
        raise Unreadable("body", f"more than {PAIRS_MAX} parameters")
    return pairs


def _flatten(value: Any, name: str = "") -> Iterator[Pair]:
    """Objects become brackets, lists indexes, true and false words, null the empty string. An empty
    object or list says nothing, as in the official SDKs."""
    if len(name) > _NAME_CHARS_MAX:
        raise Unreadable(form.shown(name), f"a name of more than {_NAME_CHARS_MAX} characters")
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _flatten(member, f"{name}[{key}]" if name else key)
    elif isinstance(value, list):
        for i, member in enumerate(value):
            yield from _flatten(member, f"{name}[{i}]")
    elif value is None:
        yield name, ""
    else:
        yield name, value if isinstance(value, str) else str(value).lower()


def _loose_pairs(text: str) -> list[Pair]:
    """Parameters of an operation that nobody prices, for the rules on named fields: the last one
    wins."""
    return parse_qsl(text, keep_blank_values=True) if text else []


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
