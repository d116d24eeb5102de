"""The dashboard's overview, open calls, vendors and settings, from outside."""

from __future__ import annotations

import pytest

from tests.browser.people import Town
from tests.browser.scene import HOSTILE, Scene
from tests.pages import Page, Visitor

pytestmark = pytest.mark.usefixtures("scene")


def test_the_overview_says_what_was_spent_and_what_needs_a_person(visitor: Visitor) -> None:
    page = visitor.get()
    assert page.status == 200
    assert "1 call in doubt: they count in full until cleared up." in page.text
    assert "settled $84.9009" in page.text
    assert "Billing scenario has used 92% of its cap." in page.text
    assert "daily_cap_exceeded" in page.text
    assert "/dashboard/open?state=in_doubt" in page.links


def test_a_label_is_text_wherever_it_stands(visitor: Visitor) -> None:
    page = visitor.get()
    assert HOSTILE in page.text
    assert HOSTILE not in page.html
    assert [tag for tag, attributes in page.tags if "onerror" in attributes] == []


def test_a_call_in_doubt_shows_its_evidence_and_is_asked_about(
    visitor: Visitor, scene: Scene
) -> None:
    page = visitor.get("/open")
    assert "Counts in full" in page.text or "counts in full" in page.text
    assert f"/dashboard/open/{scene.doubted_call}" in page.links
    one = visitor.get(f"/open/{scene.doubted_call}")
    assert "$42.00" in one.text
    assert "Ask the vendor now" in one.text
    asked = visitor.post(f"/open/{scene.doubted_call}/ask", {})
    assert asked.status == 200
    assert "Asked the vendor:" in asked.text


def test_a_person_resolves_a_call_and_has_to_say_how_it_is_known(
    place: Town, visitor: Visitor
) -> None:
    key = place.gateway.make_key(vendor="stripe", agent_run_label="doubts/1")
    place.stripe.behave(path="/v1/payment_intents", drop=True)
    answer = place.gateway.call(
        key, "POST", "/v1/payment_intents", form={"amount": 700, "currency": "usd"}
    )
    call = answer.headers["keybrake-call-id"]
    visitor.get(f"/open/{call}")
    refused = visitor.post(f"/open/{call}/resolve", {"outcome": "settled", "cost_usd": "x"})
    assert refused.status == 400
    assert "2 things are not right yet" in refused.text
    assert refused.values("cost_usd") == ["x"]
    done = visitor.post(
        f"/open/{call}/resolve",
        {"outcome": "settled", "cost_usd": "7.00", "reason": "seen at Stripe"},
    )
    assert f"{call} is settled at 7.00 USD, on your word." in done.text
    assert place.gateway.record(key)["settled_usd"] == "7.00"
    assert "No longer open: settled" in visitor.get(f"/open/{call}").text


def test_vendors_tell_how_they_answer_and_never_a_credential(visitor: Visitor) -> None:
    page = visitor.get("/vendors")
    assert page.status == 200
    for words in ("Resend", "Stripe", "Twilio", "gateway.toml:", "calls", "Exchange rates"):
        assert words in page.text or words in page.html
    assert "sk_test_" not in page.html


def test_a_vendor_is_stopped_with_one_confirmation_and_resumed(
    place: Town, visitor: Visitor
) -> None:
    key = place.gateway.make_key(vendor="resend", agent_run_label="stop/1")
    page = visitor.get("/vendors/stop?vendor=resend")
    assert "Stop resend?" in page.text
    stopped = visitor.post("/vendors/stop", {"vendor": "resend", "in_flight": "finish"})
    assert "Stopped resend:" in stopped.text
    assert place.gateway.call(key, "GET", "/domains").error == "key_revoked"
    assert "No keys can be made for resend until you resume." in stopped.text
    assert "New keys are barred" in visitor.get().text
    visitor.get("/vendors")
    resumed = visitor.post("/vendors/resume", {"vendor": "resend"})
    assert "Keys can be made for resend again." in resumed.text
    place.gateway.make_key(vendor="resend", agent_run_label="stop/2")


def test_settings_say_where_they_come_from_and_show_no_secret(visitor: Visitor) -> None:
    page = visitor.get("/settings")
    assert "[secret]" in page.text
    assert "gateway.toml:" in page.text
    assert "sk_test_" not in page.html
    assert visitor.gateway.admin_key not in page.html


def test_somebody_elses_session_is_ended(place: Town, visitor: Visitor) -> None:
    other = Visitor(place.gateway)
    other.sign_in()
    visitor.get("/settings")
    page: Page = visitor.post("/sessions/end", {"session": "all"})
    assert page.status == 200
    assert other.get("/settings").target == "/dashboard/sign-in?next=%2Fdashboard%2Fsettings"


def test_no_page_without_a_session(place: Town) -> None:
    stranger = Visitor(place.gateway)
    for path in ("", "/open", "/vendors", "/settings", "/vendors/stop"):
        assert stranger.get(path).target.startswith("/dashboard/sign-in")
    assert stranger.raw("POST", "/dashboard/vendors/stop", {"all": "1"}).status == 303
    assert place.gateway.ask("/vault/vendors")["barred"] == []
