"""The ways to all accounts of all vendors: one timer for their deadlines, and other settings while
calls are under way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final
from weakref import WeakSet

from gateway.settings import AccountSettings, VendorSettings
from gateway.upstream.pool import Counts, Upstream, made_of
from vendors import VENDORS
from vendors.contract import Vendor

SWEEP_S: Final = 0.25
"""A deadline is noticed one to two of these late."""


class Upstreams:
    """All accounts of all vendors that the settings name. known: the vendors' modules, by name."""

    __slots__ = ("_accounts", "_looked_s", "_loop", "_retired", "_timer")

    def __init__(
        self,
        vendors: Mapping[str, VendorSettings],
        loop: asyncio.AbstractEventLoop,
        known: Mapping[str, Vendor] = VENDORS,
    ) -> None:
        self._loop = loop
        self._accounts: Mapping[tuple[str, str], Upstream] = {}
        self._retired: WeakSet[Upstream] = WeakSet()  # a call may hold one before it sends
        self.renew(self.prepared(vendors, known))
        self._looked_s = loop.time()
        self._timer = loop.call_later(SWEEP_S, self._tick)

    def prepared(
        self, vendors: Mapping[str, VendorSettings], known: Mapping[str, Vendor]
    ) -> dict[tuple[str, str], Upstream]:
        """All accounts as these settings want them, for `renew`; one that nothing changed for is
        the one that is there, with its warm connections. Changes nothing: certificates are read
        here, which takes its time, so it may run in a thread. Raises OSError."""
        return {
            (settings.name, account.name): self._kept_or_new(settings, account, known)
            for settings in vendors.values()
            for account in settings.accounts.values()
        }

    def _kept_or_new(
        self, settings: VendorSettings, account: AccountSettings, known: Mapping[str, Vendor]
    ) -> Upstream:
        now = self._accounts.get((settings.name, account.name))
        if now is not None and now.made_of == made_of(settings, account):
            return now
        counts = Counts() if now is None else now.counts
        return Upstream(settings, account, known[settings.name], self._loop, counts)

    def renew(self, accounts: Mapping[tuple[str, str], Upstream]) -> None:
        """These from now on. What is under way on another, or about to be, ends there."""
        for name, upstream in self._accounts.items():
            if accounts.get(name) is not upstream:
                upstream.retire()
                self._retired.add(upstream)
        self._accounts = accounts

    def account(self, vendor: str, account: str) -> Upstream:
        """Raises KeyError for one that the settings do not name."""
        return self._accounts[vendor, account]

    @property
    def accounts(self) -> Mapping[tuple[str, str], Upstream]:
        """By vendor and account."""
        return self._accounts

    def sweep(self, now_s: float) -> None:
        """End what is over its deadline. now_s: loop time."""
        for upstream in (*self._accounts.values(), *self._retired):
            upstream.sweep(now_s)

    async def close(self) -> None:
        """Close every connection; an exchange in flight ends as NotSent or OutcomeUnknown."""
        self._timer.cancel()
        for upstream in (*self._accounts.values(), *self._retired):
            upstream.close()
        await asyncio.sleep(0)  # the loop tells each socket that it is gone

    def _tick(self) -> None:
        """Sweep as of the tick before this one: the loop has read its sockets since, so when it was
        held up for long, an answer that waited in the kernel all the while is not called late."""
        self._timer = self._loop.call_later(SWEEP_S, self._tick)
        self.sweep(self._looked_s)
        self._looked_s = self._loop.time()
