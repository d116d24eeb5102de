"""A mail that is too large to be kept is read while it passes: who gets it stands in a few hundred
bytes of its 40 MB.

`MailStream` is a reader of JSON that is fed pieces, cut anywhere, and keeps next to nothing: the
open objects with the names of their members, the parameters as they are gathered (recipients.py),
and the string that is just passing as long as it may still be a parameter. It is as strict as
`vendors.strict_json` and refuses and reads the same, but for two bounds that only a body beyond the
limit of whole reading can meet: 150 recipients, and no number of more than 64 KiB.

What costs time is the content of attachments, one endless string of base64: there the closing quote
is searched (memchr), and the bytes before it are looked over for what may not be in a string by
C loops alone. Everything else is a few steps of Python per value, and FIELDS_MAX bounds the values.

The reader is in one of three states, a method each: between values (`_structure`), in a string
(`_string`), in a number or a word (`_word`). Each takes bytes from a position and answers with the
position it came to; NEED_MORE says that the next piece must be seen first. `_expect` says which
signs may come between values.
"""

from __future__ import annotations

import codecs
import json
import re
from enum import Enum
from typing import Final

from vendors.contract import Operation, Quote, Reading, Sent, Unreadable
from vendors.form import shown
from vendors.resend.catalogue import NAMES
from vendors.resend.prices import Prices
from vendors.resend.reading import JSON_TYPE
from vendors.resend.recipients import (
    LISTS,
    NAME_CHARS_MAX,
    RECIPIENTS_MAX,
    TEXT_CHARS_MAX,
    Gathered,
    check_member,
    check_name,
    wanted,
)
from vendors.strict_json import CONTAINERS_MAX, DEPTH_MAX

NEED_MORE: Final = -1
WORD_BYTES_MAX: Final = 65_536

_BYTES_PER_CHAR: Final = 12
"""At most, in JSON: a pair of escapes, `\\ud83d\\ude00`."""

_QUOTE: Final = ord('"')
_CONTROLS: Final = bytes(range(0x20))
_SOLID: Final = re.compile(rb"[^ \t\n\r]")
_PLAIN: Final = re.compile(
    rb'[^"\\\x00-\x1f]*+(?:\\(?!u(?![0-9a-fA-F]{4}))["\\/bfnrtu][^"\\\x00-\x1f]*+)*'
)
"""What may stand in a string, escapes included, as far as it goes. The group is not possessive: in
CPython 3.11.2 such a group keeps the beginning of a step that failed (gh-106052)."""
_CUT_ESCAPE: Final = re.compile(rb"\\(?:u[0-9a-fA-F]{0,3})?")
_WORD: Final = re.compile(rb"[A-Za-z0-9+.-]*+")
_NUMBER: Final = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_CONSTANTS: Final = {b"true": "true", b"false": "false", b"null": None}


class _Expect(Enum):
    """What may come next between values."""

    OBJECT = "the mail's opening brace"
    VALUE = "a value"
    VALUE_OR_END = "a value, or the end of an empty list"
    NAME = "a member's name"
    NAME_OR_END = "a member's name, or the end of an empty object"
    COLON = "a colon"
    COMMA_OR_END = "a comma, or the end of the object or list"
    NOTHING = "nothing: the mail is over"


_VALUES: Final = frozenset({_Expect.VALUE, _Expect.VALUE_OR_END})
_NAMES: Final = frozenset({_Expect.NAME, _Expect.NAME_OR_END})


class _Open:
    """An object or list that is not closed yet. path: its own flat name, None for the mail itself.
    names: of an object's members so far, None for a list. member: the one whose value is next.
    index: of a list's next value."""

    __slots__ = ("index", "member", "names", "path")

    def __init__(self, path: str | None, *, is_object: bool) -> None:
        self.path = path
        self.names: set[str] | None = set() if is_object else None
        self.member = ""
        self.index = 0


