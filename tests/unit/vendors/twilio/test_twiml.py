"""What a document may do."""

from __future__ import annotations

import pytest

from vendors.contract import Unpriced
from vendors.twilio.twiml import Extras, read_twiml


@pytest.mark.parametrize(
    ("document", "extras"),
    [
        ("", Extras()),
        ("<Response><Say>Hello</Say></Response>", Extras()),
        ("<?xml version='1.0' encoding='UTF-8'?>\n<Response><Hangup/></Response>", Extras()),
        ('<Response><Play loop="2">https://example.com/a.mp3</Play></Response>', Extras()),
        ("<Response><Say voice='woman'>5 &lt; 6</Say><Pause length='3' /></Response>", Extras()),
        ('<Response><Say voice="Polly.Joanna">a<break/>b</Say></Response>', Extras(speaks=True)),
        ('<Response><Say voice="&x;">a</Say></Response>', Extras(speaks=True)),
        ("<Response><Record/></Response>", Extras(records=True)),
        ('<Response><Gather input="dtmf"><Say>1?</Say></Gather></Response>', Extras()),
    ],
)
def test_harmless(document: str, extras: Extras) -> None:
    assert read_twiml("Twiml", document) == extras


@pytest.mark.parametrize(
    "document",
    [
        "<Response><Dial>+18765550100</Dial></Response>",
        "<Response><Redirect>https://example.com</Redirect></Response>",
        "<Response><Gather><Dial>1</Dial></Gather></Response>",
        "<Response><Message>x</Message></Response>",
        *(
            f"<Response><{verb}/></Response>"
            for verb in ("Refer", "Sms", "Pay", "Connect", "Start")
        ),
        *(f"<Response><{verb}/></Response>" for verb in ("Enqueue", "Leave2", "dial", "say")),
        "<Response><Gather action='https://example.com'/></Response>",
        "<Response><Record ACTION='/x'/></Response>",
        '<Response><Record transcribe="true"/></Response>',
        '<Response><Gather input="dtmf speech"/></Response>',
        '<Response><Gather input="&speech;"/></Response>',
        "<!DOCTYPE r [<!ENTITY d '<Dial>1</Dial>'>]><Response>&d;</Response>",
        "<Response><![CDATA[<Dial>1</Dial>]]></Response>",
        "<Response><!-- x --></Response>",
        "<Response><x:Dial xmlns:x='y'>1</x:Dial></Response>",
        "<Response><?php dial() ?></Response>",
        '<Response><Say voice="a>b">x</Say></Response>',
        "<Response>5 > 4</Response>",
        "<Response",
        "<Response><Say voice=man>x</Say></Response>",
        "<Response><Say voice>x</Say></Response>",
        '<Response><Say voice="man"loop="1">x</Say></Response>',
        "< Dial>1</Dial>",
        "<Ｄial>1</Ｄial>",
        "<Response/><?xml version='1.0'?>",
    ],
)
def test_whatever_else(document: str) -> None:
    with pytest.raises(Unpriced) as caught:
        read_twiml("Twiml", document)
    assert str(caught.value).startswith("Twiml ")


@pytest.mark.parametrize("blanks", ["<Say{}/>", "<Say{}a=1>", "<Say a{}>", "<Say a={}>"])
def test_a_tag_of_blanks_is_looked_at_once(blanks: str) -> None:
    """Were each blank begun anew, half a million of them would take days."""
    document = blanks.format(" \t" * 250_000)
    if document.endswith("/>"):
        assert read_twiml("Twiml", document) == Extras()
        return
    with pytest.raises(Unpriced, match="cannot be read for sure"):
        read_twiml("Twiml", document)
