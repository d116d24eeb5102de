"""What a vendor answers that has nothing special."""

from __future__ import annotations

import pytest

from vendors.contract import (
    Answer,
    Doubt,
    End,
    Links,
    Money,
    Operation,
    PriceTableMistake,
    Reading,
    Sent,
)
from vendors.plain import Plain

WRITE = Operation("Write", "POST", "/things", Money.PRICED)


def test_nothing_is_named_linked_kept_or_found_again() -> None:
    plain = Plain()
    assert plain.own_path("/things", "", "acct", (), ()) == ("/things", "")
    assert plain.alias("vk_1") == plain.prices_date == ""
    assert not plain.sdk_takes_402_for_a_decline
    assert plain.relink(b"x", Links("a", "b", "c")) == b"x"
    assert plain.link_bytes_max == 0
    assert (plain.products, plain.account_headers, plain.key_terms) == ({}, (), frozenset())
    assert plain.idempotency_header is None
    assert not plain.idempotent(WRITE)
    assert plain.stream(WRITE, Sent("POST", "/things", "", "", b"")) is None
    assert plain.cancellation("x") is None
    assert plain.object_lookup("x") is None
    assert plain.search(Doubt("call_1", "Write", 0), ()) is None
    assert plain.trace(Reading(WRITE, "/things", "", "", b"", {})) == ""


def test_what_it_cannot_know_it_does_not_guess() -> None:
    plain = Plain()
    outcome = plain.reread("x", None, 5, Answer(200, {}, b"{}"))
    assert (outcome.end, outcome.settled_micros) == (End.IN_DOUBT, 0)
    assert outcome.why
    with pytest.raises(PriceTableMistake):
        plain.with_prices("{}")
