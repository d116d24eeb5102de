"""The admin side's other rows, from outside: looking, amending, revoking, the log and its export.

Issuers and what stops many keys at once are in `test_issuers_and_bars.py`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Answer, Gateway, VaultKey
from tests.speaker import INTENT, Meanwhile, Speaker, until

INTENTS: Final = "/v1/payment_intents"
_STORIES: Final = count(1)
OPEN_INTENT: Final = {"amount": 700, "currency": "usd"}


@pytest.fixture(scope="module")
def house(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Gateway.start(tmp_path_factory.mktemp("rows"), sandbox_process.base_url) as running:
        yield running


def pay(house: Gateway, key: VaultKey, **headers: str) -> Answer:
    return house.call(key, "POST", INTENTS, form=INTENT, **headers)


def change(house: Gateway, key: VaultKey, **body: Any) -> Any:
    answer = house.admin("PATCH", f"/vault/keys/{key.id}", body)
    assert answer.status == 200, answer
    return answer.json()


# ── who may ask ─────────────────────────────────────────────────────────────────────────────────


def test_who_asks(house: Gateway) -> None:
    key = house.make_key()
    assert house.request("GET", "/vault/keys", admin=True).error == "admin_key_missing"
    wrong = house.admin("GET", "/vault/keys", bearer="kb_admin_" + "0" * 36)
    assert (wrong.status, wrong.error) == (401, "admin_key_unknown")
    assert wrong.headers["www-authenticate"] == "Bearer"
    for method, path in (("GET", "/vault/keys"), ("POST", "/vault/keys"), ("GET", "/vault/calls")):
        forbidden = house.admin(method, path, bearer=key.secret)
        assert (forbidden.status, forbidden.error) == (403, "admin_forbidden")
    missing = house.admin("GET", "/vault/keys/vk_00000000000000000000000000")
    assert (missing.status, missing.error) == (404, "not_found")
    assert missing.headers["content-type"] == "application/problem+json"


def test_the_admin_key_is_no_vault_key(house: Gateway, vendor: Sandbox) -> None:
    assert house.call(house.admin_key, "GET", "/v1/customers").error == "key_unknown"
    assert vendor.stats()["requests"] == 0


def test_lists_are_paged_newest_first(house: Gateway) -> None:
    made = [house.make_key(agent_run_label="paging/1").id for _ in range(5)]
    found: list[str] = []
    more = True
    while more:
        after = f"&starting_after={found[-1]}" if found else ""
        page = house.ask(f"/vault/keys?label=paging/1&limit=2{after}")
        found += [key["id"] for key in page["data"]]
        more = page["has_more"]
    assert found == made[::-1]
    for query in ("limit=0", "limit=101", "surprise=1", "starting_after=nobody", "limit=1&limit=2"):
        assert house.admin("GET", f"/vault/keys?{query}").error == "invalid_request"


def test_a_key_sees_itself_and_no_more(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key(name="hidden")
    pay(house, key)
    own = house.admin("GET", "/vault/keys/self", bearer=key.secret).json()
    assert (own["id"], own["spent_usd"], own["remaining_usd"]) == (key.id, "12.00", "488.00")
    assert not own.keys() & {"name", "issuer_id", "account", "key"}
    house.admin("POST", f"/vault/keys/{key.id}/revoke")
    assert house.admin("GET", "/vault/keys/self", bearer=key.secret).error == "key_revoked"


# ── amending ────────────────────────────────────────────────────────────────────────────────────


def test_caps_are_raised_and_lowered(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key(daily_usd_cap=12)
    assert [pay(house, key).status for _ in range(2)] == [200, 429]
    assert change(house, key, daily_usd_cap="24.50")["remaining_usd"] == "12.50"
    assert pay(house, key).status == 200
    lowered = change(house, key, daily_usd_cap=20)
    assert (lowered["over_cap_usd"], lowered["remaining_usd"]) == ("4.00", "0.00")
    assert pay(house, key).error == "daily_cap_exceeded"
    assert vendor.charged() == 2400


def test_what_else_a_patch_changes(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key(total_usd_cap=5, per_call_usd_max=5, rate_per_minute=2, expires_in="1h")
    changed = change(
        house,
        key,
        total_usd_cap=None,
        per_call_usd_max=None,
        rate_per_minute=None,
        expires_in=None,
        name="Renamed",
        mode="shadow",
        daily_call_cap=1,
        concurrency_max=3,
    )
    assert (changed["name"], changed["mode"], changed["expires_at"]) == ("Renamed", "shadow", None)
    assert [pay(house, key).status for _ in range(3)] == [200, 200, 200]
    change(house, key, mode="enforce")
    assert pay(house, key).error == "call_count_exceeded"
    for fixed in ({"timezone": "UTC"}, {"allowed_endpoints": ["GET /v1/**"]}, {"surprise": 1}, {}):
        refused = house.admin("PATCH", f"/vault/keys/{key.id}", fixed)
        assert refused.error == "invalid_request"


def test_a_top_up_adds_once_for_today(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key(daily_usd_cap=12)
    topped = change(house, key, top_up={"usd": "12.00"})
    assert (topped["cap_usd"], topped["top_up_usd"], topped["daily_usd_cap"]) == (
        "24.00",
        "12.00",
        "12.00",
    )
    assert [pay(house, key).status for _ in range(3)] == [200, 200, 429]
    change(house, key, top_up={"usd": 100, "expires_in": "1s"})
    until(lambda: house.record(key)["cap_usd"], lambda cap: cap == "24.00")
    assert pay(house, key).error == "daily_cap_exceeded"


def test_a_top_up_and_a_patch_outlive_a_kill(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key(daily_usd_cap=12)
    change(house, key, top_up={"usd": 12}, name="kept")
    house.kill()
    house.restart()
    record = house.record(key)
    assert (record["cap_usd"], record["name"]) == ("24.00", "kept")


# ── revoking ────────────────────────────────────────────────────────────────────────────────────


def test_a_revoke_lets_what_is_on_its_way_finish(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key()
    vendor.behave(path=INTENTS, hold=True)
    first = Meanwhile(lambda: pay(house, key))
    until(lambda: vendor.stats()["requests"])
    told = house.admin("POST", f"/vault/keys/{key.id}/revoke").json()
    assert (told["revoked"], told["in_flight"], told["aborted"]) == (1, 1, 0)
    assert pay(house, key).error == "key_revoked"
    vendor.calm()
    assert first.result().status == 200
    assert house.record(key)["spent_usd"] == "12.00"
    again = house.admin("POST", f"/vault/keys/{key.id}/revoke").json()
    assert (again["revoked"], again["in_flight"]) == (0, 0)
    assert vendor.charged() == 1200


def test_an_abort_of_a_call_that_has_left_is_in_doubt(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key()
    vendor.behave(path=INTENTS, stall=True, execute=True)
    first = Meanwhile(lambda: pay(house, key))
    until(lambda: vendor.stats()["requests"])
    told = house.admin("POST", f"/vault/keys/{key.id}/revoke", {"in_flight": "abort"}).json()
    assert (told["in_flight"], told["aborted"], told["aborted_in_doubt"]) == (1, 1, 1)
    answer = first.result()
    assert (answer.status, answer.error, answer.json()["in_doubt"]) == (401, "key_revoked", True)
    assert house.record(key)["in_doubt_usd"] == "12.00"
    assert vendor.charged() == 1200


def test_an_abort_before_the_last_byte_is_a_release(house: Gateway, vendor: Sandbox) -> None:
    """An upload of which half has come: what the vendor got never became a request."""
    key = house.make_key(allowed_endpoints=["POST /files/v1/files"])
    with Speaker(house) as caller:
        headers = {
            "Authorization": f"Bearer {key.secret}",
            "Content-Type": "multipart/form-data; boundary=b",
            "Content-Length": "1000000",
        }
        caller.say("POST", "/stripe/files/v1/files", headers)
        caller.wire.send(b"x" * 500_000)
        until(lambda: house.record(key)["in_flight"])
        told = house.admin("POST", f"/vault/keys/{key.id}/revoke", {"in_flight": "abort"}).json()
        assert (told["aborted"], told["aborted_in_doubt"]) == (1, 0)
        answer = caller.wire.answer()
        assert (answer.error, answer.json()["in_doubt"]) == ("key_revoked", False)
        assert caller.wire.at_end()
    assert vendor.stats()["posts"] == {}


def test_open_intents_are_cancelled_where_that_is_asked(house: Gateway, vendor: Sandbox) -> None:
    key = house.make_key()
    intent = house.call(key, "POST", INTENTS, form=OPEN_INTENT).json()
    assert house.record(key)["standing_usd"] == "7.00"
    body = {"cancel_open_intents": True}
    told = house.admin("POST", f"/vault/keys/{key.id}/revoke", body).json()
    assert told["canceled"] == [{"object_id": intent["id"], "status": "canceled"}]
    assert house.record(key)["spent_usd"] == "0.00"
    assert vendor.stats()["posts"][f"{INTENTS}/{intent['id']}/cancel"] == 1


@pytest.mark.parametrize("by", ["label", "prefix"])
def test_a_run_is_revoked_by_its_effective_label(house: Gateway, vendor: Sandbox, by: str) -> None:
    """Whatever key bears it, and for good, until the admin key makes a key for it again."""
    runner = house.make_key(agent_run_label=f"nightly-{by}/0")
    bearer = house.make_key(agent_run_label=f"nightly-{by}/7")
    stops = {"label": f"nightly-{by}/7", "prefix": f"nightly-{by}/7"}[by]
    assert pay(house, runner, keybrake_run="7").status == 200
    told = house.admin("POST", "/vault/runs/revoke", {by: stops}).json()
    assert told["keys"] == [bearer.id]
    assert pay(house, bearer).error == "key_revoked"
    refused = pay(house, runner, keybrake_run="7")
    assert (refused.error, refused.json()["label"]) == ("key_revoked", f"nightly-{by}/7")
    assert pay(house, runner, keybrake_run="77").status == (401 if by == "prefix" else 200)
    assert pay(house, runner).status == 200
    house.kill()
    house.restart()
    assert pay(house, runner, keybrake_run="7").error == "key_revoked"
    again = house.make_key(agent_run_label=f"nightly-{by}/7")
    assert pay(house, again).status == 200


def test_a_run_revoke_names_one_thing(house: Gateway) -> None:
    for body in ({}, {"label": "a", "prefix": "b"}, {"label": ""}, {"label": "a", "other": 1}):
        assert house.admin("POST", "/vault/runs/revoke", body).error == "invalid_request"


# ── the log ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def story(house: Gateway, vendor: Sandbox) -> VaultKey:
    """Four calls of one run: two charges, one refused by a cap, one read."""
    label = f"story-{next(_STORIES)}/1"
    key = house.make_key(daily_usd_cap=30, agent_run_label=label)
    for _ in range(3):
        pay(house, key, keybrake_step="=1+1")
    house.call(key, "GET", "/v1/customers/cus_1")
    return key


def test_calls_are_found_by_what_is_known_of_them(house: Gateway, story: VaultKey) -> None:
    label = story.record["agent_run_label"]
    scenario = label.rpartition("/")[0]

    def codes(query: str) -> list[Any]:
        found = house.ask(f"/vault/calls?key_id={story.id}&{query}")["data"]
        return [call["code"] for call in found]

    everything = [None, "daily_cap_exceeded", None, None]
    for query in (f"run={label}", f"scenario={scenario}", f"label={label}", "vendor=stripe"):
        assert codes(query) == everything
    assert codes("account=default&since=2020-01-01T00:00:00Z") == everything
    assert codes("until=2020-01-01T00:00:00Z") == []
    assert codes("decision=refused") == codes("code=daily_cap_exceeded") == ["daily_cap_exceeded"]
    assert codes("state=settled") == [None, None]
    assert codes("operation=PostPaymentIntents") == ["daily_cap_exceeded", None, None]
    last = house.ask(f"/vault/calls?key_id={story.id}&state=settled&limit=1")["data"][0]
    assert codes(f"object_id={last['object_id']}") == [None]
    assert house.ask(f"/vault/calls/{last['id']}") == last


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_the_log_as_a_file(house: Gateway, story: VaultKey, kind: str) -> None:
    answer = house.admin("GET", f"/vault/calls/export?format={kind}&key_id={story.id}")
    assert answer.headers["content-disposition"] == f'attachment; filename="calls.{kind}"'
    text = answer.body.decode()
    rows: list[dict[str, Any]]
    if kind == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert rows[-1]["step"] == "'=1+1", "no spreadsheet takes it for a formula"
    else:
        rows = [json.loads(line) for line in text.splitlines()]
        assert rows == house.ask(f"/vault/calls?key_id={story.id}")["data"]
    assert [row["cost_usd"] for row in rows] == ["0.00", "0.00", "12.00", "12.00"]
    assert house.admin("GET", "/vault/calls/export?format=xls").error == "invalid_request"


def test_spend_by_run_and_by_scenario(house: Gateway, story: VaultKey) -> None:
    label = story.record["agent_run_label"]
    for by, name in (("run", label), ("scenario", label.rpartition("/")[0])):
        found = [r for r in house.ask(f"/vault/runs?by={by}&limit=100")["data"] if r[by] == name]
        assert [(r["calls"], r["refused"], r["cost_usd"]) for r in found] == [(4, 1, "24.00")]
    told = house.ask(f"/vault/runs/detail?label={label}")
    assert (told["cost_usd"], told["keys"], told["revoked"]) == ("24.00", [story.id], False)
    assert house.admin("GET", "/vault/runs/detail?label=nobody/1").error == "not_found"


@pytest.mark.parametrize(
    ("body", "spent"),
    [
        ({"outcome": "settled", "cost_usd": "3.5", "reason": "seen at Stripe"}, "3.50"),
        ({"outcome": "released", "reason": "Stripe never had it"}, "0.00"),
    ],
)
def test_a_person_resolves_what_is_in_doubt(
    house: Gateway, vendor: Sandbox, body: dict[str, str], spent: str
) -> None:
    key = house.make_key()
    vendor.behave(path=INTENTS, drop_before_executing=True)
    call_id = pay(house, key).headers["keybrake-call-id"]
    [doubt] = [d for d in house.ask("/vault/in-doubt?limit=100")["data"] if d["id"] == call_id]
    assert (doubt["counts_usd"], doubt["key_id"]) == ("12.00", key.id)
    for wrong in (
        {},
        {**body, "outcome": "lost"},
        {**body, "reason": ""},
        {**body, "cost_usd": -1},
    ):
        refused = house.admin("POST", f"/vault/calls/{call_id}/resolve", wrong)
        assert refused.error == "invalid_request"
    resolved = house.admin("POST", f"/vault/calls/{call_id}/resolve", body)
    assert (resolved.status, resolved.json()["state"]) == (200, body["outcome"])
    house.kill()
    house.restart()
    assert house.record(key)["spent_usd"] == spent
    told = house.ask(f"/vault/calls/{call_id}")
    assert (told["state"], told["cost_usd"]) == (body["outcome"], spent)
    assert call_id not in {d["id"] for d in house.ask("/vault/in-doubt?limit=100")["data"]}
    twice = house.admin("POST", f"/vault/calls/{call_id}/resolve", body)
    assert twice.error == "invalid_request"


# ── asking twice ────────────────────────────────────────────────────────────────────────────────


def _make(house: Gateway, idempotency_key: str, **terms: Any) -> Answer:
    body = {
        "vendor": "stripe",
        "daily_usd_cap": 1,
        "allowed_endpoints": ["GET /v1/**"],
        "agent_run_label": f"twice-{idempotency_key}/1",
    }
    bearer = {"Authorization": f"Bearer {house.admin_key}", "Idempotency-Key": idempotency_key}
    return house.request("POST", "/vault/keys", headers=bearer, json_body=body | terms, admin=True)


def test_an_admin_request_asked_twice_happens_once(house: Gateway) -> None:
    first, again = _make(house, "a"), _make(house, "a")
    assert (first.status, first.body) == (201, again.body)
    other = _make(house, "a", name="another")
    assert (other.status, other.error) == (409, "idempotency_conflict")
    made = house.ask("/vault/keys?label=twice-a/1")["data"]
    assert [key["id"] for key in made] == [first.json()["id"]]
    assert _make(house, "b", surprise=1).status == 400
    assert _make(house, "b").status == 201, "a refusal binds nothing"
    assert _make(house, "").error == "invalid_request"


def test_after_a_restart_the_answer_is_lost_and_the_key_is_named(house: Gateway) -> None:
    first = _make(house, "c")
    house.kill()
    house.restart()
    again = _make(house, "c")
    assert (again.status, again.error) == (409, "idempotency_answer_lost")
    assert again.json()["id"] == first.json()["id"]
    assert len(house.ask("/vault/keys?label=twice-c/1")["data"]) == 1


# ── machines, and a door of their own ───────────────────────────────────────────────────────────


def test_what_machines_ask(house: Gateway, vendor: Sandbox) -> None:
    assert house.request("GET", "/healthz").json() == {"status": "ok"}
    assert house.request("GET", "/readyz").json()["status"] == "ok"
    allowed = 'keybrake_calls_total{vendor="stripe",decision="allowed"}'
    before = _counted(house, allowed)
    pay(house, house.make_key())
    assert _counted(house, allowed) == before + 1
    head = house.request("HEAD", "/metrics")
    assert (head.status, head.body) == (200, b"")


def _counted(house: Gateway, name: str) -> int:
    lines = house.request("GET", "/metrics").body.decode().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + " "))


def test_an_admin_side_of_its_own(tmp_path: Path, vendor: Sandbox) -> None:
    """On the callers' side nothing of it is left but health."""
    with Gateway.start(tmp_path, vendor.base_url, server='admin_listen = "127.0.0.1:0"') as gateway:
        assert gateway.address != gateway.admin_address
        key = gateway.make_key()
        assert key.record["base_url"] == f"http://{gateway.address}"
        assert pay(gateway, key).status == 200
        bearer = {"Authorization": f"Bearer {gateway.admin_key}"}
        for path in ("/vault/keys", "/metrics", "/openapi.json"):
            assert gateway.request("GET", path, headers=bearer).error == "route_unknown"
            assert gateway.request("GET", path, headers=bearer, admin=True).status == 200
        assert gateway.request("GET", "/healthz").status == 200
        assert gateway.request("GET", "/readyz").status == 200
        call = {"Authorization": f"Bearer {key.secret}"}
        other = gateway.request("GET", "/stripe/v1/customers", headers=call, admin=True)
        assert (other.status, other.error) == (404, "not_found")
