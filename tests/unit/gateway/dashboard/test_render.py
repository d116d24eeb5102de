"""Templates are made ready once, away from the loop, when the first person comes."""

from __future__ import annotations

import threading
from importlib.resources import files

import jinja2
import pytest

from gateway.dashboard import render
from gateway.dashboard.render import Renderer, environment
from tests.unit.gateway.dashboard.visits import Browser

TEMPLATES = {path.name for path in files("gateway.dashboard").joinpath("templates").iterdir()}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which templates were made, in whichever thread."""
    named: list[str] = []
    fresh = environment.__wrapped__()
    monkeypatch.setattr(render, "environment", lambda: fresh)
    get = jinja2.Environment.get_template

    def get_template(env: jinja2.Environment, name: str) -> jinja2.Template:
        named.append(f"{threading.current_thread().name}: {name}")
        return get(env, name)

    monkeypatch.setattr(jinja2.Environment, "get_template", get_template)
    return named


def test_all_of_them_in_a_thread_and_once(made: list[str]) -> None:
    renderer = Renderer()
    renderer.warm().join()
    renderer.warm().join()
    assert sorted(made) == sorted(f"templates: {name}" for name in TEMPLATES)


@pytest.mark.anyio
async def test_who_comes_to_sign_in_sets_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    warmed: list[Renderer] = []
    monkeypatch.setattr(Renderer, "warm", lambda renderer: warmed.append(renderer))
    browser = Browser()
    await browser.get("/dashboard/sign-in")
    assert len(warmed) == 1


def test_all_share_one_environment() -> None:
    assert environment() is environment()
