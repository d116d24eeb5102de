"""Each class of the catalogue has its pricing."""

from __future__ import annotations

import pytest

from tests.unit.vendors.twilio.asking import CA, CALLS, MESSAGES, ROOT, US, read
from vendors.contract import Reading
from vendors.twilio.prices import SHIPPED
from vendors.twilio.quote import hidden, quote


@pytest.mark.parametrize(
    ("reading", "micros"),
    [
        (read(MESSAGES, {"To": US, "Body": "x"}), 13_300),
        (read(CALLS, {"To": US, "TimeLimit": "60"}), 14_000),
        (read(f"{ROOT}/Calls/{CA}.json", {"Status": "completed"}), 0),
        (read(f"{ROOT}/Messages/SM1.json", {"Status": "canceled"}), 0),
        (read(f"{ROOT}/IncomingPhoneNumbers.json", {"AreaCode": "415"}), 1_150_000),
    ],
)
def test_quote(reading: Reading, micros: int) -> None:
    assert quote(reading, SHIPPED).amount_micros == micros


@pytest.mark.parametrize(
    ("reading", "micros"),
    [
        (read(MESSAGES, {"To": US, "SendAt": "x"}), 0),
        (read(MESSAGES, {"To": US, "ShortenUrls": "true"}), 15_000),
        (read(CALLS, {"To": US, "TimeLimit": "60"}), 0),
        (read(CALLS, {"To": US, "TimeLimit": "61", "Record": "true"}), 5_000),
        (read(CALLS, {"To": US, "Url": "https://example.com"}), None),
        (read(CALLS, {"To": US, "TimeLimit": "x"}), None),
        (read("/v1/a2p/BrandRegistrations", product="messaging"), 0),
    ],
)
def test_what_no_answer_will_show(reading: Reading, micros: int | None) -> None:
    assert hidden(reading, SHIPPED) == micros
