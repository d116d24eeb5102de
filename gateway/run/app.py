"""The one place that constructs: builds the house from settings, opens the door, and closes it
again.

On the way up the books come first (nothing may be answered before they are replayed), then the
audit log, keys, vendors, and last the listeners. A fresh admin key is kept and shown when nothing
is left that could fail. On the way down the reverse: no new calls, calls in flight to their end,
then the books. A dead journal ends the process at once: what it held in memory cannot be trusted.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import uvloop

from gateway.admin.api import AdminApi
from gateway.call import refusals
from gateway.call.cancel import Canceller
from gateway.call.doors import Doors
from gateway.call.explain import Explainer
from gateway.call.guesses import Guesses
from gateway.call.lanes import Lanes
from gateway.call.proxy import Proxy
from gateway.call.retries import Retries
from gateway.call.turns import Turns
from gateway.call.turnstile import Turnstile
from gateway.clock import SystemClock
from gateway.dashboard.site import Dashboard
from gateway.errors import Draining, RouteUnknown
from gateway.http.message import Request, Response
from gateway.http.server import ListenFailed, Server, listen_on
from gateway.http.tls import Tls, TlsMistake
from gateway.metrics import Histogram, Metrics
from gateway.reconcile.crew import Reconcilers
from gateway.run import calllines, numbers, systemd
from gateway.run.adminkey import AdminKey, admin_key, keep
from gateway.run.census import Census
from gateway.run.config import show
from gateway.run.heads import tell_heads
from gateway.run.heartbeat import Heartbeat
from gateway.run.parts import Parts, PartsRefused, make_parts
from gateway.run.privacy import keep_memory
from gateway.run.reload import Reloader, Renewable
from gateway.run.systemd import Notifier
from gateway.settings import Settings
from gateway.tasks import spawn
from gateway.upstream.upstreams import Upstreams
from gateway.vault.registry import Registry
from ledger import Ledger, LedgerRefused
from ledger.history import History, Trouble
from vendors.contract import Vendor
from vendors.rates import Rates

_log = logging.getLogger("keybrake")

TICK_S: Final = 1.0
"""How often the wall clock is looked at."""
GC_THRESHOLD: Final = 50_000
"""Young objects between two collections: a call's own garbage is freed by reference counts."""


class StartRefused(Exception):
    """One line: why this process cannot start. Nothing was touched."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What is known once the door is open. admin_key: the secret, if it was made just now."""

    address: str
    admin_address: str
    admin_key: str | None


def run(
    settings: Settings,
    known: Mapping[str, Vendor],
    ready: Callable[[Ready], None],
    read: Callable[[], Settings] | None = None,
) -> int:
    """Serve until SIGTERM or SIGINT. known: the vendors' modules. read: reads the settings again,
    at SIGHUP. Returns the exit code. Raises StartRefused."""
    _set_limits()
    return uvloop.run(serve(settings, known, ready, read))


async def serve(
    settings: Settings,
    known: Mapping[str, Vendor],
    ready: Callable[[Ready], None],
    read: Callable[[], Settings] | None = None,
) -> int:
    """Raises StartRefused."""
    stop = asyncio.Event()
    deaths: list[str] = []

    def die(why: str) -> None:
        _log.critical("the ledger can no longer be trusted: %s", why)
        deaths.append(why)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    notifier = Notifier(os.environ)
    reloader = Reloader(settings, known, read or (lambda: settings), notifier)
    loop.add_signal_handler(signal.SIGHUP, _hung_up(reloader.asked, stop.set))
    async with AsyncExitStack() as down:
        listeners, tls = _listeners(settings, down), _tls(settings, down)
        house = await _build(settings, _parts(settings, known), down, die)
        numbers.of_process(house.doors, house.admin, house.servers, reloader.reloads)
        _open_door(house, listeners, tls, down)
        _serve_systemd(house, notifier, reloader, down)
        house.reconcilers.start()
        _in_background(down, Heartbeat(lambda: os._exit(1)).run(), "heartbeat")
        _in_background(down, tell_heads(house.doors.ledger), "heads")
        _tell_prices(house.doors)
        _warn_of_old_rates(house.doors.rates())
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD, 50, 50)
        await _show(house, ready)
        await stop.wait()
        if deaths:
            os._exit(1)  # no tidy end: every step of one would trust the dead journal
        notifier.stopping("draining: calls in flight are finished")
        await _drain(house)
    _log.info("stopped")
    return 0


@dataclass(slots=True)
class House:
    """What `serve` holds on to while the door is open."""

    doors: Doors
    admin: AdminApi
    dashboard: Dashboard | None
    admin_key: AdminKey
    reconcilers: Reconcilers
    proxy: Proxy
    servers: list[Server] = field(default_factory=list)


