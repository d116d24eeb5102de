from __future__ import annotations

import csv
import io
from typing import Any

import orjson
import pytest

from gateway.admin.calls import EXPORT_CHUNK_BYTES, EXPORT_SLICE
from gateway.admin.pace import Pace
from ledger import Ending, Hold, HoldState
from tests.unit.gateway.admin.side import Side


async def export(side: Side, query: str) -> tuple[dict[bytes, bytes], bytes, int]:
    response = await side.raw("GET", f"/vault/calls/export?{query}")
    assert response.status == 200
    assert response.stream is not None
    chunks = [chunk async for chunk in response.stream]
    return dict(response.headers), b"".join(chunks), len(chunks)


async def test_a_call_is_shown_with_its_money_and_time(side: Side) -> None:
    side.history.add(
        id="call_7",
        at_us=1_790_000_000_250_000,
        day=20_717,
        quote_micros=5_000_000,
        cost_micros=900,
        code="policy_refused",
        rule="currency",
    )
    _, call = await side.ask("GET", "/vault/calls/call_7")
    assert (call["quote_usd"], call["cost_usd"]) == ("5.00", "0.0009")
    assert (call["at"], call["day"]) == ("2026-09-21T14:13:20.250Z", "2026-09-21")
    assert (call["code"], call["rule"]) == ("policy_refused", "currency")
    assert "hold_id" not in call
    status, _ = await side.ask("GET", "/vault/calls/call_8")
    assert status == 404


async def test_calls_are_listed_in_pages_by_filter(side: Side) -> None:
    for number in range(5):
        side.history.add(id=f"call_{number}", at_us=number, run="scn/1" if number % 2 else "scn/2")
    _, page = await side.ask("GET", "/vault/calls?run=scn/2&limit=2")
    assert ([call["id"] for call in page["data"]], page["has_more"]) == (["call_4", "call_2"], True)
    _, page = await side.ask("GET", "/vault/calls?run=scn/2&limit=2&starting_after=call_2")
    assert ([call["id"] for call in page["data"]], page["has_more"]) == (["call_0"], False)
    status, told = await side.ask("GET", "/vault/calls?starting_after=call_9")
    assert (status, told["errors"][0]["field"]) == (400, "starting_after")


async def test_calls_are_listed_in_a_span_of_time(side: Side) -> None:
    for second in range(4):
        side.history.add(id=f"call_{second}", at_us=second * 1_000_000)
    span = "since=1970-01-01T00:00:01Z&until=1970-01-01T01:00:03%2B01:00"
    _, page = await side.ask("GET", f"/vault/calls?{span}")
    assert [call["id"] for call in page["data"]] == ["call_2", "call_1"]
    assert side.history.flushed == 1


async def test_an_export_is_one_json_object_a_line(side: Side) -> None:
    for number in range(3):
        side.history.add(id=f"call_{number}", vendor="stripe")
    headers, body, _ = await export(side, "format=ndjson&vendor=stripe")
    assert headers[b"content-type"] == b"application/x-ndjson"
    assert headers[b"content-disposition"] == b'attachment; filename="calls.ndjson"'
    assert [orjson.loads(line)["id"] for line in body.splitlines()] == [
        "call_2",
        "call_1",
        "call_0",
    ]
    assert (await export(side, "format=ndjson&vendor=twilio"))[1] == b""


async def test_a_csv_is_safe_to_open(side: Side) -> None:
    side.history.add(id="call_1", reason='=HYPERLINK("x")', run="a,b\r\nc", livemode=True)
    _, body, _ = await export(side, "format=csv")
    (row,) = csv.DictReader(io.StringIO(body.decode(), newline=""))
    assert row["reason"] == '\'=HYPERLINK("x")'
    assert (row["run"], row["livemode"], row["step"], row["lookups"]) == (
        "a,b\r\nc",
        "true",
        "",
        "[]",
    )


async def test_a_long_export_goes_out_in_chunks(side: Side) -> None:
    for number in range(400):
        side.history.add(id=f"call_{number:04}", reason="x" * 500)
    _, body, chunks = await export(side, "format=ndjson")
    slice_bytes = len(body) // 400 * EXPORT_SLICE
    assert len(body) // (EXPORT_CHUNK_BYTES + slice_bytes) < chunks
    assert chunks <= len(body) // EXPORT_CHUNK_BYTES + 1
    assert body.count(b"\n") == 400


