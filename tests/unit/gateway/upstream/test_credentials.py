"""A real key: worn, scrubbed for, never shown."""

from __future__ import annotations

from gateway.settings import AccountSettings, Secret
from gateway.upstream.credentials import Credentials
from tests.vendor_double import KNOWN


def test_what_an_account_wears() -> None:
    account = AccountSettings("default", Secret("sk_live_0123456789"))
    credentials = Credentials(KNOWN["double"], account)
    assert credentials.authorization == b"Bearer sk_live_0123456789"
    assert credentials.livemode is True
    assert credentials.scrubber.whole(b"key sk_live_0123456789") == b"key " + b"*" * 18


def test_it_shows_itself_to_nobody() -> None:
    account = AccountSettings("default", Secret("sk_live_0123456789"))
    credentials = Credentials(KNOWN["double"], account)
    assert f"{credentials} {credentials!r}" == "Credentials(***) Credentials(***)"
