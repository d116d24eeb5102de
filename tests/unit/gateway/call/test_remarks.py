"""A remark is read as it was written, also one of an earlier version."""

from __future__ import annotations

from gateway.call.remarks import Remark, acting_for, read_remark
from vendors.rates import USD


def test_there_and_back() -> None:
    for remark in (Remark(), Remark(USD, 7, "kb-1", "to=+1"), Remark(None, 0, "", "t")):
        assert read_remark(remark.text()) == remark


def test_who_a_call_acted_for_is_told_to_later_look_ups() -> None:
    headers = {b"stripe-context": b"acct_2/acct_3", b"stripe-account": b"acct_1"}
    remark = Remark(USD, 0, "kb-1", "t", acting_for(headers))
    assert remark.acts_for == "stripe-account=acct_1,stripe-context=acct_2/acct_3"
    assert read_remark(remark.text()) == remark
    assert remark.account_headers() == headers
    assert Remark().account_headers() == {}
    assert acting_for({}) == ""


def test_the_two_parts_of_earlier_versions_and_none_at_all() -> None:
    assert read_remark(f"{USD}|12") == Remark(USD, 12)
    assert read_remark("") == Remark()
