"""A caller's trace, read strictly."""

from __future__ import annotations

import pytest

from gateway.call.traceparent import read_traceparent

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize("ending", ["01", "00", "ff"])
def test_trace_and_parent(ending: str) -> None:
    assert read_traceparent(f"00-{TRACE}-{PARENT}-{ending}".encode()) == (TRACE, PARENT)


def test_a_later_version_may_say_more() -> None:
    assert read_traceparent(f"cc-{TRACE}-{PARENT}-01-what-comes".encode()) == (TRACE, PARENT)


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-01-more",
        f"cc-{TRACE}-{PARENT}-01more",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f" 00-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01\n",
        f"00-{TRACE}-{PARENT}-01, 00-{TRACE}-{PARENT}-01",
        f"00-{TRACE[:-1]}\N{ARABIC-INDIC DIGIT ONE}-{PARENT}-01",
    ],
)
def test_what_is_none_means_nothing(value: str) -> None:
    assert read_traceparent(value.encode()) is None
