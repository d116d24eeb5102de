"""The one reading of a request to Resend: what is priced is what is sent.

Bodies are JSON and go on as the bytes that came, after they were read strictly
(`vendors.strict_json`): no member twice, UTF-8, nothing after the end. Every value gets its flat
name: `tags[0][name]`, `template[variables][sum]`; null is the empty string, an empty list or object
says nothing. In a batch, names are numbered over all of its mails: `from[0]`, `from[1]`, `to[0]`,
`to[1]`, … and `tags[0][name][0]`, so that a rule on `to` or on `from` is a rule on every mail.

Free operations pass untouched unless the key has rules on named fields. An operation that sends
mail takes no query: nobody knows what Resend would make of one.
"""

from __future__ import annotations

import re
from typing import Any, Final

from vendors import form
from vendors.contract import MediaTypeRefused, Money, Operation, Reading, Sent, Unreadable
from vendors.form import shown
from vendors.mediatype import plain_type
from vendors.resend.catalogue import NAMES, ONLY
from vendors.resend.recipients import FIELDS_MAX, LISTS, Gathered, check_member, check_name
from vendors.strict_json import read_json

JSON_TYPE: Final = "application/json"
SEND: Final = "emails/send"
BATCH: Final = "emails/send-batch"
MAILS_MAX: Final = 100

_NO_BODY: Final = frozenset({"GET", "HEAD", "DELETE"})
_QUERY: Final = re.compile(r"[!-~]*", re.ASCII)
_LISTED: Final = re.compile(rf"(?:{'|'.join(sorted(LISTS))})\[[0-9]+\]", re.ASCII)
_PLAIN_ONLY: Final = frozenset({"send", "segment_id", "audience_id", "scheduled_at"})
"""They decide what a call costs: a list or an object there says nothing that could be read."""
_PATH_IDS: Final = frozenset({"id", "broadcast_id"})
_ANYTHING: Final[frozenset[str]] = frozenset()


def needs_body(operation: Operation) -> bool:
    """Must the body be read whole? Not for free operations, which may carry uploads."""
    return operation.method not in _NO_BODY and operation.money is not Money.FREE


def read(operation: Operation, sent: Sent) -> Reading:
    """Raises Unreadable, MediaTypeRefused."""
    if operation.money is Money.FREE and not sent.strict:
        return Reading(operation, sent.path, sent.query, sent.content_type, sent.body, {})
    check_coding(sent)
    if operation.money is Money.PRICED:
        check_query(sent)
    fields = _query_fields(sent.query)
    if not sent.body and operation.name not in (SEND, BATCH):
        return Reading(operation, sent.path, sent.query, "", b"", fields)
    check_media(sent)
    tree = read_json(sent.body, fractions=True)
    said = (_batch if operation.name == BATCH else _single)(operation, tree, strict=sent.strict)
    for name in fields.keys() & said.keys():
        raise Unreadable(shown(name), "comes more than once")
    return Reading(operation, sent.path, sent.query, JSON_TYPE, sent.body, fields | said)


def recipients_per_mail(body: bytes) -> list[int]:
    """Of a batch that was read before."""
    known = NAMES[BATCH]
    tree = read_json(body, fractions=True)
    return [_gather(mail, known, only=False, strict=False).recipients for mail in tree]


def check_coding(sent: Sent) -> None:
    """Raises MediaTypeRefused for a body that nobody here can look into."""
    coding = sent.headers.get(b"content-encoding")
    if coding is not None and coding.strip().lower() != b"identity":
        raise MediaTypeRefused("a compressed body cannot be priced")


def check_media(sent: Sent) -> None:
    """Raises MediaTypeRefused."""
    if plain_type(sent.content_type) != JSON_TYPE:
        raise MediaTypeRefused("send application/json in UTF-8")


def check_query(sent: Sent) -> None:
    """Raises Unreadable."""
    if sent.query:
        raise Unreadable("query", "this operation takes none")


