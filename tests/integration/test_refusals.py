"""Every way in which callers are told no, provoked over a socket: shape, facts, headers, and what
it leaves behind.

Each code has a scene that provokes it. The gateway is a real process with four faults planted in
it, since from outside nobody can fill a disk, wait 30 s for a first call, own a second vendor or
find a bug on request; each is asleep until a scene wakes it. Whatever the code: the flat shape for
Make and curl and Stripe's own for its SDKs, one Keybrake-Call-Id, Retry-After only where waiting
helps, the books as they were, nothing at the vendor, and a connection that either goes on or ends.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest

from bench.sandbox.launch import Sandbox
from gateway import errors
from tests.house import ROOT, Answer, Gateway, OnThisPython
from tests.refusal_scenes import CONNECTIONS_MAX, PLANTED, SCENES, Row, Scene
from tests.speaker import Speaker

TYPES: Final = {401: "authentication_error", 409: "idempotency_error", 429: "rate_limit_error"}


def codes_of(kind: type[errors.Refusal]) -> set[str]:
    """The codes of all refusals below this one, the admin side's own left out."""
    below = [k for k in kind.__subclasses__() if k is not errors.AdminRefusal]
    return {kind.code}.union(*map(codes_of, below))


@pytest.fixture(scope="module")
def planted(
    sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("planted")
    (directory / "sitecustomize.py").write_text(PLANTED)
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        with OnThisPython.start(
            directory,
            sandbox_process.base_url,
            server=f"connections_max = {CONNECTIONS_MAX}\nhead_timeout_s = 0.5",
            stripe=f'first_byte_timeout_s = 4\nhosts = {{files = "http://127.0.0.1:{port}"}}',
            more=f'[vendors.acme]\nbase_url = "{sandbox_process.base_url}"\n'
            '[vendors.acme.accounts.default]\nsecret = "env:STRIPE_SECRET_KEY"\n',
            env={"PYTHONPATH": f"{directory}{os.pathsep}{ROOT}"},
        ) as running:
            yield running


@pytest.mark.parametrize("sdk", [False, True], ids=["flat", "sdk"])
@pytest.mark.parametrize("code", SCENES)
def test_a_no(planted: Gateway, vendor: Sandbox, code: str, sdk: bool) -> None:
    row = SCENES[code]
    with ExitStack() as last, Speaker(planted, sdk=sdk) as caller:
        scene = Scene(planted, vendor, caller, last)
        answer = row.scene(scene)
        shape = check_stripe_shape if sdk and not row.plain else check_flat_shape
        shape(answer, code, scene.facts)
        check_headers(answer, code, row)
        if scene.key is not None:
            check_books(scene, answer, code)
        assert vendor.stats()["requests"] == scene.reached
        assert caller.goes_on() is not row.closes


def check_flat_shape(answer: Answer, code: str, facts: dict[str, Any]) -> None:
    told = answer.json()
    assert told["error"] == code, answer
    if answer.headers["content-type"] == "application/json":
        assert told["call_id"] == answer.headers["keybrake-call-id"]
        assert len(told["message"]) > 10
    else:  # the admin side's shape
        assert (told["status"], len(told["detail"]) > 10) == (answer.status, True)
    assert told | facts == told


def check_stripe_shape(answer: Answer, code: str, facts: dict[str, Any]) -> None:
    told = answer.json()
    error = told["error"]
    assert error["code"] == code, answer
    fallback = "api_error" if answer.status >= 500 else "invalid_request_error"
    assert error["type"] == TYPES.get(answer.status, fallback)
    assert len(error["message"]) > 10
    assert error["call_id"] == answer.headers["keybrake-call-id"] == answer.headers["request-id"]
    assert error | facts == error
    if "field" in facts:
        assert error["param"] == facts["field"]


def check_headers(answer: Answer, code: str, row: Row) -> None:
    assert answer.status == row.status
    if "request-id" in answer.headers or code != "route_unknown":
        assert answer.headers.get("stripe-should-retry") == row.retry
    assert ("retry-after" in answer.headers) is (code == "rate_limited")
    if code != "method_not_allowed":
        assert answer.headers["keybrake-call-id"].startswith("call_")
    assert (answer.headers.get("connection") == "close") is row.closes


def check_books(scene: Scene, answer: Answer, code: str) -> None:
    """Not a cent was counted that was not before, and the audit log has the call."""
    assert scene.key is not None
    after = scene.gateway.record(scene.key)
    moved = {name for name, value in after.items() if value != scene.before[name]}
    assert moved <= {"last_used_at", "status", "revoked_at", "in_flight", "calls_today"}
    if code == "vendor_mismatch":
        return  # not this vendor's call: a counter, and no row
    told = scene.gateway.ask(f"/vault/calls/{answer.headers['keybrake-call-id']}")
    assert (told["code"], told["status"]) == (code, answer.status)
    if scene.facts.get("in_doubt") or code == "internal":
        assert (told["state"], told["cost_usd"]) == ("in_doubt", "12.00")
    else:
        assert (told["decision"], told["cost_usd"]) == ("refused", "0.00")


def test_every_code_of_the_callers_side_is_provoked() -> None:
    assert set(SCENES) == codes_of(errors.Refusal)


@pytest.mark.parametrize("sdk", [False, True], ids=["flat", "sdk"])
def test_guesses_are_slowed_and_valid_keys_are_not(
    vendor: Sandbox, gateway: Gateway, sdk: bool
) -> None:
    """Unknown keys beyond 20 a minute; a valid key from the same address is never refused."""
    key = gateway.make_key()
    with Speaker(gateway, sdk=sdk) as caller:
        answers = [
            caller.call(f"vault_key_{n:036}", "GET", "/v1/customers").error for n in range(41)
        ]
        assert set(answers[:20]) == {"key_unknown"}
        assert "rate_limited" in answers, "the last may be in another minute"
        assert caller.call(key, "GET", "/v1/customers").status == 200
