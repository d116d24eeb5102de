from __future__ import annotations

from typing import Any

import pytest

from gateway.vault.secrets import Kind, well_formed
from tests.unit.gateway.admin.side import BODY, ISSUER_BODY, Side


async def test_the_body_of_the_readme_is_accepted_as_printed(side: Side) -> None:
    status, key = await side.ask("POST", "/vault/keys", BODY)
    assert status == 201
    assert well_formed(key["key"].encode(), Kind.VAULT)
    assert key["id"].startswith("vk_")
    assert key["base_url"] == "https://gw1.example.com"
    assert key["agent_run_label"] == "make-billing-scenario/8f31"
    assert (key["daily_usd_cap"], key["remaining_usd"]) == ("500.00", "500.00")
    assert (key["spent_usd"], key["held_usd"], key["over_cap_usd"]) == ("0.00", "0.00", "0.00")
    assert key["allowed_endpoints"] == BODY["allowed_endpoints"]
    assert key["account"] == "default"


async def test_a_key_lives_a_day_unless_it_is_told(side: Side) -> None:
    body = {name: value for name, value in BODY.items() if name != "expires_in"}
    _, key = await side.ask("POST", "/vault/keys", body)
    record = side.registry.key(key["id"])
    assert record is not None
    assert record.terms.expires_at_us == record.terms.created_at_us + 86_400_000_000
    _, key = await side.ask("POST", "/vault/keys", {**body, "expires_in": None})
    assert key["expires_at"] is None


async def test_the_secret_is_shown_once(side: Side) -> None:
    key = await side.key()
    _, shown = await side.ask("GET", f"/vault/keys/{key['id']}")
    assert shown == {name: value for name, value in key.items() if name not in ("key", "base_url")}


async def test_who_makes_a_key_for_a_revoked_run_is_told_that_it_opens_again(side: Side) -> None:
    await side.ask("POST", "/vault/runs/revoke", {"label": BODY["agent_run_label"]})
    _, key = await side.ask("POST", "/vault/keys", BODY)
    [warning] = key["warnings"]
    assert BODY["agent_run_label"] in warning
    assert "opens it again" in warning
    _, key = await side.ask("POST", "/vault/keys", BODY)
    assert "warnings" not in key


async def test_all_mistakes_are_told_at_once(side: Side) -> None:
    body = {
        "vendor": "stripe",
        "daily_usd_cap": "0.0000001",
        "allowed_endpoints": [],
        "agent_run_label": "a\nb",
        "expires_in": "2 hours",
        "countries": ["DE"],
        "call_time_limit_s": 60,
        "base_url": "https://evil.example",
        "daily_cap": 3,
    }
    status, told = await side.ask("POST", "/vault/keys", body)
    assert (status, told["error"]) == (400, "invalid_request")
    fields = {mistake["field"] for mistake in told["errors"]}
    assert fields == set(body) - {"vendor"}
    problems = {mistake["field"]: mistake["problem"] for mistake in told["errors"]}
    assert problems["countries"] == "does not apply to stripe, only to twilio"
    assert "did you mean daily_usd_cap?" in problems["daily_cap"]
    assert list(side.registry.all_keys()) == []


