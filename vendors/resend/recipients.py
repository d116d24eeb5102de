"""What a mail says, gathered parameter by parameter, and how many recipients that makes.

Both ways of reading a mail, whole (reading.py) and while it passes (stream.py), hand their
parameters in here one after the other, so that they cannot come to different ends. A parameter has
its root, the member of the mail it stands in (`tags`), and its flat name (`tags[0][name]`). `to`,
`cc`, `bcc` and `reply_to` are lists that may be written as one string; their names are numbered
either way (`to[0]`).

A recipient is one string with one address, with or without a name in front. A string that some
parser could take for two addresses is refused: a comma or a semicolon outside a quoted name, a line
break, a second `@`. So is a member that only looks like one of those we know (`To`, `BCC`, ` cc`,
`replyTo`): who knows what the other side takes it for. And a recipient among the mail's own
`headers`, whom some mail server may write to.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Final

from vendors.contract import Unreadable
from vendors.form import shown

RECIPIENTS_MAX: Final = 150
"""The most that one mail can have at Resend as far as it is documented: 50 in `to`, and as many in
`cc` and in `bcc`. A mail that passes unread is held at so many."""

FIELDS_MAX: Final = 20_000
"""A batch of 100 mails to 150 recipients has 15,000 of them."""

TEXT_CHARS_MAX: Final = 65_536
"""A longer text (a body in HTML) is no field, for no rule is about it."""

KEPT_CHARS_MAX: Final = 1_048_576
"""All texts of a mail together. What is read whole is never longer; what passes may be."""

NAME_CHARS_MAX: Final = 250
ADDRESS_CHARS_MAX: Final = 1_000
"""With the name in front. RFC 5321 ends an address at 254."""

LISTS: Final = frozenset({"to", "cc", "bcc", "reply_to"})
RECIPIENTS: Final = frozenset({"to", "cc", "bcc"})
_NOBODY: Final[frozenset[str]] = frozenset()
_NO_LIST: Final = "must be a string or a list of strings"

_NUMBERED: Final = re.compile(r"(?:to|cc|bcc)\[[0-9]+\]", re.ASCII)
_SPEC: Final = r"""[^\s"<>(),:;@\[\]\\\x00-\x1f\x7f]++@[^\s"<>(),:;@\\\x00-\x1f\x7f]++"""
_QUOTED: Final = r""""[^"@\\\x00-\x1f\x7f\x85\u2028\u2029]*+" *+"""
_WORDS: Final = r"""[^"<>,;@\\\x00-\x1f\x7f\x85\u2028\u2029]*+"""
_ADDRESS: Final = re.compile(rf" *+(?:{_SPEC}|(?:{_QUOTED}|{_WORDS})<{_SPEC}>) *+")
"""Possessive, so that no text costs a second look."""


