"""Jinja2 behind one door. Everything is escaped, a name that is missing is an error, and templates
are compiled when the first page is asked for: a gateway nobody looks at pays nothing for them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from gateway.dashboard import words
from gateway.dashboard.endpoints import call_words

if TYPE_CHECKING:
    import jinja2


class Renderer:
    @cached_property
    def _templates(self) -> jinja2.Environment:
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

    def render(self, template: str, **facts: Any) -> bytes:
        return self._templates.get_template(template).render(facts).encode()