async def test_an_export_rests_after_each_slice(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(EXPORT_SLICE * 3 + 1):
        side.history.add(id=f"call_{number:04}")
    rests: list[float] = []

    async def rest(_: Pace, spent_s: float) -> None:
        rests.append(spent_s)

    monkeypatch.setattr(Pace, "rest", rest)
    _, body, _ = await export(side, "format=csv")
    assert len(rests) == 3
    assert all(spent_s > 0 for spent_s in rests)
    assert body.count(b"\n") == EXPORT_SLICE * 3 + 2


@pytest.mark.parametrize("query", ["", "format=xml", "format=csv&limit=3"])
async def test_an_export_names_its_format(side: Side, query: str) -> None:
    status, _ = await side.ask("GET", f"/vault/calls/export?{query}")
    assert status == 400


async def doubt(side: Side, call_id: str, amount_micros: int = 5_000_000) -> Hold:
    key = side.registry.key((await side.key())["id"])
    assert key is not None
    hold = await side.ledger.hold(key.account_id, amount_micros, call_id=call_id)
    side.ledger.book([Ending(hold.hold_id, HoldState.IN_DOUBT)], now_us=side.clock.now_us())
    return hold


async def test_what_is_in_doubt_is_listed(side: Side) -> None:
    await doubt(side, "call_1")
    await doubt(side, "call_2")
    side.history.add(id="call_2", run="scn/1")
    _, page = await side.ask("GET", "/vault/in-doubt")
    assert [(call["id"], call["counts_usd"]) for call in page["data"]] == [
        ("call_2", "5.00"),
        ("call_1", "5.00"),
    ]
    assert page["data"][0]["run"] == "scn/1"
    assert (page["data"][0]["age_s"], page["data"][0]["next_look_at"]) == (0, None)
    _, page = await side.ask("GET", "/vault/in-doubt?limit=1&starting_after=call_2")
    assert [call["id"] for call in page["data"]] == ["call_1"]


@pytest.mark.parametrize(
    ("body", "state", "settled"),
    [
        ({"outcome": "settled", "cost_usd": "3.50"}, HoldState.SETTLED, 3_500_000),
        ({"outcome": "settled", "cost_usd": 9}, HoldState.SETTLED, 9_000_000),
        ({"outcome": "released"}, HoldState.RELEASED, 0),
    ],
)
async def test_a_person_resolves_it_with_a_reason(
    side: Side, body: dict[str, Any], state: HoldState, settled: int
) -> None:
    hold = await doubt(side, "call_1")
    wish = {**body, "reason": "seen in the dashboard"}
    status, answer = await side.ask("POST", "/vault/calls/call_1/resolve", wish)
    assert (status, answer["state"]) == (200, state.value)
    assert (hold.state, hold.settled_micros) == (state, settled)
    (ending,) = side.history.followed
    assert isinstance(ending, Ending)
    assert orjson.loads(ending.memo)["resolved"]["reason"] == "seen in the dashboard"
    side.history.add(id="call_1", state=state.value)
    status, told = await side.ask("POST", "/vault/calls/call_1/resolve", wish)
    assert (status, told["errors"][0]["field"]) == (400, "id")


async def test_a_call_with_two_holds_is_resolved_as_one(side: Side) -> None:
    one, two = await doubt(side, "call_1", 2_000_000), await doubt(side, "call_1", 3_000_000)
    wish = {"outcome": "settled", "cost_usd": 4, "reason": "x"}
    await side.ask("POST", "/vault/calls/call_1/resolve", wish)
    assert (one.settled_micros, two.settled_micros) == (2_000_000, 2_000_000)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"outcome": "settled", "reason": "x"}, "cost_usd"),
        ({"outcome": "released", "cost_usd": 1, "reason": "x"}, "cost_usd"),
        ({"outcome": "released"}, "reason"),
        ({"outcome": "lost", "reason": "x"}, "outcome"),
    ],
)
async def test_resolving_says_what_it_means(side: Side, body: dict[str, Any], field: str) -> None:
    hold = await doubt(side, "call_1")
    status, told = await side.ask("POST", "/vault/calls/call_1/resolve", body)
    assert (status, told["errors"][0]["field"]) == (400, field)
    assert hold.state is HoldState.IN_DOUBT


async def test_a_call_that_made_no_hold_cannot_be_resolved(side: Side) -> None:
    side.history.add(id="call_1")
    wish = {"outcome": "released", "reason": "x"}
    _, told = await side.ask("POST", "/vault/calls/call_1/resolve", wish)
    assert "made no hold" in told["errors"][0]["problem"]
    status, _ = await side.ask("POST", "/vault/calls/call_2/resolve", wish)
    assert status == 404
