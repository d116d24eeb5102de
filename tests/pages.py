"""The dashboard read without a browser: cookies kept, forms sent with the token of their page, text
and links taken out of the HTML.

    visitor = Visitor(gateway)
    visitor.sign_in()
    page = visitor.get("/keys")
    page = visitor.post("/sign-out", {})        # follows the redirect
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

from tests.house import Answer, Gateway

ROOT: Final = "/dashboard"
_UNSEEN: Final = frozenset({"script", "style", "title", "head"})


class Page(HTMLParser):
    """An answer's HTML. text: what a person reads, blanks folded. links: every href. tags: all
    start tags with their attributes, in order."""

    def __init__(self, answer: Answer, target: str) -> None:
        super().__init__()
        self.answer, self.target = answer, target
        self.status = answer.status
        self.html = answer.body.decode()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._words: list[str] = []
        self._hidden = 0
        self.feed(self.html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._words).split())

    @property
    def links(self) -> list[str]:
        return [attributes["href"] or "" for _, attributes in self.tags if "href" in attributes]

    def values(self, name: str) -> list[str]:
        """Of all fields of this name."""
        return [a.get("value") or "" for _, a in self.tags if a.get("name") == name]

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden += tag in _UNSEEN

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in _UNSEEN

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._words.append(data)


@dataclass
class Visitor:
    """One person. cookie: '' before signing in."""

    gateway: Gateway
    cookie: str = ""
    last: Page | None = field(default=None, repr=False)

    def sign_in(self) -> Page:
        return self.post("/sign-in", {"key": self.gateway.admin_key})

    def get(self, path: str = "", **headers: str) -> Page:
        """path: below /dashboard. Follows redirects."""
        return self._follow("GET", ROOT + path, None, headers)

    def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Page:
        """With the token that the page read last carried. Follows redirects."""
        tokens = self.last.values("csrf") if self.last else []
        token = {"csrf": tokens[0]} if tokens else {}
        return self._follow("POST", ROOT + path, {**token, **fields}, headers)

    def raw(
        self, method: str, target: str, form: Mapping[str, str] | None = None, **headers: str
    ) -> Answer:
        """One answer, redirects not followed."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        if self.cookie:
            named["Cookie"] = f"keybrake_session={self.cookie}"
        answer = self.gateway.request(method, target, headers=named, form=form, admin=True)
        if cookie := answer.headers.get("set-cookie", ""):
            self.cookie = cookie.partition(";")[0].partition("=")[2]
        return answer

    def _follow(
        self, method: str, target: str, form: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> Page:
        answer = self.raw(method, target, form, **headers)
        for _ in range(5):
            if answer.status != 303:
                break
            target = answer.headers["location"].partition("#")[0]
            answer = self.raw("GET", target)
        self.last = Page(answer, target)
        return self.last
