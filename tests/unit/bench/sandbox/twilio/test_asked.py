"""Fields that come several times, and numbers that are none."""

from __future__ import annotations

import pytest

from bench.sandbox.twilio.asked import Fields
from bench.sandbox.twilio.errors import TwilioError

FIELDS = Fields([("To", "1"), ("MediaUrl", "a"), ("To", "2"), ("MediaUrl", "b"), ("Yes", "TRUE")])


def test_one_is_the_last_and_all_are_in_order() -> None:
    assert (FIELDS.one("To"), FIELDS.all("MediaUrl")) == ("2", ["a", "b"])
    assert (FIELDS.one("From", "nobody"), FIELDS.has("From")) == ("nobody", False)
    assert FIELDS.is_true("Yes")


@pytest.mark.parametrize("text", ["0", "4", "-1", "1.0", " 1", "٣", "1_0"])
def test_a_number_is_digits_within_bounds(text: str) -> None:
    fields = Fields([("Page", text)])
    with pytest.raises(TwilioError, match="Invalid parameter Page"):
        fields.number("Page", 1, least=1, most=3)
    assert fields.number("Other", 7, least=1, most=3) == 7
