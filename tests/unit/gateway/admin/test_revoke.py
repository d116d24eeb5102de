from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from gateway.vault.keys import Key
from gateway.vault.runs import LABEL_CHARS_MAX
from tests.unit.gateway.admin.side import BODY, Side


@dataclass(eq=False)
class Call:
    key: Key
    label: str
    call_id: str = "call_1"
    left: bool = False

    def abort(self) -> bool:
        return not self.left


def fly(side: Side, key_id: str, *, left: bool = False) -> None:
    key = side.registry.key(key_id)
    assert key is not None
    side.registry.began(Call(key, key.terms.label, left=left))


def told(
    revoked: int, in_flight: int = 0, aborted: int = 0, in_doubt: int = 0, keys: Any = ()
) -> dict[str, Any]:
    return {
        "revoked": revoked,
        "in_flight": in_flight,
        "aborted": aborted,
        "aborted_in_doubt": in_doubt,
        "keys": list(keys),
    }


async def test_a_key_is_revoked_and_its_calls_finish(side: Side) -> None:
    key = await side.key()
    fly(side, key["id"])
    path = f"/vault/keys/{key['id']}/revoke"
    assert await side.ask("POST", path) == (200, told(1, 1, keys=[key["id"]]))
    assert await side.ask("POST", path, {"in_flight": "finish"}) == (200, told(0, 1))
    _, shown = await side.ask("GET", f"/vault/keys/{key['id']}")
    assert (shown["status"], shown["in_flight"]) == ("revoked", 1)


async def test_calls_are_aborted_when_asked(side: Side) -> None:
    key = await side.key()
    fly(side, key["id"])
    fly(side, key["id"], left=True)
    answer = await side.ask("POST", f"/vault/keys/{key['id']}/revoke", {"in_flight": "abort"})
    assert answer == (200, told(1, 2, 2, 1, [key["id"]]))


async def test_an_issuer_revokes_its_own_keys_only(side: Side) -> None:
    issuer, other = await side.issuer(), await side.issuer()
    _, key = await side.ask("POST", "/vault/keys", BODY, key=issuer["key"])
    path = f"/vault/keys/{key['id']}/revoke"
    status, problem = await side.ask("POST", path, key=other["key"])
    assert (status, problem["error"]) == (404, "not_found")
    status, problem = await side.ask("POST", path, {"cancel_open_intents": True}, key=issuer["key"])
    assert (status, problem["error"]) == (403, "admin_forbidden")
    status, _ = await side.ask("POST", path, key=issuer["key"])
    assert status == 200


async def test_open_intents_are_cancelled_when_asked_also_of_keys_revoked_before(
    side: Side,
) -> None:
    key = await side.key()
    path = f"/vault/keys/{key['id']}/revoke"
    await side.ask("POST", path)
    _, answer = await side.ask("POST", path, {"cancel_open_intents": True})
    assert answer["canceled"] == [{"object_id": "pi_1", "status": "canceled"}]
    assert side.canceller.asked == [key["id"]]


@pytest.mark.parametrize("body", [{"label": "scn/1"}, {"prefix": "scn/"}])
async def test_a_run_is_revoked_by_label_or_prefix(side: Side, body: dict[str, str]) -> None:
    one, two = await side.key(agent_run_label="scn/1"), await side.key(agent_run_label="other/1")
    fly(side, one["id"])
    wish = {**body, "in_flight": "abort", "cancel_open_intents": True}
    _, answer = await side.ask("POST", "/vault/runs/revoke", wish)
    assert (answer["revoked"], answer["aborted"]) == (1, 1)
    assert side.canceller.asked == [one["id"]]
    _, shown = await side.ask("GET", f"/vault/keys/{two['id']}")
    assert shown["status"] == "active"


@pytest.mark.parametrize("body", [{}, {"label": "a", "prefix": "a"}, {"label": ""}])
async def test_a_run_revoke_names_one_thing(side: Side, body: dict[str, str]) -> None:
    status, problem = await side.ask("POST", "/vault/runs/revoke", body)
    assert (status, problem["errors"][0]["field"]) == (400, "label")


async def test_an_issuer_cannot_reopen_a_run_and_the_admin_can(side: Side) -> None:
    issuer = await side.issuer()
    await side.ask("POST", "/vault/runs/revoke", {"label": BODY["agent_run_label"]})
    status, problem = await side.ask("POST", "/vault/keys", BODY, key=issuer["key"])
    assert (status, problem["error"], problem["rule"]) == (403, "policy_refused", "run_revoked")
    await side.key()
    status, _ = await side.ask("POST", "/vault/keys", BODY, key=issuer["key"])
    assert status == 201


