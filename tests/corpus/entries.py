"""Hostile requests as data: reads the files of this folder.

A file is a class of attacks. An entry is a request of `bases.toml` with a few things changed, or
`send`, every byte of it. Text is Latin-1, so `\\u0000` is a NUL and `\\u00e9` the byte e9; what
stands in ⟦⟧ is put in when it is sent: a key, the nonce that tells whose request this is, a run of
one character (`⟦a*4096⟧`). README.md lists all of it.
"""

from __future__ import annotations

import re
import tomllib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
BASES: Final = "bases.toml"
HOST: Final = "gw1.example.com"
"""As the balancers of deploy/ know the gateway."""
_MARK: Final = re.compile(r"⟦([^⟧]*)⟧")
_RUN: Final = re.compile(r"(.+)\*([0-9]+)", re.DOTALL)
_FRAMED: Final = re.compile(r"[ \t]*(content-length|transfer-encoding)\b", re.IGNORECASE)
_FIELDS: Final = (
    "name why base start head drop host body sized send says then vendor vendor_body eof bodiless"
    " cost cut"
)
_OF_A_FILE: Final = frozenset({"about", "base", "says", "then", "entry"})


class Mistake(Exception):
    """A file of the corpus that is not as the README says."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One hostile request. text: what is sent, with its marks. says: the answers, `403
    endpoint_not_allowed`. stays_open: is another request served behind it? None: as it happens,
    since that depends on how much of a body was there when it was refused. vendor: what arrives
    there, `GET /v1/customers/cus_1`. vendor_body: of the last of these, with its marks, None: not
    looked at. eof: the caller ends its side behind it, since somebody waits for more. bodiless: the
    answer is one to a HEAD. cost: what the answer says that it cost. cut: may it come in pieces?
    Not where more comes behind a connection's last answer: the reset may overtake it."""

    kind: str
    name: str
    why: str
    text: str
    says: tuple[str, ...]
    stays_open: bool | None
    vendor: tuple[str, ...]
    vendor_body: str | None
    eof: bool
    bodiless: bool
    cost: str | None
    cut: bool

    @property
    def id(self) -> str:
        return f"{self.kind}: {self.name}"

    def raw(self, words: Mapping[str, str]) -> bytes:
        """The bytes. words: what stands for KEY, NONCE and the like."""
        return filled(self.text, words).encode("latin-1")


def filled(text: str, words: Mapping[str, str]) -> str:
    """Every mark replaced. Raises Mistake for one that means nothing."""

    def meant(match: re.Match[str]) -> str:
        word = match[1]
        if word in words:
            return words[word]
        if (run := _RUN.fullmatch(word)) is not None:
            return run[1] * int(run[2])
        if word.startswith("b64 "):
            plain = word.removeprefix("b64 ")
            for name in ("KEY", "SMS", "MAIL"):
                plain = plain.replace(name, words[name])
            return b64encode(plain.encode("latin-1")).decode()
        raise Mistake(f"⟦{word}⟧ stands for nothing")

    return _MARK.sub(meant, text)


