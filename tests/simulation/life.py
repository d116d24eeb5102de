"""One process: the real ledger, registry, proxy and reconcilers, built on what the disks hold.

`furnished` puts the simulated thread, disk, clock and chance in the places of the real ones while a
story is played; everything else is the product's own code.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import orjson

import gateway.call.proxy
import gateway.clock
import gateway.ids
import gateway.vault.registry
import ledger.book
import ledger.checkpoints
import ledger.journal
from gateway.call.doors import Doors
from gateway.call.guesses import Guesses
from gateway.call.lanes import Lanes
from gateway.call.proxy import Proxy
from gateway.call.retries import Retries
from gateway.call.routes import Routes
from gateway.call.turns import Turns
from gateway.call.turnstile import Turnstile
from gateway.clock import SystemClock
from gateway.metrics import Metrics
from gateway.reconcile.crew import Reconcilers
from gateway.settings import (
    AccountSettings,
    LedgerSettings,
    ReconcilerSettings,
    Secret,
    ServerSettings,
    Settings,
    VendorSettings,
)
from gateway.vault.registry import Registry
from gateway.vault.secrets import Kind
from ledger import CannotRecord, Ending, Ledger, Shed
from ledger.codec import decode
from ledger.history import CallRow, Filters
from ledger.history.rebuild import TAKEN_OVER, Rebuild, change
from tests.simulation.disk import SimWriter, layout_on
from tests.simulation.models import SID
from tests.simulation.timeline import SimLoop, SimTime
from tests.simulation.wire import SimUpstream
from vendors import VENDORS
from vendors.rates import Rates

if TYPE_CHECKING:
    from tests.simulation.world import World

RATES: Final = Rates.load("", "2", 30)
_NAMES: Final = ("stripe", "twilio", "resend")
VENDOR_MODULES: Final = {name: VENDORS[name] for name in _NAMES}
DRAIN_S: Final = 30.0
_UNFLUSHED_MAX: Final = 20


def _settings() -> Settings:
    accounts = {"default": AccountSettings("default", Secret("none"), SID)}
    vendors = {name: VendorSettings(name, "https://vendor", accounts=accounts) for name in _NAMES}
    vendors["resend"] = replace(vendors["resend"], calls_per_second_max=25)
    return Settings(
        server=ServerSettings(priced_body_bytes_max=2_000, metered_answer_bytes_max=50_000),
        ledger=LedgerSettings(checkpoint_entries=150, shards=("sim:0", "sim:1")),
        vendors=vendors,
        reconciler=ReconcilerSettings(calls_per_second_max=1_000),
    )


SETTINGS: Final = _settings()


class SimHistory:
    """The audit log in memory. What was not written yet when the process died is made again from
    the journals, by the product's own code."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.rows: dict[str, dict[str, Any]] = {}
        self._by_hold: dict[int, str] = {}
        self._unflushed: list[str] = []
        self._marks = [0, 0]

    def record(self, row: CallRow) -> None:
        self._world.recorded(row)
        self._put(row._asdict())
        self._unflushed.append(row.id)
        if len(self._unflushed) >= _UNFLUSHED_MAX:
            self.write()

    def _put(self, row: dict[str, Any]) -> None:
        self.rows[row["id"]] = row
        for name in ("hold_id", "own_hold_id"):
            if row[name] is not None:
                self._by_hold[row[name]] = row["id"]

    def write(self) -> None:
        """All that is known so far is on its disk. A row of the journal whose call is not over is
        read again."""
        self._unflushed.clear()
        self._marks = [max(0, len(disk.rows) - 50) for disk in self._world.disks]

    def follow(self, endings: Sequence[Ending | Shed]) -> None:
        for ending in endings:
            state, counts, hold_id, object_id = change(ending)
            row = self.rows.get(self._by_hold.get(hold_id, ""))
            if row is None:
                continue
            row["object_id"] = object_id or row["object_id"]
            if hold_id == row["own_hold_id"]:
                row["own_cost_micros"] = row["own_cost_micros"] if counts is None else counts
            elif row["state"] != TAKEN_OVER:
                doubted = max(row["held_micros"], row["cost_micros"])
                row |= {"state": state, "cost_micros": doubted if counts is None else counts}

    def give_back(self, hold_id: int, refund_id: str, micros: int) -> None:
        pass

    async def flush(self) -> bool:
        self.write()
        return True

    async def call(self, call_id: str) -> dict[str, Any] | None:
        return self.rows.get(call_id)

    async def calls(self, filters: Filters, limit: int) -> list[dict[str, Any]]:
        found = [row for row in self.rows.values() if row["object_id"] == filters.object_id]
        return [
            row | {"cost_micros": row["cost_micros"] + row["own_cost_micros"]}
            for row in found
            if row["vendor"] == filters.vendor
        ][:limit]

    def after_crash(self) -> None:
        """The rows that were not written are gone, and come back from the journals."""
        for call_id in self._unflushed:
            self.rows.pop(call_id, None)
        self._unflushed.clear()
        entries = [
            entry
            for disk, mark in zip(self._world.disks, self._marks, strict=True)
            for row in disk.rows[mark:]
            if row.entries > 0
            for entry in decode(row.body)
        ]
        known = [tuple(row.values()) for row in self.rows.values()]
        rebuild = Rebuild(known)
        for entry in entries:
            rebuild.apply(entry)
        for made in rebuild.rows():
            self._put(made._asdict())
        self.write()