async def test_what_is_required_is_named(side: Side) -> None:
    _, told = await side.ask("POST", "/vault/keys", {})
    required = {"vendor", "daily_usd_cap", "allowed_endpoints", "agent_run_label"}
    assert {m["field"] for m in told["errors"] if m["problem"] == "is required"} == required


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"vendor": "resend"}, "resend is not set up here; there is stripe, twilio"),
        ({"account": "nobody"}, "nobody is no account of stripe; there is acme, default"),
        ({"daily_usd_cap": -1}, "must not be negative"),
        ({"daily_usd_cap": True}, "must be USD in plain digits"),
        ({"daily_usd_cap": 10**10}, "must be at most 1000000000 USD"),
        ({"mode": "off"}, "must be one of enforce, shadow"),
        ({"block_status": 500}, "must be one of 429, 402"),
        ({"timezone": "Europe/Nowhere"}, "must be a time zone's name"),
        ({"timezone": "../etc/passwd"}, "must be a time zone's name"),
        ({"timezone": "Europe"}, "must be a time zone's name"),
        ({"rate_per_minute": 0}, "must be a whole number from 1 to 60000"),
        ({"concurrency_max": "3"}, "must be a whole number"),
        ({"params": {}}, "must be an object of fields"),
        ({"params": {"amount": {}}}, "must say for amount"),
        ({"params": {"amount": {"max": "5"}}}, "amount: max must be a whole number"),
        ({"params": {"amount": {"least": 5}}}, "amount: least is not a field here"),
        ({"params": {"a": {"one_of": []}}}, "a: one_of must be a list"),
        ({"params": {"a": {"equals": None}}}, "a: equals must not be null"),
        ({"params": {f"f{n}": {"max": 1} for n in range(51)}}, "must name at most 50 fields"),
        ({"allow_unpriced": {}}, "must be an object of endpoints"),
        ({"allow_unpriced": {"POST /v1/topups": 0}}, "must be more than 0"),
        ({"allow_unpriced": {"topups": 5}}, "write a method"),
        ({"mint_endpoints": ["POST v1"]}, "a path is"),
        ({"allowed_endpoints": [3]}, "must list strings"),
        ({"allowed_endpoints": ["GET /v1/x"] * 201}, "must list at most 200"),
        ({"currencies": ["dollars"]}, "must list three-letter currency codes"),
        ({"currencies": [1]}, "must list three-letter currency codes"),
        ({"vendor_accounts": "acct_1"}, "must be a list"),
        ({"refunds_restore_cap": 1}, "must be true or false"),
        ({"idempotency_scope": "a b"}, "must be 1 to 100 of the characters"),
        ({"name": 5}, "must be a string"),
        ({"name": ""}, "must be 1 to 200 printable characters"),
        ({"expires_in": "99999d"}, "must be at most ten years"),
        ({"expires_in": "0h"}, "must be a whole number and s, m, h or d"),
        ({"vendor": None}, "is required"),
    ],
)
async def test_a_bad_value_is_told_by_its_field(
    side: Side, changes: dict[str, Any], problem: str
) -> None:
    status, told = await side.ask("POST", "/vault/keys", {**BODY, **changes})
    assert status == 400
    (mistake,) = told["errors"]
    assert mistake["field"] == next(iter(changes))
    assert problem in mistake["problem"]


async def test_every_optional_field_is_kept(side: Side) -> None:
    optional = {
        "account": "acme",
        "total_usd_cap": "1000.00",
        "per_call_usd_max": "0.0009",
        "daily_call_cap": 7,
        "rate_per_minute": 60,
        "concurrency_max": 4,
        "currencies": ["eur", "usd"],
        "params": {"amount": {"max": 5}, "customer": {"one_of": ["a", "b"], "prefix": "a"}},
        "timezone": "Europe/Paris",
        "mode": "shadow",
        "vendor_accounts": ["acct_1"],
        "mint_endpoints": ["POST /v1/ephemeral_keys"],
        "allow_unpriced": {"POST /v1/topups": "5.00"},
        "refunds_restore_cap": True,
        "idempotency_scope": "billing",
        "count_test_mode": False,
        "error_style": "vendor",
        "block_status": 402,
        "name": "Billing",
    }
    key = await side.key(**optional)
    assert {name: key[name] for name in optional} == optional
    side.restart()
    _, again = await side.ask("GET", f"/vault/keys/{key['id']}")
    assert {name: again[name] for name in optional} == optional


async def test_twilio_fields_apply_to_twilio_and_its_only_account_is_taken(side: Side) -> None:
    key = await side.key(vendor="twilio", countries=["DE"], call_time_limit_s=60)
    assert (key["account"], key["countries"], key["call_time_limit_s"]) == ("main", ["DE"], 60)
    body = {**BODY, "vendor": "twilio", "currencies": ["usd"]}
    _, told = await side.ask("POST", "/vault/keys", body)
    assert told["errors"][0]["problem"] == "does not apply to twilio, only to stripe"


async def test_a_record_says_what_to_call_the_account_in_paths(side: Side) -> None:
    key = await side.key(vendor="twilio")
    assert key["account_sid"] == f"AC_{key['id']}"
    _, own = await side.ask("GET", "/vault/keys/self", key=key["key"])
    assert own["account_sid"] == key["account_sid"]
    assert (await side.key())["account_sid"] is None


