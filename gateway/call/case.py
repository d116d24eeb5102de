"""One call that is explained: a journey that takes nothing, and the verdicts on it so far."""

from __future__ import annotations

from collections.abc import Callable

from gateway.call import audit
from gateway.call.doors import Doors
from gateway.call.journey import Journey
from gateway.call.looking import ToldBody
from gateway.call.runheaders import NOTHING_SAID
from gateway.call.verdicts import Asked, Verdict
from gateway.errors import Refusal
from gateway.http.message import Request
from gateway.ids import make_id
from gateway.vault.keys import Key
from gateway.vault.terms import Mode


class Case:
    """Living, for as long as one call is explained. upstream: the real account's, to look at."""

    def __init__(self, doors: Doors, key: Key, asked: Asked, now_us: int) -> None:
        terms = key.terms
        self.doors = doors
        self.body = asked.body
        self._shadow = terms.mode is Mode.SHADOW
        self.verdicts: list[Verdict] = []
        vendor = doors.vendors[terms.vendor]
        first = asked.path[1:].partition("/")[0]
        path = asked.path if first in doors.vendors else f"/{terms.vendor}{asked.path}"
        route = doors.routes.resolve("", path)
        journey = Journey(
            make_id("call_", now_us), _request(asked, path, doors), key, vendor, route, now_us
        )
        journey.label = terms.label
        journey.record = audit.open_record(journey, NOTHING_SAID)
        self.upstream = doors.upstreams.account(terms.vendor, terms.account)
        journey.upstream = self.upstream
        self.journey = journey

    # -- verdicts --------------------------------------------------------------------------------

    def judge(self, rule: str, told: str, step: Callable[[], object]) -> bool:
        """One step of the journey as a verdict. told: what to say if it passes."""
        try:
            step()
        except Refusal as refusal:
            return self.add(rule, False, refusal.text, refusal.code)
        return self.add(rule, True, told)

    def add(
        self, rule: str, passed: bool, detail: str, code: str = "", *, own: bool = False
    ) -> bool:
        """own: one of the key's own caps, rates or rules, which a shadow key is spared."""
        spared = own and self._shadow and not passed
        shown = self.hidden(detail)
        self.verdicts.append(Verdict(rule, passed, shown, "" if passed else code, spared))
        return passed

    def hidden(self, text: str) -> str:
        """Without the real account's id."""
        real, journey = self.upstream.account, self.journey
        called = journey.called or journey.vendor.alias(journey.key.terms.key_id)
        return text.replace(real, called) if real else text

    @property
    def admitted(self) -> bool:
        return all(verdict.passed or verdict.spared for verdict in self.verdicts)


def _request(asked: Asked, path: str, doors: Doors) -> Request:
    target = f"{path}?{asked.query}" if asked.query else path
    body, at_s = ToldBody(asked.body), doors.loop.time()
    return Request(asked.method, target, path, asked.query, asked.headers, "", body, "", at_s)
