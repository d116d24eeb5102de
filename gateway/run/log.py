"""What happens, one line per event on stderr: JSON for machines, text for a terminal; secrets in
neither.

Nothing here waits for whoever reads our stderr: `lines.py`.

The house logs through the standard library, `logging.getLogger("keybrake")`, with a short event as
the message and facts as `extra`: `log.warning("vendor unreachable", extra={"vendor": "stripe"})`.
Here that becomes a line. Whatever a value holds, a line stays a line: control characters are
escaped.

Redaction is the second net, not the first: nobody should log a secret. Anything that has the form
of one (vendor keys, vault keys, admin and issuer keys, Authorization values) and every secret that
was registered by its exact value becomes [secret], in messages, facts and tracebacks alike.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import IO, Any, Final

import orjson

from gateway.run.lines import Lines

NAME: Final = "keybrake"
HIDDEN: Final = "[secret]"

LEVELS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

_SECRET_FORMS: Final = re.compile(
    r"\b[sr]k_(?:live|test|org)_\w{4,}"
    r"|\bwhsec_\w{4,}"
    r"|\bvault_key_\w{4,}"
    r"|\bkb_(?:admin|issuer)_\w{4,}"
    r"|\b(?:Bearer|Basic)\s+[\w.~+/=-]{8,}",
    re.IGNORECASE | re.ASCII,
)
_MARKS: Final = (
    "live_",
    "test_",
    "org_",
    "whsec_",
    "vault_key_",
    "kb_admin_",
    "kb_issuer_",
    "bearer",
    "basic",
)
"""One of these stands in whatever _SECRET_FORMS finds, in lower case: a look for them costs a third
of a search, and every call's line is looked through."""
_STANDARD: Final = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
}
_UNSAFE: Final = {
    code: f"\\u{code:04x}"
    for code in (
        *range(0x20),
        0x7F,
        *range(0x80, 0xA0),
        0x061C,
        *range(0x200E, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    )
}
"""Control characters, and those that turn the direction of text: escaped wherever they stand."""

_way: tuple[IO[str], Lines, bool] | None = None
"""Where `set_up` leads to: the stream, the way to it, and is it text?"""
_exact: list[str] = []
_exact_form: re.Pattern[str] | None = None


def register_secret(value: str) -> None:
    """From now on this exact text shows as [secret], also where JSON escapes it. Short ones are no
    secrets."""
    global _exact_form
    for form in (value, json.dumps(value)[1:-1]):
        if len(value) >= 8 and form not in _exact:
            _exact.append(form)
    if _exact:
        _exact_form = re.compile(
            "|".join(re.escape(form) for form in sorted(_exact, key=len, reverse=True))
        )


def redact(text: str) -> str:
    return _redacted(text) if _may_hold_secret(text) else text


def _may_hold_secret(text: str) -> bool:
    folded = text.lower()
    for mark in _MARKS:  # loops: any() makes a generator first, which costs as much
        if mark in folded:
            return True
    for form in _exact:  # noqa: SIM110
        if form in text:
            return True
    return False


def _redacted(text: str) -> str:
    if _exact_form is not None:
        text = _exact_form.sub(HIDDEN, text)
    return _SECRET_FORMS.sub(HIDDEN, text)


def escape(text: str) -> str:
    """Text that moves no cursor and ends no line."""
    return text.translate(_UNSAFE)


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """What `extra` gave."""
    return {name: value for name, value in record.__dict__.items() if name not in _STANDARD}


class JsonLines(logging.Formatter):
    """`{"at": "2026-11-23T02:15:00.123Z", "level": "info", "event": "…", …facts}`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": moment(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line.update((name, value) for name, value in facts_of(record).items() if name not in line)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        written = orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
        return redact(escape(written))


class TextLines(logging.Formatter):
    """`02:15:00 warning  vendor unreachable  vendor=stripe`, a traceback below it, indented."""

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%H:%M:%S", time.localtime(record.created))
        facts = "".join(f"  {name}={value}" for name, value in facts_of(record).items())
        line = escape(f"{moment} {record.levelname.lower():<8} {record.getMessage()}{facts}")
        if record.exc_info:
            trace = self.formatException(record.exc_info).splitlines()
            line += "".join("\n    " + escape(entry) for entry in trace)
        return redact(line)


class LineHandler(logging.Handler):
    """Events as lines. Exit flushes it, as it does all handlers."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.write(self.format(record).encode("utf-8", "replace") + b"\n")
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        self._lines.flush()


def set_up(level: str, form: str, stream: IO[str] | None = None) -> logging.Logger:
    """Send the house's events to a stream (stderr). form: json, text, or auto (text on a terminal).

    May be called again: the last call wins. What libraries log reaches the stream from warnings
    up."""
    global _way
    stream = stream or sys.stderr
    as_text = form == "text" or (form == "auto" and stream.isatty())
    lines = _way[1] if _way is not None and _way[0] is stream else Lines(stream)
    _way = (stream, lines, as_text)
    handler = LineHandler(lines)
    handler.setFormatter(TextLines() if as_text else JsonLines())
    logging.raiseExceptions = False  # a closed stderr must not stop a call
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logger = logging.getLogger(NAME)
    logger.setLevel(LEVELS[level])
    return logger


def way() -> tuple[Lines, bool]:
    """Where lines go that are made without a log record, and whether they are text."""
    if _way is None:
        return Lines(sys.stderr), False
    return _way[1], _way[2]


def moment(seconds: float) -> str:
    """`2026-11-23T02:15:00.123Z`."""
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    return f"{_second(whole)}.{milliseconds:03d}Z"


@lru_cache(1)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