async def test_keys_are_listed_newest_first_in_pages(side: Side) -> None:
    made = [(await side.key())["id"] for _ in range(5)]
    _, first = await side.ask("GET", "/vault/keys?limit=2")
    _, second = await side.ask(
        "GET", f"/vault/keys?limit=2&starting_after={first['data'][-1]['id']}"
    )
    _, third = await side.ask(
        "GET", f"/vault/keys?limit=2&starting_after={second['data'][-1]['id']}"
    )
    pages = [first, second, third]
    assert [key["id"] for page in pages for key in page["data"]] == made[::-1]
    assert [page["has_more"] for page in pages] == [True, True, False]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.5", "٣"])
async def test_a_limit_is_from_1_to_100(side: Side, limit: str) -> None:
    status, told = await side.ask("GET", f"/vault/keys?limit={limit}")
    assert (status, told["errors"][0]["field"]) == (400, "limit")


async def test_a_list_cannot_start_after_nobody(side: Side) -> None:
    other = (await side.key(vendor="twilio"))["id"]
    for query in ("starting_after=vk_none", f"starting_after={other}&vendor=stripe"):
        status, told = await side.ask("GET", f"/vault/keys?{query}")
        assert (status, told["errors"][0]["field"]) == (400, "starting_after")


async def test_keys_are_found_by_label_vendor_issuer_and_status(side: Side) -> None:
    one = await side.key(agent_run_label="scn/1")
    two = await side.key(agent_run_label="scn/2", vendor="twilio")
    await side.ask("POST", f"/vault/keys/{two['id']}/revoke")
    for query, found in (
        ("label=scn/1", [one["id"]]),
        ("label=scn", []),
        ("vendor=twilio", [two["id"]]),
        ("vendor=twilio&label=scn/1", []),
        ("status=revoked", [two["id"]]),
        ("status=active", [one["id"]]),
        ("status=expired", []),
        ("issuer_id=iss_00000000000000000000000000", []),
    ):
        _, page = await side.ask("GET", f"/vault/keys?{query}")
        assert [key["id"] for key in page["data"]] == found
    side.clock.advance(7200)
    _, shown = await side.ask("GET", f"/vault/keys/{one['id']}")
    assert shown["status"] == "expired"


async def test_a_key_that_is_not_there_is_not_found(side: Side) -> None:
    for method in ("GET", "PATCH"):
        status, told = await side.ask(method, "/vault/keys/vk_none", {})
        assert (status, told["error"]) == (404, "not_found")


async def test_what_was_spent_is_shown(side: Side) -> None:
    key = await side.key()
    record = side.registry.key(key["id"])
    assert record is not None
    await side.ledger.hold(record.account_id, 12_000_000)
    _, shown = await side.ask("GET", f"/vault/keys/{key['id']}")
    assert (shown["held_usd"], shown["remaining_usd"]) == ("12.00", "488.00")
    assert shown["calls_today"] == 1


async def test_a_key_sees_itself_and_nothing_else(side: Side) -> None:
    key = await side.key(name="Billing")
    status, own = await side.ask("GET", "/vault/keys/self", key=key["key"])
    assert (status, own["id"]) == (200, key["id"])
    assert not {"name", "account", "issuer_id", "key"} & set(own)
    status, told = await side.ask("GET", f"/vault/keys/{key['id']}", key=key["key"])
    assert (status, told["error"]) == (403, "admin_forbidden")
    status, _ = await side.ask("GET", "/vault/keys/self")
    assert status == 403


async def test_a_dead_key_is_told_so(side: Side) -> None:
    key = await side.key()
    side.clock.advance(7200)
    status, told = await side.ask("GET", "/vault/keys/self", key=key["key"])
    assert (status, told["error"]) == (401, "key_expired")
    await side.ask("POST", f"/vault/keys/{key['id']}/revoke")
    status, told = await side.ask("GET", "/vault/keys/self", key=key["key"])
    assert (status, told["error"]) == (401, "key_revoked")


