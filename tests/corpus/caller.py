"""Whoever sends the corpus: raw bytes out in one of several manners, and what came back.

A connection of its own for each entry, from a loopback address of its own, so that who guesses keys
is nobody's neighbour. Behind each entry stands an honest request: it is answered with its own nonce
where the connection is still trusted, and never where it is not.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeVar

from tests.corpus.entries import HOST, NONCE_CHARS, Entry
from tests.house import ADMIN_KEY, STRIPE_SECRET, TWILIO_SID, Gateway

T = TypeVar("T")

AT_ONCE: Final = 24
"""Connections at a time."""
PIECES_MAX: Final = 160
"""Heads of more lines are cut into so many pieces at their begin; the rest goes in one."""
ANSWER_TIMEOUT_S: Final = 30.0
READ_BYTES: Final = 1 << 20


class Manner(Enum):
    """How an entry is sent; the value is a letter of its nonce."""

    WHOLE = "w"
    GLUED = "g"
    """with the honest request in one piece behind it"""
    LINES = "l"
    """cut within and behind every line end"""
    BYTES = "b"
    """byte by byte"""


@dataclass(frozen=True, slots=True)
class Said:
    """One answer. error: our code, None where there is none. nonce: whose request it answers, as
    the vendor saw it; None if it did not come from there."""

    status: int
    error: str | None
    nonce: str | None
    cost: str | None

    def __str__(self) -> str:
        return f"{self.status} {self.error}" if self.error else str(self.status)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a caller was told. honest: was the honest request behind it answered? trouble: what no
    entry may come to: an answer to somebody else, or none in time."""

    says: tuple[Said, ...]
    honest: bool
    trouble: str = ""


class Unanswered(Exception):
    """The other side closed."""


def nonce_of(number: int, manner: Manner, *, honest: bool = False) -> str:
    """Whose request it is, told by its User-Agent."""
    return f"{'h' if honest else 'c'}{number:05}{manner.value}".ljust(NONCE_CHARS, "0")


def make_words(gateway: Gateway) -> dict[str, str]:
    """The keys that entries are sent with."""
    read, charge = "GET /v1/customers/*", "POST /v1/payment_intents"
    deep = ["GET /**", "POST /**", "DELETE /**"]
    message = "POST /2010-04-01/Accounts/*/Messages.json"
    below = [line.replace("/**", "/v1/**") for line in deep]
    big = {"daily_usd_cap": "10000000"}
    terms: dict[str, dict[str, Any]] = {
        "KEY": {"allowed_endpoints": [read, charge], **big},
        "WIDE": {"allowed_endpoints": below, **big},
        "POOR": {"allowed_endpoints": below, "daily_usd_cap": "10"},
        "DEAD": {"allowed_endpoints": below},
        "SMS": {
            "vendor": "twilio",
            "allowed_endpoints": [message],
            "countries": ["US"],
            **big,
        },
        "TELCO": {"vendor": "twilio", "allowed_endpoints": deep, "daily_usd_cap": "0.05"},
        "MAIL": {
            "vendor": "resend",
            "allowed_endpoints": ["POST /emails", "POST /emails/batch"],
            **big,
        },
        "POST": {"vendor": "resend", "allowed_endpoints": deep, "daily_usd_cap": "0.01"},
    }
    keys = {name: gateway.make_key(**asked) for name, asked in terms.items()}
    gateway.admin("POST", f"/vault/keys/{keys['DEAD'].id}/revoke", {})
    secrets = {name: key.secret for name, key in keys.items()}
    return {
        **secrets,
        "KEY_END": secrets["KEY"].removeprefix("vault_key_"),
        "ADMIN": ADMIN_KEY,
        "REAL": STRIPE_SECRET,
        "SID": TWILIO_SID,
        "HOST": HOST,
    }


def honest_bytes(words: Mapping[str, str], nonce: str) -> bytes:
    head = f"GET /stripe/v1/customers/cus_honest HTTP/1.1\r\nHost: {HOST}\r\n"
    return f"{head}Authorization: Bearer {words['KEY']}\r\nUser-Agent: {nonce}\r\n\r\n".encode()


def pieces_of(raw: bytes, manner: Manner) -> list[bytes]:
    if manner is Manner.BYTES:
        return [raw[at : at + 1] for at in range(len(raw))]
    if manner is not Manner.LINES:
        return [raw]
    cuts = [0]
    for at, byte in enumerate(raw):
        if byte in b"\r\n" and len(cuts) < PIECES_MAX:
            cuts.append(at + 1)
    return [raw[a:b] for a, b in zip(cuts, [*cuts[1:], len(raw)], strict=True) if a < b]


