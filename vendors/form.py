"""Strict reading of form-encoded bytes: one decoding that any honest parser agrees with, or a no.

A body is cut at `&`, each piece at its first `=`, escapes are decoded once, the result must be
UTF-8. What parsers are known to read differently is refused: broken escapes, NUL, raw control
characters, a name without `=`, invalid or overlong UTF-8. `;` separates nothing here, but some
parsers cut there, so a caller of this file that finds a raw `;` sends the pairs newly encoded
(`ambiguous`, `encode`) in place of the bytes that came. What names mean (brackets, letter case) is
the vendor's own business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import quote, quote_plus, unquote_to_bytes

from vendors.contract import Unreadable

FORM_TYPE: Final = "application/x-www-form-urlencoded"
PAIRS_MAX: Final = 5_000
"""More parameters than this are refused: no honest request has them, and reading them takes
time."""

Pair = tuple[str, str]

_PLAIN: Final = re.compile(
    rb"[a-z][a-z0-9_]*=[A-Za-z0-9_.~*:@/,-]*(?:&[a-z][a-z0-9_]*=[A-Za-z0-9_.~*:@/,-]*)*"
)
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
_BROKEN_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_SAFE: Final = re.compile(r"[A-Za-z0-9_.~-]*", re.ASCII)


def read_plain(raw: bytes) -> dict[str, str] | None:
    """The usual small body, quickly: flat lower-case names, each once, nothing escaped. None for
    any other, which `read_pairs` then looks at closely."""
    if _PLAIN.fullmatch(raw) is None:
        return None
    pieces = raw.decode("ascii").split("&")
    fields: dict[str, str] = dict([piece.split("=", 1) for piece in pieces])
    return fields if len(fields) == len(pieces) <= PAIRS_MAX else None


def read_pairs(raw: bytes) -> list[Pair]:
    """Names and values in order, decoded. Empty pieces (`a=1&&b=2`) are no pairs. Raises
    Unreadable."""
    if (control := _CONTROL.search(raw)) is not None:
        raise Unreadable("body", f"raw control character at byte {control.start()}")
    pieces = [piece for piece in raw.split(b"&") if piece]
    if len(pieces) > PAIRS_MAX:
        raise Unreadable("body", f"more than {PAIRS_MAX} parameters")
    return [_read_pair(piece) for piece in pieces]


def ambiguous(raw: bytes) -> bool:
    """Would some parsers cut these bytes where `read_pairs` does not?"""
    return b";" in raw


def encode(pairs: Iterable[Pair]) -> bytes:
    """Pairs as form bytes, brackets in names left as they are. Raises Unreadable for text that is
    no Unicode (a lone surrogate)."""
    return "&".join([f"{_encode_name(n)}={_encode_value(n, v)}" for n, v in pairs]).encode("ascii")


def shown(name: bytes | str) -> str:
    """A name as sent, fit to be shown in a refusal."""
    text = name.decode("ascii", "backslashreplace") if isinstance(name, bytes) else name
    return text.encode("unicode_escape").decode("ascii")[:100]


def _read_pair(piece: bytes) -> Pair:
    name, equals, value = piece.partition(b"=")
    if not equals:
        raise Unreadable(shown(name), "a name without '=' and a value")
    return _decode(name, name), _decode(value, name)


def _decode(raw: bytes, name: bytes) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        if _BROKEN_ESCAPE.search(raw) is not None:
            raise Unreadable(shown(name), "'%' without two hexadecimal digits")
        raw = unquote_to_bytes(raw)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise Unreadable(shown(name), "not valid UTF-8") from exc
    if "\0" in text:
        raise Unreadable(shown(name), "holds a NUL character")
    return text


def _encode_name(name: str) -> str:
    return name if _SAFE.fullmatch(name) else _quoted(name, name, quote, "[]")


def _encode_value(name: str, value: str) -> str:
    return value if _SAFE.fullmatch(value) else _quoted(name, value, quote_plus, "")


def _quoted(name: str, text: str, quoter: Callable[..., str], safe: str) -> str:
    try:
        return quoter(text, safe=safe)
    except UnicodeEncodeError as exc:
        raise Unreadable(shown(name), "not valid Unicode") from exc