@cache
def corpus() -> tuple[Entry, ...]:
    """All entries, file by file. Raises Mistake."""
    files = sorted(path for path in HERE.glob("*.toml") if path.name != BASES)
    bases = tomllib.loads((HERE / BASES).read_text(encoding="utf-8"))
    found = tuple(entry for file in files for entry in _read(file, bases))
    names = [entry.id for entry in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise Mistake(f"there twice: {sorted(twice)}")
    return found


def _read(file: Path, bases: Mapping[str, Any]) -> list[Entry]:
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    if odd := table.keys() - _OF_A_FILE:
        raise Mistake(f"{file.name}: unknown {sorted(odd)}")
    usual = {name: table[name] for name in ("base", "says", "then") if name in table}
    return [_entry(file.stem, usual | row, bases) for row in table["entry"]]


def _entry(kind: str, row: Mapping[str, Any], bases: Mapping[str, Any]) -> Entry:
    if odd := row.keys() - set(_FIELDS.split()):
        raise Mistake(f"{kind}, {row.get('name')}: unknown {sorted(odd)}")
    base = bases[row["base"]] if "base" in row else {}
    vendor = tuple(row.get("vendor", ()))
    return Entry(
        kind,
        row["name"],
        row["why"],
        _text(row, base),
        tuple(row["says"]),
        {"open": True, "closed": False, "either": None}[row["then"]],
        vendor,
        _vendor_body(row, base) if vendor else None,
        row.get("eof", False),
        row.get("bodiless", False),
        row.get("cost"),
        row.get("cut", True),
    )


def _text(row: Mapping[str, Any], base: Mapping[str, Any]) -> str:
    """What is sent. A body has its right Content-Length, unless a line of the entry's own is about
    its length, or `sized` is false."""
    words = _words_of(base)
    if "send" in row:
        return _put(row["send"], words)
    dropped = {name.lower() for name in row.get("drop", ())}
    head = [line for line in base["head"] if line.partition(":")[0].lower() not in dropped]
    if "host" in row:
        head = [f"Host: {row['host']}" if line.startswith("Host:") else line for line in head]
    head += row.get("head", ())
    body = _put(row.get("body", base.get("body", "")), words)
    framed = any(_FRAMED.match(line) for line in row.get("head", ()))
    if body and not framed and row.get("sized", True):
        head.append(f"Content-Length: {_length(body)}")
    start = row.get("start", base["start"])
    return "\r\n".join([_put(start, words), *(_put(line, words) for line in head), "", body])


def _words_of(base: Mapping[str, Any]) -> dict[str, str]:
    body = base.get("body", "")
    size = f"{_length(body):x}" if body else "0"
    return {
        "BODY": body,
        "LENGTH": str(_length(body)),
        "SIZE": size,
        "CHUNK": f"{size}\r\n{body}\r\n",
        "SECOND": "GET /stripe/v1/customers/cus_second HTTP/1.1\r\nHost: ⟦HOST⟧\r\n"
        "Authorization: Bearer ⟦KEY⟧\r\nUser-Agent: ⟦NONCE⟧\r\n\r\n",
    }


def _put(text: str, words: Mapping[str, str]) -> str:
    """Marks that stand for pieces of the corpus itself; others stay."""
    for name, piece in words.items():
        text = text.replace(f"⟦{name}⟧", piece)
    return text


def _length(body: str) -> int:
    """With every mark filled: keys and nonces have one length each."""
    return len(filled(body, SAMPLE))


def _vendor_body(row: Mapping[str, Any], base: Mapping[str, Any]) -> str | None:
    told: str | None = row.get("vendor_body")
    if told is not None or "send" in row:
        return told
    body: str = base.get("body", "")
    chunked = any(line.lower().startswith("transfer-encoding:") for line in row.get("head", ()))
    return body if chunked else _put(row.get("body", body), _words_of(base))


NONCE_CHARS: Final = 12
SAMPLE: Final = {
    "KEY": "vault_key_" + "K" * 36,
    "KEY_END": "K" * 36,
    "WIDE": "vault_key_" + "W" * 36,
    "POOR": "vault_key_" + "P" * 36,
    "DEAD": "vault_key_" + "D" * 36,
    "SMS": "vault_key_" + "S" * 36,
    "TELCO": "vault_key_" + "T" * 36,
    "MAIL": "vault_key_" + "M" * 36,
    "POST": "vault_key_" + "O" * 36,
    "ADMIN": "kb_admin_of_the_tests_0123456789",
    "REAL": "sk_test_houseOfTests",
    "SID": "AC" + "7" * 32,
    "HOST": HOST,
    "NONCE": "n" * NONCE_CHARS,
}
"""Stands for the real words where no gateway is there, and has their lengths."""
