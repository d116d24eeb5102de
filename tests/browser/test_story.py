"""The story of a key, lived in a browser: sign in, make it, copy it, call with it, watch the bar
move, revoke it from the list, and be refused."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.people import Person, Town, press
from tests.browser.scene import charge
from tests.house import VaultKey

_KEEP_NEXT_TEXT = """button => new MutationObserver(
  () => { window.nextText ??= button.textContent; }).observe(button, {childList: true})"""
"""What a button says next: `Copied` is gone again after two seconds."""


def make_key(person: Person, label: str, cap: str = "50") -> str:
    """Through the form; the secret, as its copy button gives it."""
    page = person.go("/keys")
    page.get_by_role("link", name="New key").first.click()
    page.get_by_label("Run label").fill(label)
    page.get_by_label("Daily cap, USD").fill(cap)
    page.get_by_role("checkbox", name="POST /v1/payment_intents", exact=False).first.check()
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("heading", name="The key", exact=True)).to_be_visible()
    button = page.locator(".new-secret button.copy")
    button.evaluate(_KEEP_NEXT_TEXT)
    button.click()
    # A function: a bare expression is evaluated at each look, and the page's policy forbids it.
    page.wait_for_function("() => window.nextText === 'Copied'")
    copied: str = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("vault_key_")
    return copied


def test_a_key_is_made_copied_used_watched_and_revoked(someone: Person, place: Town) -> None:
    secret = make_key(someone, "story/1")
    page = someone.page
    page.get_by_role("link", name="Go to the key").click()
    expect(page).to_have_url(re.compile(r"/keys/vk_\w+$"))
    key_id = page.url.rpartition("/")[2]
    key = VaultKey(key_id, secret, {"vendor": "stripe"})

    someone.listen("/keys?q=story")
    row = page.locator(f'[data-key="{key_id}"]')
    bar = row.locator("svg.bar")
    expect(bar).to_have_attribute("aria-label", re.compile(r"settled \$0\.00.* of \$50\.00"))
    assert charge(place.gateway, key, 2_000).status == 200
    expect(bar).to_have_attribute("aria-label", re.compile(r"settled \$20\.00"))
    assert charge(place.gateway, key, 4_000).error == "daily_cap_exceeded"

    press(row.get_by_role("link", name="Revoke"))
    confirm_revoke(page)
    expect(page.locator("main")).to_contain_text("The key is revoked.")
    assert charge(place.gateway, key, 100).error == "key_revoked"
    assert charge(place.gateway, key, 100).status == 401


def confirm_revoke(page: Page) -> None:
    """The one confirmation, in a dialog or on its page: it names the key."""
    asked = page.locator("dialog[open], main").last
    expect(asked).to_contain_text("story/1")
    asked.get_by_role("button", name="Revoke the key").click()


def test_the_secret_is_shown_this_once(someone: Person) -> None:
    secret = make_key(someone, "once/1")
    someone.page.reload()
    expect(someone.page.locator("main")).to_contain_text("was shown already, once")
    assert secret not in someone.page.content()


def test_a_button_pressed_twice_makes_one_key(someone: Person, place: Town) -> None:
    page = someone.go("/keys/new?vendor=stripe")
    page.get_by_label("Run label").fill("twice/1")
    page.get_by_label("Daily cap, USD").fill("5")
    page.get_by_role("checkbox", name="POST /v1/payment_intents", exact=False).first.check()
    page.get_by_role("button", name="Make the key").dblclick()
    expect(page.get_by_role("heading", name="The key", exact=True)).to_be_visible()
    assert len(place.gateway.ask("/vault/keys?label=twice/1")["data"]) == 1


def test_mistakes_are_told_all_at_once_and_what_was_typed_is_kept(someone: Person) -> None:
    page = someone.go("/keys/new?vendor=stripe")
    page.get_by_label("Run label").fill("bad\\label/1")
    page.get_by_label("Daily cap, USD").fill("lots")
    button = page.get_by_role("button", name="Make the key")
    someone.press_and_hear(button, "Failed to load resource")  # the 400 itself
    expect(page.locator("#mistakes")).to_be_focused()
    expect(page.get_by_label("Daily cap, USD")).to_have_value("lots")


def test_filters_are_in_the_address_and_the_back_button_undoes_them(someone: Person) -> None:
    make_key(someone, "filters/1")
    page = someone.go("/keys")
    page.get_by_label("Find").fill("filters")
    expect(page).to_have_url(re.compile("q=filters"))
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("Vendor").select_option("twilio")
    expect(page).to_have_url(re.compile("vendor=twilio"))
    expect(page.locator("#keys")).to_contain_text("No key is like this.")
    page.go_back()
    expect(page).to_have_url(re.compile("q=filters"))
    expect(page.locator("tbody tr")).to_have_count(1)


def test_a_page_goes_to_sign_in_when_its_session_is_ended_and_comes_back(
    someone: Person,
) -> None:
    page = someone.go("/calls?vendor=stripe")
    here = page.url
    page.goto("about:blank")  # else it may ask for its news in between, and is sent away itself
    someone.context.clear_cookies()
    page.goto(here)
    expect(page).to_have_url(re.compile(r"/sign-in\?next="))
    page.fill("#key", someone.gateway.admin_key)
    page.click("main button")
    expect(page).to_have_url(here)


def test_the_theme_is_chosen_and_kept(someone: Person) -> None:
    page = someone.go("/settings")
    background = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(background)
    page.get_by_role("button", name="Dark or light").click()
    assert page.evaluate(background) != before
    someone.go("/keys")
    assert page.evaluate(background) != before


def test_the_keyboard_reaches_everything(someone: Person) -> None:
    page = someone.go("/keys")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#main$"))
    page.keyboard.press("Tab")
    inside = "document.querySelector('main').contains(document.activeElement)"
    assert page.evaluate(inside)
