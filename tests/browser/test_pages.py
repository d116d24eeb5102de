"""Every page, in both themes: clean to axe, nothing on the console, nothing wider than the window,
nothing hostile run; and the same without scripts."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.people import Person, Town, person, press
from tests.browser.scene import HOSTILE, Scene
from tests.browser.screenshots import pages

THEMES = ("light", "dark")
COLOURS = {"light": ["rgb(248, 250, 252)", "#0f766e"], "dark": ["rgb(16, 22, 31)", "#2dd4bf"]}
"""The page's, and what the chart is told of its first line's."""
_COLOURS = """() => [
  getComputedStyle(document.body).backgroundColor,
  getComputedStyle(document.documentElement).getPropertyValue("--kb-line-0").trim()]"""
_FETCHED = "Failed to load resource"


@pytest.mark.parametrize("theme", THEMES)
def test_every_page_is_clean(browser: Browser, place: Town, scene: Scene, theme: str) -> None:
    wrong: list[str] = []
    with person(browser, place.gateway, theme=theme) as someone:
        someone.go("/sign-in")
        wrong += [f"sign-in: {line}" for line in someone.violations()]
        someone.sign_in()
        for name, path in pages(scene).items():
            someone.go(path)
            wrong += [f"{name}: {line}" for line in someone.violations()]
        said = [line for line in someone.said if not line.startswith(_FETCHED)]
    assert wrong == []
    assert said == []


@pytest.mark.parametrize("system", THEMES)
def test_a_theme_that_was_chosen_goes_before_the_systems(
    browser: Browser, place: Town, system: str
) -> None:
    with person(browser, place.gateway, theme=system) as someone:
        assert someone.go("/sign-in").evaluate(_COLOURS) == COLOURS[system]
        for chosen in THEMES:
            someone.page.evaluate(f"localStorage.setItem('keybrake-theme', '{chosen}')")
            assert someone.go("/sign-in").evaluate(_COLOURS) == COLOURS[chosen]


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_its_window(
    browser: Browser, place: Town, scene: Scene, width: int
) -> None:
    wide = []
    with person(browser, place.gateway, width=width) as someone:
        someone.sign_in()
        for name, path in pages(scene).items():
            page = someone.go(path)
            reach = page.evaluate("document.documentElement.scrollWidth")
            if reach > width:
                wide.append(f"{name}: {reach} px")
    assert wide == []


def test_hostile_text_is_text_on_every_page(browser: Browser, place: Town, scene: Scene) -> None:
    with person(browser, place.gateway) as someone:
        dialogs: list[str] = []
        someone.page.on("dialog", lambda opened: dialogs.append(opened.message))
        someone.sign_in()
        hostile = f"{HOSTILE}/1"
        for path in ("", "/keys", "/runs", "/calls", "/open?state=standing", "/spend?by=scenario"):
            page = someone.go(path)
            expect(page.locator("main")).to_contain_text("<script>alert(1)</script>")
        page = someone.go("/runs")
        press(page.get_by_role("link", name=hostile).first)
        expect(page).to_have_url(re.compile("/runs/one"))
        expect(page.locator("main")).to_contain_text("onerror=alert(2)")
        assert page.locator("a[href^='javascript']").count() == 0
        assert (
            page.locator("main img[src='x'], main script:not([type='application/json'])").count()
            == 0
        )
        assert dialogs == []


def test_everything_works_without_scripts(browser: Browser, place: Town, scene: Scene) -> None:
    with person(browser, place.gateway, scripts=False) as someone:
        page = someone.sign_in()
        for path in pages(scene).values():
            someone.go(path)
            expect(page.locator("h1").first).to_be_visible()
        someone.go("/keys/new?vendor=stripe")
        page.get_by_label("Run label").fill("plain/1")
        page.get_by_label("Daily cap, USD").fill("5")
        page.get_by_role("checkbox", name="POST /v1/payment_intents").first.check()
        page.get_by_role("button", name="Make the key").click()
        expect(page.locator("main")).to_contain_text("vault_key_")
        someone.go("/calls")
        page.get_by_label("Decision").select_option("refused")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("tbody")).not_to_contain_text("settled")
        someone.go(f"/keys/{scene.billing_key}/revoke")
        page.get_by_role("button", name="Revoke the key").click()
        expect(page.locator("main")).to_contain_text("The key is revoked.")


def test_an_export_is_the_table(
    browser: Browser, place: Town, scene: Scene, tmp_path: Path
) -> None:
    with person(browser, place.gateway) as someone:
        someone.sign_in()
        page = someone.go("/calls?decision=refused&vendor=stripe")
        ids = [
            (link.get_attribute("href") or "").rpartition("/")[2]
            for link in page.locator(
                "tbody tr td a[href*='/calls/call_'], tbody tr th a[href*='/calls/call_']"
            ).all()
        ]
        rows = _exported(someone, "CSV", tmp_path)
        lines = list(csv.DictReader(io.StringIO(rows)))
        assert ids
        assert [line["id"] for line in lines] == ids
        records = [json.loads(line) for line in _exported(someone, "NDJSON", tmp_path).splitlines()]
        assert [record["id"] for record in records] == ids
        assert {record["decision"] for record in records} == {"refused"}


def _exported(someone: Person, name: str, folder: Path) -> str:
    with someone.page.expect_download() as download:
        press(someone.page.get_by_role("link", name=name, exact=True))
    target = folder / name
    download.value.save_as(target)
    return target.read_text()
