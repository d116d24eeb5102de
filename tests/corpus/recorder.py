"""The vendor, as a tape: three doors that write down every request, byte for byte, and answer with
its nonce. It reads as strictly as can be, so that whatever reaches it in another form than a plain
request with a length or chunks is noted as broken."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from tests.corpus.entries import NONCE_CHARS
from tests.corpus.listening import Listening, Serve

VENDORS: Final = ("stripe", "twilio", "resend")
NONCE_HEADER: Final = "user-agent"


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived. headers: names in lower case, in order."""

    vendor: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.target}"

    @property
    def nonce(self) -> str:
        return nonce_in(dict(self.headers))


def nonce_in(headers: Mapping[str, str]) -> str:
    """A balancer may have folded another line into it."""
    return headers.get(NONCE_HEADER, "")[:NONCE_CHARS]


class Broken(Exception):
    """What arrived is no plain request."""


class Unfinished(Exception):
    """A request broke off in its body: it never ran. args: its nonce."""


async def read_request(reader: asyncio.StreamReader, vendor: str) -> Seen | None:
    """The next request, None at the end. Raises Broken, Unfinished."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as exc:
        if exc.partial:
            raise Broken(repr(exc.partial[:200])) from exc
        return None
    start, *lines = head[:-4].decode("latin-1").split("\r\n")
    words = start.split(" ")
    if len(words) != 3 or words[2] != "HTTP/1.1":
        raise Broken(start[:200])
    headers = tuple(_header(line) for line in lines)
    try:
        body = await _read_body(reader, headers)
    except asyncio.IncompleteReadError as exc:
        raise Unfinished(nonce_in(dict(headers))) from exc
    except ValueError as exc:
        raise Broken(f"{start[:200]}: {exc}") from exc
    return Seen(vendor, words[0], words[1], headers, body)


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or name != name.strip() or "\n" in line or "\r" in line:
        raise Broken(line[:200])
    return name.lower(), value.strip(" \t")


async def _read_body(reader: asyncio.StreamReader, headers: tuple[tuple[str, str], ...]) -> bytes:
    framing = [pair for pair in headers if pair[0] in ("content-length", "transfer-encoding")]
    if not framing:
        return b""
    if len(framing) > 1:
        raise ValueError(f"framed twice: {framing}")
    [(name, value)] = framing
    if name == "content-length":
        return await reader.readexactly(int(value))
    if value != "chunked":
        raise ValueError(f"framed by {value}")
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    if await reader.readexactly(2) != b"\r\n":
        raise ValueError("trailers")
    return body


class Recorder(Listening):
    """Listens in a thread of its own while it is entered. seen, broken: what came so far;
    unfinished: the nonces of what never ran."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Seen] = []
        self.broken: list[str] = []
        self.unfinished: list[str] = []

    def base_url(self, vendor: str) -> str:
        return f"http://127.0.0.1:{self.ports[vendor]}"

    def by_nonce(self) -> dict[str, list[Seen]]:
        found: dict[str, list[Seen]] = {}
        for seen in list(self.seen):
            found.setdefault(seen.nonce, []).append(seen)
        return found

    def counts(self) -> Counter[str]:
        """Requests by vendor."""
        return Counter(seen.vendor for seen in list(self.seen))

    def doors(self) -> dict[str, Serve]:
        return {vendor: partial(self._serve_as, vendor) for vendor in VENDORS}

    async def _serve_as(
        self, vendor: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while (seen := await read_request(reader, vendor)) is not None:
                self.seen.append(seen)
                writer.write(self._answer(seen))
                await writer.drain()
        except Broken as exc:
            self.broken.append(f"{vendor}: {exc}")
        except Unfinished as exc:
            self.unfinished.append(exc.args[0])

    def _answer(self, seen: Seen) -> bytes:
        told = {"object": "tape", "nonce": seen.nonce, "line": seen.line}
        body = json.dumps(told).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        return head.encode() + b"\r\n\r\n" + (b"" if seen.method == "HEAD" else body)
