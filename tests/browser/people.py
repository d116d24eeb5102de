"""A real browser before a real gateway, for tests and for pictures: Debian's Chromium, driven by
Playwright, on a gateway that leads to stand-ins of the three vendors.

Whatever a page says on its console as a warning or an error is kept, a breach of the content
security policy among it; a test fails on it, unless it says that it expects it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect

from bench.sandbox.launch import Sandbox
from tests.house import (
    RESEND_SANDBOX,
    ROOT,
    STRIPE_SECRET,
    TWILIO_SANDBOX,
    Gateway,
    resend_at,
    twilio_at,
)

CHROMIUM: Final = "/usr/bin/chromium"
ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""Nothing but the page is asked for: without these it looks for its maker's hosts."""
WAIT_MS: Final = 30_000
AXE: Final = ROOT / "tests" / "node" / "node_modules" / "axe-core" / "axe.min.js"
expect.set_options(timeout=WAIT_MS)


def launch(playwright: Playwright) -> Browser:
    return playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))


@dataclass
class Person:
    """One person's browser window, on one gateway. said: what its pages had to complain of."""

    gateway: Gateway
    context: BrowserContext
    page: Page
    said: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.gateway.admin_address}/dashboard"

    def go(self, path: str = "") -> Page:
        self.page.goto(self.url + path)
        return self.page

    def listen(self, path: str) -> Page:
        """Go there, and wait until the page is told of news: what happens from now on, it shows."""
        with self.page.expect_response("**/dashboard/live"):
            return self.go(path)

    def sign_in(self) -> Page:
        self.go("/sign-in")
        self.page.fill("#key", self.gateway.admin_key)
        self.page.click("main button")
        self.page.wait_for_url(self.url)
        return self.page

    def press_and_hear(self, pressed: Locator, beginning: str) -> None:
        """Click, and take back what the console then has to say of it."""
        with self.page.expect_console_message(lambda line: line.text.startswith(beginning)) as told:
            pressed.click()
        self.said.remove(told.value.text)

    def violations(self) -> list[str]:
        """What axe finds wrong with the page that is open, one line each."""
        self.page.evaluate(_axe())
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{rule['id']}: {rule['help']}: {node['target']} {node['html'][:160]}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]


def press(pressed: Locator) -> None:
    """Click, in one step: between a mouse's down and up, news may draw the part of the page again,
    and what went down on one link comes up on another."""
    pressed.evaluate("element => element.click()")


@contextmanager
def person(
    browser: Browser,
    gateway: Gateway,
    *,
    theme: str = "light",
    width: int = 1280,
    scripts: bool = True,
) -> Iterator[Person]:
    """A window of its own, with no cookies yet."""
    settings: dict[str, Any] = {
        "viewport": {"width": width, "height": 900},
        "color_scheme": theme,
        "java_script_enabled": scripts,
        "reduced_motion": "reduce",
        "permissions": ["clipboard-read", "clipboard-write"],
    }
    context = browser.new_context(**settings)
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    made = Person(gateway, context, page)
    page.on(
        "console",
        lambda line: made.said.append(line.text) if line.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: made.said.append(str(error)))
    try:
        yield made
    finally:
        context.close()


@dataclass(frozen=True, slots=True)
class Town:
    """A gateway, and the stand-ins of the vendors that it leads to."""

    gateway: Gateway
    stripe: Sandbox
    twilio: Sandbox
    resend: Sandbox


@contextmanager
def town(directory: Path) -> Iterator[Town]:
    """All three vendors, each a process of its own."""
    with (
        Sandbox.start("stripe", "--secret", STRIPE_SECRET) as stripe,
        Sandbox.start(*TWILIO_SANDBOX) as twilio,
        Sandbox.start(*RESEND_SANDBOX) as resend,
    ):
        more = twilio_at(twilio.base_url) + resend_at(resend.base_url)
        with Gateway.start(directory, stripe.base_url, more=more) as gateway:
            yield Town(gateway, stripe, twilio, resend)


@cache
def _axe() -> str:
    return AXE.read_text()
