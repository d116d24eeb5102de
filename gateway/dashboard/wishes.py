"""Which calls a page is about: its filters and its span, as they stand in its address.

A filter's name is that of the admin side's `/vault/calls`, so that a link from anywhere reads like
the API's own. What stands for nothing (an unknown name, an empty text) is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from gateway.dashboard.forms import Form
from gateway.dashboard.spans import Span, read_span
from gateway.vault.runs import LABEL_CHARS_MAX
from ledger import HoldState
from ledger.history import Filters

NAMES: Final = {
    "run": "Run",
    "scenario": "Scenario",
    "key_id": "Key",
    "vendor": "Vendor",
    "account": "Account",
    "operation": "Operation",
    "decision": "Decision",
    "state": "State",
    "code": "Code",
    "object_id": "Object",
    "label": "Key's label",
}
"""A filter's name, and what people call it."""
DECISIONS: Final = ("allowed", "refused")
STATES: Final = (*(state.value for state in HoldState), "taken_over")
SPAN: Final = "30d"


@dataclass(frozen=True, slots=True)
class Wishes:
    """given: the filters that are set, by name."""

    given: dict[str, str]
    span: Span

    @property
    def filters(self) -> Filters:
        """As the audit log takes them."""
        return Filters(since_us=self.span.since_us, until_us=self.span.until_us, **self.given)

    @property
    def is_plain(self) -> bool:
        """Is every page of it read from one index, without sifting?"""
        return len(self.given) <= 1

    @property
    def asked(self) -> str:
        """The query of `/vault/calls` that asks for the same."""
        return urlencode({**self.given, **self.span.asked})

    @property
    def query(self) -> dict[str, str]:
        """What leads to these calls in an address of ours."""
        return {**self.given, **self.span.query}


def read_wishes(query: Form, now_us: int) -> Wishes:
    given = {name: text for name in NAMES if (text := query.one(name)[:LABEL_CHARS_MAX])}
    return Wishes(given, read_span(query, now_us, SPAN))
