"""Revoking a key or an issuer: named and asked first, and told what came of it."""

from __future__ import annotations

from tests.unit.gateway.dashboard.visits import Browser, Flying, header


async def test_the_page_names_the_key_and_what_is_on_its_way(browser: Browser) -> None:
    found = await browser.key(name="<b>May</b>")
    Flying(browser, found, left=True)
    await browser.get(f"/dashboard/keys/{found.terms.key_id}/revoke")
    assert 'id="confirm"' in browser.page
    assert "&lt;b&gt;May&lt;/b&gt;" in browser.page
    assert '<dd id="in-flight">1</dd>' in browser.page
    assert 'name="cancel_open_intents"' in browser.page
    assert found.revoked_at_us is None
    other = await browser.key(vendor="twilio")
    await browser.get(f"/dashboard/keys/{other.terms.key_id}/revoke")
    assert 'name="cancel_open_intents"' not in browser.page


async def test_calls_may_finish(browser: Browser) -> None:
    found = await browser.key()
    flight = Flying(browser, found, left=True)
    page = f"/dashboard/keys/{found.terms.key_id}"
    await browser.get(f"{page}/revoke")
    answer = await browser.post(f"{page}/revoke", {"in_flight": "finish"})
    assert header(answer, b"location") == page
    assert found.revoked_at_us is not None
    assert not flight.aborted
    await browser.get(page)
    assert "The key is revoked. 1 call on the way may finish." in browser.page
    await browser.get(f"{page}/revoke")
    assert "It was revoked" in browser.page
    await browser.post(f"{page}/revoke", {})
    await browser.get(page)
    assert "The key had been revoked before." in browser.page


async def test_calls_are_ended_and_what_was_left_open_is_cancelled(browser: Browser) -> None:
    found = await browser.key()
    flight = Flying(browser, found, left=True)
    page = f"/dashboard/keys/{found.terms.key_id}"
    await browser.get(f"{page}/revoke")
    await browser.post(f"{page}/revoke", {"in_flight": "abort", "cancel_open_intents": "yes"})
    assert flight.aborted
    assert browser.side.canceller.asked == [found.terms.key_id]
    await browser.get(page)
    assert "1 call on the way ended; 1 of them had left in full" in browser.page
    assert "At the vendor: pi_1 canceled." in browser.page


async def test_an_issuer_and_its_keys(browser: Browser) -> None:
    for choice, alive in (("revoke", 0), ("keep", 1)):
        issuer = await browser.side.issuer(name=f"{choice} it")
        body = {
            "vendor": "stripe",
            "daily_usd_cap": 5,
            "agent_run_label": "r/1",
            "allowed_endpoints": ["POST /v1/payment_intents"],
        }
        _, made = await browser.side.ask("POST", "/vault/keys", body, key=issuer["key"])
        page = f"/dashboard/issuers/{issuer['id']}/revoke"
        await browser.get(page)
        assert "<dt>Its keys alive</dt><dd>1</dd>" in browser.page
        answer = await browser.post(page, {"keys": choice})
        assert header(answer, b"location") == "/dashboard/issuers"
        found = browser.side.registry.key(made["id"])
        assert found is not None
        assert found.alive(browser.side.clock.now_us()) is bool(alive)
        await browser.get("/dashboard/issuers")
        said = "Its keys live on." if alive else "and with it 1 key."
        assert said in browser.page
    assert (await browser.get("/dashboard/issuers/iss_nobody/revoke")).status == 404


async def test_a_choice_that_is_none_revokes_nothing(browser: Browser) -> None:
    found = await browser.key()
    page = f"/dashboard/keys/{found.terms.key_id}/revoke"
    await browser.get(page)
    assert (await browser.post(page, {"in_flight": "explode"})).status == 400
    assert found.revoked_at_us is None
