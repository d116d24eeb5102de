"""A Chromium and a gateway for each file of browser tests. Playwright's loop runs in this thread
until it is stopped, so it must be gone before anybody else's async tests begin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.people import Person, Town, launch, person


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = launch(playwright)
        yield made
        made.close()


@pytest.fixture
def someone(browser: Browser, place: Town) -> Iterator[Person]:
    """Signed in, on the overview. Ends with nothing on the console."""
    with person(browser, place.gateway) as made:
        made.sign_in()
        yield made
        assert made.said == []
