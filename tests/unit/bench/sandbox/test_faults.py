"""Scripted faults: which requests a rule takes, and how an answer is bent."""

from __future__ import annotations

import gzip
from typing import Any, cast

import pytest

from bench.sandbox.faults import Fault, Script, bend, error_answer, in_chunks, parse_fault, play
from bench.sandbox.wire import Answer, Request

REQUEST = Request("POST", "/v1/charges", "", [(b"authorization", b"Bearer k")], b"")


def test_a_misspelt_field_is_refused() -> None:
    assert parse_fault({"path": "/v1/*", "status": 500}) == Fault(path="/v1/*", status=500)
    with pytest.raises(ValueError, match="latency, stat"):
        parse_fault({"stat": 500, "latency": 1})


def test_rules_match_in_order_skip_and_are_used_up() -> None:
    script = Script()
    first, second = Fault(path="/v1/charges", after=1, count=1), Fault(method="POST", count=None)
    script.add(first)
    script.add(second)
    found = [script.match(REQUEST) for _ in range(3)]
    assert found == [second, first, second]
    assert script.match(Request("GET", "/v1/charges", "", [], b"")) is None
    assert [rule["played"] for rule in script.state()] == [1, 2]
    script.clear()
    assert script.match(REQUEST) is None


class Line:
    """A connection that keeps what it is to send."""

    def __init__(self) -> None:
        self.sent: list[Answer] = []

    def send(self, answer: Answer, *, bodiless: bool) -> None:
        self.sent.append(answer)


class Begun:
    """An exchange that is ready to run."""

    ran = False

    def execute(self) -> Answer:
        self.ran = True
        return Answer(200, b"{}")


@pytest.mark.parametrize(("hold", "ran"), [({"hold": True}, False), ({"hold_answer": True}, True)])
def test_what_a_rule_holds_goes_on_when_it_is_forgotten(hold: dict[str, bool], ran: bool) -> None:
    script, line, begun = Script(), Line(), Begun()
    script.add(Fault(**hold))  # type: ignore[arg-type]
    fault = script.match(REQUEST)
    assert fault is not None
    play(fault, REQUEST, cast("Any", begun), cast("Any", line), Shaped(), script.held)
    assert (begun.ran, line.sent) == (ran, [])
    script.clear()
    assert (begun.ran, len(line.sent)) == (True, 1)
    script.clear()
    assert len(line.sent) == 1


def test_an_answer_is_bent_in_all_ways_at_once() -> None:
    fault = Fault(pad_bytes=9, gzip=True, echo=True, headers={"X-A": "{authorization}"})
    bent = bend(fault, REQUEST, Answer(200, b'{"a":1}'))
    body = b'{"a":1,"echo":"Bearer k","padding":"xxxxxxxxx"}'
    assert gzip.decompress(bent.body) == body
    assert (b"X-A", b"Bearer k") in bent.headers
    assert bend(Fault(redirect="http://x/"), REQUEST, Answer(200, b"{}")).status == 302


class Shaped:
    """A vendor as far as faults know one."""

    stored_statuses = frozenset({500})

    def scripted_error(self, status: int) -> bytes:
        return b'{"status":%d}' % status


def test_errors_have_the_vendors_shape_or_the_body_given() -> None:
    assert error_answer(409, None, Shaped()).body == b'{"status":409}'
    assert error_answer(503, "down", Shaped()).body == b"down"


def test_an_empty_answer_stays_empty() -> None:
    assert bend(Fault(pad_bytes=9, echo=True), REQUEST, Answer(204, b"")).body == b""


def test_chunks_are_framed() -> None:
    assert in_chunks(b"abcdef", 4) == b"4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n"
