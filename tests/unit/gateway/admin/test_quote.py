"""`POST /vault/quote`: who may ask, how a call is told, and how what was found is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.call.verdicts import Asked, Explanation, Verdict
from tests.unit.gateway.admin.side import Side

USD = 1_000_000
CALL: dict[str, Any] = {"method": "POST", "path": "/v1/payment_intents"}


async def asked(side: Side, **call: Any) -> Asked:
    key = await side.key()
    status, answer = await side.ask("POST", "/vault/quote", {"key": key["id"], **CALL, **call})
    assert status == 200, answer
    return side.explainer.asked[-1][1]


async def test_the_admin_asks_about_any_key_and_a_key_about_itself(side: Side) -> None:
    key, other = await side.key(), await side.key()
    for bearer, named in (("", key["id"]), (key["key"], key["id"]), (key["key"], None)):
        body = CALL if named is None else {**CALL, "key": named}
        status, answer = await side.ask("POST", "/vault/quote", body, key=bearer)
        assert (status, answer["key_id"]) == (200, key["id"])
    body = {**CALL, "key": other["id"]}
    status, told = await side.ask("POST", "/vault/quote", body, key=key["key"])
    assert (status, told["error"]) == (403, "admin_forbidden")
    assert len(side.explainer.asked) == 3


async def test_nobody_else_asks(side: Side) -> None:
    issuer = await side.issuer()
    for bearer, code in (
        (issuer["key"], "admin_forbidden"),
        (None, "admin_key_missing"),
        ("x", "admin_key_unknown"),
    ):
        _, told = await side.ask("POST", "/vault/quote", CALL, key=bearer)
        assert told["error"] == code


async def test_a_key_that_is_no_longer_one_asks_nothing_but_is_explained(side: Side) -> None:
    key = await side.key()
    await side.ask("POST", f"/vault/keys/{key['id']}/revoke", {})
    _, told = await side.ask("POST", "/vault/quote", CALL, key=key["key"])
    assert told["error"] == "key_revoked"
    status, _ = await side.ask("POST", "/vault/quote", {**CALL, "key": key["id"]})
    assert status == 200


async def test_the_admin_names_a_key_that_is_there(side: Side) -> None:
    _, told = await side.ask("POST", "/vault/quote", CALL)
    assert told["errors"] == [{"field": "key", "problem": "is required"}]
    status, _ = await side.ask("POST", "/vault/quote", {**CALL, "key": "vk_none"})
    assert status == 404


async def test_a_body_is_a_text_as_it_is_sent(side: Side) -> None:
    call = await asked(side, path="/v1/charges?expand[]=x", headers={"A-B": "c"}, body="amount=ü")
    assert call == Asked("POST", "/v1/charges", "expand[]=x", {b"a-b": b"c"}, "amount=ü".encode())
    assert (await asked(side)).body == b""


async def test_or_json_with_numbers_as_they_were_written(side: Side) -> None:
    tree = b'{"amount":12.50,"n":[1,null,true,"x\\"y"],"big":1e5,"ok":{}}'
    key = await side.key()
    sent = b'{"key":"%s","method":"POST","path":"/v1/x","body":%s}' % (key["id"].encode(), tree)
    response = await side.raw("POST", "/vault/quote", sent)
    assert response.status == 200
    call = side.explainer.asked[-1][1]
    assert (call.body, call.headers) == (tree, {b"content-type": b"application/json"})
    call = await asked(side, body=[{"to": "a@b"}], headers={"content-type": "text/plain"})
    assert (call.body, call.headers[b"content-type"]) == (b'[{"to":"a@b"}]', b"text/plain")


async def test_credentials_are_not_looked_at(side: Side) -> None:
    assert (await asked(side, headers={"Authorization": "Bearer x"})).headers == {}


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ({"method": "TRACE"}, "method"),
        ({"path": "v1"}, "path"),
        ({"path": "/a b"}, "path"),
        ({"path": "/" + "a" * 4_096}, "path"),
        ({"path": 7}, "path"),
        ({"headers": []}, "headers"),
        ({"headers": {f"h{n}": "" for n in range(65)}}, "headers"),
        ({"headers": {"a b": "c"}}, "headers"),
        ({"headers": {"a": 7}}, "headers"),
        ({"headers": {"a": "b\nc"}}, "headers"),
        ({"headers": {"a": "b", "A": "b"}}, "headers"),
        ({"body": 7}, "body"),
        ({"url": "https://evil.example"}, "url"),
    ],
)
async def test_a_call_that_is_none(side: Side, call: dict[str, Any], field: str) -> None:
    key = await side.key()
    status, told = await side.ask("POST", "/vault/quote", {"key": key["id"], **CALL, **call})
    assert (status, [m["field"] for m in told["errors"]]) == (400, [field])


async def test_a_long_body_is_taken(side: Side) -> None:
    assert len((await asked(side, body="x" * 1_000_000)).body) == 1_000_000


PASSES = Verdict("key", True, "The key is alive.")
FOUND = Explanation(
    (PASSES,), "Pay", "amount", 12 * USD, 12 * USD, 20 * USD, 1, ("DE",), ("/v1/prices/p",)
)


async def shown(side: Side, told: Explanation) -> Any:
    side.explainer.says = told
    key = await side.key()
    _, answer = await side.ask("POST", "/vault/quote", {"key": key["id"], **CALL})
    return answer


async def test_what_was_found_is_shown(side: Side) -> None:
    answer = await shown(side, FOUND)
    del answer["key_id"]
    assert answer == {
        "object": "quote",
        "allowed": True,
        "code": None,
        "would_refuse": None,
        "operation": "Pay",
        "quote_usd": "12.00",
        "how": "amount",
        "would_hold_usd": "12.00",
        "units": 1,
        "countries": ["DE"],
        "lookups": ["/v1/prices/p"],
        "remaining_now_usd": "20.00",
        "remaining_usd": "8.00",
        "rules": [{"rule": "key", "pass": True, "detail": "The key is alive."}],
    }


async def test_a_call_that_is_refused_takes_nothing(side: Side) -> None:
    no = Verdict("key_daily", False, "0.00 USD are left.", "daily_cap_exceeded")
    answer = await shown(side, replace(FOUND, verdicts=(PASSES, no)))
    assert (answer["allowed"], answer["code"]) == (False, "daily_cap_exceeded")
    assert (answer["would_hold_usd"], answer["remaining_usd"]) == ("0.00", "20.00")
    told = Verdict("price", False, "The vendor answers 404.")
    answer = await shown(side, replace(FOUND, verdicts=(told,), quote_micros=None, operation=""))
    assert (answer["code"], answer["quote_usd"], answer["operation"]) == (None, None, None)


async def test_what_a_shadow_key_is_spared_and_a_budget_without_a_cap(side: Side) -> None:
    no = Verdict("key_daily", False, "0.00 USD are left.", "daily_cap_exceeded", spared=True)
    answer = await shown(side, replace(FOUND, verdicts=(no,), remaining_micros=5 * USD))
    assert (answer["allowed"], answer["would_refuse"]) == (True, "daily_cap_exceeded")
    assert answer["remaining_usd"] == "0.00"
    answer = await shown(side, replace(FOUND, remaining_micros=None))
    assert (answer["remaining_now_usd"], answer["remaining_usd"]) == (None, None)
