from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from gateway.admin import keys
from gateway.admin.api import ROUTES, find_route
from gateway.admin.house import House
from gateway.admin.routes import Ask
from gateway.errors import MethodNotAllowed, NotFound
from gateway.vault.secrets import Kind, mint
from ledger import JournalFull
from ledger.history import Trouble
from tests.unit.gateway.admin.side import BODY, Side


async def test_without_a_key_nobody_is_let_in(side: Side) -> None:
    response = await side.raw("GET", "/vault/keys", key=None)
    headers = dict(response.headers)
    assert (response.status, orjson.loads(response.body)["error"]) == (401, "admin_key_missing")
    assert headers[b"www-authenticate"] == b"Bearer"
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"cache-control"] == b"no-store"


@pytest.mark.parametrize(
    "key", ["x", "kb_admin_" + "a" * 36, mint(Kind.ADMIN), mint(Kind.VAULT), mint(Kind.ISSUER)]
)
async def test_an_unknown_key_is_unknown(side: Side, key: str) -> None:
    status, told = await side.ask("GET", "/vault/keys", key=key)
    assert (status, told["error"]) == (401, "admin_key_unknown")


async def test_who_guesses_is_slowed_and_a_right_key_never_is(side: Side) -> None:
    for _ in range(3):
        assert (await side.ask("GET", "/vault/keys", key="x"))[0] == 401
    status, told = await side.ask("GET", "/vault/keys", key="x")
    assert (status, told["error"], told["retry_after_s"]) == (429, "rate_limited", 60)
    assert (await side.ask("GET", "/vault/keys"))[0] == 200


async def test_only_a_bearer_is_a_bearer(side: Side) -> None:
    for header in (f"Basic {side.admin_key}", side.admin_key, f"Bearer  {side.admin_key}"):
        sent = {b"authorization": header.encode()}
        response = await side.raw("GET", "/vault/keys", key=None, headers=sent)
        assert response.status == 401
    sent = {b"authorization": f"bearer {side.admin_key}".encode()}
    response = await side.raw("GET", "/vault/keys", key=None, headers=sent)
    assert response.status == 200


async def test_a_revoked_issuer_is_out(side: Side) -> None:
    issuer = await side.issuer()
    await side.ask("POST", f"/vault/issuers/{issuer['id']}/revoke")
    status, told = await side.ask("POST", "/vault/keys", BODY, key=issuer["key"])
    assert (status, told["error"]) == (401, "admin_key_unknown")


@pytest.mark.parametrize(
    "path",
    ["/", "/vault", "/vault/", "/vault/keys/", "/vault//keys", "/vault/keys/x/y", "/VAULT/keys"],
)
async def test_an_unknown_path_is_not_found(side: Side, path: str) -> None:
    status, told = await side.ask("GET", path)
    assert (status, told["error"]) == (404, "not_found")
    with pytest.raises(NotFound):
        find_route("GET", path)


async def test_a_wrong_method_is_told_the_right_ones(side: Side) -> None:
    response = await side.raw("DELETE", "/vault/keys/vk_1")
    assert response.status == 405
    assert dict(response.headers)[b"allow"] == b"GET, HEAD, PATCH"
    with pytest.raises(MethodNotAllowed) as refused:
        find_route("GET", "/vault/revoke")
    assert refused.value.facts == {"allow": "POST"}


async def test_head_is_answered_like_get(side: Side) -> None:
    assert (await side.raw("HEAD", "/healthz")).status == 200


async def test_unknown_and_doubled_parameters_are_mistakes(side: Side) -> None:
    for query in ("lmit=3", "limit=3&limit=4", "limit", "%ff=1"):
        status, told = await side.ask("GET", f"/vault/keys?{query}")
        assert (status, told["error"]) == (400, "invalid_request")


async def test_every_row_of_the_table_is_reached_by_its_own_path(side: Side) -> None:
    for route in ROUTES:
        path = route.path.replace("{id}", "x_1")
        assert find_route(route.method, path)[0] is route


async def test_every_row_but_the_open_ones_asks_for_a_key(side: Side) -> None:
    for route in ROUTES:
        path = route.path.replace("{id}", "x_1")
        query = {"/vault/calls/export": "?format=csv"}.get(path, "")
        response = await side.raw(route.method, path + query, key=None)
        assert (response.status == 401) is bool(route.who), route.path


async def test_a_full_disk_is_503(side: Side) -> None:
    side.ledger.fail_with = JournalFull("no room")
    status, told = await side.ask("POST", "/vault/keys", BODY)
    assert (status, told["error"]) == (503, "ledger_unavailable")
    status, told = await side.ask("POST", "/vault/keys", BODY, once="k1")
    assert (status, told["error"]) == (503, "ledger_unavailable")


async def test_an_audit_log_that_cannot_be_read_is_503(side: Side) -> None:
    side.history.trouble = Trouble("the file is gone")
    status, told = await side.ask("GET", "/vault/calls")
    assert (status, told["error"]) == (503, "ledger_unavailable")


