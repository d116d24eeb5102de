"""Once a revoke is answered, not a byte of a new call leaves: dozens of revokes of every kind under
the load of 64 callers, with a vendor that knows when each request was sent to it.

Both moments, that of a request's first byte and that of the answer to the revoke, are the kernel's
own (`tests/stamped.py`), so nothing here depends on how fast anybody is.
"""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic_ns, time_ns
from typing import Any, Final
from urllib.parse import urlencode

import pytest

from bench.sandbox.launch import Sandbox
from tests.house import Answer, Gateway, VaultKey, Wire, request_bytes
from tests.speaker import Meanwhile, until
from tests.stamped import Arrival, StampedVendor, read_stamped, stamping

SEED: Final = 20261123
CALLERS: Final = 64
REVOKES: Final = 48
PAUSE_CALLS: Final = 40
"""Calls that are made between two revokes."""
CENTS: Final = 1200
ENDPOINTS: Final = ["POST /v1/**", "GET /v1/**"]
CUTS: Final = ("key", "run", "effective", "prefix", "key", "issuer")
BARS: Final = {15: "account", 30: "vendor", 45: "all"}
"""These end all keys at once, so that they come seldom."""
PATIENT: Final = "[reconciler]\nenabled = false\n"


def answer(name: str, look: bool) -> bytes:
    """An intent that was charged; to a look-up, one that waits to be confirmed."""
    status, received = ("requires_confirmation", 0) if look else ("succeeded", CENTS)
    intent = {
        "id": f"pi_{name}", "object": "payment_intent", "status": status, "currency": "usd",
        "amount": CENTS, "amount_received": received, "amount_capturable": 0, "livemode": False,
    }  # fmt: skip
    body = json.dumps(intent).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


@dataclass(slots=True)
class Grip:
    """A key in a caller's hand. number: by which its calls are named. told: how they ended, by
    (code, in doubt); in_doubt: the names of those that were called so."""

    number: int
    key: VaultKey
    issuer: str
    run: str
    told: Counter[tuple[str, bool]] = field(default_factory=Counter)
    in_doubt: set[str] = field(default_factory=set)
    over: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Revoked:
    """A revoke that was answered. at_ns: when. numbers: of the keys whose calls it ends."""

    kind: str
    abort: bool
    at_ns: int
    numbers: frozenset[int]
    said: dict[str, Any]


