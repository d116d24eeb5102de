"""Cases through a real gateway, many at a time: each lane has an account of each vendor for itself,
so that the connections of one case meet nobody but the honest call right behind it.

For each case: a key of its own makes the call, then another key of the same account makes an honest
one. What was seen at the caller, in the books and at the vendor is a `Seen`; judging it is the
test's.
"""

from __future__ import annotations

import itertools
import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from tests.answers.corpus import Case, marks_of
from tests.answers.vendor import WAIT_S, RawVendor, Script
from tests.house import Gateway, VaultKey, Wire, request_bytes

SLOW: Final = """\
first_byte_timeout_s = 8
total_timeout_s = 15
connection_idle_s = 300
calls_per_second_max = 0
"""
"""Whoever is to be late is late; a busy machine is not."""
FORM: Final = "application/x-www-form-urlencoded"
_COUNT: Final = itertools.count(1)
_VENDORS: Final = {"text": "twilio", "mail": "resend"}
_SMS: Final = {"To": "+14155550100", "From": "+15005550006", "Body": "Hello"}
_INTENT: Final = {
    "amount": 1200, "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true",
}  # fmt: skip
_MAIL: Final = {"from": "Shop <s@example.com>", "to": "a@example.com", "subject": "Hi"}
_BOOKS: Final = ("settled", "standing", "pending", "in_doubt", "held")


def secret_of(vendor: str, lane: int) -> str:
    """The real credential of a lane's account: distinct, and of the vendor's form."""
    if vendor == "twilio":
        return f"{lane:02d}c0ffee7e1e9a3b5d".ljust(32, "4")
    return {"stripe": "sk_test_", "resend": "re_"}[vendor] + f"Canary{lane:02d}ofTheLane0123456789"


def sid_of(lane: int) -> str:
    return f"AC{lane:02d}".ljust(34, "b")


