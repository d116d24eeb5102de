"""Faults on request: what a vendor does on a bad day, scripted by tests through `/_sandbox/behave`.

A rule matches requests by method and path (`*` wildcards), skips the first `after` of them, and
applies to the next `count` (None: for ever). The order in which a matched request is played:
claim its idempotency key, wait `latency_ms` (`hold`: until `/_sandbox/calm`), execute (or drop, or
answer another status without executing), wait `answer_latency_ms` (`hold_answer`: the same), then
send the answer as the rule bends it.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from functools import partial
from typing import Final, Protocol

from bench.sandbox.wire import Answer, Begun, Connection, Obj, Request, head_bytes

Step = Callable[[], None]
LEFTOVER: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n"
    b'{"id":"pi_not_yours_xx"}'
)


class Shape(Protocol):
    """How the vendor's errors look, and which of them it keeps for replays (`standin.StandIn`)."""

    stored_statuses: frozenset[int]

    def scripted_error(self, status: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule. Effects combine where that makes sense; the field names are the JSON's."""

    path: str = "*"
    method: str = "*"
    count: int | None = 1
    after: int = 0
    latency_ms: int = 0
    answer_latency_ms: int = 0
    hold: bool = False
    hold_answer: bool = False
    """Until `/_sandbox/calm`, however long that takes."""
    status: int | None = None
    execute: bool | None = None
    """With status or stall: run the endpoint first? Default: no."""
    stored: bool | None = None
    """Keep this answer for replays? Default: as the vendor does (Stripe: 500 yes, 429 no)."""
    body: str | None = None
    headers: dict[str, str] | None = None
    """More headers on the answer; `{authorization}` in a value becomes the request's credential."""
    drop: bool = False
    """Execute, then close without an answer."""
    drop_before_executing: bool = False
    reset: bool = False
    """Drops and half answers end in a reset, not in an orderly close."""
    half_head: bool = False
    half_body: bool = False
    stall: bool = False
    """Never answer, keep the connection."""
    stall_body: bool = False
    """Half of the body, then nothing."""
    gzip: bool = False
    chunked: bool = False
    leftover: bool = False
    """A second, forged answer right behind the first."""
    interim: int = 0
    """So many 103 answers first."""
    redirect: str | None = None
    pad_bytes: int = 0
    """The JSON answer grows by a member of that many bytes."""
    echo: bool = False
    """The answer's body and a header repeat the request's credential."""
    raw: str | None = None
    """Latin-1 bytes instead of any answer, then close."""


def parse_fault(data: Obj) -> Fault:
    """Raises ValueError naming what is unknown, so that a typo in a test is not a passing test."""
    unknown = data.keys() - {known.name for known in fields(Fault)}
    if unknown:
        raise ValueError(f"unknown fault fields: {', '.join(sorted(unknown))}")
    return Fault(**data)


class Script:
    """The rules in force, oldest first; the first that matches and is not used up plays. held: what
    waits until they are forgotten."""

    __slots__ = ("_rules", "held")

    def __init__(self) -> None:
        self._rules: list[_Live] = []
        self.held: list[Step] = []

    def add(self, fault: Fault) -> None:
        self._rules.append(_Live(fault))

    def clear(self) -> None:
        self._rules.clear()
        held, self.held = self.held, []
        for step in held:
            step()

    def match(self, request: Request) -> Fault | None:
        if not self._rules:
            return None
        for rule in self._rules:
            if rule.takes(request):
                return rule.fault
        return None

    def state(self) -> list[Obj]:
        return [{"path": r.fault.path, "seen": r.seen, "played": r.played} for r in self._rules]


class _Live:
    __slots__ = ("fault", "played", "seen")

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.seen = 0
        self.played = 0

    def takes(self, request: Request) -> bool:
        fault = self.fault
        if fault.method not in ("*", request.method) or not fnmatchcase(request.path, fault.path):
            return False
        if fault.count is not None and self.played >= fault.count:
            return False
        self.seen += 1
        if self.seen <= fault.after:
            return False
        self.played += 1
        return True


def play(
    fault: Fault,
    request: Request,
    begun: Answer | Begun,
    connection: Connection,
    shape: Shape,
    held: list[Step],
) -> None:
    """Carry one request through its fault. Waits on timers, never blocks; what a rule holds goes
    into `held`. A caller that hangs up while a fault waits changes nothing: the endpoint runs all
    the same."""

    def run() -> None:
        answer = _execute(fault, begun, connection, shape)
        if answer is not None:
            send = partial(deliver, fault, request, answer, connection)
            _after(fault.answer_latency_ms, send if not fault.hold_answer else hold(send))

    def hold(step: Step) -> Step:
        return partial(held.append, step)

    _after(fault.latency_ms, run if not fault.hold else hold(run))


def _after(delay_ms: int, step: Step) -> None:
    if delay_ms:
        asyncio.get_running_loop().call_later(delay_ms / 1_000, step)
    else:
        step()


def _execute(
    fault: Fault, begun: Answer | Begun, connection: Connection, shape: Shape
) -> Answer | None:
    """The answer to be sent, or None when the fault already ended the exchange."""
    if fault.drop_before_executing or (fault.stall and not fault.execute):
        if not isinstance(begun, Answer):
            begun.abandon()
        if fault.drop_before_executing:
            connection.hang_up(reset=fault.reset)
        return None
    if fault.status is None:
        answer = begun if isinstance(begun, Answer) else begun.execute()
    else:
        answer = _another_status(fault, fault.status, begun, shape)
    if fault.drop:
        connection.hang_up(reset=fault.reset)
        return None
    return None if fault.stall else answer


def _another_status(fault: Fault, status: int, begun: Answer | Begun, shape: Shape) -> Answer:
    answer = error_answer(status, fault.body, shape)
    if isinstance(begun, Answer):
        return answer
    if fault.execute:
        begun.execute()
    stored = fault.stored if fault.stored is not None else status in shape.stored_statuses
    return begun.substitute(answer, stored=stored)


def error_answer(status: int, body: str | None, shape: Shape) -> Answer:
    """An error in the vendor's shape, or the body that the rule gives."""
    content = shape.scripted_error(status) if body is None else body.encode()
    return Answer(status, content, [(b"Content-Type", b"application/json")])


def deliver(fault: Fault, request: Request, answer: Answer, connection: Connection) -> None:
    """Send the answer as the rule bends it."""
    answer = bend(fault, request, answer)
    for _ in range(fault.interim):
        connection.send_raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
    if fault.raw is not None:
        connection.send_raw(fault.raw.encode("latin-1"))
        connection.hang_up()
    elif fault.half_head:
        connection.send_raw(head_bytes(answer, len(answer.body))[:40])
        connection.hang_up(reset=fault.reset)
    elif fault.half_body or fault.stall_body:
        half = answer.body[: len(answer.body) // 2]
        connection.send_raw(head_bytes(answer, len(answer.body)) + half)
        if fault.half_body:
            connection.hang_up(reset=fault.reset)
    elif fault.chunked:
        answer.headers.append((b"Transfer-Encoding", b"chunked"))
        connection.send_raw(head_bytes(answer, None) + in_chunks(answer.body))
        connection.proceed()
    elif fault.leftover:
        connection.send_raw(head_bytes(answer, len(answer.body)) + answer.body + LEFTOVER)
        connection.proceed()
    else:
        connection.send(answer, bodiless=request.method == "HEAD")


def bend(fault: Fault, request: Request, answer: Answer) -> Answer:
    """A copy of the answer with the rule's changes to status, headers and body."""
    body, headers = answer.body, list(answer.headers)
    credential = request.header(b"authorization") or b""
    if fault.redirect is not None:
        headers.append((b"Location", fault.redirect.encode()))
        answer = Answer(302, body)
    if fault.echo:
        headers.append((b"X-Echo", credential))
        body = _with_member(body, b"echo", credential)
    if fault.pad_bytes:
        body = _with_member(body, b"padding", b"x" * fault.pad_bytes)
    if fault.gzip:
        headers.append((b"Content-Encoding", b"gzip"))
        body = gzip.compress(body, compresslevel=1)
    for name, value in (fault.headers or {}).items():
        text = value.replace("{authorization}", credential.decode("latin-1"))
        headers.append((name.encode(), text.encode("latin-1")))
    return Answer(answer.status, body, headers, answer.zeros)


def _with_member(body: bytes, name: bytes, value: bytes) -> bytes:
    if not body.endswith(b"}"):  # a 204, or no JSON object
        return body
    return body[:-1] + b',"' + name + b'":"' + value + b'"}'


def in_chunks(body: bytes, size: int = 16_384) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
