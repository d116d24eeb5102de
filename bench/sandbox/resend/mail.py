"""Reading one mail: who gets it, from whom, when. Pure.

`to`, `cc`, `bcc` and `reply_to` are a text (one address) or a list. An address is `a@b.c` or
`Name <a@b.c>`. Names of members are exact: `To` is no recipient.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bench.sandbox.resend import body
from bench.sandbox.resend.errors import ResendError, invalid, missing
from bench.sandbox.wire import Obj

ADDRESS: Final = re.compile(r"[^\s@<>,;\"]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
NAMED: Final = re.compile(r"\s*(?:\"[^\"]*\"|[^<>]*?)\s*<([^<>]*)>\s*")
TO_MAX: Final = 50
"""Of each list. Resend's description bounds `to`; cc and bcc have the same bound here."""
ATTACHMENT_BYTES_MAX: Final = 40 * 1024 * 1024
DAYS_AHEAD_MAX: Final = 30
IN: Final = re.compile(r"in\s+(an?|one|\d+)\s+(min(?:ute)?s?|hours?|h|days?|weeks?)", re.IGNORECASE)
TOMORROW: Final = re.compile(r"tomorrow(?:\s+at\s+(\d{1,2})\s*(am|pm))?", re.IGNORECASE)
UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that Resend would take. recipients: bare addresses of to, cc, bcc, in order."""

    sender: str
    recipients: tuple[str, ...]
    scheduled: float | None
    shown: Obj


def read(raw: Any, now: float, *, batched: bool = False) -> Mail:
    """Raises ResendError for what Resend would not send."""
    if not isinstance(raw, dict):
        raise invalid("The email must be an object.")
    for name in ("from", "to"):
        if raw.get(name) in (None, "", []):
            raise missing(name)
    if not raw.get("template"):
        _content(raw)
    sender = address(raw["from"], "from")
    lists = {name: _addresses(raw.get(name), name) for name in ("to", "cc", "bcc", "reply_to")}
    _attachments(raw.get("attachments"), batched=batched)
    scheduled = raw.get("scheduled_at")
    at = None if scheduled in (None, "") else moment(scheduled, now)
    shown = {
        "from": raw["from"],
        "to": _listed(raw["to"]),
        "cc": _listed(raw.get("cc")) or None,
        "bcc": _listed(raw.get("bcc")) or None,
        "reply_to": _listed(raw.get("reply_to")) or None,
        "subject": raw.get("subject"),
        "html": _text(raw.get("html")),
        "text": _text(raw.get("text")),
        "tags": raw.get("tags") or [],
        "topic_id": raw.get("topic_id"),
    }
    return Mail(sender, (*lists["to"], *lists["cc"], *lists["bcc"]), at, shown)


def _content(raw: Obj) -> None:
    if not isinstance(raw.get("subject"), str) or raw["subject"] == "":
        raise missing("subject")
    if not raw.get("html") and not raw.get("text") and not raw.get("react"):
        raise invalid("Missing `html` or `text` field.")


def _listed(value: Any) -> list[Any]:
    if value in (None, ""):
        return []
    return value if isinstance(value, list) else [value]


def _addresses(value: Any, field: str) -> list[str]:
    listed = _listed(value)
    if len(listed) > TO_MAX:
        raise invalid(f"The `{field}` field must not have more than {TO_MAX} items.")
    return [address(item, field) for item in listed]


def address(value: Any, field: str) -> str:
    """The bare address of one entry."""
    named = NAMED.fullmatch(value) if isinstance(value, str) else None
    bare = named[1].strip() if named else value
    if not isinstance(bare, str) or not ADDRESS.fullmatch(bare):
        raise invalid(
            f"Invalid `{field}` field. The email address needs to follow the "
            "`email@example.com` or `Name <email@example.com>` format."
        )
    return bare


def _attachments(value: Any, *, batched: bool) -> None:
    if not value:
        return
    if batched:
        raise invalid("The `attachments` field is not supported in batch sending.")
    if not isinstance(value, list):
        raise ResendError(422, "invalid_attachment", "The `attachments` field must be a list.")
    total = 0
    for item in value:
        if not isinstance(item, dict) or not (item.get("content") or item.get("path")):
            raise ResendError(
                422, "invalid_attachment", "Attachment must have either a `content` or `path`"
            )
        content = item.get("content")
        total += body.length_of(content) if isinstance(content, str) else 0
    if total > ATTACHMENT_BYTES_MAX:
        raise ResendError(422, "invalid_attachment", "Attachments must not exceed 40 MB.")


def _text(value: Any) -> Any:
    """Long texts were cut on the way in; they are shown as nothing."""
    return None if isinstance(value, str) and value.startswith(body.MARK) else value


def moment(value: Any, now: float) -> float:
    """When a mail is to go out, seconds since 1970: ISO 8601, or words such as `in 1 hour`."""
    at = _words(value, now) if isinstance(value, str) else None
    if at is None:
        try:
            found = datetime.fromisoformat(value)
        except (ValueError, TypeError):
            raise invalid("The `scheduled_at` field is not a date.") from None
        at = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    if at < now - 60:
        raise invalid("The `scheduled_at` field must be in the future.")
    if at > now + timedelta(days=DAYS_AHEAD_MAX).total_seconds() + 60:
        raise invalid("The `scheduled_at` field must be within 30 days.")
    return at


def _words(text: str, now: float) -> float | None:
    text = text.strip()
    found = IN.fullmatch(text)
    if found:
        count = int(found[1]) if found[1].isdigit() else 1
        unit = UNITS[found[2][0].lower()]
        if count > 10_000:
            raise invalid("The `scheduled_at` field must be within 30 days.")
        return now + timedelta(**{unit: count}).total_seconds()
    found = TOMORROW.fullmatch(text)
    if found:
        day = datetime.fromtimestamp(now, UTC) + timedelta(days=1)
        hour = int(found[1] or 9) % 12 + (12 if (found[2] or "am").lower() == "pm" else 0)
        return day.replace(hour=hour, minute=0, second=0, microsecond=0).timestamp()
    return None