async def _build(
    settings: Settings, parts: Parts, down: AsyncExitStack, die: Callable[[str], None]
) -> House:
    loop = asyncio.get_running_loop()
    clock = SystemClock()
    vendors = parts.vendors
    try:
        ledger = await Ledger.open(settings.ledger, clock, on_death=die)
    except LedgerRefused as exc:
        raise StartRefused(str(exc)) from exc
    down.push_async_callback(ledger.close)
    history = await _history(settings)
    down.push_async_callback(history.close)
    _in_background(down, history.catch_up(ledger), "audit-catch-up")
    registry = Registry.load(ledger, clock)
    down.push_async_callback(registry.close)
    upstreams = Upstreams(settings.vendors, loop, vendors)
    down.push_async_callback(upstreams.close)
    doors = Doors(
        settings=settings,
        loop=loop,
        clock=clock,
        vendors=vendors,
        routes=parts.routes,
        registry=registry,
        ledger=ledger,
        history=history,
        upstreams=upstreams,
        lanes=Lanes(loop),
        turns=Turns(loop),
        retries=Retries(ledger, loop),
        turnstiles={
            (vendor.name, account): Turnstile(vendor, loop)
            for vendor in settings.vendors.values()
            for account in vendor.accounts
        },
        guesses=Guesses(settings.server.guesses_per_minute),
        metrics=Metrics(),
        rates=parts.rates_by(clock),
        call_ended=calllines.teller(settings.log),
    )
    key = admin_key(settings, ledger)
    reconcilers = Reconcilers(doors)
    down.push_async_callback(reconcilers.stop)
    admin = AdminApi(doors, key.digest, Canceller(doors), reconcilers, Explainer(doors))
    census = Census(ledger, registry, clock)
    lag = doors.metrics.page.histogram(
        "keybrake_loop_lag_seconds", "How late the event loop was, looked at once a second."
    )
    numbers.of_house(doors, reconcilers, census)
    _in_background(down, census.run(), "census")
    _in_background(down, _watch_clock(clock, lag), "watch-clock")
    dashboard = _dashboard(admin, doors) if settings.dashboard.enabled else None
    return House(doors, admin, dashboard, key, reconcilers, Proxy(doors, key.digest))


def _dashboard(admin: AdminApi, doors: Doors) -> Dashboard:
    return Dashboard(admin, lambda: show(doors.settings, doors.vendors))


def _listeners(settings: Settings, down: AsyncExitStack) -> list[socket.socket]:
    """Before anything is touched: a port in use must leave no trace. A socket that systemd passes
    takes the place of the setting's address."""
    try:
        passed = systemd.passed_sockets(os.environ)
    except systemd.NotActivated as exc:
        raise StartRefused(str(exc)) from exc
    sockets = []
    for name in systemd.NAMES:
        if name in passed or (address := getattr(settings.server, name)):
            try:
                sockets.append(passed[name] if name in passed else listen_on(address))
            except ListenFailed as exc:
                told = f"server.{name}, or KEYBRAKE__SERVER__{name.upper()}, says where else"
                raise StartRefused(f"{exc}; {told}") from exc
            down.callback(sockets[-1].close)
    return sockets


def _open_door(
    house: House, listeners: list[socket.socket], tls: Tls | None, down: AsyncExitStack
) -> None:
    doors, proxy, admin = house.doors, house.proxy, house.admin
    dashboard, shared = house.dashboard, len(listeners) == 1

    async def own(request: Request) -> Response:
        if dashboard is not None and dashboard.owns(request.path):
            return await dashboard.answer(request)
        return await admin.answer(request)

    async def answer(request: Request) -> Response:
        if not doors.routes.is_ours(request.path):
            if admin.draining:
                return refusals.plain(Draining())
            return await proxy.answer(request)
        if shared or request.path in ("/healthz", "/readyz"):
            return await own(request)
        return refusals.plain(RouteUnknown())

    for handler, listener in zip((answer, own), listeners, strict=False):
        limits = doors.settings.server
        server = Server(handler, refusals.plain, limits, listener=listener, tls=tls)
        server.start()
        down.push_async_callback(server.close)
        house.servers.append(server)
    house.admin.opened(_shown(house.servers[0].address))


async def _show(house: House, ready: Callable[[Ready], None]) -> None:
    """Where it serves, and the admin key: last of all, since a secret on a terminal is not taken
    back."""
    first, last = (_shown(server.address) for server in (house.servers[0], house.servers[-1]))
    _tell_parent(first, last)
    await keep(house.admin_key, house.doors.ledger)
    ready(Ready(first, last, house.admin_key.fresh))


