"""Reading a request's JSON, however long: a mail with attachments may have 40 MB.

A long body goes through `MailSink` chunk by chunk. It keeps the JSON, but of a text that is longer
than TEXT_BYTES_MAX only how long it was: a NUL and the count stand for it (no text that is sent
can begin so without being that long itself). So memory stays small and recipients are all there.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import orjson

from bench.sandbox.resend.errors import ResendError
from bench.sandbox.wire import Headers, Request

SINK_FROM_BYTES: Final = 262_144
TEXT_BYTES_MAX: Final = 65_536
KEPT_BYTES_MAX: Final = 4_194_304
"""Of all that is not a long text; more is refused."""
MARK: Final = "\0"


class MailSink:
    """See above. size: all bytes. digest: of all bytes, for idempotency."""

    __slots__ = ("_escaped", "_hash", "_in_text", "_kept", "_length", "_start", "size")

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._kept = bytearray()
        self._in_text = False
        self._escaped = False
        self._start = 0
        self._length = 0
        self.size = 0

    def feed(self, data: bytes) -> None:
        self.size += len(data)
        self._hash.update(data)
        at = 0
        while at < len(data):
            at = self._text(data, at) if self._in_text else self._outside(data, at)

    def _outside(self, data: bytes, at: int) -> int:
        """Keep up to and with the quote that opens the next text."""
        quote = data.find(b'"', at)
        end = len(data) if quote < 0 else quote + 1
        if len(self._kept) < KEPT_BYTES_MAX:
            self._kept += data[at:end]
        if quote >= 0:
            self._in_text, self._start, self._length = True, len(self._kept), 0
        return end

    def _text(self, data: bytes, at: int) -> int:
        """Keep the text's bytes while it is short; an escaped byte never ends it."""
        if self._escaped:
            self._escaped = False
            return self._more(data, at, at + 1)
        quote, slash = data.find(b'"', at), data.find(b"\\", at)
        if slash >= 0 and (quote < 0 or slash < quote):
            self._escaped = True
            return self._more(data, at, slash + 1)
        if quote < 0:
            return self._more(data, at, len(data))
        self._more(data, at, quote)
        if self._length > TEXT_BYTES_MAX:
            self._kept += f"\\u0000{self._length}".encode()
        self._kept += b'"'
        self._in_text = False
        return quote + 1

    def _more(self, data: bytes, at: int, end: int) -> int:
        self._length += end - at
        if self._length <= TEXT_BYTES_MAX:
            self._kept += data[at:end]
        else:
            del self._kept[self._start :]
        return end

    @property
    def digest(self) -> bytes:
        return self._hash.digest()

    def json(self) -> Any:
        if len(self._kept) >= KEPT_BYTES_MAX:
            raise ResendError(413, "validation_error", "The request body is too large.")
        return _parsed(bytes(self._kept))


def sink_for(method: str, path: str, headers: Headers) -> MailSink | None:
    """A sink for a long mail; short bodies are gathered."""
    if method != "POST" or path not in ("/emails", "/emails/batch"):
        return None
    named = dict(headers)
    length = named.get(b"content-length", b"")
    if b"transfer-encoding" in named or (length.isdigit() and int(length) > SINK_FROM_BYTES):
        return MailSink()
    return None


def digest_of(request: Request) -> bytes:
    if isinstance(request.upload, MailSink):
        return request.upload.digest
    return hashlib.sha256(request.body).digest()


def json_of(request: Request) -> Any:
    """The body's JSON; None when there is none. Raises ResendError when it is none."""
    if isinstance(request.upload, MailSink):
        return request.upload.json() if request.upload.size else None
    if not request.body:
        return None
    return _parsed(request.body)


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise ResendError(400, "validation_error", "The request body is not valid JSON.") from None


def length_of(text: str) -> int:
    """How many bytes a text had before it was cut."""
    if text.startswith(MARK) and text[1:].isdigit():
        return int(text[1:])
    return len(text.encode())