async def test_caps_are_raised_and_lowered(side: Side) -> None:
    key = await side.key(total_usd_cap=900)
    path = f"/vault/keys/{key['id']}"
    wishes = {"daily_usd_cap": "0.50", "total_usd_cap": None, "per_call_usd_max": 1, "name": "x"}
    status, shown = await side.ask("PATCH", path, wishes)
    assert status == 200
    assert (shown["daily_usd_cap"], shown["total_usd_cap"]) == ("0.50", None)
    assert (shown["per_call_usd_max"], shown["name"]) == ("1.00", "x")
    side.restart()
    _, again = await side.ask("GET", path)
    assert again == shown
    _, shown = await side.ask("PATCH", path, {"name": None, "rate_per_minute": 3})
    assert (shown["name"], shown["rate_per_minute"]) == ("", 3)


async def test_an_end_is_moved_counted_from_now(side: Side) -> None:
    key = await side.key()
    _, shown = await side.ask("PATCH", f"/vault/keys/{key['id']}", {"expires_in": None})
    assert shown["expires_at"] is None
    _, shown = await side.ask("PATCH", f"/vault/keys/{key['id']}", {"expires_in": "1s"})
    assert shown["status"] == "active"
    side.clock.advance(1)
    _, told = await side.ask("PATCH", f"/vault/keys/{key['id']}", {"expires_in": "1h"})
    assert told["errors"] == [
        {"field": "id", "problem": "is revoked or expired, and cannot be amended"}
    ]


async def test_shadow_is_left_and_entered_but_never_by_an_issuers_key(side: Side) -> None:
    key = await side.key(mode="shadow")
    _, shown = await side.ask("PATCH", f"/vault/keys/{key['id']}", {"mode": "enforce"})
    assert shown["mode"] == "enforce"
    issuer = await side.issuer()
    _, issued = await side.ask("POST", "/vault/keys", BODY, key=issuer["key"])
    _, told = await side.ask("PATCH", f"/vault/keys/{issued['id']}", {"mode": "shadow"})
    assert told["errors"] == [{"field": "mode", "problem": "must be enforce for an issuer's key"}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"vendor": "twilio"}, "vendor"),
        ({"timezone": "UTC"}, "timezone"),
        ({"account": "acme"}, "account"),
        ({"allowed_endpoints": ["GET /v1/x"]}, "allowed_endpoints"),
        ({"daily_usd_cap": None}, "daily_usd_cap"),
        ({"nonsense": 1}, "nonsense"),
        ({"top_up": 5}, "top_up"),
        ({"top_up": None}, "top_up"),
        ({"top_up": {}}, "top_up.usd"),
        ({"top_up": {"usd": 0}}, "top_up.usd"),
        ({"top_up": {"usd": 1, "expires_at": "2026-01-01T00:00:00"}}, "top_up.expires_at"),
        ({"top_up": {"usd": 1, "expires_at": "2001-01-01T00:00:00Z"}}, "top_up.expires_at"),
        ({"top_up": {"usd": 1, "expires_at": 5}}, "top_up.expires_at"),
        (
            {"top_up": {"usd": 1, "expires_in": "1h", "expires_at": "2099-01-01T00:00:00Z"}},
            "top_up",
        ),
    ],
)
async def test_what_cannot_be_amended_is_named(
    side: Side, body: dict[str, Any], field: str
) -> None:
    key = await side.key()
    status, told = await side.ask("PATCH", f"/vault/keys/{key['id']}", body)
    assert (status, [m["field"] for m in told["errors"]]) == (400, [field])


async def test_a_top_up_ends_with_its_day_or_earlier(side: Side) -> None:
    key = await side.key()
    path = f"/vault/keys/{key['id']}"
    _, shown = await side.ask("PATCH", path, {"top_up": {"usd": 50}})
    assert (shown["top_up_usd"], shown["cap_usd"], shown["daily_usd_cap"]) == (
        "50.00",
        "550.00",
        "500.00",
    )
    _, shown = await side.ask(
        "PATCH", path, {"top_up": {"usd": "0.5", "expires_in": "1m"}, "daily_usd_cap": 100}
    )
    assert (shown["top_up_usd"], shown["cap_usd"]) == ("50.50", "150.50")
    side.clock.advance(60)
    _, shown = await side.ask("GET", path)
    assert shown["top_up_usd"] == "50.00"
    side.clock.advance(86_400)
    _, shown = await side.ask("GET", path)
    assert shown["top_up_usd"] == "0.00"


