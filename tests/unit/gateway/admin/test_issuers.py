from __future__ import annotations

from typing import Any

import pytest

from gateway.vault.secrets import Kind, well_formed
from tests.unit.gateway.admin.side import BODY, ISSUER_BODY, Side

TEMPLATE: dict[str, Any] = ISSUER_BODY["template"]


async def test_an_issuer_is_made_shown_and_listed(side: Side) -> None:
    issuer = await side.issuer(name="Billing", keys_per_hour=5, timezone="Asia/Tokyo")
    assert well_formed(issuer["key"].encode(), Kind.ISSUER)
    assert issuer["template"] == {
        "vendors": ["stripe"],
        "account": None,
        "allowed_endpoints": TEMPLATE["allowed_endpoints"],
        "daily_usd_cap_max": "500.00",
        "total_usd_cap_max": None,
        "per_call_usd_max": None,
        "daily_call_cap_max": None,
        "expires_in_max": "14400s",
    }
    side.restart()
    _, shown = await side.ask("GET", f"/vault/issuers/{issuer['id']}")
    assert shown == {n: v for n, v in issuer.items() if n not in ("key", "base_url")}
    _, page = await side.ask("GET", "/vault/issuers")
    assert page["data"] == [shown]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "daily_usd_cap"),
        ({**ISSUER_BODY, "daily_usd_cap": "x"}, "daily_usd_cap"),
        ({**ISSUER_BODY, "template": 3}, "template"),
        ({**ISSUER_BODY, "template": {**TEMPLATE, "vendors": ["resend"]}}, "template.vendors"),
        ({**ISSUER_BODY, "template": {**TEMPLATE, "account": "main"}}, "template.account"),
        ({**ISSUER_BODY, "template": {**TEMPLATE, "expires_in": "1h"}}, "template.expires_in"),
        ({**ISSUER_BODY, "template": {}}, "template.vendors"),
        ({**ISSUER_BODY, "vendor": "stripe"}, "vendor"),
    ],
)
async def test_mistakes_are_told_by_their_path(side: Side, body: Any, field: str) -> None:
    status, told = await side.ask("POST", "/vault/issuers", body)
    assert (status, told["errors"][0]["field"]) == (400, field)


async def test_a_label_used_before_joins_its_budget_under_the_issuers_cap(side: Side) -> None:
    issuer = await side.issuer()
    _, one = await side.ask("POST", "/vault/keys", BODY, key=issuer["key"])
    body = {**BODY, "daily_usd_cap": 1}
    _, two = await side.ask("POST", "/vault/keys", body, key=issuer["key"])
    assert (two["daily_usd_cap"], two["id"] != one["id"]) == ("500.00", True)
    first = side.registry.key(one["id"])
    assert first is not None
    await side.ledger.hold(first.account_id, 400_000_000)
    _, shown = await side.ask("GET", f"/vault/keys/{two['id']}")
    assert shown["remaining_usd"] == "100.00"
    _, parent = await side.ask("GET", f"/vault/issuers/{issuer['id']}")
    assert parent["remaining_usd"] == "600.00"


async def test_an_issuer_is_amended(side: Side) -> None:
    issuer = await side.issuer(name="x", keys_per_hour=3)
    path = f"/vault/issuers/{issuer['id']}"
    template = {**TEMPLATE, "daily_usd_cap_max": 7}
    wish = {"daily_usd_cap": 5, "template": template, "name": None, "keys_per_hour": None}
    status, shown = await side.ask("PATCH", path, wish)
    assert (status, shown["daily_usd_cap"], shown["name"]) == (200, "5.00", "")
    assert (shown["template"]["daily_usd_cap_max"], shown["keys_per_hour"]) == ("7.00", None)
    side.restart()
    assert (await side.ask("GET", path))[1] == shown
    _, shown = await side.ask("PATCH", path, {"keys_per_hour": 9})
    assert (shown["daily_usd_cap"], shown["keys_per_hour"]) == ("5.00", 9)


async def test_what_cannot_be_amended_is_named(side: Side) -> None:
    issuer = await side.issuer()
    path = f"/vault/issuers/{issuer['id']}"
    for wish, field in (
        ({}, "body"),
        ({"timezone": "UTC"}, "timezone"),
        ({"template": {**TEMPLATE, "vendors": ["resend"]}}, "template.vendors"),
    ):
        status, told = await side.ask("PATCH", path, wish)
        assert (status, told["errors"][0]["field"]) == (400, field)
    await side.ask("POST", path + "/revoke")
    _, told = await side.ask("PATCH", path, {"name": "x"})
    assert told["errors"][0]["field"] == "id"


async def test_an_issuer_that_is_not_there_is_not_found(side: Side) -> None:
    for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/revoke")):
        status, _ = await side.ask(method, f"/vault/issuers/iss_none{path}", {})
        assert status == 404
