"""Jinja2 behind one door. Everything is escaped, a name that is missing is an error. A gateway
nobody looks at pays nothing for it; when the first person comes to sign in, jinja2 and all
templates are made ready in a thread, since together they would hold calls up for half a second.
A page is drawn a millisecond at a time, and calls go on in between."""

from __future__ import annotations

import asyncio
import threading
from functools import cache
from importlib.resources import files
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from gateway.dashboard import words
from gateway.dashboard.endpoints import call_words
from gateway.dashboard.meaning import rule_name, rule_words

if TYPE_CHECKING:
    import jinja2

HERE: Final = files(__package__)
SLICE_S: Final = 0.001
"""Of the loop, for drawing a page, before calls have their turn."""


class Renderer:
    """Living: the templates are the process's, made ready once."""

    __slots__ = ("_closed", "_warming")

    def __init__(self) -> None:
        self._warming: threading.Thread | None = None
        self._closed = threading.Event()

    async def render(self, template: str, **facts: Any) -> bytes:
        """The whole page. What it is drawn from must not change meanwhile."""
        parts: list[str] = []
        until_s = perf_counter() + SLICE_S
        for part in environment().get_template(template).generate(facts):
            parts.append(part)
            if perf_counter() >= until_s:
                await asyncio.sleep(0)
                until_s = perf_counter() + SLICE_S
        return "".join(parts).encode()

    def warm(self) -> threading.Thread:
        """Begin to make all templates ready; the loop goes on, and whoever needs one of them at
        once makes it. No daemon: Python ends one in the middle with the help of a library,
        libgcc_s, and aborts on a machine that does not have it."""
        if self._warming is None:
            self._warming = threading.Thread(
                target=_make_all, args=(self._closed,), name="templates"
            )
            self._warming.start()
        return self._warming

    def close(self) -> None:
        """The process ends when the template that is being made is."""
        self._closed.set()


@cache
def environment() -> jinja2.Environment:
    import jinja2  # here: a start need not wait for it

    made = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(words.FILTERS)
    made.globals.update(words.GLOBALS, call_words=call_words)
    made.globals.update(rule_name=rule_name, rule_words=rule_words)
    return made


def _make_all(closed: threading.Event) -> None:
    made = environment()
    for template in HERE.joinpath("templates").iterdir():
        if not closed.is_set():
            made.get_template(template.name)
