"""Secrets and pace, whatever is thrown at them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.vault.allowlist import Allowlist
from gateway.vault.keys import MINUTE_US, Key
from gateway.vault.secrets import Kind, find_in_text, mint, well_formed
from gateway.vault.terms import Terms

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@given(st.binary(max_size=80), st.sampled_from(list(Kind)))
def test_no_bytes_at_all_pass_for_a_key(text: bytes, kind: Kind) -> None:
    assert not well_formed(text, kind)
    assert find_in_text(text) is None


@given(st.integers(10, 45), st.sampled_from(BASE62))
def test_any_single_changed_character_is_noticed(place: int, char: str) -> None:
    secret = mint(Kind.VAULT)
    changed = secret[:place] + char + secret[place + 1 :]
    assert well_formed(changed.encode(), Kind.VAULT) is (changed == secret)


@given(st.binary(max_size=30), st.binary(max_size=30))
def test_a_key_is_found_in_any_text(before: bytes, after: bytes) -> None:
    secret = mint(Kind.VAULT).encode()
    assert find_in_text(before.replace(b"%", b"") + secret + after) == secret


@given(
    st.integers(1, 5),
    st.lists(st.integers(0, MINUTE_US // 2), min_size=1, max_size=40),
)
def test_no_minute_has_more_calls_than_its_key_allows(limit: int, gaps_us: list[int]) -> None:
    """And whoever waits as long as was told is admitted."""
    allowed = Allowlist.parse([])
    terms = Terms("vk_1", "stripe", "default", allowed, 0, 0, None, rate_per_minute=limit)
    key, now_us = Key(terms, b""), 10**15
    admitted: list[int] = []
    for gap_us in gaps_us:
        now_us += gap_us
        wait_s = key.admit_rate(now_us)
        recent = [at_us for at_us in admitted if at_us > now_us - MINUTE_US]
        assert (wait_s is None) is (len(recent) < limit)
        if wait_s is not None:
            now_us += wait_s * 1_000_000
            assert key.admit_rate(now_us) is None
        admitted.append(now_us)
        assert sum(at_us > now_us - MINUTE_US for at_us in admitted) <= limit