async def test_a_top_up_asked_for_twice_adds_once(side: Side) -> None:
    key = await side.key()
    path = f"/vault/keys/{key['id']}"
    wish = {"top_up": {"usd": 50}}
    first = await side.ask("PATCH", path, wish, once="t1")
    assert await side.ask("PATCH", path, wish, once="t1") == first
    side.restart()
    status, told = await side.ask("PATCH", path, wish, once="t1")
    assert (status, told["error"], told["id"]) == (409, "idempotency_answer_lost", key["id"])
    _, shown = await side.ask("GET", path)
    assert shown["top_up_usd"] == "50.00"


class TestIssuersKeys:
    async def make(self, side: Side, **changes: Any) -> tuple[int, Any]:
        issuer = await side.issuer()
        return await side.ask("POST", "/vault/keys", {**BODY, **changes}, key=issuer["key"])

    async def test_an_issuer_makes_a_key_inside_its_template(self, side: Side) -> None:
        status, key = await self.make(side)
        assert status == 201
        assert key["issuer_id"].startswith("iss_")

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"vendor": "twilio"}, "vendor"),
            ({"allowed_endpoints": ["POST /v1/*"]}, "allowed_endpoints"),
            ({"daily_usd_cap": "500.01"}, "daily_usd_cap"),
            ({"expires_in": "5h"}, "expires_in"),
            ({"expires_in": None}, "expires_in"),
            ({"mode": "shadow"}, "mode"),
            ({"vendor_accounts": ["acct_1"]}, "vendor_accounts"),
            ({"mint_endpoints": ["POST /v1/ephemeral_keys"]}, "mint_endpoints"),
            ({"allow_unpriced": {"POST /v1/topups": 1}}, "allow_unpriced"),
            ({"refunds_restore_cap": True}, "refunds_restore_cap"),
            ({"idempotency_scope": "x"}, "idempotency_scope"),
            ({"count_test_mode": False}, "count_test_mode"),
        ],
    )
    async def test_what_goes_beyond_is_refused(
        self, side: Side, changes: dict[str, Any], field: str
    ) -> None:
        status, told = await self.make(side, **changes)
        assert (status, told["error"], told["rule"]) == (403, "policy_refused", "issuer_template")
        assert [m["field"] for m in told["errors"]] == [field]

    async def test_where_the_request_is_silent_the_template_speaks(self, side: Side) -> None:
        template = {
            **ISSUER_BODY["template"],
            "account": "acme",
            "total_usd_cap_max": 900,
            "per_call_usd_max": 9,
            "expires_in_max": "1h",
        }
        issuer = await side.issuer(template=template)
        body = {name: value for name, value in BODY.items() if name != "expires_in"}
        status, key = await side.ask("POST", "/vault/keys", body, key=issuer["key"])
        assert status == 201
        assert (key["account"], key["total_usd_cap"], key["per_call_usd_max"]) == (
            "acme",
            "900.00",
            "9.00",
        )
        status, told = await side.ask(
            "POST", "/vault/keys", {**BODY, "account": "default"}, key=issuer["key"]
        )
        assert [m["field"] for m in told["errors"]] == ["account", "expires_in"]

    async def test_an_issuer_sees_nothing(self, side: Side) -> None:
        issuer = await side.issuer()
        for method, target in (
            ("GET", "/vault/keys"),
            ("GET", "/vault/issuers"),
            ("GET", "/vault/calls"),
            ("POST", "/vault/revoke"),
            ("POST", "/vault/runs/revoke"),
        ):
            status, told = await side.ask(method, target, key=issuer["key"])
            assert (status, told["error"]) == (403, "admin_forbidden")

    async def test_too_many_keys_an_hour_are_told_when_to_come_back(self, side: Side) -> None:
        issuer = await side.issuer(keys_per_hour=1)
        await side.ask("POST", "/vault/keys", BODY, key=issuer["key"])
        status, told = await side.ask("POST", "/vault/keys", BODY, key=issuer["key"])
        assert (status, told["error"], told["retry_after_s"]) == (429, "rate_limited", 3600)
        response = await side.raw("POST", "/vault/keys", b"{}", key=issuer["key"])
        assert response.status == 400
