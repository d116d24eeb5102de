"""The operator of a soak: makes keys and edits them, tops up, revokes, runs issuers, looks at
pages, exports, backs up, reloads; and the vendors' bad days. One task, one thing at a time."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import http.client
import io
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from bench.dashboard import Person
from bench.soak import orders
from bench.soak.crowd import Crowd, Mouth
from bench.soak.house import ADMIN_KEY, House
from bench.soak.orders import Key

ENDPOINTS: Final = {
    "stripe": ["POST /v1/**", "GET /v1/**"],
    "twilio": ["POST /2010-04-01/**", "GET /2010-04-01/**"],
    "resend": ["POST /emails", "POST /emails/batch", "GET /emails/*"],
}
CAPS: Final = {"stripe": (900, 2_500, 2_500, 6_000, 100_000), "twilio": (8, 500), "resend": (1, 90)}
"""USD a day of the keys that stay: some are used up each day, some never."""
PAGES: Final = ("", "/keys", "/calls", "/runs", "/spend", "/open", "/issuers", "/vendors")
FAULTS: Final[tuple[dict[str, Any], ...]] = (
    {"drop": True},
    {"drop_before_executing": True},
    {"reset": True, "drop": True},
    {"half_body": True},
    {"half_head": True},
    {"status": 500, "execute": True},
    {"status": 503},
    {"status": 429},
    {"stall": True, "execute": True},
    {"stall": True},
    {"latency_ms": 800},
    {"answer_latency_ms": 800},
    {"leftover": True},
    {"echo": True},
    {"gzip": True},
)
"""One of them every few seconds, for a call or two. What is late is done within a second."""
STREAM_S: Final = 10.0
EDITED: Final = "edited"
EDITED_MAX: Final = 2_000
"""USD a day that the edited key has at the most."""
SOON_US: Final = 3_600_000_000
Deed = Callable[["Desk"], None]


def day_of(at_us: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at_us // 1_000_000))


class Desk:
    """Living. done: what was done, and what could not be. ceilings: micro-USD that a key may count
    at most on any day (''), and more on one day."""

    def __init__(self, house: House, crowd: Crowd, dice: random.Random) -> None:
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.ceilings: Counter[tuple[str, str]] = Counter()
        self._house = house
        self._crowd = crowd
        self._dice = dice
        self._issuer: Any = None
        self._person: Person | None = None
        self._edited: Key | None = None

    def furnish(self) -> None:
        """The keys that stay, and the issuer."""
        for vendor, caps in CAPS.items():
            for cap in caps:
                self._crowd.keys[vendor].append(self._key(vendor, cap, expires_in=None))
        self._edited = self._key("stripe", 1_000, expires_in=None, steady=False)
        self._crowd.keys["stripe"].append(self._edited)
        template = {
            "vendors": ["stripe"],
            "allowed_endpoints": ENDPOINTS["stripe"],
            "daily_usd_cap_max": 200,
            "expires_in_max": "24h",
        }
        body = {"daily_usd_cap": 5_000, "template": template, "name": "soak"}
        self._issuer = self._asked("POST", "/vault/issuers", body)

    async def work(self, over: asyncio.Event, pause_s: float) -> None:
        while not over.is_set():
            deeds, weights = zip(*_DEEDS.items(), strict=True)
            deed = self._dice.choices(deeds, weights)[0]
            if deed is Desk.live:
                await self._watch_live()
            elif deed is Desk.run:
                await self._run()
            else:
                await self._do(deed)
            await asyncio.sleep(self._dice.expovariate(1 / pause_s))

    async def _do(self, deed: Deed) -> None:
        """What finds nobody (the gateway is being started again) is left undone."""
        try:
            await asyncio.to_thread(deed, self)
            self.done[deed.__name__] += 1
        except (OSError, http.client.HTTPException):
            self.refused[f"{deed.__name__}: nobody answers"] += 1
            self._person = None
        except RuntimeError as exc:
            self.refused[str(exc)[:200]] += 1
            self._person = None

    # -- deeds -----------------------------------------------------------------------------------

    def fault(self) -> None:
        vendor = self._dice.choice(("stripe", "stripe", "twilio", "resend"))
        path = {"stripe": "/v1/*", "twilio": "*/Messages.json", "resend": "/emails*"}[vendor]
        fault = self._dice.choice(FAULTS) | {"method": "POST", "path": path}
        sandbox = getattr(self._house, vendor)
        sandbox.behave(**fault, count=self._dice.randint(1, 2))

    def edit(self) -> None:
        """A cap goes up and down, and a day has more for once."""
        assert self._edited is not None
        changes = {"daily_usd_cap": self._dice.randint(500, EDITED_MAX), "name": EDITED}
        self._asked("PATCH", f"/vault/keys/{self._edited.id}", changes)

    def top_up(self) -> None:
        key = self._dice.choice(self._crowd.keys["stripe"])
        usd, now_us = self._dice.randint(1, 50), self._house.warp.now_us()
        if key.revoked_us is None:
            for day in {day_of(now_us), day_of(now_us + SOON_US)}:
                self.ceilings[key.id, day] += usd * 1_000_000
            more = {"top_up": {"usd": usd, "expires_in": "6h"}}
            self._asked("PATCH", f"/vault/keys/{key.id}", more)

    def replace_key(self) -> None:
        """A key for a while takes its place among the callers; the one before it is revoked, and
        goes on being used for a moment."""
        keys = self._crowd.keys["stripe"]
        fixed = len(CAPS["stripe"]) + 1
        if len(keys) > fixed:
            old = keys[fixed]
            how = self._dice.choice(({}, {"in_flight": "abort"}, {"cancel_open_intents": True}))
            self._asked("POST", f"/vault/keys/{old.id}/revoke", how)
            old.revoked_us = self._house.warp.now_us()
        keys[fixed + 1 :] = [*keys[fixed : fixed + 1]]
        keys[fixed : fixed + 1] = [self._key("stripe", 300, expires_in="24h")]

    def look(self) -> None:
        if self._person is None:
            self._person = Person(self._house.address, ADMIN_KEY)
        path = self._dice.choice(PAGES)
        status, _, _ = self._person.get(path)
        if status != 200:
            raise RuntimeError(f"the page {path!r} answers {status}")

    def live(self) -> None:
        """A page that is told of news, for a while (`_watch_live`)."""

    def ask(self) -> None:
        path = self._dice.choice(
            ("/metrics", "/vault/in-doubt", "/vault/calls?limit=50", "/vault/runs",
             "/vault/spend?by=key", "/vault/spend/series", "/readyz", "/vault/keys?limit=100")
        )  # fmt: skip
        status, _ = self._house.ask("GET", path)
        if status != 200 and path != "/readyz":
            raise RuntimeError(f"{path} answers {status}")

    def export(self) -> None:
        """The calls of one of the keys that are replaced, as CSV; half of them are not waited for
        to the end."""
        key = self._crowd.keys["stripe"][-1]
        path = f"/vault/calls/export?format=csv&key_id={key.id}"
        if self._dice.random() < 0.5:
            connection = http.client.HTTPConnection(self._house.address, timeout=30)
            connection.request("GET", path, headers={"Authorization": f"Bearer {ADMIN_KEY}"})
            connection.getresponse().read(1_000)
            connection.close()
            return
        status, body = self._house.ask("GET", path)
        if status != 200 or not list(csv.reader(io.StringIO(body.decode()))):
            raise RuntimeError(f"an export answers {status}")

    def back_up(self) -> None:
        made = self._asked("POST", "/vault/backup", {}, timeout_s=300.0)
        if not made["verified"]:
            raise RuntimeError("a backup was not verified")

    def reload(self) -> None:
        self._house.settle(queue_wait_s=self._dice.choice((1.0, 2.0)))
        self._house.hang_up()

    def run(self) -> None:
        """A run of a scenario, from its key to its revoke (`_run`)."""

    # -- in steps --------------------------------------------------------------------------------

    async def _run(self) -> None:
        """It makes its key through the issuer, charges, and half of them are revoked as a run."""
        label = f"soak-scenario/{self._dice.randint(1, 10**9)}"
        made: list[Key] = []

        def issue(desk: Desk) -> None:
            bearer = desk._issuer["key"]
            made.append(desk._key("stripe", 60, bearer=bearer, expires_in="1h", label=label))

        await self._do(issue)
        if not made:
            return
        mouth = Mouth(self._house.address)
        for _ in range(self._dice.randint(1, 4)):
            await self._crowd.tell(mouth, orders.charge(made[0], self._dice))
        if self._dice.random() < 0.5:

            def revoke(desk: Desk) -> None:
                desk._asked("POST", "/vault/runs/revoke", {"label": label, "in_flight": "abort"})
                made[0].revoked_us = desk._house.warp.now_us()

            await self._do(revoke)
            if made[0].revoked_us is not None:
                await self._crowd.tell(mouth, orders.charge(made[0], self._dice), keep=False)
        mouth.close()

    async def _watch_live(self) -> None:
        if self._person is None:
            return
        host, _, port = self._house.address.rpartition(":")
        lines = ("GET /dashboard/live HTTP/1.1", "Host: soak", f"Cookie: {self._person.cookie}")
        with contextlib.suppress(OSError, TimeoutError):
            reader, writer = await asyncio.open_connection(host, int(port))
            with contextlib.closing(writer):
                writer.write("\r\n".join([*lines, "", ""]).encode())
                async with asyncio.timeout(STREAM_S):
                    while await reader.readline():
                        self.done["live lines"] += 1

    # -- asking ----------------------------------------------------------------------------------

    def _key(
        self,
        vendor: str,
        cap: int,
        *,
        expires_in: str | None,
        steady: bool = True,
        bearer: str = ADMIN_KEY,
        label: str = "soak/1",
    ) -> Key:
        terms = {
            "vendor": vendor,
            "daily_usd_cap": cap,
            "allowed_endpoints": ENDPOINTS[vendor],
            "agent_run_label": label,
            "expires_in": expires_in,
        }
        made = self._asked("POST", "/vault/keys", terms, bearer=bearer)
        ceiling = cap if steady else EDITED_MAX
        self.ceilings[made["id"], ""] = ceiling * 1_000_000
        return Key(made["id"], made["key"], vendor, steady)

    def _asked(
        self, method: str, path: str, data: Any, *, bearer: str = ADMIN_KEY, timeout_s: float = 60.0
    ) -> Any:
        status, body = self._house.ask(method, path, data, bearer=bearer, timeout_s=timeout_s)
        if not 200 <= status < 300:
            raise RuntimeError(f"{method} {path.partition('?')[0][:14]}: {status} {body[:150]!r}")
        return json.loads(body)


_DEEDS: Final[dict[Deed, float]] = {
    Desk.fault: 30,
    Desk.look: 20,
    Desk.ask: 15,
    Desk.run: 15,
    Desk.replace_key: 5,
    Desk.edit: 5,
    Desk.top_up: 5,
    Desk.live: 2,
    Desk.export: 4,
    Desk.reload: 2,
    Desk.back_up: 0.5,
}
