"""Answers in XML: what is in them, and that what could be read in two ways is not read."""

from __future__ import annotations

import pytest

from tests.unit.vendors.twilio.asking import ACCOUNT, SM
from vendors.twilio.things import Unclear
from vendors.twilio.xmltree import is_xml, read_xml

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
MEMBERS = f"<AccountSid>{ACCOUNT}</AccountSid><Sid>{SM}</Sid><Status>queued</Status>"


def whole(inside: str, head: str = HEAD) -> bytes:
    return f"{head}<TwilioResponse><Message>{inside}</Message></TwilioResponse>".encode()


@pytest.mark.parametrize("head", [HEAD, "", "\n "])
def test_the_members_that_count(head: str) -> None:
    text = "<Body>&lt;Sid&gt;SM1&lt;/Sid&gt; ü</Body><Price/><PriceUnit></PriceUnit>"
    body = whole(MEMBERS + text, head)
    assert is_xml(body)
    assert read_xml(body) == {
        "account_sid": ACCOUNT,
        "sid": SM,
        "status": "queued",
        "price": None,
        "price_unit": None,
    }


def test_a_price() -> None:
    told = "<Price>-0.00750</Price><PriceUnit>USD</PriceUnit>"
    assert read_xml(whole(told)) == {"price": "-0.00750", "price_unit": "USD"}


@pytest.mark.parametrize(
    "body",
    [
        b"<html></html>",
        b"<TwilioResponse>",
        b"<TwilioResponse/>",
        whole(MEMBERS) + b"more",
        whole(MEMBERS, "<!DOCTYPE x>"),
        whole(MEMBERS, HEAD + HEAD),
        whole(f"<!-- -->{MEMBERS}"),
        whole(f"<Body><![CDATA[<Sid>{SM}</Sid>]]></Body>"),
        whole(f"{MEMBERS}<Sid>{SM}</Sid>"),
        whole("<Sid a='b'>SM1</Sid>"),
        whole("<Sid>S M</Sid>"),
        whole("<Sid>SM1<b/></Sid>"),
        whole("<Status>" + "x" * 65 + "</Status>"),
        whole("<Status>é</Status>"),
        whole("<Status>queued"),
    ],
)
def test_what_says_nothing(body: bytes) -> None:
    with pytest.raises(Unclear):
        read_xml(body)


@pytest.mark.parametrize("body", [b"", b"{}", b' {"a": "<"}', b"[]", b"oops <", b" " * 70 + b"<"])
def test_what_is_no_xml(body: bytes) -> None:
    assert not is_xml(body)
