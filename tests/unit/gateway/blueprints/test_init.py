"""Every blueprint is what Make takes and what we ask of it, and the checker that says so can say
no."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

import gateway.blueprints
from gateway.blueprints import catalogue
from tests.make_rules import OPERATORS, broken, every
from tests.make_run import passes

FOLDER: Final = Path(gateway.blueprints.__file__).parent
NAMES: Final = [blueprint.name for blueprint in catalogue()]


def read(name: str) -> Any:
    return orjson.loads((FOLDER / f"{name}.json").read_bytes())


def calls(tree: Any) -> list[Any]:
    return [module for module in every(tree["flow"]) if module["module"] == "http:MakeRequest"]


def test_the_catalogue_is_the_folder() -> None:
    assert sorted(NAMES) == sorted(path.stem for path in FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", NAMES)
def test_make_takes_it(name: str) -> None:
    assert broken(read(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_refusal_is_an_answer_and_no_error(name: str) -> None:
    """But in the one that shows error routes. No call follows a redirect with its key."""
    flags = {module["mapper"]["stopOnHttpError"] for module in calls(read(name))}
    assert flags == {name == "error_route"}
    assert not any(module["mapper"]["allowRedirects"] for module in calls(read(name)))


@pytest.mark.parametrize("name", [it.name for it in catalogue() if it.vendors])
def test_a_call_to_a_vendor_has_a_key_that_a_second_run_has_too(name: str) -> None:
    """An Idempotency-Key from the order; one made of the run would be another one each time."""
    for module in calls(read(name)):
        if "/vault/" in module["mapper"]["url"]:
            continue
        headers = {row["name"]: row["value"] for row in module["mapper"]["headers"]}
        assert "{{1.order_number}}" in headers["Idempotency-Key"]
        assert headers["Keybrake-Run"] == "{{var.scenario.executionId}}"


def test_there_are_as_many_operators_as_in_makes_library() -> None:
    assert len(OPERATORS) == 56


BODIES: Final[list[dict[str, Any]]] = [
    {"status": "succeeded", "id": "pi_1"},
    {"status": "requires_action", "id": "pi_1"},
    {"error": "daily_cap_exceeded", "call_id": "call_1"},
    {"error": "rate_limited", "call_id": "call_1"},
    {"error": "policy_refused", "call_id": "call_1"},
    {"error": "idempotency_conflict", "call_id": "call_1"},
    {"error": "idempotency_in_progress", "call_id": "call_1"},
    {"error": {"message": "Rate limit exceeded", "type": "rate_limit_error"}},
    {"code": 20429, "message": "Too many requests"},
    {},
]
ROUTED: Final = ("per_scenario_key", "per_run_key", "sms_with_message_cap", "mail_with_cap")


@pytest.mark.parametrize("name", ROUTED)
def test_an_answer_takes_one_route_whatever_it_is(name: str) -> None:
    last = [it for it in every(read(name)["flow"]) if it["module"] == "builtin:BasicRouter"][-1]
    firsts = [route["flow"][0] for route in last["routes"]]
    filters = [first["filter"] for first in firsts if "filter" in first]
    assert len(filters) == 5
    number = re.findall(r"\d+", filters[0]["conditions"][0][0]["a"])[0]
    for status, body in itertools.product((*range(200, 210), *range(400, 505)), BODIES):
        bundle = {number: {"statusCode": status, "data": body}}
        assert sum(passes(rule, bundle) for rule in filters) == 1, (status, body)


# ── the checker can say no ──────────────────────────────────────────────────────────────────────

Spoil = Callable[[Any], object]


def charge(tree: Any) -> Any:
    return tree["flow"][2]


def router(tree: Any) -> Any:
    return tree["flow"][3]


def second_route(tree: Any) -> Any:
    return router(tree)["routes"][1]["flow"][0]


def first_filter(tree: Any) -> Any:
    return router(tree)["routes"][0]["flow"][0]["filter"]


SPOILT: Final[list[tuple[str, Spoil]]] = [
    ("has a name", lambda it: it.update(name="")),
    ("no sequential", lambda it: it["metadata"]["scenario"].pop("sequential")),
    ("ids are unique", lambda it: charge(it).update(id=2)),
    ("ids are unique", lambda it: router(it).update(id=99)),
    ("no mapper", lambda it: router(it).pop("mapper")),
    ("no version", lambda it: charge(it).pop("version")),
    ("what is note?", lambda it: charge(it).update(note="hello")),
    ("version 3 is unknown", lambda it: charge(it).update(version=3)),
    ("has no place", lambda it: charge(it)["metadata"].pop("designer")),
    ("somebody's own", lambda it: it["flow"][1]["parameters"].update(__IMTCONN__=7)),
    ("somebody's own", lambda it: charge(it)["parameters"].update(apiKeyKeychain=7)),
    ("somebody's own", lambda it: it["flow"][0]["parameters"].update(hook=7)),
    ("no field qs", lambda it: charge(it)["mapper"].update(qs=[])),
    ("parseResponse is required", lambda it: charge(it)["mapper"].pop("parseResponse")),
    ("no authenticationType", lambda it: charge(it)["parameters"].clear()),
    ("small letters", lambda it: charge(it)["mapper"].update(method="POST")),
    ("1 to 300", lambda it: charge(it)["mapper"].update(timeout=301)),
    ("disagree", lambda it: charge(it)["mapper"].update(contentType="json")),
    ("a name and a value", lambda it: charge(it)["mapper"]["headers"][0].update(key="x")),
    ("nothing follows a router", lambda it: it["flow"].append({**it["flow"][0], "id": 50})),
    ("maps nothing", lambda it: router(it).update(mapper={})),
    ("a router has routes", lambda it: router(it).update(routes=[])),
    ("a route is a flow", lambda it: router(it)["routes"][0].update(filter={})),
    ("only a router", lambda it: charge(it).update(routes=[{"flow": []}])),
    ("a filter has", lambda it: first_filter(it).pop("name")),
    ("no condition", lambda it: first_filter(it)["conditions"][0][0].update(o="number:is")),
    ("no condition", lambda it: first_filter(it)["conditions"][0][0].update(o="exist")),
    ("braces", lambda it: charge(it)["mapper"].update(url="{{1.x")),
    ("is not known here", lambda it: charge(it)["mapper"].update(url="{{3.data.id}}")),
    ("is not known here", lambda it: charge(it)["mapper"].update(url="{{encodeURL(9.x)}}")),
    ("is not known here", lambda it: second_route(it)["mapper"].update(value="{{5.a}}")),
    ("no function toJSON", lambda it: charge(it)["mapper"].update(url="{{toJSON(1.x)}}")),
    ("executionId is no variable", lambda it: charge(it)["mapper"].update(url="{{executionId}}")),
    ("a secret", lambda it: charge(it)["mapper"].update(url="https://x/?k=vault_key_abc")),
    ("a secret", lambda it: it.update(name="kb_issuer_abc")),
    ("too large", lambda it: it.update(name="x" * 100_000)),
]  # fmt: skip


@pytest.mark.parametrize(("told", "spoil"), SPOILT, ids=[told for told, _ in SPOILT])
def test_the_checker_can_say_no(told: str, spoil: Spoil) -> None:
    tree = read("per_scenario_key")
    spoil(tree)
    assert any(told in line for line in broken(tree)), broken(tree)


def test_an_error_route_has_rules_of_its_own() -> None:
    tree = read("error_route")
    handlers = tree["flow"][1]["onerror"][0]["routes"]
    tree["metadata"]["scenario"]["dlq"] = False
    handlers[0]["flow"].reverse()
    handlers[1]["flow"][0]["mapper"] = {"statusCode": "{{2.statusCode}}"}
    told = " ".join(broken(tree))
    assert "Break needs scenario.dlq" in told
    assert "a directive ends an error route" in told
    assert "{{2.statusCode}} is not known here" in told, "it failed: there is an error, no answer"


def test_an_ais_text_stays_out_of_a_body_of_json() -> None:
    tree = read("mail_with_cap")
    mapper = tree["flow"][4]["mapper"]
    mapper["jsonStringBodyContent"] = '{"text": "{{2.result}}"}'
    assert any("can break out" in line for line in broken(tree))
