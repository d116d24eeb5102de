"""`make screenshots`: every page of the dashboard, in light and dark, wide and narrow, as a person
meets it: with keys, runs, calls that were refused, one in doubt, prices still to come.

    python -m tests.browser.screenshots build/screenshots
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.people import Person, launch, person, town
from tests.browser.scene import Scene, play

THEMES = ("light", "dark")
WIDTHS = (1280, 390)


def pages(scene: Scene) -> dict[str, str]:
    """Name of the picture -> the page's path."""
    return {
        "overview": "",
        "keys": "/keys",
        "keys-all-by-spend": "/keys?status=all&sort=spent",
        "keys-new": "/keys/new?vendor=stripe",
        "key": f"/keys/{scene.billing_key}",
        "key-revoke": f"/keys/{scene.billing_key}/revoke",
        "issuers": "/issuers",
        "runs": "/runs",
        "run": f"/runs/one?label={scene.run.replace('/', '%2F')}",
        "calls": "/calls",
        "call-refused": f"/calls/{scene.refused_call}",
        "spend": "/spend",
        "open": "/open?state=in_doubt",
        "open-one": f"/open/{scene.doubted_call}",
        "pending": "/open?state=pending",
        "vendors": "/vendors",
        "settings": "/settings",
        "nothing-here": "/nowhere",
    }


def shoot(someone: Person, scene: Scene, folder: Path, suffix: str) -> None:
    someone.go("/sign-in")
    someone.page.screenshot(path=folder / f"sign-in-{suffix}.png", full_page=True)
    someone.sign_in()
    for name, path in pages(scene).items():
        someone.go(path)
        someone.page.screenshot(path=folder / f"{name}-{suffix}.png", full_page=True)


def main(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as directory,
        town(Path(directory)) as place,
        sync_playwright() as playwright,
    ):
        browser = launch(playwright)
        scene = play(place)
        for theme in THEMES:
            for width in WIDTHS:
                with person(browser, place.gateway, theme=theme, width=width) as someone:
                    shoot(someone, scene, folder, f"{theme}-{width}")
        browser.close()
    print(f"{len(list(folder.glob('*.png')))} pictures in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
