"""Keys and issuers as ledger notes: what is written when they change and read when the gateway
starts.

| kind         | name                | blob (JSON)                             | lies with     |
| ------------ | ------------------- | --------------------------------------- | ------------- |
| `key`        | key id              | terms, account_id, digest (SHA-256), v  | its account   |
| `issuer`     | issuer id           | the same of an issuer                   | its account   |
| `ended`      | key id or issuer id | when it was revoked, in microseconds    | shard 0       |
| `run`, `bar` | see those files     | when                                    | shard 0       |
| `used`       | `all`               | key id -> when last used, at close      | shard 0       |

One name of one kind always lies in the same shard. No secret is ever in a note.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from enum import Enum
from typing import Any, Final, NamedTuple

import orjson

from gateway.vault.allowlist import Allowlist
from gateway.vault.issuers import Issuer, IssuerTerms, Template
from gateway.vault.keys import Key
from gateway.vault.secrets import MARK_BYTES, mark
from gateway.vault.terms import ErrorStyle, Mode, ParamRule, Terms
from ledger import Note

KEY: Final = "key"
ISSUER: Final = "issuer"
ENDED: Final = "ended"
USED: Final = "used"
_VERSION: Final = 2
"""2 leaves out what stands at its default, and the key's id, which is the note's name. 1 is
read."""
_READABLE: Final = frozenset({1, _VERSION})
_HEAD: Final = b'{"v":2,"digest":"'
_NEXT: Final = b'","account_id":'
_DIGEST_AT: Final = len(_HEAD)
_MARK_ENDS: Final = _DIGEST_AT + 2 * MARK_BYTES
_DIGEST_ENDS: Final = _DIGEST_AT + 64
_ACCOUNT_AT: Final = _DIGEST_ENDS + len(_NEXT)


class Gist(NamedTuple):
    """What of a key a revoke or an issuer goes by."""

    vendor: str
    account: str
    label: str
    issuer_id: str | None
    created_at_us: int
    account_id: int


def key_note(key: Key, terms: Terms | None = None) -> Note:
    """terms: those it is about to have, if they are not its own yet."""
    frozen = _frozen(terms or key.terms)
    left_out = {
        "key_id",
        *(name for name, value in frozen.items() if value == _USUAL.get(name, _NO_DEFAULT)),
    }
    frozen = {name: value for name, value in frozen.items() if name not in left_out}
    return _note(KEY, key.terms.key_id, frozen, key)


def issuer_note(issuer: Issuer, terms: IssuerTerms | None = None) -> Note:
    return _note(ISSUER, issuer.terms.issuer_id, _frozen(terms or issuer.terms), issuer)


def ended_note(identifier: str, at_us: int) -> Note:
    return Note(ENDED, identifier, orjson.dumps(at_us))


def used_note(last_used_us: dict[str, int]) -> Note:
    return Note(USED, "all", orjson.dumps(last_used_us))


def read_key(note: Note) -> Key:
    record = _record(note)
    terms = Terms(**{"key_id": note.name, **_thawed(record["terms"], _KEY_READERS)})
    return Key(terms, bytes.fromhex(record["digest"]), record["account_id"])


def read_head(note: Note) -> tuple[int, int, bool]:
    """Of a key: its secret's mark, its account, and whether an issuer made it. The rest of a record
    that we wrote is not looked at: a start reads a million of them."""
    blob = note.blob or b""
    if not blob.startswith(_HEAD) or not blob.startswith(_NEXT, _DIGEST_ENDS):
        key = read_key(note)
        return mark(key.digest), key.account_id, key.terms.issuer_id is not None
    account_id = int(blob[_ACCOUNT_AT : blob.index(b",", _ACCOUNT_AT)])
    return int(blob[_DIGEST_AT:_MARK_ENDS], 16), account_id, _ISSUED in blob


def gist_of(key: Key) -> Gist:
    terms = key.terms
    known = (terms.vendor, terms.account, terms.label, terms.issuer_id, terms.created_at_us)
    return Gist(*known, key.account_id)


def read_gist(note: Note) -> Gist:
    """The same of a record, and the key sleeps on."""
    record = _record(note)
    terms = _USUAL | record["terms"]
    return Gist._make((*(terms[name] for name in Gist._fields[:-1]), record["account_id"]))


def of_label(label: str) -> bytes:
    """What stands in the record of each key with a label that begins so. It may stand in others."""
    return b'"label":' + orjson.dumps(label)[:-1] if label else b""


def of_vendor(vendor: str | None) -> bytes:
    return b'"vendor":' + orjson.dumps(vendor) if vendor is not None else b""


def of_issuer(issuer_id: str | None) -> bytes:
    """None: of each that an issuer made."""
    return _ISSUED + orjson.dumps(issuer_id) if issuer_id is not None else _ISSUED


def read_issuer(note: Note) -> Issuer:
    record = _record(note)
    frozen = record["terms"]
    template = Template(**_thawed(frozen.pop("template"), _TEMPLATE_READERS))
    terms = IssuerTerms(template=template, **frozen)
    return Issuer(terms, bytes.fromhex(record["digest"]), record["account_id"])


def read_number(note: Note) -> int:
    """The moment that an `ended` note carries."""
    return int(orjson.loads(note.blob or b"0"))


def read_used(note: Note) -> dict[str, int]:
    return dict(orjson.loads(note.blob or b"{}"))


def _note(kind: str, name: str, terms: dict[str, Any], holder: Key | Issuer) -> Note:
    record = {
        "v": _VERSION,
        "digest": holder.digest.hex(),
        "account_id": holder.account_id,
        "terms": terms,
    }
    return Note(kind, name, orjson.dumps(record))


def _record(note: Note) -> dict[str, Any]:
    record: dict[str, Any] = orjson.loads(note.blob or b"{}")
    if record.get("v") not in _READABLE:
        raise ValueError(f"note {note.kind} {note.name}: version {record.get('v')} is not known")
    return record


def _frozen(value: Any) -> Any:
    """JSON values for a record and all it holds."""
    match value:
        case Allowlist():
            return list(value.entries)
        case Enum():
            return value.value
        case frozenset():
            return sorted(value)
        case tuple():
            return [_frozen(item) for item in value]
        case Terms() | IssuerTerms() | Template() | ParamRule():
            return {f.name: _frozen(getattr(value, f.name)) for f in fields(value)}
    return value


def _thawed(record: dict[str, Any], readers: dict[str, Callable[[Any], Any]]) -> dict[str, Any]:
    return {
        name: readers[name](value) if value is not None and name in readers else value
        for name, value in record.items()
    }


def _param(record: dict[str, Any]) -> ParamRule:
    return ParamRule(**_thawed(record, {"one_of": tuple}))


_KEY_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "allowed": Allowlist.parse,
    "mint_endpoints": Allowlist.parse,
    "allow_unpriced": lambda pairs: tuple((Allowlist.parse(e), micros) for e, micros in pairs),
    "currencies": frozenset,
    "countries": frozenset,
    "vendor_accounts": frozenset,
    "params": lambda rules: tuple(map(_param, rules)),
    "mode": Mode,
    "error_style": ErrorStyle,
}
_USUAL: Final[dict[str, Any]] = {
    f.name: _frozen(f.default) for f in fields(Terms) if f.default is not MISSING
}
_NO_DEFAULT: Final = object()
_ISSUED: Final = b'"issuer_id":'
_TEMPLATE_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "vendors": frozenset,
    "allowed": Allowlist.parse,
}
