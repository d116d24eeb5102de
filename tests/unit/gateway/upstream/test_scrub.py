"""A credential that a vendor echoes, in every form, whole and in pieces."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from gateway.upstream.scrub import Scrubber

SECRET = "sk_test_51KeybrakeNotARealKey"
ODD = 'p"w\\/+&=~?>é 0123456789'


def in_pieces(scrubber: Scrubber, data: bytes, size: int) -> bytes:
    stream = scrubber.stream()
    out = [stream.feed(data[at : at + size]) for at in range(0, len(data), size)]
    return b"".join([*out, stream.finish()])


def stars(secret: str) -> bytes:
    return b"*" * len(secret)


def test_raw() -> None:
    body = b'{"message": "Invalid API Key provided: ' + SECRET.encode() + b'"}'
    assert Scrubber(SECRET).whole(body) == body.replace(SECRET.encode(), stars(SECRET))


def test_a_clean_body_is_not_copied() -> None:
    body = b'{"id": "pi_1"}'
    assert Scrubber(SECRET).whole(body) is body
    assert Scrubber(SECRET).stream().feed(body) is body


@pytest.mark.parametrize("before", ["", "A", "AC", "ACC", "ACxx"])
@pytest.mark.parametrize("after", ["", ":", ":x", ":xy"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("secret", [SECRET, ODD])
def test_base64_at_any_alignment(before: str, after: str, encode: object, secret: str) -> None:
    assert callable(encode)
    coded: bytes = encode((before + secret + after).encode())
    clean = Scrubber(secret).whole(b"Basic " + coded + b" end")
    assert len(clean) == len(coded) + 10
    assert clean.count(b"*") >= len(coded) - 4 - 4 * (len(before) // 3 + 1) - len(after) * 2
    assert coded[len(coded) // 3 : -len(coded) // 3] not in clean


@pytest.mark.parametrize(
    "echo",
    [
        json.dumps(ODD)[1:-1],
        json.dumps(ODD, ensure_ascii=False)[1:-1],
        json.dumps(ODD)[1:-1].replace("/", "\\/"),
        quote(ODD, safe=""),
        quote(ODD),
        quote(ODD, safe="").lower(),
        quote(ODD).replace("%20", "+"),
        quote(base64.b64encode(ODD.encode() + b":"), safe=""),
        base64.b64encode(ODD.encode() + b":").decode().replace("/", "\\/"),
    ],
)
def test_escaped(echo: str) -> None:
    clean = Scrubber(ODD).whole(b"<" + echo.encode() + b">")
    assert len(clean) == len(echo.encode()) + 2
    assert clean.count(b"*") >= len(echo.encode()) - 8


@pytest.mark.parametrize("escape", ["%5F", "%5f", "\\u005F", "\\u005f"])
def test_escaped_by_who_leaves_letters_and_digits_only(escape: str) -> None:
    echo = SECRET.replace("_", escape)
    assert Scrubber(SECRET).whole(f"<{echo}>".encode()) == b"<" + stars(echo) + b">"


@pytest.mark.parametrize("size", range(1, 40))
def test_in_pieces_as_whole(size: int) -> None:
    body = b"sk_sk_test" + SECRET.encode() * 2 + b"sk_test_5" + SECRET.encode() + b"sk"
    scrubber = Scrubber(SECRET)
    assert in_pieces(scrubber, body, size) == scrubber.whole(body)
    assert SECRET.encode() not in scrubber.whole(body)


@pytest.mark.parametrize("size", range(1, 12))
def test_a_credential_that_overlaps_itself(size: int) -> None:
    scrubber = Scrubber("abab")
    for body in (b"ababab", b"xabababx", b"abababab", b"aabab", b"ababaab"):
        assert in_pieces(scrubber, body, size) == scrubber.whole(body)
    assert scrubber.whole(b"xabababx") == b"x******x"


def test_only_a_tail_that_may_begin_a_form_is_held_back() -> None:
    stream = Scrubber(SECRET).stream()
    assert stream.feed(b"data: x sk_test_51") == b"data: x "
    assert stream.feed(b" no\n") == b"sk_test_51 no\n"
    assert stream.finish() == b""


def test_a_short_secret_is_found_raw_only() -> None:
    scrubber = Scrubber("abc")
    assert scrubber.whole(b"x abc YWJj") == b"x *** YWJj"


def test_no_secret_takes_nothing_out() -> None:
    assert in_pieces(Scrubber(""), b"anything", 3) == b"anything"


def test_it_shows_nothing() -> None:
    assert SECRET not in repr(Scrubber(SECRET))