def _tls(settings: Settings, down: AsyncExitStack) -> Tls | None:
    """The certificate of both listeners, and somebody who looks whether its files change. Before
    anything is touched, too."""
    server = settings.server
    if not server.tls_cert_file:
        return None
    try:
        tls = Tls(server.tls_cert_file, server.tls_key_file)
    except TlsMistake as exc:
        raise StartRefused(f"server.tls_cert_file: {exc}") from exc
    _in_background(down, tls.watch(), "watch-tls")
    return tls


def _serve_systemd(
    house: House, notifier: Notifier, reloader: Reloader, down: AsyncExitStack
) -> None:
    """From here on SIGHUP is heeded, whatever came while the house was built, and the service
    manager hears that we are ready, and that we live while holds can be made durable. A full disk
    is told in other ways: to be killed would not help, and would leave calls in doubt."""
    ledger = house.doors.ledger
    renewable = Renewable(house.doors, house.proxy, house.admin, house.reconcilers, house.servers)
    systemd.forget(os.environ)
    notifier.ready(f"serving on {_shown(house.servers[0].address)}")
    _in_background(down, reloader.run(renewable), "reload")
    _in_background(
        down, notifier.watch(lambda: ledger.trouble in (None, "disk full")), "systemd-watchdog"
    )


def _hung_up(reload: Callable[[], None], stop: Callable[[], None]) -> Callable[[], None]:
    """SIGHUP asks for a reload. It also comes when the terminal that we run in is closed, and that
    is a goodbye: then ours is a terminal no longer."""
    had_terminal = os.isatty(0)
    return lambda: stop() if had_terminal and not os.isatty(0) else reload()


def _in_background(down: AsyncExitStack, work: Coroutine[Any, Any, Any], name: str) -> None:
    """Beside the calls, and ended before what it works on is closed."""
    task = spawn(work, name=name)

    async def end() -> None:
        task.cancel()
        await asyncio.wait((task,))

    down.push_async_callback(end)


async def _drain(house: House) -> None:
    """No new calls; those in flight run to their end, as long as the settings give them."""
    house.admin.draining = True
    if house.dashboard is not None:
        house.dashboard.close()
    stopping = spawn(house.reconcilers.stop(), name="stop-reconcilers")
    timeout_s = house.doors.settings.server.drain_timeout_s
    _log.info("draining: waiting up to %s s for calls in flight", f"{timeout_s:g}")
    for listener in house.servers:
        if not await listener.drain(timeout_s):
            _log.warning("calls were still in flight after %s s", f"{timeout_s:g}")
    await stopping


async def _watch_clock(clock: SystemClock, lag: Histogram) -> None:
    """Steps of the wall clock are logged and not followed. How late this wakes is how late
    everybody does."""
    step_us = 0
    while True:
        due_s = clock.monotonic_s() + TICK_S
        await asyncio.sleep(TICK_S)
        lag.observe(max(0, round((clock.monotonic_s() - due_s) * 1_000_000)))
        if abs(clock.wall_step_us() - step_us) > 1_000_000:
            step_us = clock.wall_step_us()
            _log.warning("the wall clock is %.1f s off budget time; not followed", step_us / 1e6)


async def _history(settings: Settings) -> History:
    try:
        return await History.open(Path(settings.ledger.audit.removeprefix("sqlite:")))
    except Trouble as exc:
        raise StartRefused(str(exc)) from exc


def _parts(settings: Settings, known: Mapping[str, Vendor]) -> Parts:
    """Before anything is touched: the vendors that are set up, each with its table of prices."""
    try:
        return make_parts(settings, known)
    except PartsRefused as exc:
        raise StartRefused(str(exc)) from exc


def _tell_prices(doors: Doors) -> None:
    for name, vendor in doors.vendors.items():
        if vendor.prices_date:
            file = doors.settings.vendors[name].prices_file or "the table that ships"
            _log.info("%s is priced as of %s (%s)", name, vendor.prices_date, file)


def _warn_of_old_rates(rates: Rates) -> None:
    """Once calls are served: a start that is refused says one line, and that is why."""
    if rates.stale:
        _log.warning(
            "the exchange rates are of %s: USD only is priced until `keybrake rates` brings newer "
            "ones (money.rates_file), or money.rates_age_max_days allows these",
            rates.date,
        )


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _tell_parent(address: str, admin_address: str) -> None:
    """A parent that asked is told when we are ready: one JSON line on the file descriptor it
    named."""
    number = os.environ.get("KEYBRAKE_READY_FD")
    if number is not None:
        line = {"ready": True, "address": address, "admin_address": admin_address}
        with os.fdopen(int(number), "wb") as pipe:
            pipe.write(orjson.dumps(line) + b"\n")


def _set_limits() -> None:
    """As many descriptors as we may have; and what is in memory stays there."""
    keep_memory(os.environ)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
