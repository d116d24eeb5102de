"""The four headers of a run: one is strict, three are notes."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call.runheaders import (
    CUT_MARK,
    NOTHING_SAID,
    REASON_BYTES_MAX,
    STEP_CHARS_MAX,
    URL_CHARS_MAX,
    effective_label,
    read_run_headers,
)
from gateway.errors import RequestMalformed
from gateway.vault.secrets import Kind, mint


def test_nothing_said() -> None:
    assert read_run_headers({b"host": b"x"}) is NOTHING_SAID


def test_all_four() -> None:
    said = read_run_headers(
        {
            b"keybrake-run": b"8f31",
            b"keybrake-step": b"7: charge",
            b"keybrake-reason": b"The%20bill%20is%20due",
            b"keybrake-run-url": b"https://eu1.make.com/12/logs?id=8f31",
        }
    )
    assert said.run == "8f31"
    assert said.step == "7: charge"
    assert said.reason == "The bill is due"
    assert said.run_url == "https://eu1.make.com/12/logs?id=8f31"


@pytest.mark.parametrize("run", [b"a", b"A.b_c:d-9", b"x" * 100])
def test_a_run(run: bytes) -> None:
    assert read_run_headers({b"keybrake-run": run}).run == run.decode()


@pytest.mark.parametrize("run", [b"", b"a/b", b"a b", b"x" * 101, b"a%2fb", b"\xc3\xa4", b"a\n"])
def test_no_run(run: bytes) -> None:
    with pytest.raises(RequestMalformed) as caught:
        read_run_headers({b"keybrake-run": run})
    assert caught.value.status == 400
    assert caught.value.facts == {"field": "Keybrake-Run"}
    assert "Keybrake-Run" in caught.value.text


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"plain words", "plain words"),
        (b"100% sure, 5%2", "100% sure, 5%2"),
        (b"a+b%2Bc", "a+b+c"),
        (b"na%C3%AFve", "naïve"),
        (b"UTF-8''na%C3%AFve", "naïve"),
        (b"utf-8'en-GB'%E2%82%AC%20rates", "€ rates"),
        (b"it''s fine", "it''s fine"),
        (b"line%0Atwo%09tab", "line\ntwo\ttab"),
        (b"nul%00esc%1B%7F", "nul\ufffdesc\ufffd\ufffd"),
        (b"broken%FFutf", "broken\ufffdutf"),
        (b"%3Cscript%3E", "<script>"),
    ],
)
def test_a_reason(sent: bytes, read: str) -> None:
    assert read_run_headers({b"keybrake-reason": sent}).reason == read


def test_a_long_reason_is_cut_between_characters() -> None:
    reason = read_run_headers({b"keybrake-reason": b"%E2%82%AC" * 1_500}).reason
    assert reason is not None
    assert len(reason.encode()) <= REASON_BYTES_MAX
    assert reason.endswith("€" + CUT_MARK)


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=900))
def test_what_is_encoded_comes_back(text: str) -> None:
    assert read_run_headers({b"keybrake-reason": quote(text).encode()}).reason == text


@given(st.binary(min_size=1, max_size=9_000))
def test_no_bytes_can_make_a_reason_or_a_step_fail(value: bytes) -> None:
    said = read_run_headers({b"keybrake-reason": value, b"keybrake-step": value})
    assert said.reason is None or len(said.reason.encode()) <= REASON_BYTES_MAX
    assert said.step is not None
    assert len(said.step) <= STEP_CHARS_MAX


def test_a_long_step_is_cut() -> None:
    step = read_run_headers({b"keybrake-step": b"s" * 500}).step
    assert step is not None
    assert len(step) == STEP_CHARS_MAX
    assert step.endswith(CUT_MARK)


@pytest.mark.parametrize(
    "url",
    [
        b"javascript:alert(1)",
        b"ftp://x/y",
        b"https://",
        b"https://user:secret@host/",
        b"https://a b/",
        b'https://h/"onclick',
        b"//h/x",
        b"https://h/" + b"x" * URL_CHARS_MAX,
        b"https://h/\xff",
    ],
)
def test_an_odd_address_is_dropped(url: bytes) -> None:
    assert read_run_headers({b"keybrake-run-url": url}).run_url is None


def test_empty_notes_are_none() -> None:
    names = (b"keybrake-step", b"keybrake-reason", b"keybrake-run-url")
    assert read_run_headers(dict.fromkeys(names, b"")) == NOTHING_SAID


@pytest.mark.parametrize(
    ("label", "run", "expected"),
    [
        ("make-billing/1", None, "make-billing/1"),
        ("make-billing/1", "8f31", "make-billing/8f31"),
        ("a/b/c", "x", "a/b/x"),
        ("make-billing", "8f31", "make-billing/8f31"),
        ("", "8f31", "8f31"),
        ("", None, ""),
        ("a/", "x", "a/x"),
    ],
)
def test_effective_label(label: str, run: str | None, expected: str) -> None:
    assert effective_label(label, run) == expected


def test_a_vault_key_is_never_kept() -> None:
    """What a caller says of its run goes to disk; the key that it holds must not."""
    key = mint(Kind.VAULT)
    said = read_run_headers(
        {
            b"keybrake-step": f"7 {key}".encode(),
            b"keybrake-reason": f"{key} and%20{key}!".encode(),
            b"keybrake-run-url": f"https://make.example/?key={key}".encode(),
        }
    )
    assert (said.step, said.reason) == ("7 [vault key]", "[vault key] and [vault key]!")
    assert said.run_url is None
    twice_escaped = key.replace("_", "%255F").encode()
    assert read_run_headers({b"keybrake-reason": twice_escaped}).reason == "[vault key]"
    with pytest.raises(RequestMalformed):
        read_run_headers({b"keybrake-run": key.encode()})
