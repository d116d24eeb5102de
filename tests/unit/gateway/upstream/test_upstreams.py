"""All accounts: each by its name, one timer for their deadlines, other settings under way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.settings import AccountSettings, Secret, VendorSettings
from gateway.upstream.pool import NotSent, OutcomeUnknown, Watch
from gateway.upstream.upstreams import Upstreams
from tests.vendor_double import (
    KNOWN,
    OK,
    SECRET,
    all_of,
    answering,
    post,
    silent,
    turns,
    until,
    upstream_to,
    vendor_double,
)
from vendors.contract import Lookup


async def test_each_account_has_its_own() -> None:
    accounts = {name: AccountSettings(name, Secret(f"sk_test_{name}")) for name in ("a", "b")}
    settings = VendorSettings("double", "https://api.double.example", accounts=accounts)
    upstreams = Upstreams({"double": settings}, asyncio.get_running_loop(), KNOWN)
    assert upstreams.account("double", "a").authorization == b"Bearer sk_test_a"
    assert upstreams.account("double", "b").authorization == b"Bearer sk_test_b"
    assert list(upstreams.accounts) == [("double", "a"), ("double", "b")]
    with pytest.raises(KeyError):
        upstreams.account("double", "c")
    await upstreams.close()


async def test_the_timer_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.upstream.upstreams.SWEEP_S", 0.001)
    async with (
        vendor_double(silent) as double,
        upstream_to(double.url, first_byte_timeout_s=0.0) as upstream,
    ):
        with pytest.raises(OutcomeUnknown):
            await upstream.send(post(), Watch())


async def test_a_loop_that_was_held_up_reads_before_it_calls_an_answer_late() -> None:
    account = AccountSettings("default", Secret(SECRET))
    loop = asyncio.get_running_loop()
    async with vendor_double(silent) as double:
        settings = VendorSettings("double", double.url, accounts={"default": account})
        upstreams = Upstreams({"double": replace(settings, first_byte_timeout_s=0.0)}, loop, KNOWN)
        watch = Watch()
        call = upstreams.account("double", "default").send(post(), watch)
        task = asyncio.ensure_future(call)
        await until(lambda: watch.left)
        upstreams._tick()
        await turns()
        assert not task.done()
        await until(lambda: loop.time() > upstreams._looked_s)
        upstreams._tick()
        upstreams._tick()
        with pytest.raises(OutcomeUnknown):
            await task
        await upstreams.close()


async def test_closing_ends_what_is_under_way() -> None:
    account = AccountSettings("default", Secret(SECRET))
    async with vendor_double(silent) as double:
        settings = VendorSettings("double", double.url, accounts={"default": account})
        secure = replace(settings, name="secure", base_url=f"https://127.0.0.1:{double.port}")
        known = {"double": KNOWN["double"], "secure": KNOWN["double"]}
        loop = asyncio.get_running_loop()
        upstreams = Upstreams({"double": settings, "secure": secure}, loop, known)
        upstream = upstreams.account("double", "default")
        watch = Watch()
        sending = asyncio.ensure_future(upstream.send(post(), watch))
        connecting = upstreams.account("secure", "default").send(post(), Watch())
        shaking = asyncio.ensure_future(connecting)
        await until(lambda: watch.left and double.connections == 2)
        await upstreams.close()
        with pytest.raises(OutcomeUnknown, match="closing"):
            await sending
        with pytest.raises(NotSent):
            await shaking
        with pytest.raises(NotSent, match="closing"):
            await upstream.send(post(), Watch())
        assert upstream.connections == upstream.in_flight == 0
        await turns()


async def test_what_ends_after_closing_is_not_kept() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlast"
    account = AccountSettings("default", Secret(SECRET))
    async with vendor_double(answering(raw)) as double:
        settings = VendorSettings("double", double.url, accounts={"default": account})
        upstreams = Upstreams({"double": settings}, asyncio.get_running_loop(), KNOWN)
        upstream = upstreams.account("double", "default")
        reply = await upstream.send(post(whole=0), Watch())
        await upstreams.close()
        assert await all_of(reply.chunks()) == b"last"  # it had come
        assert upstream.connections == 0


# Other settings while calls are under way.

READ = Lookup("/v1/balance", "")


def settings_at(url: str, *secrets: str, **limits: Any) -> dict[str, VendorSettings]:
    accounts = {f"a{n}": AccountSettings(f"a{n}", Secret(one)) for n, one in enumerate(secrets)}
    return {"double": replace(VendorSettings("double", url, accounts=accounts), **limits)}


async def test_only_what_changed_is_made_again() -> None:
    async with vendor_double(answering(OK)) as double:
        loop = asyncio.get_running_loop()
        upstreams = Upstreams(settings_at(double.url, "sk_test_a", "sk_test_b"), loop, KNOWN)
        a, b = upstreams.accounts.values()
        await a.look(READ)
        await b.look(READ)
        prepared = upstreams.prepared(settings_at(double.url, "sk_test_a", "sk_test_z"), KNOWN)
        assert upstreams.account("double", "a1") is b, "nothing has changed yet"
        upstreams.renew(prepared)
        new = upstreams.account("double", "a1")
        assert upstreams.account("double", "a0") is a
        assert (a.idle, b.idle, b.connections) == (1, 0, 0)
        assert new.authorization == b"Bearer sk_test_z"
        assert new.counts is b.counts, "numbers go on"
        upstreams.renew(upstreams.prepared(settings_at(double.url, "sk_test_a"), KNOWN))
        with pytest.raises(KeyError):
            upstreams.account("double", "a1")
        await upstreams.close()


@pytest.mark.parametrize(
    "change", [{"connections_max": 3}, {"total_timeout_s": 3.0}, {"hosts": {"files": "http://x"}}]
)
async def test_other_limits_are_another_way(change: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    upstreams = Upstreams(settings_at("http://127.0.0.1:9", "sk_test_a"), loop, KNOWN)
    before = upstreams.account("double", "a0")
    same = settings_at("http://127.0.0.1:9", "sk_test_a", queue_wait_s=9.0)
    upstreams.renew(upstreams.prepared(same, KNOWN))
    assert upstreams.account("double", "a0") is before
    other = settings_at("http://127.0.0.1:9", "sk_test_a", **change)
    upstreams.renew(upstreams.prepared(other, KNOWN))
    assert upstreams.account("double", "a0") is not before
    await upstreams.close()


async def test_who_holds_the_old_way_sends_on_it_and_is_held_to_its_deadline() -> None:
    loop = asyncio.get_running_loop()
    async with vendor_double(silent) as double:
        upstreams = Upstreams(settings_at(double.url, "a", first_byte_timeout_s=0.0), loop, KNOWN)
        old, watch = upstreams.account("double", "a0"), Watch()
        upstreams.renew(upstreams.prepared(settings_at(double.url, "b"), KNOWN))
        task = asyncio.ensure_future(old.send(post(), watch))  # it was chosen before the change
        await until(lambda: watch.left)
        upstreams.sweep(loop.time() + 1)
        with pytest.raises(OutcomeUnknown):
            await task
        assert (old.counts.ends["timed_out"], old.connections) == (1, 0)
        await upstreams.close()


async def test_a_connection_of_the_old_way_is_not_kept() -> None:
    async with vendor_double(answering(OK)) as double:
        loop = asyncio.get_running_loop()
        upstreams = Upstreams(settings_at(double.url, "a"), loop, KNOWN)
        old = upstreams.account("double", "a0")
        upstreams.renew(upstreams.prepared(settings_at(double.url, "b"), KNOWN))
        await old.look(READ)
        assert (old.idle, old.connections) == (0, 0)
        await upstreams.close()
