from __future__ import annotations

import pytest

from gateway.vault.allowlist import ENTRIES_MAX, Allowlist

STRIPE = Allowlist.parse(
    ["POST /v1/payment_intents", "GET /v1/customers/*", "GET /v1/charges/**", "POST /v1/*/confirm"]
)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/payment_intents"),
        ("GET", "/v1/customers/cus_1"),
        ("GET", "/v1/charges/ch_1"),
        ("GET", "/v1/charges/ch_1/refunds/re_1"),
        ("POST", "/v1/pi_1/confirm"),
    ],
)
def test_what_is_listed_is_allowed(method: str, path: str) -> None:
    assert STRIPE.allows(method, path)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/payment_intents"),
        ("HEAD", "/v1/customers/cus_1"),
        ("post", "/v1/payment_intents"),
        ("POST", "/v1/payment_intents/pi_1"),
        ("POST", "/v1/payment_intents_evil"),
        ("POST", "/x/v1/payment_intents"),
        ("POST", "/V1/payment_intents"),
        ("GET", "/v1/customers"),
        ("GET", "/v1/customers/"),
        ("GET", "/v1/customers/."),
        ("GET", "/v1/customers/.."),
        ("GET", "/v1/customers/cus_1/sources"),
        ("GET", "/v1/customers/cus_1\n"),
        ("GET", "/v1/customers/a/../b"),
        ("GET", "/v1/charges"),
        ("GET", "/v1/charges/"),
        ("GET", "/v1/charges/ch_1/../x"),
        ("POST", "/v1/a/b/confirm"),
        ("DELETE", "/v1/customers/cus_1"),
    ],
)
def test_what_is_not_listed_is_refused(method: str, path: str) -> None:
    assert not STRIPE.allows(method, path)


def test_entries_are_kept_as_written_and_in_order() -> None:
    assert STRIPE.entries[:2] == ("POST /v1/payment_intents", "GET /v1/customers/*")
    assert Allowlist.parse(STRIPE.entries) == STRIPE
    assert hash(STRIPE) == hash(Allowlist.parse(STRIPE.entries))
    assert Allowlist.parse(STRIPE.entries[1:]) != STRIPE
    assert "GET /v1/customers/*" in repr(STRIPE)


def test_a_dot_in_an_entry_is_a_dot() -> None:
    assert not Allowlist.parse(["GET /v1/a.b/*"]).allows("GET", "/v1/axb/c")


def test_an_empty_list_allows_nothing() -> None:
    assert not Allowlist.parse([]).allows("GET", "/v1")


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "GET",
        "/v1/customers",
        "get /v1",
        "TRACE /v1",
        "* /v1",
        "GET  /v1",
        "GET v1",
        "GET x/v1",
        "GET /",
        "GET /v1/",
        "GET //v1",
        "GET /v1/../x",
        "GET /v1/%40",
        "GET /v1/cus_*",
        "GET /v1/***",
        "GET /v1/**/x",
        "GET /v1/x?y=1",
        "GET /v1/x y",
        "GET /v1/x\n",
        "GET /v1/" + "x" * 600,
    ],
)
def test_a_bad_entry_is_named(entry: str) -> None:
    with pytest.raises(ValueError) as told:
        Allowlist.parse(["GET /v1/ok", entry])
    assert repr(entry)[:40] in str(told.value)


def test_the_number_of_entries_is_bounded() -> None:
    with pytest.raises(ValueError, match="more than"):
        Allowlist.parse(["GET /v1/x"] * (ENTRIES_MAX + 1))


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (["GET /a/b"], ["GET /a/b"]),
        (["GET /a/*"], ["GET /a/b", "GET /a/c", "GET /a/*"]),
        (["GET /a/**"], ["GET /a/b", "GET /a/*/c", "GET /a/b/**", "GET /a/**"]),
        (["GET /**"], ["GET /a/**", "GET /x"]),
        (["GET /a/*", "GET /a/*/**"], ["GET /a/**"]),
        (["GET /a/*", "GET /a/*/*", "GET /a/*/*/**"], ["GET /a/**"]),
        (["GET /a"], []),
    ],
)
def test_a_wide_list_covers_a_narrow_one(wide: list[str], narrow: list[str]) -> None:
    assert Allowlist.parse(wide).covers(Allowlist.parse(narrow))


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (["GET /a/b"], "GET /a/*"),
        (["GET /a/b"], "POST /a/b"),
        (["GET /a/*"], "GET /a/**"),
        (["GET /a/*"], "GET /a"),
        (["GET /a/**"], "GET /a"),
        (["GET /a/**"], "GET /*/b"),
        (["GET /a/*/**"], "GET /a/**"),
        (["GET /a/*", "GET /a/*/*/**"], "GET /a/**"),
        (["GET /a/b/**", "GET /a/*"], "GET /a/**"),
        ([], "GET /a"),
    ],
)
def test_what_goes_beyond_is_named(wide: list[str], narrow: str) -> None:
    assert Allowlist.parse(wide).uncovered(Allowlist.parse([narrow])) == (narrow,)
