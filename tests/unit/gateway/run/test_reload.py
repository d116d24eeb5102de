"""New settings are made first and swapped in one step; a mistake changes nothing. A call in flight
is whole: what it began with, it ends with."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.call.doors import Doors
from gateway.run import log
from gateway.run.layers import ConfigMistakes
from gateway.run.reload import Reloader, Renewable
from gateway.run.systemd import Notifier
from gateway.settings import AccountSettings, MoneySettings, Secret, Settings, VendorSettings
from gateway.upstream.upstreams import Upstreams
from tests.calls import USD, Calls, Holder, calls_in
from vendors import VENDORS

INTENT = {"amount": 1200, "currency": "usd", "confirm": "true"}


class Passive:
    """A part that hears of other settings, and what it heard."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def renew(self, *told: Any) -> None:
        self.heard.append(told)


def account(name: str, secret: str) -> AccountSettings:
    return AccountSettings(name, Secret(secret))


def settings_of(calls: Calls, *names: str, **changes: Any) -> Settings:
    accounts = {name: account(name, f"sk_test_{name}_of_these") for name in names}
    stripe = VendorSettings("stripe", "http://127.0.0.1:9", accounts=accounts)
    return replace(calls.settings, vendors={"stripe": stripe}, **changes)


@dataclass
class House:
    calls: Calls
    reloader: Reloader
    renewable: Renewable
    parts: dict[str, Passive]

    @property
    def doors(self) -> Doors:
        return self.calls.doors

    async def reload(self, wanted: Settings | Exception) -> str:
        def read() -> Settings:
            if isinstance(wanted, Exception):
                raise wanted
            return wanted

        self.reloader._read = read
        return await self.reloader.reload(self.renewable)


@asynccontextmanager
async def house_in(directory: Path) -> AsyncIterator[House]:
    async with calls_in(directory) as calls:
        doors = calls.doors
        doors.upstreams = Upstreams({}, doors.loop, VENDORS)
        parts = {name: Passive() for name in ("admin", "reconcilers", "server")}
        renewable = Renewable(
            doors,
            calls.proxy,
            cast("Any", parts["admin"]),
            cast("Any", parts["reconcilers"]),
            [cast("Any", parts["server"])],
        )
        reloader = Reloader(calls.settings, VENDORS, lambda: calls.settings, Notifier({}))
        yield House(calls, reloader, renewable, parts)
        await doors.upstreams.close()


@pytest.fixture
async def house(tmp_path: Path, logging_put_back: None) -> AsyncIterator[House]:
    async with house_in(tmp_path) as made:
        yield made


async def test_everything_is_swapped_at_once(house: House) -> None:
    wanted = settings_of(house.calls, "default", "acme")
    wanted = replace(wanted, server=replace(wanted.server, guesses_per_minute=7))
    before = house.doors.turnstiles["stripe", "default"]
    assert await house.reload(wanted) == "serving; settings reloaded"
    doors = house.doors
    assert list(doors.vendors) == ["stripe"]
    assert doors.upstreams.account("stripe", "acme").authorization.startswith(b"B")
    assert doors.turnstiles["stripe", "default"] is before, "with who is inside"
    assert list(doors.turnstiles) == [("stripe", "default"), ("stripe", "acme")]
    assert (doors.settings.vendors, doors.guesses.per_minute) == (wanted.vendors, 7)
    assert {name: len(part.heard) for name, part in house.parts.items()} == {
        "admin": 1,
        "reconcilers": 1,
        "server": 1,
    }
    reloads = house.reloader.reloads
    assert (reloads.applied, reloads.refused, reloads.last_was_applied) == (1, 0, True)


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        (ConfigMistakes(["gateway.toml:3: one", "gateway.toml:9: two"]), ["one", "two"]),
        (MoneySettings(rates_file="/nowhere/rates.json"), ["/nowhere/rates.json"]),
        ("/nowhere/ca.pem", ["No such file"]),
        (ZeroDivisionError(), ["a fault of ours"]),
    ],
)
async def test_a_mistake_changes_nothing_and_is_one_line(
    house: House, caplog: pytest.LogCaptureFixture, mistake: Any, told: list[str]
) -> None:
    wanted: Settings | Exception = settings_of(house.calls, "default")
    if isinstance(mistake, MoneySettings):
        wanted = replace(cast("Settings", wanted), money=mistake)
    elif isinstance(mistake, str):
        vendors = cast("Settings", wanted).vendors
        stripe = replace(vendors["stripe"], base_url="https://127.0.0.1:9", ca_file=mistake)
        wanted = replace(cast("Settings", wanted), vendors={"stripe": stripe})
    else:
        wanted = mistake
    doors = house.doors
    before = (doors.settings, doors.vendors, doors.routes, doors.rates, doors.upstreams.accounts)
    assert "not reloaded" in await house.reload(wanted)
    assert before == (
        doors.settings,
        doors.vendors,
        doors.routes,
        doors.rates,
        doors.upstreams.accounts,
    )
    record = [one for one in caplog.records if one.levelno == logging.ERROR][-1]
    mistakes = record.__dict__["mistakes"]
    assert len(mistakes) == len(told)
    assert all(word in line for word, line in zip(told, mistakes, strict=True))
    assert not house.reloader.reloads.last_was_applied


