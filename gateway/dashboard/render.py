"""Jinja2 behind one door. Everything is escaped, a name that is missing is an error. A gateway
nobody looks at pays nothing for it; when the first person comes to sign in, jinja2 and all
templates are made ready in a thread, since together they would hold calls up for half a second."""

from __future__ import annotations

import threading
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from gateway.dashboard import words
from gateway.dashboard.endpoints import call_words

if TYPE_CHECKING:
    import jinja2

HERE: Final = files(__package__)


class Renderer:
    """Living: the templates are the process's, made ready once."""

    __slots__ = ("_warming",)

    def __init__(self) -> None:
        self._warming: threading.Thread | None = None

    def render(self, template: str, **facts: Any) -> bytes:
        return environment().get_template(template).render(facts).encode()

    def warm(self) -> threading.Thread:
        """Begin to make all templates ready; the loop goes on, and whoever needs one of them at
        once makes it."""
        if self._warming is None:
            self._warming = threading.Thread(target=_make_all, name="templates", daemon=True)
            self._warming.start()
        return self._warming


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
    return made


def _make_all() -> None:
    made = environment()
    for template in HERE.joinpath("templates").iterdir():
        made.get_template(template.name)