async def test_a_run_is_resumed_by_its_label(side: Side) -> None:
    await side.ask("POST", "/vault/runs/revoke", {"prefix": "scn/"})
    assert side.registry.runs.revoked("scn/1")
    await side.ask("POST", "/vault/resume", {"label": "scn/1"})
    assert not side.registry.runs.revoked("scn/1")
    assert side.registry.runs.revoked("scn/2")
    status, _ = await side.ask("POST", "/vault/resume", {"label": "scn/1", "all": True})
    assert status == 400


async def test_a_whole_scenario_is_resumed_by_its_prefix(side: Side) -> None:
    for body in ({"prefix": "scn/"}, {"prefix": "scn/a"}, {"label": "scn/1"}, {"label": "other/1"}):
        await side.ask("POST", "/vault/runs/revoke", body)
    status, answer = await side.ask("POST", "/vault/resume", {"prefix": "scn/a"})
    assert (status, answer["errors"][0]["field"]) == (400, "prefix")
    status, _ = await side.ask("POST", "/vault/resume", {"prefix": "scn/", "label": "x"})
    assert status == 400
    await side.ask("POST", "/vault/resume", {"prefix": "scn/"})
    side.restart()
    revoked = side.registry.runs.revoked
    assert [revoked(it) for it in ("scn/1", "scn/ab", "other/1")] == [False, False, True]


@pytest.mark.parametrize(
    ("body", "bar", "hit"),
    [
        ({"all": True}, {"all": True}, {"a", "b", "c"}),
        ({"vendor": "stripe"}, {"vendor": "stripe"}, {"a", "b"}),
        ({"account": "acme"}, {"account": "acme"}, {"b"}),
        (
            {"vendor": "stripe", "account": "acme"},
            {"vendor": "stripe", "account": "acme"},
            {"b"},
        ),
    ],
)
async def test_a_vendor_an_account_or_everything_is_stopped_until_resumed(
    side: Side, body: dict[str, Any], bar: dict[str, Any], hit: set[str]
) -> None:
    wishes: dict[str, dict[str, Any]] = {
        "a": {},
        "b": {"account": "acme"},
        "c": {"vendor": "twilio"},
    }
    made = {name: await side.key(**wish) for name, wish in wishes.items()}
    _, answer = await side.ask("POST", "/vault/revoke", body)
    assert set(answer["keys"]) == {made[name]["id"] for name in hit}
    assert answer["barred"] == [bar]
    side.restart()
    for name, wish in wishes.items():
        status, problem = await side.ask("POST", "/vault/keys", {**BODY, **wish})
        assert (status, problem.get("rule")) == ((403, "barred") if name in hit else (201, None))
    _, answer = await side.ask("POST", "/vault/resume", body)
    assert answer["barred"] == []
    for wish in wishes.values():
        await side.key(**wish)


async def test_resuming_a_part_does_not_resume_the_whole(side: Side) -> None:
    await side.ask("POST", "/vault/revoke", {"all": True})
    _, answer = await side.ask("POST", "/vault/resume", {"vendor": "stripe"})
    assert answer["barred"] == [{"all": True}]
    await side.ask("POST", "/vault/revoke", {"vendor": "stripe"})
    _, answer = await side.ask("POST", "/vault/resume", {"all": True})
    assert answer["barred"] == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"all": False},
        {"all": True, "vendor": "stripe"},
        {"vendor": "resend"},
        {"account": "x"},
        {"vendor": "twilio", "account": "acme"},
        {"in_flight": "kill", "all": True},
    ],
)
async def test_what_is_to_be_stopped_is_named(side: Side, body: dict[str, Any]) -> None:
    status, _ = await side.ask("POST", "/vault/revoke", body)
    assert status == 400
    assert not side.registry.bars


@pytest.mark.parametrize("keep", [False, True])
async def test_an_issuers_keys_go_with_it_unless_kept(side: Side, keep: bool) -> None:
    issuer = await side.issuer()
    _, key = await side.ask("POST", "/vault/keys", BODY, key=issuer["key"])
    wish = {"keys": "keep"} if keep else {"cancel_open_intents": True}
    _, answer = await side.ask("POST", f"/vault/issuers/{issuer['id']}/revoke", wish)
    assert answer["revoked"] == (0 if keep else 1)
    _, shown = await side.ask("GET", f"/vault/keys/{key['id']}")
    assert shown["status"] == ("active" if keep else "revoked")
    _, shown = await side.ask("GET", f"/vault/issuers/{issuer['id']}")
    assert shown["status"] == "revoked"


async def test_the_longest_label_that_a_call_can_have_is_revoked(side: Side) -> None:
    label = f"{'k' * 200}/{'r' * 100}"
    assert len(label) == LABEL_CHARS_MAX
    for method, path in (("runs/revoke", {"label": label}), ("resume", {"label": label})):
        status, answer = await side.ask("POST", f"/vault/{method}", path)
        assert status == 200, answer
