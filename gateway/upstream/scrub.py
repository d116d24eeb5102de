"""Takes a vendor's real credential out of what comes back, in any form an echo may have; pure.

A credential may be echoed raw, escaped for JSON or a URL, or in base64 (of itself, or of Basic's
`user:password`, so at any of three alignments; only the characters that depend on nothing beside it
are looked for). What is found is overwritten with as many `*`: lengths stay, so a Content-Length
still holds. A stream holds back only a tail that may be the beginning of a form; whole or streamed
gives the same bytes."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus

from gateway.needles import LONG_BYTES, holds

_CODED_BYTES_MIN: Final = 8
"""A shorter base64 form would match by chance."""
_NO_WORD: Final = re.compile(r"[^A-Za-z0-9]")
_WORD: Final = re.compile(rb"[A-Za-z0-9]+")
_ESCAPE: Final = re.compile(rb"\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}")
_NOTHING: Final = rb"(?!)"
_WORD_BYTES_MIN: Final = 8
"""A shorter run of letters and digits stands in many an answer."""


class Scrubber:
    """Knows one credential's forms. Shows itself as [scrubber]."""

    __slots__ = ("_begins", "_by_first", "_marks", "_needles", "_tail_max")

    def __init__(self, secret: str) -> None:
        self._needles = _minimal(_forms(secret))
        self._marks = _minimal({_mark(needle) for needle in self._needles})
        self._tail_max = max(map(len, self._needles), default=1) - 1
        self._by_first: dict[int, tuple[bytes, ...]] = {
            first: tuple(needle for needle in self._needles if needle[0] == first)
            for first in {needle[0] for needle in self._needles}
        }
        self._begins = re.compile(_begin_of_any(self._needles))

    def __repr__(self) -> str:
        return "[scrubber]"

    def whole(self, data: bytes) -> bytes:
        """The same object when there is nothing to take out. What no escape changes is looked for
        first: the forms share it."""
        if len(data) >= LONG_BYTES:
            return self._overwritten(data) if self._may_hold_form(data) else data
        for mark in self._marks:
            if data.find(mark) >= 0 and any(needle in data for needle in self._needles):
                return self._overwritten(data)
        return data

    def stream(self) -> ScrubbedStream:
        return ScrubbedStream(self)

    def held_bytes(self, data: bytes) -> int:
        """How many bytes at the end may be the beginning of a form."""
        begin = max(0, len(data) - self._tail_max)
        tail = bytes(data[begin:])
        found = self._begins.search(tail)
        while found is not None:
            at = found.start()
            for needle in self._by_first.get(tail[at], ()):
                if needle.startswith(tail[at:]):
                    return len(tail) - at
            found = self._begins.search(tail, at + 1)
        return 0

    def _may_hold_form(self, data: bytes) -> bool:
        """Of a long piece. Without a mark there is no form."""
        return any(holds(data, mark) for mark in self._marks)

    def _overwritten(self, data: bytes) -> bytes:
        """Every occurrence of every form, overlapping ones too: found first, then overwritten."""
        clean = bytearray(data)
        for needle in self._needles:
            at = data.find(needle)
            while at >= 0:
                clean[at : at + len(needle)] = b"*" * len(needle)
                at = data.find(needle, at + 1)
        return bytes(clean)


class ScrubbedStream:
    """One body in pieces, of any size. A held tail is kept twice: as it came, to be matched with
    what follows, and as it will go, since a form that was found may reach into it."""

    __slots__ = ("_clean", "_held", "_scrubber")

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._held = b""
        self._clean = b""

    def feed(self, piece: bytes) -> bytes:
        """What can be let go; the piece itself, uncopied, in the usual case."""
        data = self._held + piece if self._held else piece
        clean = self._carried_over(self._scrubber.whole(data))
        held = self._scrubber.held_bytes(data)
        if not held:
            self._held = self._clean = b""
            return clean
        self._held, self._clean = bytes(data[-held:]), bytes(clean[-held:])
        return clean[:-held]

    def finish(self) -> bytes:
        """What was held back, and turned out to be no form."""
        last, self._held, self._clean = self._clean, b"", b""
        return last

    def _carried_over(self, clean: bytes) -> bytes:
        if self._clean == self._held:
            return clean
        known = len(self._held)
        pairs = zip(self._held, self._clean, clean, strict=False)
        return bytes(new if came == went else went for came, went, new in pairs) + clean[known:]


def _forms(secret: str) -> set[bytes]:
    raw = secret.encode()
    coded = {core for core in _base64_cores(raw) if len(core) >= _CODED_BYTES_MIN}
    coded |= {core.translate(bytes.maketrans(b"+/", b"-_")) for core in coded}
    plain = coded | {raw}
    return {form for text in plain for form in _escaped(text.decode())} - {b""}


def _base64_cores(raw: bytes) -> list[bytes]:
    """The characters of base64(x + raw + y) that are the same for all x, y; for len(x) % 3 = 0, 1,
    2."""
    cores = []
    for before in range(3):
        coded = base64.b64encode(bytes(before) + raw)
        first = -(-before * 8 // 6)  # characters touched by x
        last = (before + len(raw)) * 8 // 6  # and by y or padding
        cores.append(coded[first:last])
    return cores


def _escaped(text: str) -> set[bytes]:
    as_json = {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
    as_json |= {form.replace("/", "\\/") for form in as_json}
    as_json |= {_careful(text, "\\u{:04x}"), _careful(text, "\\u{:04X}")}
    in_url = {form(text, safe=safe) for form in (quote, quote_plus) for safe in ("", "/")}
    in_url.add(_careful(text, "%{:02X}"))
    in_url |= {_lower_escapes(form) for form in in_url}
    return {form.encode() for form in {text} | as_json | in_url}


def _mark(needle: bytes) -> bytes:
    """Its longest run of letters and digits, which all escaped forms of one text have in common."""
    longest = max(_WORD.findall(_ESCAPE.sub(b" ", needle)), key=len, default=b"")
    return longest if len(longest) >= _WORD_BYTES_MIN else needle


def _begin_of_any(needles: Iterable[bytes]) -> bytes:
    """A pattern: the first two bytes of a needle, or its first one at the end."""
    twos = {re.escape(needle[:2]) for needle in needles}
    ends = {re.escape(needle[:1]) + rb"\Z" for needle in needles}
    return b"|".join(sorted(twos | ends)) or _NOTHING


def _careful(text: str, escape: str) -> str:
    """As an encoder writes it that leaves letters and digits only, and not even `_`."""
    return _NO_WORD.sub(lambda odd: escape.format(ord(odd[0])), text)


def _lower_escapes(text: str) -> str:
    head, *rest = text.split("%")
    return "%".join([head, *(part[:2].lower() + part[2:] for part in rest)])


def _minimal(forms: set[bytes]) -> tuple[bytes, ...]:
    """Without the forms that contain another one. Sorted, so that every run is alike."""
    kept: list[bytes] = []
    for form in sorted(forms, key=lambda form: (len(form), form)):
        if not any(shorter in form for shorter in kept):
            kept.append(form)
    return tuple(kept)
