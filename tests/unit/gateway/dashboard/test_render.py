"""Templates are made ready once, away from the loop, when the first person comes; and drawn a
little at a time."""

from __future__ import annotations

import asyncio
import threading
from importlib.resources import files

import jinja2
import pytest

from gateway.admin.views import CALL_COLUMNS
from gateway.dashboard import render
from gateway.dashboard.render import Renderer, environment
from gateway.tasks import spawn
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


def test_a_house_that_drains_waits_for_one_template_at_most(made: list[str]) -> None:
    """A daemon thread that still made them at the end of the process had aborted it, on a machine
    with nothing but glibc."""
    renderer = Renderer()
    renderer.close()
    thread = renderer.warm()
    assert not thread.daemon
    thread.join()
    assert made == []


@pytest.mark.anyio
async def test_a_dashboard_that_closes_makes_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[threading.Event] = []
    monkeypatch.setattr(render, "_make_all", closed.append)
    browser = Browser()
    await browser.get("/dashboard/sign-in")
    browser.dashboard.close()
    for thread in threading.enumerate():
        if thread.name == "templates":
            thread.join()
    assert [each.is_set() for each in closed] == [True]


@pytest.mark.anyio
async def test_who_comes_to_sign_in_sets_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    warmed: list[Renderer] = []
    monkeypatch.setattr(Renderer, "warm", lambda renderer: warmed.append(renderer))
    browser = Browser()
    await browser.get("/dashboard/sign-in")
    assert len(warmed) == 1


def test_all_share_one_environment() -> None:
    assert environment() is environment()


@pytest.mark.anyio
async def test_calls_have_their_turn_while_a_long_page_is_drawn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(render, "SLICE_S", 0.0)
    nothing = dict.fromkeys(CALL_COLUMNS, "")
    record = {"at": "2026-11-02T00:00:00Z", "count": 1, "duration_ms": 1}
    record |= {"cost_usd": "1.00", "quote_usd": "1.00"}
    calls = [nothing | record for _ in range(50)]
    drawing = spawn(Renderer().render("calls_list.html", calls=calls), name="drawing")
    turns = 0
    while not drawing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > len(calls) < drawing.result().count(b"<tr")
