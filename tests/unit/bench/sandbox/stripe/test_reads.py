"""Search terms, list pages and created filters."""

from __future__ import annotations

from typing import Any

import pytest

from bench.sandbox.stripe.errors import StripeError
from bench.sandbox.stripe.lists import page
from bench.sandbox.stripe.reads import matcher
from bench.sandbox.wire import Obj

ITEM: Obj = {"status": "succeeded", "amount": 900, "metadata": {"order": "7"}, "customer": None}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status:'succeeded'", True),
        ('status:"SUCCEEDED" AND amount>800', True),
        ("amount<900", False),
        ("amount<=900 AND amount>=900", True),
        ("metadata['order']:'7'", True),
        ("-metadata['order']:'7'", False),
        ("status~'succ'", True),
        ("status:'x' OR amount:900", True),
        ("customer:null", True),
        ("receipt:'x'", False),
    ],
)
def test_matcher(query: str, found: bool) -> None:
    assert matcher(query)(ITEM) is found


@pytest.mark.parametrize("query", ["status", "status:'a' status:'b'", "amount>abc"])
def test_unreadable_queries(query: str) -> None:
    with pytest.raises(StripeError):
        matcher(query)(ITEM)


ITEMS: list[Obj] = [{"id": f"x_{number}"} for number in range(5)]


@pytest.mark.parametrize(
    ("given", "ids", "more"),
    [
        ({}, "01234", False),
        ({"limit": 2}, "01", True),
        ({"limit": 2, "starting_after": "x_2"}, "34", False),
        ({"limit": 2, "ending_before": "x_3"}, "12", True),
        ({"ending_before": "x_0"}, "", False),
    ],
)
def test_page(given: dict[str, Any], ids: str, more: bool) -> None:
    found = page(ITEMS, given, "/v1/xs", "x")
    assert "".join(item["id"][2:] for item in found["data"]) == ids
    assert found["has_more"] is more


def test_an_unknown_cursor() -> None:
    with pytest.raises(StripeError, match="No such x"):
        page(ITEMS, {"starting_after": "x_9"}, "/v1/xs", "x")
