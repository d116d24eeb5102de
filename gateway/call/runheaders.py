"""The four headers by which an automation tells what it is doing: its run, step, reason and page.

They are kept for the audit log and never reach a vendor. Only `Keybrake-Run` can be refused, since
a run revoke acts on it and a repaired label would be another run; the others are notes, and a call
is never lost over a note: what is odd in them is cut, replaced or dropped. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.errors import RequestMalformed
from gateway.vault.secrets import find_in_text

STEP_CHARS_MAX: Final = 200
"""As long as a label may be."""
REASON_BYTES_MAX: Final = 4_096
"""Of UTF-8, decoded: a page of reasoning. What is longer is cut and ends in CUT_MARK."""
URL_CHARS_MAX: Final = 2_048
"""What browsers and proxies agree on; a longer address is dropped, since half of one leads
nowhere."""
CUT_MARK: Final = " …[cut]"
KEY_MARK: Final = "[vault key]"
NAMES: Final = (b"keybrake-run", b"keybrake-step", b"keybrake-reason", b"keybrake-run-url")

_NAMES: Final = frozenset(NAMES)
_RUN: Final = re.compile(rb"[A-Za-z0-9._:-]{1,100}")
_EXTENDED: Final = re.compile(rb"utf-8'[A-Za-z0-9-]*'", re.IGNORECASE)
_URL: Final = re.compile(
    rb"https?://[A-Za-z0-9.\[\]:-]+(?:[/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?"
)
_CONTROL: Final = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "\ufffd")
"""Tab and line feed stay; every other control character is shown as unreadable."""


@dataclass(frozen=True, slots=True)
class RunHeaders:
    """What the caller said of its run. None: nothing."""

    run: str | None = None
    step: str | None = None
    reason: str | None = None
    run_url: str | None = None


NOTHING_SAID: Final = RunHeaders()


def read_run_headers(headers: Mapping[bytes, bytes]) -> RunHeaders:
    """headers: by lower-case name. Raises RequestMalformed for a run that is no run."""
    if _NAMES.isdisjoint(headers):
        return NOTHING_SAID
    run, step, reason, url = map(headers.get, NAMES)
    return RunHeaders(
        None if run is None else _run(run),
        _step(step) if step else None,
        (_reason(reason) or None) if reason else None,
        _url(url) if url else None,
    )


def effective_label(label: str, run: str | None) -> str:
    """The label that a call goes under: the run replaces what follows the last '/' of its key's
    label. A label without '/' names a scenario, and the run follows it."""
    if run is None:
        return label
    scenario, slash, _ = label.rpartition("/")
    if slash:
        return f"{scenario}/{run}"
    return f"{label}/{run}" if label else run


def _run(value: bytes) -> str:
    if _RUN.fullmatch(value) is None or find_in_text(value):
        raise RequestMalformed(
            "Keybrake-Run must be 1 to 100 of the characters A-Z a-z 0-9 . _ : -",
            field="Keybrake-Run",
        )
    return value.decode("ascii")


def _step(value: bytes) -> str:
    text = _without_keys(value.decode("utf-8", "replace").translate(_CONTROL))
    if len(text) <= STEP_CHARS_MAX:
        return text
    return text[: STEP_CHARS_MAX - len(CUT_MARK)] + CUT_MARK


def _reason(value: bytes) -> str:
    """Percent-encoded text, or RFC 8187's `UTF-8'en'…`. A '%' that escapes nothing is a percent
    sign."""
    extended = _EXTENDED.match(value)
    encoded = value[extended.end() :] if extended else value
    text = unquote_to_bytes(encoded).decode("utf-8", "replace").translate(_CONTROL)
    text = _without_keys(text)
    whole = text.encode()
    if len(whole) <= REASON_BYTES_MAX:
        return text
    kept = whole[: REASON_BYTES_MAX - len(CUT_MARK.encode())]
    return kept.decode("utf-8", "ignore") + CUT_MARK


def _without_keys(text: str) -> str:
    """What is kept goes to disk, where a vault key has no business."""
    while (key := find_in_text(text.encode())) is not None:
        shown = key.decode()
        if shown not in text:
            return KEY_MARK  # it hides behind percent signs: nothing of such a text is kept
        text = text.replace(shown, KEY_MARK)
    return text


def _url(value: bytes) -> str | None:
    """A web address with a plain host: a user name in it could be a credential, so there is
    none."""
    if len(value) > URL_CHARS_MAX or _URL.fullmatch(value) is None or find_in_text(value):
        return None
    return value.decode("ascii")
