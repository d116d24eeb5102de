"""What the head alone decides: who calls, alive, where to, allowed, minting, accounts, pace."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import cast

import pytest

from gateway.call.admission import bearers
from gateway.call.proxy import Proxy
from gateway.upstream.upstreams import Upstreams
from gateway.vault.allowlist import Allowlist
from gateway.vault.secrets import Kind, mint
from gateway.vault.terms import Mode
from tests.calls import (
    Calls,
    Holder,
    PretendUpstream,
    PretendUpstreams,
    Script,
    Seen,
    SentBody,
)

KEY = mint(Kind.VAULT).encode()


def basic(text: bytes) -> bytes:
    return b"Basic " + base64.b64encode(text)


@pytest.mark.parametrize(
    ("header", "secrets"),
    [
        (b"Bearer " + KEY, (KEY,)),
        (b"bearer " + KEY, (KEY,)),
        (basic(KEY + b":"), (KEY,)),
        (basic(b"AC1:" + KEY), (b"AC1", KEY)),
        (basic(b"user:pass"), (b"user",)),
        (b"Basic " + KEY, (KEY,)),
        (b"Basic ???", ()),
        (b"Digest " + KEY, ()),
        (b"", ()),
    ],
)
def test_an_authorization_header_is_read_in_every_way_it_can_mean(
    header: bytes, secrets: tuple[bytes, ...]
) -> None:
    assert bearers(header) == secrets


async def refused(calls: Calls, target: str, secret: str = "") -> Seen:
    return await calls.ask(calls.request(secret, "GET", target))


async def test_who_calls(calls: Calls) -> None:
    key = await calls.key()
    assert (await refused(calls, "/stripe/v1/x")).code == "key_missing"
    assert (await refused(calls, "/stripe/v1/x", mint(Kind.VAULT))).code == "key_unknown"
    named = f"/stripe/v1/x?api_key={key.secret}"
    seen = await refused(calls, named, key.secret)
    assert (seen.status, seen.code) == (400, "request_malformed")
    looks_like_one = await refused(calls, "/stripe/v1/x?a=vault_key_short", key.secret)
    assert looks_like_one.status == 404, "the vendor's"
    assert not calls.history.rows[:-1], "without a key there is no row"


async def test_guessing_is_slow_and_a_good_key_is_never_refused_for_it(calls: Calls) -> None:
    key = await calls.key()
    codes = [(await refused(calls, "/stripe/v1/x", "guess")).code for _ in range(4)]
    assert codes == ["key_unknown"] * 3 + ["rate_limited"]
    assert (await refused(calls, "/stripe/v1/x", key.secret)).status == 404


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/stripe/v1//x", "endpoint_not_allowed"),
        ("/v1%2fx", "endpoint_not_allowed"),
        ("/nowhere;x", "endpoint_not_allowed"),
        ("/stripe/v1/./x", "endpoint_not_allowed"),
        ("/nowhere", "route_unknown"),
        ("/stripe/v1/account_links", "endpoint_not_allowed"),
    ],
)
async def test_where_to(calls: Calls, target: str, code: str) -> None:
    key = await calls.key(allowed=Allowlist.parse(["GET /v1/x"]))
    seen = await refused(calls, target, key.secret)
    assert seen.code == code


async def test_what_is_allowed_is_told(calls: Calls) -> None:
    key = await calls.key(allowed=Allowlist.parse(["GET /v1/x", "POST /files/v1/files"]))
    seen = await calls.call(key, "POST", "/v1/x")
    assert seen.json["allowed_endpoints"] == ["GET /v1/x", "POST /files/v1/files"]
    assert (calls.row.decision, calls.row.code) == ("refused", "endpoint_not_allowed")


async def test_another_host_of_the_vendor_is_allowed_by_its_name(calls: Calls) -> None:
    key = await calls.key(allowed=Allowlist.parse(["GET /files/v1/x"]))
    assert (await calls.call(key, "GET", "/v1/x")).code == "endpoint_not_allowed"
    assert (await calls.call(key, "GET", "/files/v1/x")).status == 404


async def test_a_key_of_another_vendor_goes_nowhere_here(calls: Calls) -> None:
    key = await calls.key(vendor="twilio")
    by_prefix = await refused(calls, "/stripe/v1/x", key.secret)
    bare = await refused(calls, "/v1/x", key.secret)
    assert (by_prefix.code, by_prefix.json["vendor"]) == ("vendor_mismatch", "stripe")
    assert (bare.code, bare.json["vendors"]) == ("vendor_mismatch", ["stripe"])


async def test_bare_paths_and_hosts_lead_to_the_keys_vendor(calls: Calls) -> None:
    key = await calls.key()
    assert (await refused(calls, "/v1/x", key.secret)).status == 404
    request = calls.request(key.secret, "GET", "/v1/x", host="stripe.gw")
    assert (await calls.ask(request)).status == 404


async def test_minting_needs_to_be_named(calls: Calls) -> None:
    key = await calls.key()
    seen = await calls.call(key, "POST", "/v1/ephemeral_keys", {"customer": "cus_1"})
    assert (seen.code, seen.json["rule"]) == ("policy_refused", "mint_endpoints")
    other = await calls.key(mint_endpoints=Allowlist.parse(["POST /v1/account_links"]))
    assert (await calls.call(other, "POST", "/v1/ephemeral_keys")).code == "policy_refused"
    named = await calls.key(mint_endpoints=Allowlist.parse(["POST /v1/ephemeral_keys"]))
    calls.upstream.vendor = lambda order: (200, {"id": "ephkey_1"}, ())
    assert (await calls.call(named, "POST", "/v1/ephemeral_keys", {"a": "b"})).status == 200


async def test_acting_for_an_account_needs_to_be_listed(calls: Calls) -> None:
    key = await calls.key(vendor_accounts=frozenset({"acct_1"}))
    seen = await calls.call(key, "GET", "/v1/x", stripe_account="acct_2")
    assert (seen.code, seen.json["rule"]) == ("policy_refused", "account")
    assert (await calls.call(key, "GET", "/v1/x", stripe_account="acct_1")).status == 404


async def test_a_vault_key_has_no_business_in_what_the_vendor_gets(calls: Calls) -> None:
    key = await calls.key()
    seen = await calls.call(key, "GET", "/v1/x", user_agent=f"me {key.secret}")
    assert (seen.status, seen.code) == (400, "request_malformed")
    seen = await calls.call(key, "POST", "/v1/charges", {"description": key.secret})
    assert (seen.status, seen.code) == (400, "request_malformed")
    seen = await calls.call(key, "GET", "/v1/x", user_agent="vault_key_of_mine")
    assert seen.status == 404, "what only looks like one passes"


async def paced(calls: Calls, key: Holder) -> list[Seen]:
    return [await calls.call(key, "GET", "/v1/x") for _ in range(2)]


async def test_the_keys_own_pace(calls: Calls) -> None:
    seen = await paced(calls, await calls.key(rate_per_minute=1))
    assert [one.status for one in seen] == [404, 429]
    assert (seen[1].json["limit"], seen[1].headers["retry-after"]) == (1, "60")
    seen = await paced(calls, await calls.key(concurrency_max=0))
    assert [one.code for one in seen] == ["rate_limited"] * 2


async def test_in_shadow_mode_pace_is_only_told(calls: Calls) -> None:
    seen = await paced(calls, await calls.key(rate_per_minute=1, mode=Mode.SHADOW))
    assert [one.status for one in seen] == [404, 404]
    assert seen[1].headers["keybrake-would-refuse"] == "rate_limited"
    assert calls.row.would_refuse == "rate_limited"


async def test_a_revoked_or_expired_key_is_told_so(calls: Calls) -> None:
    key, old = await calls.key(), await calls.key(expires_at_us=calls.clock.now_us() + 10_000_000)
    await calls.registry.revoke([key.key], abort=False)
    calls.clock.advance(11)
    assert (await calls.call(key, "GET", "/v1/x")).code == "key_revoked"
    assert (await calls.call(old, "GET", "/v1/x")).code == "key_expired"


@pytest.mark.parametrize("header", ["Bearer", "Basic", ""])
async def test_a_scheme_without_a_key_is_no_key(calls: Calls, header: str) -> None:
    """What `-H "Authorization: Bearer $UNSET"` sends."""
    request = calls.request("", "GET", "/stripe/v1/x", authorization=header)
    assert (await calls.ask(request)).code == "key_missing"


async def test_a_key_made_on_the_sandbox_never_works_on_real_credentials(calls: Calls) -> None:
    key = await calls.key(sandbox=True)
    seen = await refused(calls, "/stripe/v1/customers/cus_1", key.secret)
    assert (seen.status, seen.code, seen.json["rule"]) == (403, "policy_refused", "sandbox")


@pytest.mark.parametrize(
    ("method", "body", "status"),
    [("GET", b"{}", 200), ("GET", b"[]", 400), ("DELETE", b"{}", 200), ("DELETE", b"a=", 400)],
)
async def test_the_empty_object_that_sdks_send_with_a_read_is_dropped(
    calls: Calls, method: str, body: bytes, status: int
) -> None:
    key = await calls.key()
    vendor = calls.upstream.vendor = Script((200, {}))
    seen = await calls.call(key, method, "/v1/customers/cus_1", body=SentBody(body))
    assert seen.status == status
    assert [order.body for order in vendor.orders] == ([b""] if status == 200 else [])


async def test_an_account_that_was_taken_out_of_the_settings_is_told(calls: Calls) -> None:
    key = await calls.key(account="gone")
    calls.upstream.vendor = Script((200, {}))

    class Without(PretendUpstreams):
        def account(self, vendor: str, account: str) -> PretendUpstream:
            raise KeyError(account)

    without = cast("Upstreams", Without(calls.upstream))
    calls.proxy = Proxy(replace(calls.doors, upstreams=without))
    seen = await calls.call(key, "GET", "/v1/customers/cus_1")
    assert (seen.status, seen.code) == (403, "vendor_mismatch")
    assert "gone of stripe is not set up here" in seen.json["message"]
