"""What the admin side needs of the rest of the house, as narrow doors, and what it keeps itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.admin.fresh import Fresh
from gateway.admin.pace import Pace
from gateway.call.verdicts import Asked, Explanation
from gateway.clock import Clock
from gateway.errors import Refusal
from gateway.reconcile.crew import Account, Watched
from gateway.settings import Settings
from gateway.vault.books import Books
from gateway.vault.keys import Key
from gateway.vault.known import Known, KnownVendor
from gateway.vault.registry import Registry
from ledger import Copied, Ending, Hold, HoldState, Order, Shed, Ticket
from ledger.backup import Check
from ledger.history import Filters, Found, Overview, Place, Records, Series, VendorHealth
from vendors.contract import Vendor
from vendors.rates import Rates


class Ledger(Books, Protocol):
    """The books, with what resolving a call in doubt takes."""

    def open_holds(self, *states: HoldState) -> Iterator[Hold]: ...

    def book(self, endings: Sequence[Ending | Shed], *, now_us: int) -> Ticket: ...

    @property
    def trouble(self) -> str | None: ...

    def metrics(self) -> Mapping[str, float]: ...

    async def back_up(self, order: Order, check: Check) -> Copied:
        """A copy of the books as they stand. Raises CopyRunning, CopyFailed."""


class History(Protocol):
    """The audit log, as `ledger.history.History` offers it."""

    async def call(self, call_id: str) -> dict[str, Any] | None: ...

    async def calls(
        self,
        filters: Filters,
        limit: int,
        *,
        starting_after: str | None = None,
        ending_before: str | None = None,
    ) -> list[dict[str, Any]]: ...

    async def search(
        self,
        filters: Filters,
        limit: int,
        *,
        starting_after: str | None = None,
        before: Place | None = None,
    ) -> Found: ...

    def export(self, filters: Filters) -> AsyncIterator[dict[str, Any]]: ...

    async def runs(
        self,
        since_us: int,
        until_us: int,
        limit: int,
        *,
        by: str = "run",
        starting_after: str | None = None,
    ) -> Records: ...

    async def spend(
        self,
        by: str,
        since_us: int,
        until_us: int,
        limit: int,
        *,
        vendor: str | None = None,
        account: str | None = None,
        starting_after: str | int | None = None,
    ) -> Records: ...

    async def series(
        self, by: str | None, since_us: int, until_us: int, step: str, top: int = 5
    ) -> Series: ...

    async def run(self, label: str) -> dict[str, Any] | None: ...

    async def overview(self, since_us: int, until_us: int) -> Overview: ...

    async def vendor_health(self, since_us: int) -> list[VendorHealth]: ...

    def follow(self, endings: Iterable[Ending | Shed]) -> None: ...

    def metrics(self) -> Mapping[str, float]: ...

    async def flush(self) -> bool:
        """Write what has gathered, so that what was answered a moment ago is found."""


class Scraped(Protocol):
    def render(self) -> bytes: ...


class Guesses(Protocol):
    def wrong(self, address: str, now_us: int, door: str = "") -> Refusal:
        """What an unknown key from this address is told: RateLimited beyond so many a minute."""

    def must_wait(self, address: str, now_us: int, door: str) -> Refusal | None:
        """Beyond so many: for a door where even a right key has to wait then."""


class Canceller(Protocol):
    """The one writer at a vendor that a revoke may ask for: see `gateway/call/cancel.py`."""

    async def cancel_open(self, keys: Iterable[Key]) -> list[dict[str, str]]:
        """Cancel what these keys left open. One line for each object, with what became of it."""


class Reconcilers(Protocol):
    """Who looks after what is open: see `gateway/reconcile/crew.py`."""

    def watched(self, hold: Hold) -> Watched:
        """How far the looking after this hold is."""

    def accounts(self) -> list[Account]:
        """One for each vendor account; none where the reconciler is switched off."""

    async def look_now(self, call_id: str) -> str:
        """Ask the vendor about a call. What was found, in words. Raises NotOpen."""


class Explainer(Protocol):
    """Who says what would become of a call: see `gateway/call/explain.py`."""

    async def explain(self, key: Key, asked: Asked) -> Explanation:
        """Its price and every rule; nothing is held or sent."""


class Doors(Protocol):
    """What `gateway/call/doors.py` holds, as far as the admin side goes."""

    @property
    def settings(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def vendors(self) -> Mapping[str, Vendor]: ...
    @property
    def registry(self) -> Registry: ...
    @property
    def ledger(self) -> Ledger: ...
    @property
    def history(self) -> History: ...
    @property
    def guesses(self) -> Guesses: ...
    @property
    def metrics(self) -> Scraped: ...
    @property
    def rates(self) -> Callable[[], Rates]: ...


@dataclass(slots=True)
class House:
    """Handed to every handler. admin_digest: SHA-256 of the admin key. document: what
    /openapi.json tells. base_url: how callers reach
    this instance, set once the listeners are open. draining: /readyz says so. pace: of exports."""

    doors: Doors
    admin_digest: bytes
    canceller: Canceller
    reconcilers: Reconcilers
    explainer: Explainer
    document: dict[str, Any]
    base_url: str = ""
    draining: bool = False
    pace: Pace = field(default_factory=Pace)
    _fresh: Fresh = field(init=False)

    def __post_init__(self) -> None:
        self._fresh = Fresh(lambda: self.history.flush())

    @property
    def registry(self) -> Registry:
        return self.doors.registry

    @property
    def ledger(self) -> Ledger:
        return self.doors.ledger

    @property
    def history(self) -> History:
        return self.doors.history

    async def fresh(self) -> None:
        """Before the log is read: what was answered a moment ago is found. See `fresh.py`."""
        await self._fresh.ensure()

    @property
    def known(self) -> Known:
        """The vendors that are set up here, with what their keys may have."""
        modules = self.doors.vendors
        return {
            name: KnownVendor(vendor.accounts, modules[name].key_terms)
            for name, vendor in self.doors.settings.vendors.items()
        }

    def alias(self, key: Key) -> str:
        """What the key's bearer may call the account in paths; '' where paths name none, or while
        the key's vendor is not set up."""
        vendor = self.doors.vendors.get(key.terms.vendor)
        return "" if vendor is None else vendor.alias(key.terms.key_id)

    def now_us(self) -> int:
        return self.doors.clock.now_us()
