"""The callers of a soak. Each has one connection and one call at a time, thinks a while, and goes
on; some hang up, some send again what was answered long ago, some ask for what is refused.

What the crowd keeps in mind is what a caller would: which charge may be given back, which intent
waits for its capture, which calls can be sent again. All of it is bounded.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

from bench import load
from bench.soak import orders
from bench.soak.orders import Key, Order
from bench.soak.warp import Warp

KEPT: Final = 2_000
AGAIN_S: Final = 0.3
TRIES_MAX: Final = 40
"""A gateway that is started again is away for a second or two."""
FIRST: Final = frozenset({"charge", "declined", "authorise", "hang up"})
"""Kinds whose token nobody used before."""


class Crowd:
    """Living. told: answers by kind and status. late: charges asked for with a key whose revoke had
    been answered, which must not be found at the vendor."""

    def __init__(self, address: str, warp: Warp, dice: random.Random, per_second: float) -> None:
        self.address = address
        self.keys: dict[str, list[Key]] = {"stripe": [], "twilio": [], "resend": []}
        self.told: Counter[tuple[str, str]] = Counter()
        self.late: set[str] = set()
        self.seconds: deque[float] = deque(maxlen=20_000)
        self.calls = 0
        self.wrong: Counter[str] = Counter()
        self._warp = warp
        self._dice = dice
        self._per_second = per_second
        self._sent: deque[Order] = deque(maxlen=KEPT)
        self._charges: deque[tuple[Key, str, int]] = deque(maxlen=KEPT)
        self._intents: deque[tuple[Order, str, int]] = deque(maxlen=KEPT)

    async def work(self, workers: int, over: asyncio.Event) -> None:
        """Until it is over, and everybody has an answer."""
        await asyncio.gather(
            *(self._caller(workers / self._per_second, over) for _ in range(workers))
        )

    async def _caller(self, pause_s: float, over: asyncio.Event) -> None:
        mouth = Mouth(self.address)
        while not over.is_set():
            await self._act(mouth)
            await asyncio.sleep(self._dice.expovariate(1 / pause_s))
        mouth.close()

    async def _act(self, mouth: Mouth) -> None:
        acts, weights = zip(*_ACTS.items(), strict=True)
        await self._dice.choices(acts, weights)[0](self, mouth)

    # -- acts ------------------------------------------------------------------------------------

    async def _charge(self, mouth: Mouth) -> None:
        key = self.any_key("stripe")
        order = orders.charge(key, self._dice)
        result = await self.tell(mouth, order)
        if result.status == 200:
            data = json.loads(result.body)
            charge = data["id"] if data["object"] == "charge" else data["latest_charge"]
            self._charges.append((key, charge, data["amount"]))

    async def _declined(self, mouth: Mouth) -> None:
        method = "chargeDeclined"
        order = orders.charge(self.any_key("stripe"), self._dice, method=method, kind="declined")
        result = await self.tell(mouth, order)
        if result.status == 402 and order.path == "/v1/payment_intents":
            intent = json.loads(result.body)["error"]["payment_intent"]
            self._intents.append((order, intent["id"], 0))

    async def _authorise(self, mouth: Mouth) -> None:
        order = orders.authorised(self.any_key("stripe"), self._dice)
        result = await self.tell(mouth, order)
        if result.status == 200:
            data = json.loads(result.body)
            self._intents.append((order, data["id"], data["amount"]))

    async def _finish(self, mouth: Mouth) -> None:
        """Capture or cancel an intent; now and then one is forgotten for good."""
        if not self._intents:
            return
        of, intent, cents = self._intents.popleft()
        if self._dice.random() < 0.05:
            return
        if cents and self._dice.random() < 0.7:
            await self.tell(mouth, orders.captured(of, intent, self._dice.randint(100, cents)))
        else:
            await self.tell(mouth, orders.canceled(of, intent))

    async def _refund(self, mouth: Mouth) -> None:
        if self._charges:
            key, charge, cents = self._charges.popleft()
            await self.tell(mouth, orders.refund(key, charge, self._dice.randint(1, cents)))

    async def _read(self, mouth: Mouth) -> None:
        key = self.any_key("stripe")
        path = "/v1/charges?limit=3"
        if self._charges and self._dice.random() < 0.7:
            path = f"/v1/charges/{self._charges[-1][1]}"
        await self.tell(mouth, orders.read(key, path))

    async def _message(self, mouth: Mouth) -> None:
        await self.tell(mouth, orders.message(self.any_key("twilio"), self._dice))

    async def _mail(self, mouth: Mouth) -> None:
        await self.tell(mouth, orders.mail(self.any_key("resend"), self._dice))

    async def _retry(self, mouth: Mouth) -> None:
        """Of a call of just now, or of some time ago."""
        if self._sent:
            order = self._dice.choice((self._sent[-1], self._dice.choice(self._sent)))
            await self.tell(mouth, order.again(), keep=False)

    async def _conflict(self, mouth: Mouth) -> None:
        charges = [order for order in list(self._sent)[-50:] if order.key.vendor == "stripe"]
        if charges:
            await self.tell(mouth, self._dice.choice(charges).otherwise(), keep=False)

    async def _hang_up(self, mouth: Mouth) -> None:
        """Ask, and go without waiting; half of them in the middle of the body."""
        order = orders.charge(self.any_key("stripe"), self._dice, kind="hang up")
        self._note_late(order)
        data = order.bytes()
        whole = self._dice.random() < 0.6
        if await mouth.whisper(data if whole else data[:-9]):
            self._note(order, "sent" if whole else "half")
            if whole:
                self._sent.append(order)

    async def _wrong(self, mouth: Mouth) -> None:
        order = orders.wrong(self.any_key("stripe"), self._dice)
        result = await self.tell(mouth, order, keep=False)
        if result.status not in (0, 400, 401, 403, 422, 429, 503):
            self.wrong[f"{order.method} {order.path} got {result.status}"] += 1

    # -- saying it -------------------------------------------------------------------------------

    def any_key(self, vendor: str) -> Key:
        key = self._dice.choice(self.keys[vendor])
        if key.revoked_us is not None and self._dice.random() < 0.8:
            return self._dice.choice(self.keys[vendor])
        return key

    async def tell(self, mouth: Mouth, order: Order, *, keep: bool = True) -> load.Result:
        """As an SDK does: a call whose connection broke is sent again under its Idempotency-Key,
        and one without such a key is not."""
        is_late = order.key.revoked_us is not None
        self._note_late(order)
        if keep and order.retry:
            self._sent.append(order)
        result = await mouth.say(order.bytes())
        self._note(order, _outcome(result))
        self.seconds.append(result.seconds)
        if not result.status and order.retry:
            result = await mouth.say(order.bytes())
            self._note(order.again(), _outcome(result))
        if is_late and 200 <= result.status < 300:
            self.wrong[f"{order.kind} with a revoked key got {result.status}"] += 1
        return result

    def _note_late(self, order: Order) -> None:
        if order.key.revoked_us is not None and order.kind in FIRST:
            self.late.add(order.token)

    def _note(self, order: Order, outcome: str) -> None:
        self.calls += 1
        self.told[order.kind, outcome] += 1


def _outcome(result: load.Result) -> str:
    """The status, and our code of a refusal."""
    if result.status < 400:
        return str(result.status or "broken")
    try:
        told = json.loads(result.body).get("error")
    except ValueError:
        return str(result.status)
    code = told.get("code", "") if isinstance(told, dict) else told
    return f"{result.status} {code}" if isinstance(code, str) else str(result.status)


class Mouth:
    """One caller's connection, opened again whenever it is gone."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._caller: load.Caller | None = None

    async def say(self, data: bytes) -> load.Result:
        caller = await self._open()
        if caller is None:
            return load.Result(0, 0.0, broken="nobody listens")
        answered: asyncio.Future[load.Result] = asyncio.get_running_loop().create_future()
        caller.send(data, answered.set_result)
        return await answered

    async def whisper(self, data: bytes) -> bool:
        """Send it on a connection that is closed at once. False: nobody listened."""
        try:
            [caller] = await load.connect(self._address, 1)
        except OSError:
            return False
        caller.send(data, lambda result: None)
        caller.close()
        return True

    async def _open(self) -> load.Caller | None:
        for _ in range(TRIES_MAX):
            if self._caller is not None and self._caller.transport is not None:
                return self._caller
            try:
                [self._caller] = await load.connect(self._address, 1)
            except OSError:
                await asyncio.sleep(AGAIN_S)
        return None

    def close(self) -> None:
        if self._caller is not None:
            self._caller.close()


Act = Callable[[Crowd, Mouth], Coroutine[Any, Any, None]]
_ACTS: Final[dict[Act, float]] = {
    Crowd._charge: 30,
    Crowd._declined: 3,
    Crowd._authorise: 5,
    Crowd._finish: 6,
    Crowd._refund: 3,
    Crowd._read: 15,
    Crowd._message: 12,
    Crowd._mail: 10,
    Crowd._retry: 6,
    Crowd._conflict: 1,
    Crowd._hang_up: 4,
    Crowd._wrong: 3,
}
