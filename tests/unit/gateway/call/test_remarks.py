"""A remark is read as it was written, also one of an earlier version."""

from __future__ import annotations

from gateway.call.remarks import Remark, read_remark
from vendors.rates import USD


def test_there_and_back() -> None:
    for remark in (Remark(), Remark(USD, 7, "kb-1", "to=+1|x"), Remark(None, 0, "", "t")):
        assert read_remark(remark.text()) == remark


def test_the_two_parts_of_earlier_versions_and_none_at_all() -> None:
    assert read_remark(f"{USD}|12") == Remark(USD, 12)
    assert read_remark("") == Remark()
