"""The house is built in order, serves, drains and closes; and refuses to start in one line."""

from __future__ import annotations

import asyncio
import datetime
import gc
import json
import logging
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.metrics import Histogram
from gateway.run import app
from gateway.run.app import Ready, StartRefused, serve
from gateway.settings import (
    AccountSettings,
    LedgerSettings,
    MoneySettings,
    Secret,
    ServerSettings,
    Settings,
    VendorSettings,
)
from ledger import Ledger
from tests.vendor_double import SECRET, Peer, answering, turns, until, vendor_double
from vendors import VENDORS
from vendors.contract import PriceTableMistake, Vendor
from vendors.stripe import Stripe

INTENT = (
    b'{"id":"pi_1","object":"payment_intent","status":"succeeded","currency":"usd","amount":1200,'
    b'"amount_received":1200,"amount_capturable":0}'
)
PAID = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(INTENT), INTENT)
ADMIN = "a-key-of-the-operators-own"


def house(directory: Path, url: str = "http://127.0.0.1:9", **server: Any) -> Settings:
    stripe = VendorSettings(
        "stripe", url, accounts={"default": AccountSettings("default", Secret(SECRET))}
    )
    return Settings(
        server=ServerSettings(listen="127.0.0.1:0", **server),
        ledger=LedgerSettings(
            shards=(f"sqlite:{directory}/ledger-0.db",),
            synchronous="NORMAL",
            reserve_bytes=4096,
            audit=f"sqlite:{directory}/audit.db",
        ),
        vendors={"stripe": stripe},
        admin_key=Secret(ADMIN),
    )


