"""Amounts, currencies and the other kinds of parameter."""

from __future__ import annotations

from typing import Any

import pytest

from bench.sandbox.stripe import params
from bench.sandbox.stripe.errors import StripeError


@pytest.mark.parametrize(
    ("amount", "code", "taken"),
    [
        (50, "usd", True),
        (49, "usd", False),
        (50, "jpy", True),
        (5120, "kwd", True),
        (5125, "kwd", False),
        (500, "ugx", True),
        (550, "isk", False),
        (17_499, "huf", False),
        (1, "xaf", True),
    ],
)
def test_chargeable(amount: int, code: str, taken: bool) -> None:
    if taken:
        params.chargeable(amount, code)
    else:
        with pytest.raises(StripeError):
            params.chargeable(amount, code)


@pytest.mark.parametrize(
    ("reader", "value"),
    [
        (params.positive, "0"),
        (params.positive, "1000000000000"),
        (params.positive, "９"),
        (params.integer, "1e3"),
        (params.integer, ["1"]),
        (params.text, {}),
        (params.text, ""),
        (params.clearable, []),
        (params.boolean, "True"),
        (params.currency, "usdt"),
        (params.mapping, "x"),
        (params.metadata, {"a": {"b": "c"}}),
        (params.metadata, {"k" * 41: ""}),
        (params.array, "x"),
        (params.limit, "101"),
        (params.one_of("a", "b"), "c"),
    ],
)
def test_what_readers_refuse(reader: params.Reader, value: Any) -> None:
    with pytest.raises(StripeError) as caught:
        reader("name", value)
    assert caught.value.status == 400


def test_what_readers_take() -> None:
    assert params.currency("currency", "USD") == "usd"
    assert params.off_session("off_session", "recurring") is True
    assert params.boolean("confirm", "false") is False
    assert params.mapping("shipping", "") == {}
    assert params.array("expand", {"0": "a"}) == ["a"]
    assert params.one_of("a")("x", "a") == "a"


def test_metadata_merges_and_unsets() -> None:
    assert params.merged({"a": "1", "b": "2"}, {"a": "", "c": "3"}) == {"b": "2", "c": "3"}
    assert params.merged({"a": "1"}, None) == {}


def test_amounts_are_shown_in_their_currency() -> None:
    assert [params.shown(1234, code) for code in ("usd", "jpy", "kwd")] == [
        "12.34",
        "1234",
        "1.234",
    ]
