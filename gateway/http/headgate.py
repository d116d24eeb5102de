"""The strict look at a raw head, before h11 sees it: anything that two servers could read
differently is refused.

h11 is a lenient reader: it takes a Content-Length beside a Transfer-Encoding, folded lines, bare
line feeds, any Host, any target, padded lengths. Each of those is how one server is made to see two
requests where another saw one. So the gate lets through only heads with a single meaning, and
returns that meaning: it refuses, it never repairs. Pure: bytes in, `Head` out, or a Refusal that
names the rule. It runs for every request, hence few passes over the bytes, and names of headers
that came in the same order before are not looked at again.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple, NoReturn

from gateway.errors import HeadTooLarge, RequestMalformed
from gateway.settings import ServerSettings


class Head(NamedTuple):
    """What a head says. target: as sent. headers: by lower-case name. host: lower case, without
    port. length: bytes of the body, None when it comes in chunks. expects: the client waits for 100
    Continue. keep_alive: the client would send another request on this connection. is_http_11: not
    HTTP/1.0."""

    method: str
    target: str
    headers: dict[bytes, bytes]
    host: str
    length: int | None
    expects: bool
    keep_alive: bool
    is_http_11: bool


HEAD_END: Final = b"\r\n\r\n"
MAY_REPEAT: Final = frozenset(
    b"accept accept-encoding accept-language baggage cache-control cookie forwarded pragma"
    b" tracestate via"
    b" x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto".split()
)
"""Lists by their nature, and nothing is decided by them. Any other header is sent once."""

USUAL_BYTES_MAX: Final = 4_096
USUAL_NAMES_MAX: Final = 1_024
"""Callers send the names of their headers in a few dozen ways, in short heads; so much is
remembered of anybody who sends more."""

_LEGAL: Final = b"\t" + bytes(range(0x20, 0x7F))
_MARKED: Final = bytes(byte if byte in _LEGAL else 0x3F for byte in range(256))
"""Leaves a legal line as it is and any other not: asked so, `translate` makes no copy."""
_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LINE: Final = re.compile(rb'([A-Z]{3,10}) (/[!"$-~]*) HTTP/1\.([01])')
_METHOD: Final = re.compile(rb"[A-Z]{3,10}")
_VERSION: Final = re.compile(rb"HTTP/[0-9]\.[0-9]")
_LENGTH: Final = re.compile(rb"0|[1-9][0-9]{0,11}")
_HOST: Final = re.compile(rb"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_BARE_LINE_END: Final = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")
_METHODS_UNKNOWN: Final = frozenset((b"CONNECT", b"TRACE", b"PRI"))
_METHODS_BODILESS: Final = frozenset(("GET", "HEAD", "DELETE"))
EMPTY_OBJECT: Final = b"{}"
"""The one body that such a method may have: resend-python sends it with every GET. Whoever reads it
sees that it is this, and drops it."""
_CONNECTION_WORDS: Final = frozenset((b"close", b"keep-alive"))


def read_head(raw: bytes, limits: ServerSettings) -> Head:
    """The one meaning of a head. raw: up to and with its empty line.

    Raises RequestMalformed (400, 417, 501, 505) and HeadTooLarge. RFC 9112 sections 2 to 7."""
    if len(raw) > limits.head_bytes_max:
        raise HeadTooLarge(f"A head may have {limits.head_bytes_max} bytes.")
    lines = raw[: -len(HEAD_END)].split(b"\r\n")
    text = b"".join(lines)
    if text.translate(_MARKED) != text:
        _refuse_bytes(raw)
    line = lines.pop(0)
    match = _LINE.fullmatch(line)
    if match is None or match[1] in _METHODS_UNKNOWN:
        _refuse_line(line)
    method, target, minor = match.groups()
    if len(target) > limits.target_bytes_max:
        raise HeadTooLarge(f"A target may have {limits.target_bytes_max} bytes.")
    if len(lines) > limits.headers_max:
        raise HeadTooLarge(f"A head may have {limits.headers_max} header lines.")
    headers = _read_usual(lines) if len(raw) <= USUAL_BYTES_MAX else None
    if headers is None:
        headers = _read_headers(lines)
    return _understand(method.decode(), target.decode(), headers, is_http_11=minor == b"1")


def glance(partial: bytes, limits: ServerSettings) -> None:
    """Refuse early what can never become a head: it would wait for its empty line until its
    deadline."""
    if len(partial) > limits.head_bytes_max:
        raise HeadTooLarge(f"A head may have {limits.head_bytes_max} bytes.")
    if partial.translate(None, _LEGAL + b"\r\n"):
        raise RequestMalformed("A head is printable ASCII; this is not (TLS on a plain port?).")
    if _BARE_LINE_END.search(partial):
        raise RequestMalformed("Lines end with CR LF, and neither stands alone.")
    if not partial[:1].isalpha():
        raise RequestMalformed("A request begins with its method.")


def _refuse_bytes(raw: bytes) -> NoReturn:
    """Say which rule the bytes break."""
    if raw.translate(None, _LEGAL + b"\r\n"):
        raise RequestMalformed(
            "A head is printable ASCII: no control characters, nothing above 0x7e."
        )
    raise RequestMalformed("Lines end with CR LF, and neither stands alone.")


def _refuse_line(line: bytes) -> NoReturn:
    """Say which rule of the request line is broken."""
    words = line.split(b" ")
    if len(words) != 3 or not _METHOD.fullmatch(words[0]):
        raise RequestMalformed(
            "The first line is a method of 3 to 10 capitals, a target and a version."
        )
    method, target, version = words
    if method in _METHODS_UNKNOWN:
        raise RequestMalformed(f"{method.decode()} is not offered here.", status=501)
    if not _VERSION.fullmatch(version):
        raise RequestMalformed("The version is HTTP/1.1.")
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise RequestMalformed("Only HTTP/1.1 is spoken here.", status=505)
    if b"#" in target:
        raise RequestMalformed("A target has no fragment.")
    raise RequestMalformed("The target is a path that begins with '/'.")


def _read_usual(lines: list[bytes]) -> dict[bytes, bytes] | None:
    """The same as `_read_headers` in half of the time, None where anything is unusual."""
    parts = [line.partition(b":") for line in lines]
    names = _usual_names(tuple([name for name, colon, _ in parts if colon]))
    if names is None or len(names) < len(lines):
        return None
    return dict(zip(names, [value.strip(b" \t") for _, _, value in parts], strict=True))


@lru_cache(USUAL_NAMES_MAX)
def _usual_names(names: tuple[bytes, ...]) -> tuple[bytes, ...] | None:
    """In lower case, if all are tokens (so none is empty) and none is there twice."""
    lower = tuple(name.lower() for name in names)
    odd = len({b"", *lower}) <= len(lower) or b"".join(lower).translate(None, _TOKEN)
    return None if odd else lower


def _read_headers(lines: list[bytes]) -> dict[bytes, bytes]:
    """Values by lower-case name. A folded line or a space before the colon shows as an illegal
    name."""
    headers: dict[bytes, bytes] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        name = name.lower()
        if not colon:
            raise RequestMalformed("A header line has a colon, and is not folded.")
        if name in headers:
            headers[name] = _join_repeated(name, headers[name], value)
        else:
            headers[name] = value.strip(b" \t")
    if b"" in headers or b"".join(headers).translate(None, _TOKEN):
        raise RequestMalformed("A header's name is a token, directly before its colon.")
    return headers


def _join_repeated(name: bytes, before: bytes, value: bytes) -> bytes:
    if name in MAY_REPEAT:
        return before + (b"; " if name == b"cookie" else b", ") + value.strip(b" \t")
    shown = name.decode()
    raise RequestMalformed(
        f"The header '{shown}' is there twice.", status=417 if name == b"expect" else 400
    )


def _understand(method: str, target: str, headers: dict[bytes, bytes], *, is_http_11: bool) -> Head:
    if b"upgrade" in headers or b"http2-settings" in headers:
        raise RequestMalformed("No other protocol is spoken here.", status=501)
    length = _read_length(headers, is_http_11=is_http_11)
    if method in _METHODS_BODILESS and length not in (0, len(EMPTY_OBJECT)):
        raise RequestMalformed(f"{method} has no body.")
    expects = _expects(headers) and is_http_11 and length != 0
    keep_alive = _keeps_alive(headers) and is_http_11
    host = _read_host(headers.get(b"host"), is_http_11=is_http_11)
    return Head(method, target, headers, host, length, expects, keep_alive, is_http_11)


def _read_length(headers: dict[bytes, bytes], *, is_http_11: bool) -> int | None:
    """RFC 9112 section 6.3, where it says "may reject" read as "rejects"."""
    coding = headers.get(b"transfer-encoding")
    length = headers.get(b"content-length")
    if coding is None:
        if length is None:
            return 0
        if not _LENGTH.fullmatch(length):
            raise RequestMalformed("A Content-Length is at most 12 digits and not padded.")
        return int(length)
    if length is not None:
        raise RequestMalformed("Content-Length and Transfer-Encoding exclude each other.")
    if coding != b"chunked" or not is_http_11:
        raise RequestMalformed("The one Transfer-Encoding is 'chunked', in HTTP/1.1.")
    return None


def _expects(headers: dict[bytes, bytes]) -> bool:
    expect = headers.get(b"expect")
    if expect is None:
        return False
    if expect != b"100-continue":
        raise RequestMalformed("The one expectation is '100-continue'.", status=417)
    return True


def _keeps_alive(headers: dict[bytes, bytes]) -> bool:
    """`Connection` names no header: that would have a proxy before us drop an Idempotency-Key."""
    connection = headers.get(b"connection")
    if connection is None or connection == b"keep-alive":
        return True
    words = {word.strip(b" \t") for word in connection.lower().split(b",")}
    if not words <= _CONNECTION_WORDS:
        raise RequestMalformed("Connection says 'close' or 'keep-alive', nothing else.")
    return b"close" not in words


def _read_host(host: bytes | None, *, is_http_11: bool) -> str:
    """'' for HTTP/1.0 without one: health checks of load balancers are like that."""
    if host is None:
        if is_http_11:
            raise RequestMalformed("The Host header is missing.")
        return ""
    match = _HOST.fullmatch(host)
    if match is None:
        raise RequestMalformed("The Host header is a name or an address, and maybe a port.")
    return match[1].decode().lower()
