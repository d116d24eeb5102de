"""A real key in a caller's hand: the caller learns nothing, the operator hears of it."""

from __future__ import annotations

import base64
import logging
from dataclasses import replace

import pytest

from gateway.call.leaks import secrets_in
from gateway.call.proxy import Proxy
from gateway.settings import AccountSettings, Secret
from gateway.vault.secrets import Kind, digest, mint
from tests.calls import SECRET, Calls, Seen

ADMIN = "kb_admin_of_this_test_0123456789"


async def ask(calls: Calls, secret: str) -> Seen:
    calls.clock.advance(60)  # a minute later: nobody has guessed too often
    return await calls.ask(calls.request(secret, "GET", "/stripe/v1/x"))


def counted(calls: Calls, vendor: str, account: str) -> int:
    """As a scraper reads it."""
    page = calls.doors.metrics.render().decode()
    labels = f'{{vendor="{vendor}",account="{account}"}} '
    return int(page.partition(f"keybrake_real_keys_seen_total{labels}")[2].partition("\n")[0])


async def test_all_that_is_no_vault_key_is_told_the_same(calls: Calls) -> None:
    """Whoever guesses does not learn how near it was."""
    living = (await calls.key()).secret
    near = living[:-7] + ("0" if living[-7] != "0" else "1") + living[-6:]
    guesses = (SECRET, mint(Kind.VAULT), near, "vault_key_short", "x", mint(Kind.ADMIN))
    seen = [await ask(calls, guess) for guess in guesses]
    assert {(s.status, s.code, s.json["message"]) for s in seen} == {
        (401, "key_unknown", seen[0].json["message"])
    }
    assert len({tuple(sorted(s.json)) for s in seen}) == 1
    assert len({tuple(sorted(s.headers)) for s in seen}) == 1


async def test_a_real_key_in_a_callers_hand_is_told_once_a_minute(
    calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    assert counted(calls, "stripe", "default") == 0, "it is there from the start"
    for _ in range(2):
        request = calls.request(SECRET, "GET", "/stripe/v1/x")
        assert [(await calls.ask(request)).status for _ in range(2)] == [401, 401]
        calls.clock.advance(60)
    told = [record for record in caplog.records if record.levelno == logging.WARNING]
    facts = [[r.__dict__[name] for name in ("vendor", "account", "peer")] for r in told]
    assert facts == [["stripe", "default", "192.0.2.1"]] * 2
    assert counted(calls, "stripe", "default") == 4
    assert SECRET not in caplog.text


async def test_the_admin_key_is_known_by_its_hash(
    calls: Calls, caplog: pytest.LogCaptureFixture
) -> None:
    calls.proxy = Proxy(calls.doors, digest(ADMIN))
    assert (await ask(calls, ADMIN)).code == "key_unknown"
    assert counted(calls, "keybrake", "admin") == 1
    assert ADMIN not in caplog.text


async def test_other_secrets_come_with_other_settings(calls: Calls) -> None:
    stripe = calls.doors.settings.vendors["stripe"]
    acme = AccountSettings("acme", Secret("sk_test_of_acme"))
    vendors = {"stripe": replace(stripe, accounts={"acme": acme})}
    calls.doors.settings = replace(calls.doors.settings, vendors=vendors)
    calls.proxy.renew()
    assert (await ask(calls, "sk_test_of_acme")).status == 401
    assert counted(calls, "stripe", "acme") == 1


@pytest.mark.parametrize(
    ("header", "secrets"),
    [
        (b"Bearer sk_1", (b"sk_1",)),
        (b"Basic " + base64.b64encode(b"sk_1:"), (b"sk_1", b"")),
        (b"basic " + base64.b64encode(b"AC1:token"), (b"AC1", b"token")),
        (b"Basic sk_1", (b"sk_1",)),
        (b"", (b"",)),
    ],
)
def test_a_secret_may_stand_in_several_places(header: bytes, secrets: tuple[bytes, ...]) -> None:
    assert secrets_in(header) == secrets
