"""The dashboard on the admin side's own doubles, asked as a browser asks: cookies kept, forms sent
with the token that their page carried. And calls on their way, as a key knows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlencode

from gateway.dashboard.guard import COOKIE
from gateway.dashboard.site import Dashboard
from gateway.http.message import Request, Response
from gateway.vault.keys import Key
from tests.unit.gateway.admin.side import Side, WholeBody


class Browser:
    """One person's browser. peer: where it is."""

    def __init__(self, side: Side | None = None, *, host: str = "gw1.example.com") -> None:
        self.side = side or Side()
        self.dashboard = Dashboard(self.side.api, list)
        self.host = host
        self.peer = "203.0.113.9"
        self.cookie = ""
        self.page = ""
        self.https = True

    async def send(
        self,
        method: str,
        target: str,
        fields: Mapping[str, str] | None = None,
        **headers: str,
    ) -> Response:
        """headers: by name, `_` for `-`."""
        self.side.clock.advance(0.001)
        path, _, query = target.partition("?")
        sent = {name.replace("_", "-").encode(): text.encode() for name, text in headers.items()}
        if self.cookie:
            sent[b"cookie"] = f"other=1; {COOKIE}={self.cookie}".encode()
        body = urlencode(fields or {}).encode()
        request = Request(
            method, target, path, query, sent, self.host, WholeBody(body), self.peer, 0.0,
            is_https=self.https,
        )  # fmt: skip
        answer = await self.dashboard.answer(request)
        for name, value in answer.headers:
            if name == b"set-cookie":
                self.cookie = value.decode().partition(";")[0].partition("=")[2]
        self.page = answer.body.decode(errors="replace")
        return answer

    async def get(self, target: str, **headers: str) -> Response:
        return await self.send("GET", target, None, **headers)

    async def post(self, target: str, fields: Mapping[str, str], **headers: str) -> Response:
        """With the token of the page that was read last."""
        found = re.search(r'name="csrf" value="([^"]*)"', self.page)
        token = {"csrf": found[1]} if found else {}
        return await self.send("POST", target, {**token, **fields}, **headers)

    async def key(self, **terms: Any) -> Key:
        """One more, made with the admin key."""
        found = self.side.registry.key((await self.side.key(**terms))["id"])
        assert found is not None
        return found

    async def sign_in(self) -> None:
        answer = await self.post("/dashboard/sign-in", {"key": self.side.admin_key})
        assert answer.status == 303, self.page


class Flying:
    """A call on its way. label: its own, where that is not its key's. left: has its last byte
    left?"""

    call_id = "call_1"

    def __init__(self, browser: Browser, key: Key, label: str = "", *, left: bool = False) -> None:
        self.key, self.label, self.left, self.aborted = key, label or key.terms.label, left, False
        browser.side.registry.began(cast("Any", self))

    def abort(self) -> bool:
        self.aborted = True
        return not self.left


def header(answer: Response, name: bytes) -> str:
    return next((value.decode() for known, value in answer.headers if known == name), "")
