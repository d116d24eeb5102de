"""Links lead back to the caller's own way in, however an answer is cut."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.call import relink
from tests.calls import Calls, Script
from tests.telco import OWN, TELCO
from tests.unit.gateway.call.telco_calls import AS_JSON, alias, telco_key
from vendors.contract import Links


async def test_links_lead_back_through_us(calls: Calls) -> None:
    key = await telco_key(calls)
    page = {"next": "https://telco.example/2010/x?page=1", "uri": f"/2010/{OWN}"}
    calls.upstream.vendor = Script((200, page, AS_JSON))
    seen = await calls.call(key, "GET", "/2010/x")
    assert seen.json["next"].endswith("/telco/2010/x?page=1")
    assert seen.json["uri"] == f"/2010/{alias(key)}"


async def test_xml_names_the_account_as_the_caller_does(calls: Calls) -> None:
    key = await telco_key(calls)
    told = f"<Sid>{OWN}</Sid>".encode()
    calls.upstream.vendor = Script((200, told, (b"content-type", b"application/xml")))
    seen = await calls.call(key, "GET", "/2010/x")
    assert seen.body == f"<Sid>{alias(key)}</Sid>".encode()


async def test_what_is_no_json_is_left_as_it_is(calls: Calls) -> None:
    key = await telco_key(calls)
    calls.upstream.vendor = Script((200, OWN.encode(), (b"content-type", b"audio/wav")))
    assert (await calls.call(key, "GET", "/2010/x")).body == OWN.encode()


@pytest.mark.parametrize("size", [1, 7, 40, 81, 600])
async def test_long_xml_is_relinked_however_it_is_cut(size: int) -> None:
    text = f"<Message><Sid>{OWN}</Sid><Body>{'x' * 90}</Body></Message>".encode() * 20
    links = Links(OWN, "ACmine", "http://gw/telco")

    async def pieces() -> Any:
        for at in range(0, len(text), size):
            yield text[at : at + size]

    out = b"".join([piece async for piece in relink.Relinked(pieces(), TELCO, links)])
    assert out == text.replace(OWN.encode(), b"ACmine")


@pytest.mark.parametrize("size", [1, 7, 40, 81, 1000])
async def test_a_long_answer_is_relinked_however_it_is_cut(size: int) -> None:
    one = b'{"next": "https://telco.example/a?b=1", "sid": "AC00000000", "text": "' + b"x" * 90
    text = b"[" + b'"},'.join([one] * 9) + b'"}]'
    links = Links(OWN, "ACmine", "http://gw/telco")

    async def pieces() -> Any:
        for at in range(0, len(text), size):
            yield text[at : at + size]

    out = b"".join([piece async for piece in relink.Relinked(pieces(), TELCO, links)])
    assert out == TELCO.relink(text, links)
    assert b"telco.example" not in out


async def test_a_link_with_a_long_query_is_not_cut_in_its_middle() -> None:
    """Nothing behind it marks a place to cut at; the one before it does."""
    text = b'{"a": 1, "next": "https://telco.example/a?b=' + b"c" * 300 + b'"}'
    links = Links(OWN, "ACmine", "http://gw/telco")

    async def pieces(size: int) -> Any:
        yield text[:size]
        yield text[size:]

    for size in range(1, len(text)):
        out = b"".join([piece async for piece in relink.Relinked(pieces(size), TELCO, links)])
        assert out == TELCO.relink(text, links), size


async def test_a_relinked_answer_that_nobody_reads_is_let_go() -> None:
    ended = []

    async def pieces() -> Any:
        try:
            yield b"x" * 100
        finally:
            ended.append(True)

    source = pieces()
    stream = relink.Relinked(source, TELCO, Links(OWN, "ACmine", "http://gw/telco"))
    assert await anext(stream)
    await stream.aclose()
    assert ended
    with pytest.raises(StopAsyncIteration):
        await anext(stream)
