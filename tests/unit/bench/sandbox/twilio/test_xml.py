"""Objects of the 2010 API as XML."""

from __future__ import annotations

from bench.sandbox.twilio.xml import render


def test_an_object_is_named_by_its_path() -> None:
    data = {"sid": "SM1", "price": None, "beta": True, "subresource_uris": {"media": "/m"}}
    assert render(data, "/2010-04-01/Accounts/AC1/Messages/SM1", 200).endswith(
        b"<TwilioResponse><Message><Sid>SM1</Sid><Price></Price><Beta>true</Beta>"
        b"<SubresourceUris><Media>/m</Media></SubresourceUris></Message></TwilioResponse>"
    )
    assert b"<Balance><Currency>" in render({"currency": "USD"}, "/A/AC1/Balance.xml", 200)
    assert b"<Resource>" in render({}, "/nothing", 200)


def test_text_is_escaped_and_lists_are_elements() -> None:
    body = render({"calls": [{"to": "a<b&c"}]}, "/Accounts/AC1/Calls.xml", 200)
    assert b"<Calls><Call><To>a&lt;b&amp;c</To></Call></Calls>" in body


def test_an_error_is_a_rest_exception() -> None:
    assert b"<RestException><Code>20404</Code>" in render({"code": 20404}, "", 404)
