"""A caller that keeps one connection, and the things that tests from outside say again and again.

    with Speaker(gateway, sdk=True) as stripe:
        refused = stripe.call(key, "POST", "/v1/charges", form=CHARGE)
        assert stripe.goes_on()

Beside it: waiting for what another process will do soon, by asking it, within a bound.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, Final, Generic, Self, TypeVar
from urllib.parse import urlencode

from tests.house import Answer, Closed, Gateway, VaultKey, Wire, request_bytes

T = TypeVar("T")

SDK: Final = "Stripe/v1 PythonBindings/16.1.0"
INTENT: Final = {
    "amount": 1200,
    "currency": "usd",
    "payment_method": "pm_card_visa",
    "confirm": "true",
}
"""12 USD, charged at once."""
WAIT_S: Final = 60.0
_FORM: Final = "application/x-www-form-urlencoded"


class Speaker:
    """One connection. sdk: it introduces itself as Stripe's own library does."""

    __slots__ = ("_address", "_sdk", "wire")

    def __init__(self, gateway: Gateway, *, sdk: bool = False, address: str = "") -> None:
        self._address = address or gateway.address
        self._sdk = sdk
        self.wire = Wire(self._address)

    def say(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> None:
        """A request, without waiting for its answer."""
        agent = {"User-Agent": SDK} if self._sdk else {}
        named = {"Host": self._address, **agent, **(headers or {})}
        self.wire.send(request_bytes(method, target, named, body))

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        self.say(method, target, headers, body)
        return self.wire.answer(head=method == "HEAD")

    def call(
        self,
        key: VaultKey | str,
        method: str,
        path: str,
        *,
        form: Mapping[str, Any] | None = None,
        json_body: Any = None,
        **headers: str,
    ) -> Answer:
        """A call to Stripe; arguments as `Gateway.call` takes them."""
        secret = key.secret if isinstance(key, VaultKey) else key
        named = {"Authorization": f"Bearer {secret}"}
        named |= {name.replace("_", "-").title(): value for name, value in headers.items()}
        body = None
        if form is not None:
            named.setdefault("Content-Type", _FORM)
            body = urlencode(form).encode()
        elif json_body is not None:
            named["Content-Type"] = "application/json"
            body = json.dumps(json_body).encode()
        return self.ask(method, f"/stripe{path}", named, body)

    def goes_on(self) -> bool:
        """Is another request answered on this connection?"""
        try:
            return self.ask("GET", "/healthz").status == 200
        except (Closed, ConnectionError):
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.wire.close()


class Meanwhile(Generic[T]):
    """Something that takes its time, in a thread of its own; `result` waits for it."""

    __slots__ = ("_failure", "_result", "_thread")

    def __init__(self, work: Callable[[], T]) -> None:
        self._result: T | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def result(self) -> T:
        self._thread.join(WAIT_S * 3)
        assert not self._thread.is_alive(), "it never came to its end"
        if self._failure is not None:
            raise self._failure
        return self._result  # type: ignore[return-value]  # the thread ended without a failure

    def _run(self, work: Callable[[], T]) -> None:
        try:
            self._result = work()
        except BaseException as exc:
            self._failure = exc


def until(told: Callable[[], T], wanted: Callable[[T], bool] = bool) -> T:
    """Ask again until the answer is as wanted: each asking is a round trip to another process.
    Fails after WAIT_S, with the last answer."""
    end_s = monotonic() + WAIT_S
    while not wanted(answer := told()):
        assert monotonic() < end_s, f"still {answer!r}"
    return answer


def artefacts(directory: Path) -> dict[Path, bytes]:
    """Every file that a gateway left, logs and settings among them."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