async def test_what_breaks_inside_is_500_and_tells_nothing(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(keys, "make_id", broken)
    for once in (None, "k1"):
        status, told = await side.ask("POST", "/vault/keys", BODY, once=once)
        assert (status, told["error"]) == (500, "internal")
        assert "secret detail" not in str(told)


async def test_the_address_is_the_base_url_unless_the_settings_name_one(side: Side) -> None:
    side.api.opened("127.0.0.1:8080")
    assert (await side.key())["base_url"] == "https://gw1.example.com"
    side.api._house.base_url = ""
    side.api.opened("127.0.0.1:8080")
    assert (await side.key())["base_url"] == "http://127.0.0.1:8080"


class TestIdempotencyKeys:
    async def test_a_repeat_gets_the_first_answer(self, side: Side) -> None:
        first = await side.ask("POST", "/vault/keys", BODY, once="k1")
        assert await side.ask("POST", "/vault/keys", BODY, once="k1") == first
        assert len(list(side.registry.all_keys())) == 1

    async def test_another_request_is_a_conflict(self, side: Side) -> None:
        await side.ask("POST", "/vault/keys", BODY, once="k1")
        other = {**BODY, "daily_usd_cap": 1}
        status, told = await side.ask("POST", "/vault/keys", other, once="k1")
        assert (status, told["error"]) == (409, "idempotency_conflict")
        status, _ = await side.ask("POST", "/vault/revoke", {"all": True}, once="k1")
        assert status == 409

    async def test_two_at_once_make_one(self, side: Side) -> None:
        side.ledger.hold_writes = asyncio.Event()
        asked = [
            asyncio.ensure_future(side.ask("POST", "/vault/keys", BODY, once="k1"))
            for _ in range(2)
        ]
        await asyncio.sleep(0)
        side.ledger.hold_writes.set()
        one, two = await asyncio.gather(*asked)
        assert one == two
        assert len(list(side.registry.all_keys())) == 1

    async def test_a_waiter_that_hangs_up_takes_nothing_with_it(self, side: Side) -> None:
        side.ledger.hold_writes = asyncio.Event()
        first, second = (
            asyncio.ensure_future(side.ask("POST", "/vault/keys", BODY, once="k1"))
            for _ in range(2)
        )
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        side.ledger.hold_writes.set()
        assert (await first)[0] == 201

    async def test_after_a_restart_the_answer_is_lost_and_the_id_is_not(self, side: Side) -> None:
        _, key = await side.ask("POST", "/vault/keys", BODY, once="k1")
        side.restart()
        status, told = await side.ask("POST", "/vault/keys", BODY, once="k1")
        assert (status, told["error"], told["id"]) == (409, "idempotency_answer_lost", key["id"])
        other = {**BODY, "daily_usd_cap": 1}
        status, told = await side.ask("POST", "/vault/keys", other, once="k1")
        assert (status, told["error"]) == (409, "idempotency_conflict")

    async def test_issuers_are_bound_too(self, side: Side) -> None:
        body: dict[str, Any] = {
            "daily_usd_cap": 1,
            "template": {
                "vendors": ["stripe"],
                "allowed_endpoints": ["GET /v1/x"],
                "daily_usd_cap_max": 1,
            },
        }
        _, issuer = await side.ask("POST", "/vault/issuers", body, once="k1")
        side.restart()
        _, told = await side.ask("POST", "/vault/issuers", body, once="k1")
        assert told["id"] == issuer["id"]
        side.clock.advance(86_400)
        status, _ = await side.ask("POST", "/vault/issuers", body, once="k1")
        assert status == 201

    async def test_a_refused_request_can_be_made_again(self, side: Side) -> None:
        status, _ = await side.ask("POST", "/vault/keys", {}, once="k1")
        assert status == 400
        status, _ = await side.ask("POST", "/vault/keys", BODY, once="k1")
        assert status == 201

    async def test_a_creation_that_failed_is_not_bound(self, side: Side) -> None:
        side.ledger.fail_with = JournalFull("no room")
        await side.ask("POST", "/vault/keys", BODY, once="k1")
        side.ledger.fail_with = None
        status, _ = await side.ask("POST", "/vault/keys", BODY, once="k1")
        assert status == 201

    async def test_two_bearers_with_one_key_are_two(self, side: Side) -> None:
        issuer = await side.issuer()
        _, one = await side.ask("POST", "/vault/keys", BODY, once="k1")
        status, two = await side.ask("POST", "/vault/keys", BODY, key=issuer["key"], once="k1")
        assert (status, one["id"] != two["id"]) == (201, True)

    async def test_after_a_day_it_is_forgotten_here_and_on_disk(self, side: Side) -> None:
        await side.ask("POST", "/vault/keys", BODY, once="k1")
        side.clock.advance(86_400)
        status, _ = await side.ask("POST", "/vault/keys", BODY, once="k2")
        assert status == 201
        assert len(list(side.ledger.notes("answer"))) == 1
        status, _ = await side.ask("POST", "/vault/keys", BODY, once="k1")
        assert status == 201

    @pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "é"])
    async def test_it_is_printable_and_short(self, side: Side, key: str) -> None:
        status, told = await side.ask("POST", "/vault/keys", BODY, once=key)
        assert (status, told["errors"][0]["field"]) == (400, "Idempotency-Key")

    async def test_a_get_has_no_use_for_one(self, side: Side) -> None:
        await side.ask("GET", "/vault/keys", once="k1")
        status, _ = await side.ask("POST", "/vault/keys", BODY, once="k1")
        assert status == 201


def test_handlers_take_a_house_and_an_ask() -> None:
    for route in ROUTES:
        hints = route.handle.__annotations__
        assert (hints["house"], hints["ask"]) == (House.__name__, Ask.__name__)
