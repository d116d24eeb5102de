"""What a hostile vendor says, as data: `*.json` beside this file, and how an entry becomes bytes.

An entry tells the steps of one answer, and what must be true at the caller, in the books and of the
connection that it came over (README.md has the fields). An entry that is cut or split at every
offset becomes a case for each of them.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

HERE: Final = Path(__file__).parent
ASKS: Final = ("charge", "read", "head", "confirm", "text", "mail")
_TOLD: Final = ("name", "why", "ask", "say", "early", "cut", "across", "by", "reads")
_WANTED: Final = ("status", "code", "books", "usd", "pool", "has", "headers", "without", "whole")
_FIELDS: Final = frozenset((*_TOLD, *_WANTED))
_MARK: Final = re.compile(rb"<<([a-z0-9 :-]+)>>")

CODINGS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gzip": gzip.compress,
    "zlib": zlib.compress,
    "deflate": lambda data: zlib.compress(data)[2:-4],
}


@dataclass(frozen=True, slots=True)
class Act:
    """Something that the vendor does between two pieces of what it says. data: for acts that say
    the same again and again."""

    name: str
    data: bytes = b""


Step = bytes | Act
Marks = Mapping[str, bytes]
"""What stands for `<<name>>`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the data. told: its fields, those that its file gives to all rows among them."""

    file: str
    told: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.file}: {self.told['name']}"

    @property
    def ask(self) -> str:
        return str(self.told.get("ask", "charge"))


@dataclass(frozen=True, slots=True)
class Case:
    """One answer to one call. at: where an answer is cut or split, of an entry that says `cut` or
    `across`."""

    entry: Entry
    at: int | None = None

    @property
    def name(self) -> str:
        return self.entry.name if self.at is None else f"{self.entry.name} [{self.at}]"

    def steps(self, marks: Marks) -> list[Step]:
        told = self.entry.told
        if self.at is None:
            return list(_steps(told["say"], marks))
        if told.get("by") == "chunk":
            return list(_steps(told["say"], marks, split_at=self.at))
        whole = _joined(told["say"], marks)
        if "cut" in told:
            return [whole[: self.at], Act(told["cut"])]
        return [whole[: self.at], Act("taken"), whole[self.at :]]


@cache
def entries() -> tuple[Entry, ...]:
    """All rows of all files, by file and place."""
    return tuple(row for path in sorted(HERE.glob("*.json")) for row in _file(path))


def cases(entry: Entry, marks: Marks) -> list[Case]:
    """marks: of any case; only how long they are counts."""
    told = entry.told
    if "cut" in told:
        return [Case(entry, at) for at in range(len(_joined(told["say"], marks)))]
    if "across" in told:
        needle = marks[told["across"]]
        where = _body(told["say"]) if told.get("by") == "chunk" else told["say"]
        begin = _joined(where, marks).index(needle)
        return [Case(entry, at) for at in range(begin, begin + len(needle) + 1)]
    return [Case(entry)]


def marks_of(name: str, secret: str, user: str = "") -> dict[str, bytes]:
    """What a case's own text may stand for: its intent, and its account's credential in each form.
    user: what stands beside the secret in Basic."""
    raw = secret.encode()
    intent = {
        "id": f"pi_{name}", "object": "payment_intent", "status": "succeeded", "currency": "usd",
        "amount": 1200, "amount_received": 1200, "amount_capturable": 0, "livemode": False,
    }  # fmt: skip
    body = json.dumps(intent).encode()
    basic = base64.b64encode(f"{user}:{secret}".encode())
    return {
        "n": name.encode(),
        "intent": body,
        "length": b"%d" % len(body),
        "secret": raw,
        "secret:base64": base64.b64encode(raw),
        "secret:base64 behind one": base64.b64encode(b"x" + raw),
        "secret:base64 behind two": base64.b64encode(b"xy" + raw),
        "secret:urlsafe": base64.urlsafe_b64encode(b"?" + raw),
        "secret:base64 in a url": quote(base64.b64encode(raw), safe="").encode(),
        "secret:base64 in json": base64.b64encode(raw).replace(b"/", rb"\/"),
        "secret:percent": raw.replace(b"_", b"%5F"),
        "secret:percent lower": raw.replace(b"_", b"%5f"),
        "secret:json": raw.replace(b"_", rb"\u005f"),
        "basic": basic,
        "gzip bomb": _bomb(),
        "user": user.encode(),
    }


@cache
def _bomb() -> bytes:
    """200 kB that are 200 MB."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1_000_000)
    return b"".join(packer.compress(zeros) for _ in range(200)) + packer.flush()


def _file(path: Path) -> Iterator[Entry]:
    data = json.loads(path.read_text())
    for row in data["entries"]:
        told = {**data.get("all", {}), **row}
        assert told.keys() <= _FIELDS, (path.name, told.keys() - _FIELDS)
        assert told["why"], (path.name, told["name"])
        assert told.get("ask", "charge") in ASKS, (path.name, told["name"])
        yield Entry(path.stem, told)


def _steps(say: Sequence[Any], marks: Marks, split_at: int | None = None) -> Iterator[Step]:
    for step in say:
        if isinstance(step, str):
            yield _filled(step, marks)
        elif "answer" in step:
            yield _answer(step["answer"], marks, split_at)
        elif "times" in step:
            yield _filled(step["text"], marks) * step["times"]
        else:
            yield Act(step["do"], _filled(step.get("text", ""), marks))


def _joined(say: Sequence[Any], marks: Marks) -> bytes:
    pieces = list(_steps(say, marks))
    assert all(isinstance(piece, bytes) for piece in pieces), "only bytes can be cut"
    return b"".join(piece for piece in pieces if isinstance(piece, bytes))


def _body(say: Sequence[Any]) -> list[Any]:
    [answer] = (step["answer"] for step in say if not isinstance(step, str))
    return [answer.get("body", "<<intent>>")]


def _answer(told: Mapping[str, Any], marks: Marks, split_at: int | None) -> bytes:
    """A whole answer in good order, but for what the row wants otherwise."""
    body = _joined([told.get("body", "<<intent>>")], marks)
    for coding in told.get("coding", ()):
        body = CODINGS[coding](body)
    body = body[: len(body) - told.get("lacks", 0)] + _filled(told.get("extra", ""), marks)
    lines = [f"HTTP/1.1 {told.get('status', '200 OK')}", "Content-Type: application/json"]
    lines += told.get("headers", [])
    if split_at is not None or "chunks" in told:
        lines.append("Transfer-Encoding: chunked")
        body = _chunked(body, split_at or 0, told.get("chunks", len(body)))
    else:
        lines.append(f"Content-Length: {len(body)}")
    return _filled("\r\n".join([*lines, "", ""]), marks) + body


def _chunked(body: bytes, first: int, size: int) -> bytes:
    """One chunk of `first` bytes, if any, and then chunks of `size`."""
    pieces = [body[:first]] + [body[at : at + size] for at in range(first, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces if one) + b"0\r\n\r\n"


def _filled(text: str, marks: Marks) -> bytes:
    return _MARK.sub(lambda found: marks[found[1].decode()], text.encode("latin-1"))