class Crowd:
    """Callers, each with a key of its own; whose key was revoked gets a new one from the tester."""

    def __init__(self, gateway: Gateway, random: Random) -> None:
        self.gateway = gateway
        self.random = random
        self.grips: list[Grip] = []
        self.all: list[Grip] = []
        self.calls = 0
        self.era = 0
        """Of the labels: what a prefix stopped stays stopped, so later keys are of another."""
        self.failures: list[BaseException] = []
        self._made = threading.Condition()
        self._ending = False
        self._issuers = [self._issuer() for _ in range(3)]
        self._threads: list[threading.Thread] = []
        admin = gateway.admin_address.rpartition(":")
        self._admin = stamping(socket.create_connection((admin[0], int(admin[2])), 30))

    def start(self) -> None:
        self.grips = [self._grip(place) for place in range(CALLERS)]
        for place in range(CALLERS):
            thread = threading.Thread(target=self._live, args=(place,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        with self._made:
            self._ending = True
            self._made.notify_all()
        for thread in self._threads:
            thread.join()
        self._admin.close()
        assert not self.failures, self.failures[0]

    def wait_for(self, calls: int) -> None:
        """Until so many more were made."""
        with self._made:
            wanted = self.calls + calls
            self._made.wait_for(lambda: self.calls >= wanted or self.failures, 120)

    def revoke(self, kind: str, abort: bool) -> Revoked:
        """One revoke, aimed at the key of a caller of chance."""
        aim = self.random.choice(self.grips)
        path, body, hit = self._aimed(kind, aim)
        self.era += 1
        numbers = frozenset(grip.number for grip in self.all if hit(grip))
        at_ns, said = self._ask(path, {**body, "in_flight": "abort" if abort else "finish"})
        return Revoked(kind, abort, at_ns, numbers, said)

    def _aimed(self, kind: str, aim: Grip) -> tuple[str, dict[str, Any], Callable[[Grip], bool]]:
        label = aim.key.record["agent_run_label"]
        match kind:
            case "key":
                return f"/vault/keys/{aim.key.id}/revoke", {}, lambda grip: grip is aim
            case "run":
                return "/vault/runs/revoke", {"label": label}, lambda g: _label(g) == label
            case "effective":
                label = _effective(aim)
                return "/vault/runs/revoke", {"label": label}, lambda g: _effective(g) == label
            case "prefix":
                begin = label.partition("/")[0] + "/"
                return ("/vault/runs/revoke", {"prefix": begin},
                        lambda g: _label(g).startswith(begin))  # fmt: skip
            case "issuer":
                issuer = self.random.choice(self._issuers)
                self._issuers.remove(issuer)
                self._issuers.append(self._issuer())
                return (f"/vault/issuers/{issuer['id']}/revoke", {},
                        lambda grip: grip.issuer == issuer["id"])  # fmt: skip
            case "account":
                return "/vault/revoke", {"account": "default"}, lambda _: True
            case "vendor":
                return "/vault/revoke", {"vendor": "stripe"}, lambda _: True
        return "/vault/revoke", {"all": True}, lambda _: True

    def recover(self, revoked: Revoked) -> None:
        """Lift a bar, and give new keys to those who have none any more."""
        if revoked.kind in ("account", "vendor", "all"):
            barred = revoked.said["barred"]
            self.gateway.admin("POST", "/vault/resume", barred[0])
        for place, grip in enumerate(self.grips):
            if grip.number in revoked.numbers:
                assert grip.over.wait(120)
                with self._made:
                    self.grips[place] = self._grip(place)
                    self._made.notify_all()

    def _ask(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """When the answer was sent, and what it says."""
        headers = {
            "Host": self.gateway.admin_address,
            "Authorization": f"Bearer {self.gateway.admin_key}",
            "Content-Type": "application/json",
        }
        self._admin.sendall(request_bytes("POST", path, headers, json.dumps(body).encode()))
        data, at_ns = read_stamped(self._admin)
        head, _, rest = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"\r\ncontent-length: ")[2].split(b"\r\n")[0])
        while len(rest) < length:
            rest += self._admin.recv(65_536)
        assert head.startswith(b"HTTP/1.1 200 "), data
        return at_ns, json.loads(rest)

    def _issuer(self) -> dict[str, Any]:
        template = {
            "vendors": ["stripe"], "allowed_endpoints": ENDPOINTS, "daily_usd_cap_max": 100_000,
        }  # fmt: skip
        wish = {"daily_usd_cap": 10_000_000, "keys_per_hour": 10_000, "template": template}
        made = self.gateway.admin("POST", "/vault/issuers", wish)
        assert made.status == 201, made
        return dict(made.json())

    def _grip(self, place: int) -> Grip:
        """A new key: every third is an issuer's, every fourth caller names a run of its own."""
        number = len(self.all)
        issuer = self.random.choice(self._issuers) if place % 3 == 0 else None
        key = self.gateway.make_key(
            bearer=None if issuer is None else issuer["key"],
            daily_usd_cap="100000",
            allowed_endpoints=ENDPOINTS,
            agent_run_label=f"scenario-{self.era}-{place % 8}/{number}",
        )
        run = f"own-{number}" if place % 4 == 1 else ""
        made = Grip(number, key, "" if issuer is None else issuer["id"], run)
        self.all.append(made)
        return made

    def _live(self, place: int) -> None:
        grip: Grip | None = None
        try:
            with Wire(self.gateway.address) as wire:
                count = 0
                while (grip := self._next(place, grip)) is not None:
                    while not grip.over.is_set() and not self._ending:
                        count += 1
                        if not self._call(wire, grip, f"k{grip.number:05d}n{count:06d}"):
                            grip.over.set()
        except BaseException as exc:
            self.failures.append(exc)
        finally:
            if grip is not None:
                grip.over.set()

    def _next(self, place: int, last: Grip | None) -> Grip | None:
        with self._made:
            self._made.wait_for(lambda: self._ending or self.grips[place] is not last)
            return None if self._ending else self.grips[place]

    def _call(self, wire: Wire, grip: Grip, name: str) -> bool:
        """One charge, or a confirmation, for which an intent is looked up first. False if the key
        is none any more."""
        headers = {
            "Host": self.gateway.address,
            "Authorization": f"Bearer {grip.key.secret}",
            "User-Agent": f"caller/{name}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        if grip.run:
            headers["Keybrake-Run"] = grip.run
        path, form = "/v1/payment_intents", {"amount": CENTS, "currency": "usd", "confirm": "true"}
        if name.endswith(("3", "6", "9")):
            path, form = f"/v1/payment_intents/pi_{name}/confirm", {"payment_method": "pm_1"}
        wire.send(request_bytes("POST", f"/stripe{path}", headers, urlencode(form).encode()))
        got = wire.answer()
        with self._made:
            self.calls += 1
            self._made.notify_all()
        code = "" if got.status == 200 else str(got.error)
        in_doubt = bool(code) and got.json().get("in_doubt") is True
        grip.told[code, in_doubt] += 1
        if in_doubt:
            grip.in_doubt.add(name)
        assert code in ("", "key_revoked"), got
        return not code


def _label(grip: Grip) -> str:
    return str(grip.key.record["agent_run_label"])


def _effective(grip: Grip) -> str:
    """What a run revoke acts on: the run of its own replaces what follows the last slash."""
    return f"{_label(grip).rpartition('/')[0]}/{grip.run}" if grip.run else _label(grip)


@pytest.fixture(scope="module")
def recorder() -> Iterator[StampedVendor]:
    made = StampedVendor(answer, 0.02, Random(SEED))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def house(recorder: StampedVendor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory: Path = tmp_path_factory.mktemp("revoked")
    with Gateway.start(directory, recorder.url, more=PATIENT) as running:
        yield running


def test_after_the_answer_to_a_revoke_nothing_new_leaves(
    house: Gateway, recorder: StampedVendor
) -> None:
    random = Random(SEED)
    crowd = Crowd(house, random)
    crowd.start()
    offset_ns = time_ns() - monotonic_ns()
    revokes = []
    for turn in range(REVOKES):
        crowd.wait_for(PAUSE_CALLS)
        kind = BARS.get(turn, CUTS[turn % len(CUTS)])
        revokes.append(crowd.revoke(kind, abort=random.random() < 0.5))
        crowd.recover(revokes[-1])
    crowd.wait_for(PAUSE_CALLS)
    crowd.stop()
    stepped_ns = abs(time_ns() - monotonic_ns() - offset_ns)
    assert stepped_ns < 50_000_000, "the wall clock was set meanwhile: nothing can be told of this"
    assert [told for one in revokes for told in too_late(one, recorder.arrivals)] == []
    judge_scene(crowd, revokes, recorder)
    judge_books(house, crowd, recorder)


def too_late(revoked: Revoked, arrivals: list[Arrival]) -> list[tuple[str, str, int]]:
    """Requests of what it ended that were sent behind its answer, and by how many us."""
    return [
        (revoked.kind, arrival.name, (arrival.at_ns - revoked.at_ns) // 1_000)
        for arrival in arrivals
        if int(arrival.name[1:6]) in revoked.numbers and arrival.at_ns > revoked.at_ns
    ]


def judge_scene(crowd: Crowd, revokes: list[Revoked], recorder: StampedVendor) -> None:
    """There was something to see: calls in flight at the revokes, and aborted ones, some of which
    were in doubt; and each of these was cut off at the vendor, too."""
    assert sum(one.said["in_flight"] for one in revokes) >= REVOKES
    assert sum(one.said["aborted"] for one in revokes) >= REVOKES // 4
    doubtful = set().union(*(grip.in_doubt for grip in crowd.all))
    assert len(doubtful) >= 10
    assert any(arrival.look for arrival in recorder.arrivals)
    cut = {arrival.name for arrival in recorder.arrivals if arrival.cut and not arrival.look}
    assert doubtful <= cut | {one.name for one in recorder.arrivals if one.answered}


def judge_books(house: Gateway, crowd: Crowd, recorder: StampedVendor) -> None:
    """What was answered is settled, what was cut off is in doubt, the rest costs nothing."""
    reached = Counter(int(one.name[1:6]) for one in recorder.arrivals if not one.look)
    for grip in crowd.all:
        record = house.record(grip.key)
        paid, doubtful = grip.told["", False], len(grip.in_doubt)
        assert record["held_usd"] == "0.00"
        assert record["settled_usd"] == f"{paid * CENTS / 100:.2f}", (grip, record)
        assert record["in_doubt_usd"] == f"{doubtful * CENTS / 100:.2f}", (grip, record)
        assert reached[grip.number] <= paid + doubtful, "as reported >= as charged"


def test_not_even_a_look_up_leaves_for_a_call_whose_key_was_revoked_while_it_waited(
    gateway: Gateway, vendor: Sandbox
) -> None:
    """It stands in the line of an intent; when its turn has come it has nothing to look for."""
    maker, first, second = (gateway.make_key() for _ in range(3))
    unpaid = {"amount": 500, "currency": "usd"}
    made = gateway.call(maker, "POST", "/v1/payment_intents", form=unpaid).json()
    path = f"/v1/payment_intents/{made['id']}"

    def confirm(key: VaultKey) -> Answer:
        return gateway.call(key, "POST", f"{path}/confirm", form={"payment_method": "pm_card_visa"})

    vendor.behave(path=f"{path}/confirm", hold=True)
    ahead = Meanwhile(lambda: confirm(first))
    until(lambda: f"{path}/confirm" in vendor.stats()["posts"])
    behind = Meanwhile(lambda: confirm(second))
    until(lambda: gateway.record(second)["in_flight"])
    revoked = gateway.admin("POST", f"/vault/keys/{second.id}/revoke").json()
    assert revoked["in_flight"] == 1
    vendor.calm()
    assert ahead.result().status == 200
    assert behind.result().error == "key_revoked"
    looks = [one for one in vendor.stats()["seen"] if (one["method"], one["path"]) == ("GET", path)]
    assert len(looks) == 1, "that of the call ahead"
