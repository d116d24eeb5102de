"""One mail: its recipients, its sender, its moment."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.sandbox.resend import mail
from bench.sandbox.resend.errors import ResendError

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z
MAIL: Any = {"from": "a@b.co", "to": "c@d.co", "subject": "s", "text": "t"}


def test_recipients_are_all_of_to_cc_and_bcc() -> None:
    found = mail.read({**MAIL, "cc": ["X <x@d.co>"], "bcc": '"A, B" <y@d.co>'}, NOW)
    assert found.recipients == ("c@d.co", "x@d.co", "y@d.co")
    assert found.sender == "a@b.co"
    assert found.shown["bcc"] == ['"A, B" <y@d.co>']


@pytest.mark.parametrize("text", ["", "a", "a@b", "a@b.co,c@d.co", "<a@b.co", "A <a b@c.co>", 7])
def test_what_is_no_address(text: Any) -> None:
    with pytest.raises(ResendError, match="Invalid `to` field"):
        mail.address(text, "to")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("in 1 hour", 3_600),
        ("in an hour", 3_600),
        ("In 5 min", 300),
        ("in 2 weeks", 14 * 86_400),
        ("tomorrow at 2pm", 38 * 3_600),
        ("tomorrow", 33 * 3_600),
        ("2026-01-02T00:00:00Z", 86_400),
        ("2026-01-02T00:00:00+01:00", 82_800),
        ("2026-01-02", 86_400),
    ],
)
def test_moments(text: str, at: int) -> None:
    assert mail.moment(text, NOW) == NOW + at


@pytest.mark.parametrize("value", ["soon", "in 99999 hours", "in 31 days", "2025-12-01", 5, [], ""])
def test_moments_that_are_none(value: Any) -> None:
    with pytest.raises(ResendError, match="scheduled_at"):
        mail.moment(value, NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys([*MAIL, "cc", "attachments", "scheduled_at"], JSON)
    )
)
def test_any_json_is_a_mail_or_refused(data: Any) -> None:
    with suppress(ResendError):
        found = mail.read({**MAIL, **data}, NOW)
        assert all("@" in address for address in found.recipients)
