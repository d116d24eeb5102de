"""What a call's line says, and what it never does."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.call.doors import untold
from gateway.run import calllines, log
from gateway.settings import LogSettings
from gateway.vault.terms import Mode
from tests.calls import Calls, Script, calls_in, intent

pytestmark = pytest.mark.usefixtures("no_secrets", "logging_put_back")

FORM: dict[str, Any] = {"amount": 1200, "currency": "usd", "confirm": "true"}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRETS = (
    "sk_live_0123456789abcdef",
    "rk_test_0123456789abcdef",
    "vault_key_0123456789abcdef",
    "kb_admin_0123456789abcdef",
    "kb_issuer_0123456789abcdef",
    "registered-By-Its-Value",
)


@pytest.fixture
async def calls(tmp_path: Path) -> AsyncIterator[Calls]:
    async with calls_in(tmp_path, shards=1) as house:
        yield house


def listen(calls: Calls, form: str = "json", **settings: Any) -> io.StringIO:
    stream = io.StringIO()
    log.set_up("info", form, stream)
    calls.doors.call_ended = calllines.teller(LogSettings(**settings))
    return stream


def told(stream: io.StringIO) -> list[dict[str, Any]]:
    log.way()[0].flush()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_a_line_says_what_the_audit_row_says(calls: Calls) -> None:
    stream = listen(calls)
    key = await calls.key(label="scn/1")
    calls.upstream.vendor = Script((200, intent(1200, "succeeded")))
    said = {"keybrake_run": "42", "traceparent": f"00-{TRACE}-{PARENT}-01"}
    await calls.call(key, "POST", "/v1/payment_intents", FORM, **said)
    (line,) = told(stream)
    assert line.pop("at").endswith("Z")
    assert line.pop("vendor_ms") in (None, *range(60_000))
    assert line == {
        "level": "info",
        "event": "call",
        "call_id": calls.row.id,
        "key_id": calls.row.key_id,
        "run": "scn/42",
        "vendor": "stripe",
        "account": "default",
        "method": "POST",
        "path": "/v1/payment_intents",
        "operation": "PostPaymentIntents",
        "decision": "allowed",
        "code": None,
        "status": 200,
        "cost_usd": "12.00",
        "quote_usd": "12.00",
        "state": "settled",
        "duration_ms": 0,
        "peer": "192.0.2.1",
        "trace_id": TRACE,
        "parent_id": PARENT,
    }


async def test_a_refusal_has_a_line_and_a_stranger_has_none(calls: Calls) -> None:
    stream = listen(calls)
    key = await calls.key(daily_cap_micros=0)
    await calls.call(key, "POST", "/v1/payment_intents", FORM, traceparent="nonsense")
    await calls.ask(calls.request(f"vault_key_{'x' * 36}", "GET", "/stripe/v1/customers"))
    (line,) = told(stream)
    assert (line["decision"], line["code"], line["status"]) == (
        "refused",
        "daily_cap_exceeded",
        429,
    )
    assert (line["cost_usd"], line["quote_usd"], line["trace_id"]) == ("0.00", "12.00", None)
    assert "parent_id" not in line


async def test_a_refusal_by_a_rule_names_it(calls: Calls) -> None:
    stream = listen(calls)
    await calls.call(await calls.key(daily_cap_micros=0), "POST", "/v1/payment_intents", FORM)
    small = await calls.key(per_call_micros_max=1)
    await calls.call(small, "POST", "/v1/payment_intents", FORM)
    assert [(line["code"], line["rule"]) for line in told(stream)] == [
        ("daily_cap_exceeded", "key_daily"),
        ("policy_refused", "per_call_usd_max"),
    ]


async def test_a_line_does_not_tell_what_a_call_was_spared(calls: Calls) -> None:
    stream = listen(calls)
    key = await calls.key(mode=Mode.SHADOW, per_call_micros_max=1)
    await calls.call(key, "POST", "/v1/payment_intents", FORM)
    (line,) = told(stream)
    assert calls.row.rule == "per_call_usd_max"
    assert (line["decision"], "rule" in line) == ("allowed", False)


async def test_a_line_of_text_is_read_from_left_to_right(calls: Calls) -> None:
    stream = listen(calls, "text")
    key = await calls.key(label="scn/1", daily_cap_micros=0)
    await calls.call(key, "POST", "/v1/payment_intents", FORM)
    log.way()[0].flush()
    assert stream.getvalue()[8:] == (
        " call     POST /v1/payment_intents  429 daily_cap_exceeded (key_daily)  0.00 USD  0 ms"
        "  stripe/default  scn/1\n"
    )


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, True),
        ({"calls": False}, False),
        ({"level": "debug"}, True),
        ({"level": "error"}, False),
    ],
)
def test_who_wants_no_lines_pays_for_none(settings: dict[str, Any], wanted: bool) -> None:
    assert (calllines.teller(LogSettings(**settings)) is not untold) is wanted


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", ["json", "text"])
async def test_no_secret_that_a_person_types(calls: Calls, secret: str, form: str) -> None:
    log.register_secret(SECRETS[-1])
    stream = listen(calls, form)
    key = await calls.key(label=f"scn/{secret}")
    hidden = "".join(f"%{ord(letter):02x}" for letter in secret)
    for path in (f"/v1/{secret}", f"/v1/{hidden}", "/v1/" + "a" * 246 + secret):
        await calls.call(key, "GET", path)
    log.way()[0].flush()
    text = stream.getvalue()
    assert text.count("[secret]") >= 5
    assert secret[:12] not in text
    assert hidden not in text


def test_a_long_path_is_cut_and_odd_labels_stay_on_their_line() -> None:
    run, path = calllines.clean("scn\u202e/\x1b[31m", "/" + "a" * 999)
    assert run == "scn\\u202e/\\u001b[31m"
    assert len(path) == calllines.PATH_CHARS_MAX
    assert path.endswith(calllines.CUT_MARK)
    assert calllines.clean("größer/1", "/v1/a%2Fb") == ("größer/1", "/v1/a%2Fb")


async def test_lines_keep_their_order_with_the_rest_of_the_log(calls: Calls) -> None:
    stream = listen(calls)
    key = await calls.key()
    await calls.call(key, "GET", "/v1/customers/cus_1")
    log.set_up("info", "json", stream).info("then this")
    assert [line["event"] for line in told(stream)] == ["call", "then this"]
