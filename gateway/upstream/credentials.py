"""The vendors' real keys: loaded once from the settings, worn on every call, shown to nobody.

An account's credential takes three shapes here: the Authorization header that the vendor gets, the
forms to be scrubbed from what it answers, and `***` for everyone else."""

from __future__ import annotations

from gateway.settings import AccountSettings
from gateway.upstream.scrub import Scrubber
from vendors.contract import Vendor


class Credentials:
    """One account's real key. account: the id that the vendor's paths name it by, '' if they do
    not. authorization: the header's whole value. livemode: does it move real money? None if it
    cannot be told."""

    __slots__ = ("account", "authorization", "livemode", "scrubber")

    def __init__(self, vendor: Vendor, account: AccountSettings) -> None:
        credential = account.credential()
        self.account = credential.account
        self.authorization = vendor.authorization(credential)
        self.livemode = vendor.livemode(credential)
        self.scrubber = Scrubber(credential.secret)

    def __repr__(self) -> str:
        return "Credentials(***)"

    __str__ = __repr__
