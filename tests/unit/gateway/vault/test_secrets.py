from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import pytest

from gateway.vault.secrets import Kind, digest, find_in_text, may_hold_key, mint, well_formed


@pytest.mark.parametrize("kind", list(Kind))
def test_a_minted_secret_has_the_promised_form(kind: Kind) -> None:
    secret = mint(kind)
    assert re.fullmatch(kind.value + "[0-9A-Za-z]{36}", secret)
    assert well_formed(secret.encode(), kind)


def test_no_two_secrets_are_alike() -> None:
    assert len({mint(Kind.VAULT) for _ in range(200)}) == 200


def test_a_changed_character_breaks_the_checksum() -> None:
    secret = mint(Kind.VAULT).encode()
    for place in (10, 25, 39, 40, 45):
        other = b"a" if secret[place : place + 1] != b"a" else b"b"
        assert not well_formed(secret[:place] + other + secret[place + 1 :], Kind.VAULT)


@pytest.mark.parametrize("junk", [b"", b"vault_key_", b"vault_key_x", b"\xff" * 46, b"sk_live_1"])
def test_junk_is_not_well_formed(junk: bytes) -> None:
    assert not well_formed(junk, Kind.VAULT)


def test_text_around_a_key_is_not_the_key() -> None:
    secret = mint(Kind.VAULT).encode()
    assert not well_formed(secret + b"\n", Kind.VAULT)
    assert not well_formed(b" " + secret, Kind.VAULT)
    assert not well_formed(secret, Kind.ISSUER)


def test_digest_is_sha_256_of_either_type() -> None:
    assert digest("abc") == digest(b"abc") == hashlib.sha256(b"abc").digest()


@pytest.mark.parametrize("text", ["a={}", "{}", "x={}&y=2", "vault_key_vault_key_no&k={}"])
def test_a_key_is_found_wherever_it_stands(text: str) -> None:
    secret = mint(Kind.VAULT)
    assert find_in_text(text.format(secret).encode()) == secret.encode()


def test_a_percent_encoded_key_is_found() -> None:
    secret = mint(Kind.VAULT)
    assert find_in_text(b"k=" + secret.replace("_", "%5F").encode()) == secret.encode()


ESCAPED = [
    lambda text: "".join(f"%{ord(letter):02x}" for letter in text),
    lambda text: "".join(f"%{ord(letter):02X}" for letter in text),
    lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    lambda text: "".join(f"\\u{ord(letter):04X}" for letter in text),
]


@pytest.mark.parametrize("escape", ESCAPED, ids=["percent", "PERCENT", "json", "JSON"])
@pytest.mark.parametrize("at", [*range(12), 20, 45])
def test_one_escape_hides_no_key_and_many_do_not_either(
    escape: Callable[[str], str], at: int
) -> None:
    """Whoever sends `v%61ult_key_…` in a form, or `\\u0076ault_key_…` in JSON, means the key."""
    secret = mint(Kind.VAULT)
    for text in (secret[:at] + escape(secret[at]) + secret[at + 1 :], escape(secret)):
        assert may_hold_key(f"k={text}&x=1".encode())
        assert find_in_text(f"k={text}&x=1".encode()) == secret.encode()


@pytest.mark.parametrize(
    "text",
    [b"amount=1&currency=usd", b"to=%2B1415%40x%20%5Ba%5D", b"a=\\u00e9", b"%c3%a9%E2%80%99"],
)
def test_an_honest_text_is_not_looked_through(text: bytes) -> None:
    assert not may_hold_key(text)


def test_look_alikes_are_left_alone() -> None:
    assert find_in_text(b"k=vault_key_" + b"a" * 36) is None
    assert find_in_text(b"k=vault_key_short%20") is None
    assert find_in_text(b"") is None