class Gathered:
    """One mail's parameters. mail: False for any other request, where nobody is a recipient. most:
    how many recipients it may have, None: any number. strict: a text too long to be kept is
    refused, since the key has rules that may be about it."""

    __slots__ = ("_addressed", "_chars_left", "_count", "_most", "_strict", "fields", "recipients")

    def __init__(self, *, strict: bool, mail: bool = True, most: int | None = None) -> None:
        self.fields: dict[str, str] = {}
        self.recipients = 0
        self._addressed = RECIPIENTS if mail else _NOBODY
        self._strict = strict
        self._most = most
        self._count = 0
        self._chars_left = KEPT_CHARS_MAX

    def add(self, root: str, name: str, text: str) -> None:
        """A parameter with its value as text; null is ''. Raises Unreadable."""
        self._check_header(root, name)
        if root in self._addressed:
            self._recipient(root, name, text)
        elif not wanted(root, name) or len(text) > TEXT_CHARS_MAX:
            self.leave_out(root, name)
            return
        elif not text.isascii():
            check_unicode(name, text)
        self._one_more()
        self._chars_left -= len(text)
        if self._chars_left < 0:
            raise Unreadable("body", f"more than {KEPT_CHARS_MAX} characters beside attachments")
        self.fields[name] = text

    def leave_out(self, root: str, name: str) -> None:
        """A text that is too long to be kept, or an attachment. Raises Unreadable."""
        self._check_header(root, name)
        if root in self._addressed:
            raise Unreadable(shown(name), f"longer than {ADDRESS_CHARS_MAX} characters")
        if self._strict and wanted(root, name):
            raise Unreadable(
                shown(name), f"longer than {TEXT_CHARS_MAX} characters, with a key that has rules"
            )
        self._one_more()

    def check_no_object(self, root: str) -> None:
        """An object stands there. Raises Unreadable where recipients are: one with a member `0`
        would pass for a list, and nobody knows what the other side takes it for."""
        if root in self._addressed:
            raise Unreadable(root, _NO_LIST)

    def check_addressed(self) -> None:
        """Raises Unreadable for a mail to nobody."""
        if "to[0]" not in self.fields:
            raise Unreadable("to", "missing")

    def _recipient(self, root: str, name: str, text: str) -> None:
        if _NUMBERED.fullmatch(name) is None:
            raise Unreadable(root, _NO_LIST)
        check_address(name, text)
        self.recipients += 1
        if self._most is not None and self.recipients > self._most:
            raise Unreadable("to", f"more than {self._most} recipients in to, cc and bcc")

    def _check_header(self, root: str, name: str) -> None:
        """By any part of its name. Raises Unreadable."""
        if root == "headers" and self._addressed:
            parts = (_folded(part).removeprefix("resent") for part in name.split("[")[1:])
            if not RECIPIENTS.isdisjoint(parts):
                raise Unreadable(shown(name), "recipients stand in to, cc and bcc")

    def _one_more(self) -> None:
        self._count += 1
        if self._count > FIELDS_MAX:
            raise Unreadable("body", f"more than {FIELDS_MAX} values")


def wanted(root: str, name: str) -> bool:
    """Is this a parameter that is kept? An attachment's content is not, however short."""
    return root != "attachments" or not name.endswith("[content]")


def count(fields: Mapping[str, str]) -> int:
    """How many recipients a reading's fields name."""
    return sum([name.startswith(("to[", "cc[", "bcc[")) for name in fields])


def check_address(name: str, text: str) -> None:
    """Raises Unreadable unless the text is one address for any parser, one that folds full-width
    characters (`＠`, `，`) to plain ones too."""
    if len(text) > ADDRESS_CHARS_MAX:
        raise Unreadable(shown(name), f"longer than {ADDRESS_CHARS_MAX} characters")
    good = _ADDRESS.fullmatch(text) is not None
    if good and not text.isascii():
        check_unicode(name, text)
        good = _ADDRESS.fullmatch(unicodedata.normalize("NFKC", text)) is not None
    if not good:
        raise Unreadable(
            shown(name),
            "must be one e-mail address, such as a@example.com or Name <a@example.com>; "
            'several go into a list, and a name with a comma in it into quotes ("Doe, J.")',
        )


def check_member(name: str, known: frozenset[str], *, only: bool = False) -> None:
    """A member at the top level, its name not too long. only: it must be one of the known. Raises
    Unreadable for one that some parser could take for a known one."""
    if name in known:
        return
    meant = _by_folded(known).get(_folded(name))
    if meant is not None:
        raise Unreadable(shown(name), f"write {meant}, exactly so")
    if only:
        raise Unreadable(shown(name), "not a parameter of this operation")


def check_name(member: str, flat: str) -> None:
    """Any member of any object. flat: its whole name. Raises Unreadable for one that could be
    mistaken for another's place."""
    if "[" in member or "]" in member:
        raise Unreadable(shown(flat), "a name with brackets in it")
    if len(flat) > NAME_CHARS_MAX:
        raise Unreadable(shown(flat), f"a name of more than {NAME_CHARS_MAX} characters")
    if not member.isascii():
        check_unicode(flat, member)


def check_unicode(name: str, text: str) -> None:
    """JSON can write half a character (a lone surrogate), which is no text. Raises Unreadable."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Unreadable(shown(name), "holds half a character (a lone surrogate)") from None


@cache
def _by_folded(known: frozenset[str]) -> Mapping[str, str]:
    """One for each operation whose body is priced."""
    return {_folded(member): member for member in known}


def _folded(name: str) -> str:
    """Letters and digits alone, without case and width: `Reply-To` and `replyTo` are one."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    return "".join([char for char in plain if char.isalnum()])