@pytest.fixture(autouse=True)
def garbage_as_before() -> Iterator[None]:
    """What a start changes for the whole process is put back."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


@asynccontextmanager
async def served(settings: Settings, known: Mapping[str, Vendor] = VENDORS) -> AsyncIterator[Ready]:
    """The gateway in this process, ended by SIGTERM."""
    told: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(serve(settings, known, told.set_result))
    await asyncio.wait((told, serving), return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
    yield told.result()
    if not serving.done():
        os.kill(os.getpid(), signal.SIGTERM)
    assert await serving == 0


async def ask(
    address: str, method: str, path: str, body: bytes = b"", bearer: str = ADMIN
) -> tuple[int, Any]:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    kind = "application/json" if body[:1] == b"{" else "application/x-www-form-urlencoded"
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: gw\r\nAuthorization: Bearer {bearer}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    head_end, _, rest = answer.partition(b"\r\n\r\n")
    return int(head_end.split()[1]), json.loads(rest)


async def make_key(address: str) -> str:
    body = {
        "vendor": "stripe",
        "daily_usd_cap": 500,
        "agent_run_label": "scn/1",
        "allowed_endpoints": ["POST /v1/payment_intents"],
    }
    status, record = await ask(address, "POST", "/vault/keys", json.dumps(body).encode())
    assert status == 201
    return str(record["key"])


async def test_a_charge_through_the_whole_house(tmp_path: Path) -> None:
    async with vendor_double(answering(PAID)) as double:
        async with served(house(tmp_path, double.url)) as ready:
            assert (ready.address, ready.admin_key) == (ready.admin_address, None)
            secret = await make_key(ready.address)
            form = b"amount=1200&currency=usd&confirm=true"
            path = "/stripe/v1/payment_intents"
            status, paid = await ask(ready.address, "POST", path, form, secret)
            assert (status, paid["id"]) == (200, "pi_1")
            assert (await ask(ready.address, "GET", "/healthz"))[0] == 200
            assert (await ask(ready.address, "GET", "/nowhere"))[1]["error"] == "route_unknown"
        async with served(house(tmp_path, double.url)) as ready:
            _, record = await ask(ready.address, "GET", "/vault/keys/self", bearer=secret)
            assert record["spent_usd"] == "12.00", "the books came first"


async def test_an_admin_key_is_made_at_first_start_only(tmp_path: Path) -> None:
    settings = replace(house(tmp_path), admin_key=None)
    async with served(settings) as ready:
        assert ready.admin_key is not None
    async with served(settings) as again:
        assert again.admin_key is None
        assert (await ask(again.address, "GET", "/vault/keys", bearer=ready.admin_key))[0] == 200


async def test_the_admin_side_may_have_a_listener_of_its_own(tmp_path: Path) -> None:
    async with served(house(tmp_path, admin_listen="127.0.0.1:0")) as ready:
        assert ready.address != ready.admin_address
        assert (await ask(ready.address, "GET", "/vault/keys"))[1]["error"] == "route_unknown"
        assert (await ask(ready.admin_address, "GET", "/vault/keys"))[0] == 200
        for address in (ready.address, ready.admin_address):
            assert (await ask(address, "GET", "/readyz"))[0] == 200


async def test_who_asks_is_told_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setenv("KEYBRAKE_READY_FD", str(writing))
    async with served(house(tmp_path)) as ready:
        with os.fdopen(reading) as pipe:
            line = json.loads(pipe.read())
    assert line == {"ready": True, "address": ready.address, "admin_address": ready.address}


async def test_calls_in_flight_finish_and_new_ones_hear_that_it_drains(tmp_path: Path) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await answer.wait()
        peer.say(PAID)
        await peer.gone()

    async with vendor_double(slow) as double, served(house(tmp_path, double.url)) as ready:
        secret = await make_key(ready.address)
        form, path = b"amount=1200&currency=usd&confirm=true", "/v1/payment_intents"
        call = asyncio.ensure_future(ask(ready.address, "POST", path, form, secret))
        await asked.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        await turns(10)
        assert (await ask(ready.address, "GET", path))[1]["error"] == "draining"
        answer.set()
        assert (await call)[0] == 200


async def test_a_drain_has_an_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    asked = asyncio.Event()

    async def silent(peer: Peer) -> None:
        await peer.request()
        asked.set()
        await peer.gone()

    async with vendor_double(silent) as double:
        settings = house(tmp_path, double.url, drain_timeout_s=0.05)
        async with served(settings) as ready:
            secret = await make_key(ready.address)
            form, path = b"amount=1200&currency=usd", "/v1/payment_intents"
            call = asyncio.ensure_future(ask(ready.address, "POST", path, form, secret))
            await asked.wait()
        assert "calls were still in flight" in caplog.text
        await asyncio.wait((call,))
        assert call.exception() is not None, "its connection was closed"
        async with served(settings) as ready:
            _, record = await ask(ready.address, "GET", "/vault/keys/self", bearer=secret)
            assert (record["spent_usd"], record["held_usd"]) == ("12.00", "0.00"), "in doubt"


async def refused(settings: Settings, known: Mapping[str, Vendor] = VENDORS) -> str:
    with pytest.raises(StartRefused) as info:
        await serve(settings, known, lambda _: pytest.fail("it serves"))
    return str(info.value)


async def test_a_port_in_use_leaves_no_trace(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = house(tmp_path)
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        line = await refused(replace(settings, server=replace(settings.server, listen=listen)))
    assert listen in line
    assert line.endswith("; server.listen, or KEYBRAKE__SERVER__LISTEN, says where else")
    assert "\n" not in line
    assert os.listdir(tmp_path) == []


async def test_a_certificate_that_cannot_be_read_leaves_no_trace(tmp_path: Path) -> None:
    pem = tmp_path / "elsewhere.pem"
    pem.write_text("none")
    line = await refused(house(tmp_path / "books", tls_cert_file=str(pem)))
    assert line.startswith("server.tls_cert_file: no certificate with its key")
    assert os.listdir(tmp_path) == ["elsewhere.pem"]


@pytest.mark.parametrize("step", ["numbers.of_process", "_serve_systemd", "_tell_parent"])
async def test_what_fails_on_the_way_up_fails_before_the_admin_key_is_shown_or_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """It had been printed, and the next start knew it and did not say it again."""

    def fails(*_: Any) -> None:
        raise LookupError(step)

    settings = replace(house(tmp_path), admin_key=None)
    with monkeypatch.context() as patched:
        patched.setattr(f"gateway.run.app.{step}", fails)
        with pytest.raises(LookupError, match=step):
            await serve(settings, VENDORS, lambda _: pytest.fail("it was shown"))
    async with served(settings) as ready:
        assert ready.admin_key is not None
        assert (await ask(ready.address, "GET", "/vault/keys", bearer=ready.admin_key))[0] == 200


async def test_a_second_process_on_the_same_ledger(tmp_path: Path) -> None:
    settings = house(tmp_path)
    other = await Ledger.open(settings.ledger, SystemClock(), on_death=pytest.fail)
    line = await refused(settings)
    await other.close()
    assert str(tmp_path) in line


async def test_an_audit_log_that_cannot_be_made(tmp_path: Path) -> None:
    settings = house(tmp_path)
    (tmp_path / "file").touch()
    ledger = replace(settings.ledger, audit=f"sqlite:{tmp_path}/file/audit.db")
    assert "audit.db" in await refused(replace(settings, ledger=ledger))
    async with served(settings):
        pass  # the ledger was let go of


async def test_rates_that_cannot_be_read(tmp_path: Path) -> None:
    money = MoneySettings(rates_file=str(tmp_path / "none.json"))
    assert "none.json" in await refused(replace(house(tmp_path), money=money))


@pytest.mark.parametrize("age_days", [0, 400])
async def test_old_rates_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, age_days: int
) -> None:
    made = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=age_days)
    table = {"date": made.isoformat(), "units_per_usd": {"eur": "0.9"}}
    (tmp_path / "rates.json").write_text(json.dumps(table))
    money = MoneySettings(rates_file=str(tmp_path / "rates.json"))
    async with served(replace(house(tmp_path), money=money)):
        assert (f"the exchange rates are of {made}" in caplog.text) is (age_days > 0)


@dataclass(frozen=True, slots=True)
class Priced(Stripe):
    """Stripe, with a table of prices."""

    prices_date: str = "2026-05-25"

    def with_prices(self, table: str) -> Vendor:
        if not table:
            raise PriceTableMistake("date: is missing")
        return replace(self, prices_date=table)


async def test_the_day_of_prices_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "keybrake")
    file = tmp_path / "prices.json"
    file.write_text("2026-11-01")
    settings = house(tmp_path)
    named = replace(settings.vendors["stripe"], prices_file=str(file))
    for vendors in (settings.vendors, {"stripe": named}):
        async with served(replace(settings, vendors=vendors), {"stripe": Priced()}) as ready:
            _, told = await ask(ready.address, "GET", "/readyz")
        assert told["prices"] == {
            "stripe": "2026-11-01" if vendors["stripe"].prices_file else "2026-05-25"
        }
    assert "stripe is priced as of 2026-05-25 (the table that ships)" in caplog.text
    assert f"stripe is priced as of 2026-11-01 ({file})" in caplog.text
    file.write_text("")
    refused_settings = replace(settings, vendors={"stripe": named})
    assert await refused(refused_settings, {"stripe": Priced()}) == f"{file}: date: is missing"


class Died(BaseException):
    pass


async def test_a_dead_journal_ends_the_process_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaths = []

    open_ledger = Ledger.open

    async def opened(*args: Any, on_death: Any) -> Ledger:
        deaths.append(on_death)
        return await open_ledger(*args, on_death=on_death)

    def exit_at_once(code: int) -> None:
        raise Died(code)

    monkeypatch.setattr(Ledger, "open", opened)
    monkeypatch.setattr(os, "_exit", exit_at_once)
    told = asyncio.Event()
    serving = asyncio.ensure_future(serve(house(tmp_path), VENDORS, lambda _: told.set()))
    await told.wait()
    deaths[0]("the disk is gone")
    with pytest.raises(Died, match="1"):
        await serving


async def test_steps_of_the_wall_clock_are_logged_once_each(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Stepped:
        looks = 0

        def wall_step_us(self) -> int:
            self.looks += 1
            return 5_000_000

        def monotonic_s(self) -> float:
            return self.looks * 1.5

    monkeypatch.setattr(app, "TICK_S", 0)
    clock, lag = Stepped(), Histogram()
    watching = asyncio.ensure_future(app._watch_clock(clock, lag))  # type: ignore[arg-type]
    await until(lambda: clock.looks > 5)
    watching.cancel()
    await asyncio.wait((watching,))
    assert caplog.text.count("5.0 s off budget time") == 1
    assert sum(lag.counts) >= 5


def test_it_runs_on_uvloop_until_it_is_told_to_stop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    seen: list[Ready] = []

    def ready(told: Ready) -> None:
        seen.append(told)
        os.kill(os.getpid(), signal.SIGINT)

    caplog.set_level(logging.INFO, "keybrake")
    try:
        assert app.run(house(tmp_path), VENDORS, ready) == 0
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert soft == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert len(seen) == 1
    assert "draining" in caplog.text


def test_a_crash_leaves_no_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would hold every secret."""
    set_to: dict[int, tuple[int, int]] = {}
    monkeypatch.setattr(resource, "setrlimit", set_to.__setitem__)
    app._set_limits()
    assert set_to[resource.RLIMIT_CORE] == (0, 0)


def test_an_ipv6_address_is_shown_in_brackets() -> None:
    assert app._shown(("::1", 80)) == "[::1]:80"
