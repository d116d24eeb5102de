"""Floods from outside: keys guessed at speed, more connections than may be, more than the system
has room for. Each is told no at once, and who came before is served on."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from bench import load
from bench.sandbox.launch import Sandbox
from tests.house import Closed, Gateway, Wire, request_bytes
from tests.speaker import INTENT, until

GET: Final = b"GET /healthz HTTP/1.1\r\nHost: gw\r\n\r\n"
FEW_FDS: Final = """\
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96))
from gateway.run.cli import main
sys.exit(main())
"""
FDS: Final = 96


def pay(gateway: Gateway, secret: str) -> int:
    return gateway.call(secret, "POST", "/v1/payment_intents", form=INTENT).status


def told(wire: Wire) -> int:
    """The status of the answer to a plain question; 0: closed without one."""
    with suppress(Closed, BrokenPipeError, ConnectionResetError):
        wire.send(GET)
        return wire.answer().status
    return 0


def told_anew(gateway: Gateway) -> int:
    """The same to who comes now."""
    with gateway.wire() as wire:
        return told(wire)


def test_keys_guessed_at_speed(gateway: Gateway) -> None:
    key = gateway.make_key()
    guesses = [
        load.form_post("/stripe/v1/payment_intents", f"vault_key_{number:036}", "amount=1")
        for number in range(200)
    ]
    results = asyncio.run(load.burst(gateway.address, guesses, 32))
    heard = Counter(result.status for result in results)
    assert heard.keys() == {401, 429}
    assert 20 <= heard[401] <= 40, "a minute may have ended meanwhile"
    waits = {result.header("retry-after") for result in results if result.status == 429}
    assert all(0 < int(wait or 0) <= 60 for wait in waits)
    assert pay(gateway, key.secret) == 200, "a valid key is never refused for its address"


def test_more_connections_than_one_source_may_have(vendor: Sandbox, tmp_path: Path) -> None:
    limits = "connections_per_source_max = 20\nconnections_max = 1000"
    with (
        Gateway.start(
            tmp_path, vendor.base_url, server=f'admin_listen = "127.0.0.1:0"\n{limits}'
        ) as gateway,
        ExitStack() as open_,
    ):
        key = gateway.make_key()
        first = open_.enter_context(gateway.wire())
        assert told(first) == 200
        heard = Counter(told(open_.enter_context(gateway.wire())) for _ in range(60))
        assert heard == {200: 19, 503: 41}
        assert told(first) == 200
        open_.close()
        until(lambda: told_anew(gateway) == 200)
        assert pay(gateway, key.secret) == 200


def test_more_connections_than_the_system_has_descriptors_for(
    vendor: Sandbox, tmp_path: Path
) -> None:
    with Gateway.start(tmp_path, vendor.base_url) as gateway, ExitStack() as open_:
        key = gateway.make_key(daily_usd_cap="100000")
        assert gateway.stop() == 0
        gateway.program = ("-c", FEW_FDS)
        gateway.restart()
        wire = open_.enter_context(gateway.wire())
        charge = request_bytes(
            "POST",
            "/stripe/v1/payment_intents",
            {
                "Host": "gw",
                "Authorization": f"Bearer {key.secret}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            b"amount=1200&currency=usd&confirm=true&payment_method=pm_card_visa",
        )
        wire.send(charge)
        assert wire.answer().status == 200
        heard = Counter(told(open_.enter_context(gateway.wire())) for _ in range(2 * FDS))
        assert heard[503] + heard[0] > FDS, heard
        assert heard[200] > 0
        for _ in range(5):
            wire.send(charge)
            assert wire.answer().status == 200, "who was there is served on"
        open_.close()
        until(lambda: told_anew(gateway) == 200)
        assert pay(gateway, key.secret) == 200
        assert "Traceback" not in gateway.said
        assert gateway.stop() == 0
