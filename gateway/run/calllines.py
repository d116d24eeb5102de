"""One line for each call as it ends: who asked what, how it went, what it cost.

It says what the call's row in the audit log says, for those who follow a log; so a call that has no
row (its key was unknown, or its caller hung up before anything was decided) has no line either:
such are counters only. Everything in it is ours but the label and the path, which people type: only
those two are looked through for secrets. JSON is one object with the same members each time; text
is a line to read.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import unquote

import orjson

from gateway.call.doors import untold
from gateway.call.journey import Journey
from gateway.call.record import REFUSED, CallRecord
from gateway.call.traceparent import read_traceparent
from gateway.run.log import HIDDEN, escape, moment, redact, way
from gateway.settings import LogSettings
from vendors.money import show_usd

PATH_CHARS_MAX: Final = 256
"""Of a path; what is longer is cut, and ends in CUT_MARK."""
CUT_MARK: Final = "…"
_LEVELS: Final = frozenset({"debug", "info"})
"""Calls are told at level info."""


def teller(settings: LogSettings) -> Callable[[Journey], None]:
    """Who is told of calls that ended. To be asked after `log.set_up`, and again after each."""
    if not settings.calls or settings.level not in _LEVELS:
        return untold
    lines, as_text = way()
    make = text_line if as_text else json_line
    return lambda journey: lines.gather(make, ended(journey))


class Ended(NamedTuple):
    """What a line is made of. at_s: seconds since 1970, of the machine's clock."""

    record: CallRecord
    peer: str
    traceparent: bytes | None
    vendor_us: int
    at_s: float


def ended(journey: Journey) -> Ended:
    """Put down while the journey is there; it is not kept."""
    request = journey.request
    trace = request.headers.get(b"traceparent")
    return Ended(journey.record, request.peer, trace, journey.vendor_us, time.time())


def json_line(call: Ended) -> bytes:
    record, vendor_us = call.record, call.vendor_us
    run, path = clean(record.run, record.path)
    facts = {
        "at": moment(call.at_s),
        "level": "info",
        "event": "call",
        "call_id": record.id,
        "key_id": record.key_id,
        "run": run or None,
        "vendor": record.vendor,
        "account": record.account,
        "method": record.method,
        "path": path,
        "operation": record.operation or None,
        "decision": record.decision,
        "code": record.code,
        "status": record.status,
        "cost_usd": show_usd(record.cost_micros),
        "quote_usd": show_usd(record.quote_micros),
        "state": record.state,
        "duration_ms": record.duration_ms,
        "vendor_ms": vendor_us // 1000 if vendor_us else None,
        "peer": call.peer,
        "trace_id": None,
    }
    if call.traceparent is not None and (parent := read_traceparent(call.traceparent)) is not None:
        facts["trace_id"], facts["parent_id"] = parent
    if (rule := _rule(record)) is not None:
        facts["rule"] = rule
    return orjson.dumps(facts, option=orjson.OPT_APPEND_NEWLINE)


def text_line(call: Ended) -> bytes:
    """`02:15:00 call     POST /v1/charges  200  12.00 USD  35 ms  stripe/default  scn/8f31`."""
    record = call.record
    run, path = clean(record.run, record.path)
    at = time.strftime("%H:%M:%S", time.localtime(call.at_s))
    parts = (
        f"{at} {'call':<8} {record.method} {path}",
        _went(record),
        f"{show_usd(record.cost_micros)} USD",
        f"{record.duration_ms} ms",
        f"{record.vendor}/{record.account}",
        run,
    )
    return "  ".join(filter(None, parts)).encode("utf-8", "replace") + b"\n"


def _rule(record: CallRecord) -> str | None:
    """The one that said no, or whose cap. A call that was spared it has none here: the line does
    not tell of shadow mode."""
    return record.rule if record.decision == REFUSED else None


def _went(record: CallRecord) -> str:
    rule = _rule(record)
    words = (str(record.status), record.code, f"({rule})" if rule else None)
    return " ".join(filter(None, words))


def clean(run: str, path: str) -> tuple[str, str]:
    """Both without anything that has the form of a secret, and the path not too long. A secret that
    hides behind percent signs takes its whole path with it."""
    run, _, path = redact(f"{run}\0{path}").partition("\0")
    if "%" in path and redact(plain := unquote(path)) != plain:
        path = HIDDEN
    if len(path) > PATH_CHARS_MAX:
        path = path[: PATH_CHARS_MAX - 1] + CUT_MARK
    return run if run.isascii() and run.isprintable() else escape(run), path