class MailStream:
    """Reads one mail (`vendors.contract.StreamReader`)."""

    __slots__ = (
        *("_containers", "_decoder", "_expect", "_gathered", "_is_name", "_keeping", "_known"),
        *("_name", "_open", "_operation", "_path", "_prices", "_raw", "_room", "_state", "_tail"),
    )

    def __init__(self, operation: Operation, sent: Sent, prices: Prices) -> None:
        self._operation = operation
        self._path = sent.path
        self._prices = prices
        self._known = NAMES[operation.name]
        self._gathered = Gathered(strict=sent.strict, most=RECIPIENTS_MAX)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._tail = b""  # of the last piece: the beginning of an escape
        self._state = self._structure
        self._expect = _Expect.OBJECT
        self._open: list[_Open] = []
        self._containers = 0
        self._raw: list[bytes] = []  # what is kept of the string or word that is passing
        self._room = 0  # bytes that it may still have
        self._keeping = False
        self._is_name = False
        self._name = ""  # flat, of the value that is passing

    @property
    def bound(self) -> Quote:
        rate = self._prices.rate
        how = f"at most {RECIPIENTS_MAX} recipients at {self._prices.shown} USD, read as it passes"
        micros = rate.to_micros(RECIPIENTS_MAX)
        return Quote(micros, how, "usd", RECIPIENTS_MAX, rate, units=RECIPIENTS_MAX)

    def feed(self, piece: bytes) -> None:
        self._check_utf8(piece, final=False)
        data = self._tail + piece if self._tail else piece
        self._tail = b""
        at, end = 0, len(data)
        while at < end:
            then = self._state(data, at)
            if then == NEED_MORE:
                self._tail = data[at:]
                return
            at = then

    def finish(self) -> Reading:
        self._check_utf8(b"", final=True)
        if self._expect is not _Expect.NOTHING:
            raise Unreadable("body", "ends too early")
        self._gathered.check_addressed()
        return Reading(self._operation, self._path, "", JSON_TYPE, b"", self._gathered.fields)

    def _check_utf8(self, piece: bytes, *, final: bool) -> None:
        """A character may be cut in two: the decoder remembers its first bytes."""
        if piece.isascii() and not final and not self._decoder.getstate()[0]:
            return
        try:
            self._decoder.decode(piece, final)
        except UnicodeDecodeError as exc:
            raise Unreadable("body", "not valid UTF-8") from exc

    # -- between values ------------------------------------------------------------------------

    def _structure(self, data: bytes, at: int) -> int:
        solid = _SOLID.search(data, at)
        if solid is None:
            return len(data)
        at, sign = solid.start(), solid[0]
        if sign == b'"':
            self._begin_string()
        elif sign in (b"{", b"["):
            self._begin_container(is_object=sign == b"{")
        elif sign in (b"}", b"]"):
            self._end_container(is_object=sign == b"}")
        elif sign == b",":
            self._comma()
        elif sign == b":":
            self._must_be(self._expect is _Expect.COLON)
            self._expect = _Expect.VALUE
        else:
            self._begin_word()
            return at
        return at + 1

    def _must_be(self, good: bool) -> None:
        if not good:
            raise Unreadable("body", "not valid JSON")

    def _begin_container(self, *, is_object: bool) -> None:
        path = None
        if self._expect is _Expect.OBJECT:
            self._must_be(is_object)
        else:
            path = self._begin_value()
            if is_object:
                self._gathered.check_no_object(self._open[0].member)
        self._containers += 1
        if len(self._open) == DEPTH_MAX or self._containers > CONTAINERS_MAX:
            raise Unreadable("body", f"nested deeper than {DEPTH_MAX}, or too many objects")
        self._open.append(_Open(path, is_object=is_object))
        self._expect = _Expect.NAME_OR_END if is_object else _Expect.VALUE_OR_END

    def _end_container(self, *, is_object: bool) -> None:
        empty = _Expect.NAME_OR_END if is_object else _Expect.VALUE_OR_END
        self._must_be(self._expect in (empty, _Expect.COMMA_OR_END))
        self._must_be((self._open[-1].names is not None) is is_object)
        self._open.pop()
        self._expect = _Expect.COMMA_OR_END if self._open else _Expect.NOTHING

    def _comma(self) -> None:
        self._must_be(self._expect is _Expect.COMMA_OR_END)
        self._expect = _Expect.VALUE if self._open[-1].names is None else _Expect.NAME

    def _begin_value(self) -> str:
        """The flat name of the value that begins."""
        self._must_be(self._expect in _VALUES)
        self._expect = _Expect.COMMA_OR_END
        around = self._open[-1]
        if around.names is None:
            around.index += 1
            return f"{around.path}[{around.index - 1}]"
        return _flat(around)

    # -- strings -------------------------------------------------------------------------------

    def _begin_string(self) -> None:
        self._is_name = self._expect in _NAMES
        chars_max = NAME_CHARS_MAX if self._is_name else TEXT_CHARS_MAX
        if self._is_name:
            self._keeping = True
        else:
            self._name = self._begin_value()
            self._keeping = wanted(self._open[0].member, self._name)
        self._room = chars_max * _BYTES_PER_CHAR
        self._raw = []
        self._state = self._string

    def _string(self, data: bytes, at: int) -> int:
        stop = data.find(b'"', at)
        if stop < 0:
            stop = len(data)
        if data.find(b"\\", at, stop) >= 0:
            plain = _PLAIN.match(data, at)
            assert plain is not None, "it matches nothing at least"
            stop = plain.end()
            self._keep(data[at:stop])
        else:
            part = data[at:stop]
            self._must_be(len(part.translate(None, _CONTROLS)) == len(part))
            self._keep(part)
        if stop == len(data):
            return stop
        if data[stop] == _QUOTE:
            self._end_string()
            return stop + 1
        self._must_be(_CUT_ESCAPE.fullmatch(data, stop) is not None)
        return stop if stop > at else NEED_MORE

    def _keep(self, part: bytes) -> None:
        if not self._keeping:
            return
        self._room -= len(part)
        if self._room < 0:
            self._keeping = False
            self._raw = []
        else:
            self._raw.append(part)

    def _end_string(self) -> None:
        self._state = self._structure
        text = _decoded(b"".join(self._raw)) if self._keeping else None
        self._raw = []
        if self._is_name:
            self._member(text)
            return
        self._gather(text)

    def _member(self, name: str | None) -> None:
        if name is None:
            raise Unreadable("body", f"a name of more than {NAME_CHARS_MAX} characters")
        around = self._open[-1]
        assert around.names is not None, "names are expected in objects only"
        if name in around.names:
            raise Unreadable(shown(name), "comes more than once")
        around.names.add(name)
        around.member = name
        check_name(name, _flat(around))
        if len(self._open) == 1:
            check_member(name, self._known)
        self._expect = _Expect.COLON

    # -- numbers and words ---------------------------------------------------------------------

    def _begin_word(self) -> None:
        self._name = self._begin_value()
        self._raw = []
        self._room = WORD_BYTES_MAX
        self._state = self._word

    def _word(self, data: bytes, at: int) -> int:
        run = _WORD.match(data, at)
        assert run is not None, "it matches nothing at least"
        self._room -= run.end() - at
        if self._room < 0:
            raise Unreadable("body", f"a number of more than {WORD_BYTES_MAX} bytes")
        self._raw.append(run[0])
        if run.end() < len(data):
            self._end_word()
        return run.end()

    def _end_word(self) -> None:
        word = b"".join(self._raw)
        self._raw = []
        self._state = self._structure
        if word in _CONSTANTS:
            constant = _CONSTANTS[word]
            if constant is None and len(self._open) == 1 and self._open[0].member in LISTS:
                return  # `"cc": null` is no recipient
            self._gather(constant or "")
            return
        self._must_be(_NUMBER.fullmatch(word) is not None)
        self._gather(word.decode("ascii"))

    def _gather(self, text: str | None) -> None:
        """A value that is no object and no list. None: a string that was not kept."""
        root, name = self._open[0].member, self._name
        if len(self._open) == 1 and root in LISTS:
            name = f"{root}[0]"
        if text is None:
            self._gathered.leave_out(root, name)
        else:
            self._gathered.add(root, name, text)


def _flat(around: _Open) -> str:
    """The whole name of an object's member whose value is next."""
    return around.member if around.path is None else f"{around.path}[{around.member}]"


def _decoded(raw: bytes) -> str:
    """What stands between a string's quotes; known to be good."""
    if b"\\" not in raw:
        return raw.decode("utf-8")
    text: str = json.loads(b'"' + raw + b'"')
    return text