def _query_fields(query: str) -> dict[str, str]:
    if not query:
        return {}
    if _QUERY.fullmatch(query) is None or "#" in query:
        raise Unreadable("query", "characters that a query cannot hold")
    fields: dict[str, str] = {}
    for name, value in form.read_pairs(query.encode("ascii")):
        if name in fields:
            raise Unreadable(shown(name), "comes more than once")
        fields[name] = value
    return fields


def _single(operation: Operation, tree: Any, *, strict: bool) -> dict[str, str]:
    if not isinstance(tree, dict):
        raise Unreadable("body", "must be a JSON object")
    name = operation.name
    mail = _gather(tree, NAMES.get(name, _ANYTHING), only=name in ONLY, strict=strict)
    if name == SEND:
        mail.check_addressed()
    elif operation.money is Money.PRICED:
        _check_plain(tree)
        _check_same(operation, tree)
    return mail.fields


def _check_plain(tree: dict[str, Any]) -> None:
    for name in _PLAIN_ONLY & tree.keys():
        if isinstance(tree[name], dict | list):
            raise Unreadable(name, "must be a single value")


def _check_same(operation: Operation, tree: dict[str, Any]) -> None:
    """resend-python says the path's id in the body again. Raises Unreadable for another one."""
    for name in _PATH_IDS & tree.keys() & NAMES[operation.name]:
        if tree[name] != operation.object_id:
            raise Unreadable(name, "must be the id in the path, or left out")


def _batch(operation: Operation, tree: Any, *, strict: bool) -> dict[str, str]:
    if not isinstance(tree, list) or not 1 <= len(tree) <= MAILS_MAX:
        raise Unreadable("body", f"must be a JSON list of 1 to {MAILS_MAX} mails")
    fields: dict[str, str] = {}
    counts: dict[str, int] = {}
    for i, mail in enumerate(tree):
        for name, value in _one_of_batch(operation, i, mail, strict=strict).items():
            base = _unnumbered(name)
            nth = counts[base] = counts.get(base, -1) + 1
            fields[f"{base}[{nth}]"] = value
        if len(fields) > FIELDS_MAX:
            raise Unreadable("body", f"more than {FIELDS_MAX} values")
    return fields


def _one_of_batch(operation: Operation, i: int, mail: Any, *, strict: bool) -> dict[str, str]:
    try:
        return _single_mail(operation, mail, strict=strict)
    except Unreadable as exc:
        raise Unreadable(f"[{i}].{exc.field_name}", exc.why) from None


def _single_mail(operation: Operation, mail: Any, *, strict: bool) -> dict[str, str]:
    if not isinstance(mail, dict):
        raise Unreadable("body", "must be a JSON object")
    gathered = _gather(mail, NAMES[operation.name], only=False, strict=strict)
    gathered.check_addressed()
    return gathered.fields


def _unnumbered(name: str) -> str:
    """`to` for `to[3]`; any other name as it is."""
    return name.partition("[")[0] if _LISTED.fullmatch(name) is not None else name


def _gather(tree: dict[str, Any], known: frozenset[str], *, only: bool, strict: bool) -> Gathered:
    gathered = Gathered(strict=strict, mail="to" in known)
    for root, value in tree.items():
        if root not in known:
            check_name(root, root)
            check_member(root, known, only=only)
        if root in LISTS and not isinstance(value, dict | list):
            if value is not None:
                _walk(gathered, root, f"{root}[0]", value)
        else:
            _walk(gathered, root, root, value)
    return gathered


def _walk(gathered: Gathered, root: str, name: str, value: Any) -> None:
    """Deep first, in the order in which it is written. The tree is at most 20 deep."""
    if isinstance(value, str):
        gathered.add(root, name, value)
    elif isinstance(value, list):
        for i, member in enumerate(value):
            _walk(gathered, root, f"{name}[{i}]", member)
    elif isinstance(value, dict):
        gathered.check_no_object(root)
        for key, member in value.items():
            flat = f"{name}[{key}]"
            check_name(key, flat)
            _walk(gathered, root, flat, member)
    elif value is None:
        gathered.add(root, name, "")
    else:
        gathered.add(root, name, "true" if value else "false")
