"""Twilio's links and its name of the account become the caller's, in a piece of an answer.

Products other than the 2010 API page by absolute links (`meta.next_page_url`), and both SDKs follow
them to twilio.com, past the gateway and with the vault key in hand. So a JSON member `url` or
`…_page_url` whose value begins with an address of Twilio's own gets ours in front. Only a member
can match: inside a string a quote is escaped, and here none of the quotes is. Texts of messages and
addresses that users set (`voice_url`, `status_callback`) stay as they are.

The account's SID becomes what the caller calls the account wherever it stands: in `account_sid`, in
`uri` and the other relative links, in XML too.
"""

from __future__ import annotations

import re
from typing import Final

from vendors.contract import Links

LINK_BYTES_MAX: Final = 256
"""Name, blanks, scheme and host of the longest link come to less than 200 bytes."""

_LINK: Final = re.compile(
    rb'(?<!\\)"(url|[a-z_]{1,40}_page_url)"([ \t]{0,8}:[ \t]{0,8})'
    rb'"https://([a-z][a-z0-9-]{0,39})(?:\.[a-z][a-z0-9-]{0,19}){0,2}\.twilio\.com/'
)
_MAIN: Final = b"api"


def relink(text: bytes, links: Links) -> bytes:
    """Changes what stands whole in the piece."""
    if links.called and links.called != links.account:
        text = text.replace(links.account.encode(), links.called.encode())
    if b".twilio.com/" not in text:
        return text
    base_url = links.base_url.encode()

    def ours(match: re.Match[bytes]) -> bytes:
        name, colon, product = match.groups()
        place = b"" if product == _MAIN else b"/" + product
        return b'"%b"%b"%b%b/' % (name, colon, base_url, place)

    return _LINK.sub(ours, text)