def sections(url: str, lanes: int) -> tuple[str, dict[str, str]]:
    """More settings: an account of each vendor for each lane. And the environment they want."""
    env, text = {}, [f'[vendors.twilio]\nbase_url = "{url}"\n{SLOW}']
    text.append(f'[vendors.resend]\nbase_url = "{url}"\n{SLOW}')
    for vendor, lane in itertools.product(("stripe", "twilio", "resend"), range(lanes)):
        name = f"{vendor}_LANE_{lane}".upper()
        env[name] = secret_of(vendor, lane)
        text.append(f'[vendors.{vendor}.accounts.lane{lane}]\nsecret = "env:{name}"')
        if vendor == "twilio":
            text.append(f'account_sid = "{sid_of(lane)}"')
    return "\n".join(["[reconciler]\nenabled = false", *text, ""]), env


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller got. raw: all bytes. whole: did it end as its head said it would?"""

    raw: bytes
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    whole: bool

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)

    @property
    def code(self) -> str | None:
        """Our code, if this is a refusal of ours."""
        try:
            told = json.loads(self.body)
        except ValueError:
            return None
        error = told.get("error") if isinstance(told, dict) else None
        return error if isinstance(error, str) else None


@dataclass(frozen=True, slots=True)
class Seen:
    """All that came of a case. books: what each kind counts, in USD, without zeros. next_name: the
    honest call behind it. same: did that come over the same connection?"""

    case: Case
    marks: Mapping[str, bytes]
    told: Told
    books: Mapping[str, str]
    requests: int
    connection: int | None
    next_name: str
    next_told: Told
    same: bool


class Lane:
    """One account of each vendor, and the keys of its honest callers."""

    def __init__(self, number: int, gateway: Gateway, vendor: RawVendor) -> None:
        self._number = number
        self._gateway = gateway
        self._vendor = vendor
        self._nudging = Wire(gateway.address)
        self._honest: dict[str, VaultKey] = {}

    def marks(self, name: str, ask: str) -> dict[str, bytes]:
        vendor = _VENDORS.get(ask, "stripe")
        user = sid_of(self._number) if vendor == "twilio" else ""
        return marks_of(name, secret_of(vendor, self._number), user)

    def run(self, case: Case) -> Seen:
        number, ask = next(_COUNT), case.entry.ask
        name, next_name = f"c{number:05d}x", f"h{number:05d}x"
        marks = self.marks(name, ask)
        told = case.entry.told
        script = Script(case.steps(marks), bool(told.get("early")), self._nudge)
        self._vendor.scripts[name.encode()] = script
        key = self._key(ask)
        got = self._ask(key, ask, name, told.get("reads"))
        script.answered.set()
        if not told.get("early"):
            self._nudge()  # what the vendor said behind the answer is here, too
        after = self._ask(
            self._next_key(ask), ask if ask in _VENDORS else "charge", next_name, None
        )
        heard = self._vendor.heard.get(name.encode(), [])
        over = [one.connection for one in heard]
        nexts = self._vendor.heard.get(next_name.encode(), [])
        return Seen(
            case, marks, got, self._books(key), len(heard), over[-1] if over else None, next_name,
            after, bool(over and nexts) and over[-1] == nexts[0].connection,
        )  # fmt: skip

    def close(self) -> None:
        self._nudging.close()

    def _next_key(self, ask: str) -> VaultKey:
        """Of the honest caller: another key of the same account."""
        vendor = _VENDORS.get(ask, "stripe")
        if vendor not in self._honest:
            self._honest[vendor] = self._key(ask)
        return self._honest[vendor]

    def _key(self, ask: str) -> VaultKey:
        vendor = _VENDORS.get(ask, "stripe")
        endpoints = [f"{method} /**" for method in ("POST", "GET", "HEAD")]
        return self._gateway.make_key(
            vendor=vendor,
            account=f"lane{self._number}",
            daily_usd_cap="100000",
            allowed_endpoints=endpoints,
        )

    def _books(self, key: VaultKey) -> dict[str, str]:
        record = self._gateway.record(key)
        counts = {kind: record[f"{kind}_usd"] for kind in _BOOKS}
        return {kind: usd for kind, usd in counts.items() if usd != "0.00"}

    def _nudge(self) -> None:
        """Two round trips through the gateway's loop: what had come before the first was read
        before the second, whichever socket the loop looked at first."""
        for _ in range(2):
            head = {"Host": self._gateway.address}
            self._nudging.send(request_bytes("GET", "/healthz", head))
            assert self._nudging.answer().status == 200

    def _ask(self, key: VaultKey, ask: str, name: str, reads: int | None) -> Told:
        method, path, body, kind = _request(ask, name, key.record)
        headers = {
            "Host": self._gateway.address,
            "Authorization": f"Bearer {key.secret}",
            "User-Agent": f"case/{name}",
            "Connection": "close",
        }
        if body is not None:
            headers["Content-Type"] = kind
            headers["Idempotency-Key"] = f"of-{name}"
        host, _, port = self._gateway.address.rpartition(":")
        with socket.create_connection((host, int(port)), WAIT_S) as caller:
            caller.sendall(request_bytes(method, path, headers, body))
            raw = b""
            while (reads is None or len(raw) < reads) and (data := _received(caller)):
                raw += data
        return _told(raw, to_head=method == "HEAD")


def _received(caller: socket.socket) -> bytes:
    try:
        return caller.recv(262_144)
    except ConnectionResetError:
        return b""


def _request(ask: str, name: str, record: Mapping[str, Any]) -> tuple[str, str, bytes | None, str]:
    if ask in ("read", "head"):
        return {"read": "GET", "head": "HEAD"}[ask], "/stripe/v1/customers", None, ""
    if ask == "text":
        path = f"/twilio/2010-04-01/Accounts/{record['account_sid']}/Messages.json"
        return "POST", path, urlencode(_SMS).encode(), FORM
    if ask == "mail":
        return "POST", "/resend/emails", json.dumps(_MAIL).encode(), "application/json"
    if ask == "confirm":
        path = f"/stripe/v1/payment_intents/pi_{name}/confirm"
        return "POST", path, b"payment_method=pm_card_visa", FORM
    return "POST", "/stripe/v1/payment_intents", urlencode(_INTENT).encode(), FORM


def _told(raw: bytes, *, to_head: bool) -> Told:
    head, found, rest = raw.partition(b"\r\n\r\n")
    if not found:
        return Told(raw, 0, (), b"", whole=False)
    start, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines)
    headers = tuple((name.lower(), value.strip()) for name, value in pairs)
    named = dict(headers)
    status = int(start.split(" ", 2)[1])
    if to_head or status in (204, 304):
        return Told(raw, status, headers, rest, whole=not rest)
    if "content-length" in named:
        return Told(raw, status, headers, rest, whole=len(rest) == int(named["content-length"]))
    body, whole = _unchunked(rest)
    return Told(raw, status, headers, body, whole=whole)


def _unchunked(rest: bytes) -> tuple[bytes, bool]:
    """As much of a body in chunks as is here, and whether that is all of it."""
    pieces: list[bytes] = []
    at = 0
    while (end := rest.find(b"\r\n", at)) >= 0:
        size = int(rest[at:end], 16)
        if not size:
            return b"".join(pieces), rest[end:] == b"\r\n\r\n"
        pieces.append(rest[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
    return b"".join(pieces), False


def run_all(gateway: Gateway, vendor: RawVendor, cases: list[Case], lanes: int) -> list[Seen]:
    """Every case once, in as many lanes; the order is that of the cases."""
    seen: list[Seen | BaseException | None] = [None] * len(cases)
    places = iter(range(len(cases)))
    lock = threading.Lock()

    def work(number: int) -> None:
        lane = Lane(number, gateway, vendor)
        while True:
            with lock:
                at = next(places, None)
            if at is None:
                return lane.close()
            try:
                seen[at] = lane.run(cases[at])
            except BaseException as exc:
                seen[at] = exc

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for case, one in zip(cases, seen, strict=True):
        if isinstance(one, BaseException):
            raise AssertionError(f"{case.name} could not be run") from one
    return [one for one in seen if isinstance(one, Seen)]
