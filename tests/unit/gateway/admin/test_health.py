from __future__ import annotations

from tests.unit.gateway.admin.side import Side


async def test_the_process_answers_without_a_key(side: Side) -> None:
    assert await side.ask("GET", "/healthz", key=None) == (200, {"status": "ok"})


async def test_it_is_ready_until_it_drains(side: Side) -> None:
    status, told = await side.ask("GET", "/readyz", key=None)
    assert (status, told["sandbox"], told["vendors"]) == (200, ["twilio"], ["stripe", "twilio"])
    side.api.draining = True
    status, told = await side.ask("GET", "/readyz", key=None)
    assert (status, told["reasons"], side.api.draining) == (503, ["draining"], True)


async def test_it_is_not_ready_while_nothing_can_be_held(side: Side) -> None:
    side.ledger.trouble = "disk full"
    status, told = await side.ask("GET", "/readyz", key=None)
    assert (status, told["reasons"]) == (503, ["ledger: disk full"])


async def test_numbers_are_for_scrapers(side: Side) -> None:
    response = await side.raw("GET", "/metrics", key=None)
    assert response.body == b"keybrake_calls_total 1\n"
    assert dict(response.headers)[b"content-type"].startswith(b"text/plain; version=0.0.4")