async def test_what_needs_a_restart_is_named_and_left(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = settings_of(house.calls, "default")
    wanted = replace(
        wanted,
        server=replace(wanted.server, listen="127.0.0.1:9", head_timeout_s=3.0),
        ledger=replace(wanted.ledger, synchronous="NORMAL"),
        log=replace(wanted.log, level="warning"),
    )
    before = house.doors.settings
    await house.reload(wanted)
    [told] = map(json.loads, capsys.readouterr().err.splitlines())
    assert told["event"] == "some settings need a restart"
    assert set(told["settings"]) == {"server.listen", "ledger.synchronous"}
    now = house.doors.settings
    assert (now.server.listen, now.ledger) == (before.server.listen, before.ledger)
    assert (now.server.head_timeout_s, now.log.level) == (3.0, "warning")
    assert logging.getLogger(log.NAME).level == logging.WARNING


async def test_calls_in_flight_settle_on_what_they_began_with(house: House) -> None:
    """Their account is gone, their vendor's module is another, and they end as ever."""
    calls = house.calls
    calls.doors.upstreams = cast("Any", Frozen(house.doors.upstreams, calls))
    holder: Holder = await calls.key()
    calls.upstream.gate = asyncio.Event()
    paying = asyncio.ensure_future(calls.call(holder, "POST", "/v1/payment_intents", INTENT))
    await calls.upstream.reached.wait()
    assert await house.reload(settings_of(calls, "acme")) == "serving; settings reloaded"
    refused = await calls.call(holder, "POST", "/v1/payment_intents", INTENT)
    assert (refused.status, refused.code) == (403, "vendor_mismatch")
    calls.upstream.gate.set()
    assert (await paying).status == 200
    assert calls.spent(holder) == 12 * USD
    assert calls.doors.turnstiles.keys() == {("stripe", "acme")}


class Frozen:
    """Ways to vendors: the pretended one until the settings are renewed."""

    def __init__(self, real: Upstreams, calls: Calls) -> None:
        self._real = real
        self._calls = calls
        self._renewed = False

    def prepared(self, *told: Any) -> Any:
        return self._real.prepared(*told)

    def renew(self, accounts: Any) -> None:
        self._renewed = True
        self._real.renew(accounts)

    def account(self, vendor: str, name: str) -> Any:
        return self._real.account(vendor, name) if self._renewed else self._calls.upstream

    async def close(self) -> None:
        await self._real.close()


async def test_signals_that_come_together_are_one_reload(house: House) -> None:
    done = asyncio.Event()
    told: list[tuple[str, ...]] = []

    class Ear(Notifier):
        def tell(self, *lines: str) -> None:
            told.append(lines)
            if lines[0] == "READY=1":
                done.set()

    house.reloader._notifier = Ear({})
    running = asyncio.ensure_future(house.reloader.run(house.renewable))
    for _ in range(5):
        house.reloader.asked()
    await done.wait()
    running.cancel()
    await asyncio.wait((running,))
    assert [lines[0] for lines in told] == ["RELOADING=1", "READY=1"]
    assert house.reloader.reloads.applied == 1