async def send_all(
    address: str, entries: Iterable[tuple[int, Entry]], words: Mapping[str, str], manner: Manner
) -> dict[str, Heard]:
    """By the entry's id. The number of an entry makes its address and its nonce."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, entry: Entry) -> tuple[str, Heard]:
        async with room:
            return entry.id, await send_one(address, number, entry, words, manner)

    return dict(await asyncio.gather(*(one(number, entry) for number, entry in entries)))


async def send_one(
    address: str, number: int, entry: Entry, words: Mapping[str, str], manner: Manner
) -> Heard:
    line = await Line.open(address, number)
    said: list[Said] = []
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await _talk(line, number, entry, words, manner, said)
    except Unanswered:
        return Heard(tuple(said), honest=False)
    except TimeoutError:
        return Heard(tuple(said), honest=False, trouble="no answer in time")
    finally:
        line.close()
    own = nonce_of(number, manner, honest=True)
    *before, last = said
    if last.nonce != own:
        return Heard(tuple(said), honest=False, trouble=f"one answer more, for {last.nonce}")
    return Heard(tuple(before), honest=True)


async def _talk(
    line: Line,
    number: int,
    entry: Entry,
    words: Mapping[str, str],
    manner: Manner,
    said: list[Said],
) -> None:
    """Answers are added to `said`; that to the honest request is the last. Raises Unanswered."""
    nonce = nonce_of(number, manner)
    raw = entry.raw({**words, "NONCE": nonce})
    honest = honest_bytes(words, nonce_of(number, manner, honest=True))
    glued = manner is Manner.GLUED and not entry.eof
    await line.say(pieces_of(raw + honest if glued else raw, manner), ends=entry.eof)
    for _ in entry.says:
        said.append(await line.answer(bodiless=entry.bodiless))
        if said[-1].nonce not in (None, nonce):
            raise Unanswered
    if not glued and entry.stays_open is not False:
        await line.say([honest])
    said.append(await line.answer())


class Line:
    """One connection, raw."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, address: str, number: int) -> Line:
        """From 127.x.y.z, where the number tells x, y and z."""
        host, _, port = address.rpartition(":")
        source = f"127.1.{number // 250 + 1}.{number % 250 + 1}"
        reader, writer = await asyncio.open_connection(
            host, int(port), local_addr=(source, 0), limit=READ_BYTES
        )
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(reader, writer)

    async def say(self, pieces: Sequence[bytes], *, ends: bool = False) -> None:
        """Piece by piece; the other side may have heard enough in the middle."""
        try:
            for piece in pieces:
                self._writer.write(piece)
                await self._writer.drain()
                if len(pieces) > 1:
                    await asyncio.sleep(0)
            if ends:
                self._writer.write_eof()
        except OSError:
            return

    async def answer(self, *, bodiless: bool = False) -> Said:
        """The next answer that is no 1xx. Raises Unanswered, also where it is no answer of
        HTTP/1."""
        try:
            while True:
                head = await self._reader.readuntil(b"\r\n\r\n")
                start, *lines = head[:-4].decode("latin-1").split("\r\n")
                status = int(start.split(" ", 2)[1])
                if status >= 200:
                    break
            pairs = [item.partition(":")[::2] for item in lines]
            headers = {name.lower(): value.strip() for name, value in pairs}
            body = b"" if bodiless else await self._body(headers)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError, IndexError) as exc:
            raise Unanswered from exc
        return _said(status, headers, body)

    async def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                body += (await self._reader.readexactly(size + 2))[:-2]
            await self._reader.readuntil(b"\r\n")
            return body
        length = headers.get("content-length")
        if length is None:
            return await self._reader.read()
        return await self._reader.readexactly(int(length))

    def close(self) -> None:
        self._writer.transport.abort()


def _said(status: int, headers: Mapping[str, str], body: bytes) -> Said:
    try:
        told = json.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        told = {}
    return Said(status, told.get("error"), told.get("nonce"), headers.get("keybrake-cost-usd"))


def run(work: Callable[[], Awaitable[T]]) -> T:
    """In a loop of its own."""

    async def whole() -> T:
        try:
            return await work()
        finally:
            await asyncio.sleep(0)  # what was closed last is let go of

    return asyncio.run(whole())