class Life:
    """From a start to its end, however that comes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.loop = SimLoop(world.timeline)
        self.loop.set_exception_handler(self._odd)
        self.clock = SystemClock()
        self.up = False
        self.stopping = False
        self.writers: list[SimWriter] = []
        self.calls: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Raises LedgerRefused."""
        world = self.world
        self.ledger = await Ledger.open(SETTINGS.ledger, self.clock, on_death=world.ledger_died)
        self.registry = Registry.load(self.ledger, self.clock)
        self.upstreams = {
            name: SimUpstream(world, world.vendors.named(name), self.loop) for name in _NAMES
        }
        products = {name: frozenset(each.products) for name, each in VENDOR_MODULES.items()}
        self.doors = Doors(
            settings=SETTINGS,
            loop=self.loop,
            clock=self.clock,
            vendors=VENDOR_MODULES,
            routes=Routes(VENDOR_MODULES, products, {}),
            registry=self.registry,
            ledger=self.ledger,
            history=world.history,  # type: ignore[arg-type]
            upstreams=self,  # type: ignore[arg-type]
            lanes=Lanes(self.loop),
            turns=Turns(self.loop),
            retries=Retries(self.ledger, self.loop),
            turnstiles={
                (name, "default"): Turnstile(SETTINGS.vendors[name], self.loop) for name in _NAMES
            },
            guesses=Guesses(3),
            metrics=Metrics(),
            rates=lambda: RATES.at(self.clock.now_us()),
        )
        self.proxy = Proxy(self.doors)
        self.crew = Reconcilers(self.doors)
        self.up = True

    def account(self, vendor: str, account: str) -> SimUpstream:
        """What `Upstreams` offers."""
        return self.upstreams[vendor]

    async def look(self) -> None:
        """All that is due at the reconcilers, and no more than that."""
        self.crew.scan()
        self.crew.scan()
        for mate in self.crew._mates.values():
            for _ in range(300):
                if not await mate.turn():
                    break

    async def stop(self) -> None:
        """As after SIGTERM."""
        self.stopping = True
        if self.calls:
            await asyncio.wait(self.calls, timeout=DRAIN_S)
        await self.crew.stop()
        for upstream in self.upstreams.values():
            upstream.close()
        if self.calls:
            await asyncio.wait(self.calls, timeout=DRAIN_S)
        with contextlib.suppress(CannotRecord):
            await self.registry.close()
        await self.ledger.close()
        self.world.history.write()

    def die(self, *, written: bool) -> None:
        self.up = False
        for writer in self.writers:
            writer.die(written=written)
        self.loop.die()

    def _odd(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        exc = context.get("exception")
        self.world.odd(f"{context.get('message')}: {exc!r}", exc)


@contextlib.contextmanager
def furnished(world: World) -> Iterator[None]:
    """The world's own thread, disk, clock and chance, for as long as its story takes."""

    def writer(store: Any, loop: Any, on_failure: Any, *, name: str) -> SimWriter:
        made = SimWriter(store, loop, on_failure, name=name)
        world.life.writers.append(made)
        return made

    def mint(kind: Kind) -> str:
        world.minted += 1
        return f"{kind.value}{world.minted:036d}"

    def make_id(prefix: str, now_us: int) -> str:
        made = gateway.ids.make_id(prefix, now_us)
        world.named(made)
        return made

    places: list[tuple[Any, str, Any]] = [
        (ledger.book, "open_layout", lambda settings: layout_on(world.disks, world.timeline)),
        (ledger.journal, "Writer", writer),
        (ledger.checkpoints, "WHOLE_MAX", 12 if world.story.small_books else 256),
        (gateway.clock, "time", SimTime(world.timeline)),
        (gateway.vault.registry, "mint", mint),
        (gateway.call.proxy, "make_id", make_id),
        (gateway.ids, "_STRIDE", 1),
        (gateway.ids, "_low", 0),
        (gateway.ids, "_HIGH", "00000000"),
    ]
    before = [(place, name, getattr(place, name)) for place, name, _ in places]
    gateway.ids._of_millisecond.cache_clear()
    try:
        for place, name, value in places:
            setattr(place, name, value)
        yield
    finally:
        for place, name, value in before:
            setattr(place, name, value)
        gateway.ids._of_millisecond.cache_clear()


def error_of(body: bytes) -> str | None:
    """The code of a refusal of ours."""
    try:
        error = orjson.loads(body).get("error")
    except (ValueError, AttributeError):
        return None
    return error if isinstance(error, str) else None
