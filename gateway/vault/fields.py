"""Tables of JSON fields: one row says how a value is read, what it may be for people, and its
schema.

The same rows read requests and describe themselves in the OpenAPI document, so the two cannot
disagree. All mistakes of a body are told at once, unknown fields among them; a reader raises
ValueError with the rest of a sentence that begins with the field's name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.errors import InvalidRequest
from gateway.vault.allowlist import ENTRIES_MAX, Allowlist
from gateway.vault.usd import USD_MAX, read_usd

Read = Callable[[Any], Any]
Schema = Mapping[str, Any]

YEARS_10_S: Final = 10 * 366 * 86_400
COUNT_MAX: Final = 1_000_000_000
_EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_DURATION: Final = re.compile(r"([1-9][0-9]{0,8})([smhd])", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Field:
    """One row. null: what an explicit null means: 'absent', 'refused', or 'value' (it is read as
    None). special: a term that means something to some vendors only, those whose `key_terms` name
    it."""

    name: str
    read: Read
    schema: Schema
    text: str
    required: bool = False
    null: str = "absent"
    special: bool = False

    def described(self) -> dict[str, Any]:
        """The field's JSON schema."""
        schema = dict(self.schema)
        if not self.required and self.null != "refused":
            schema = {"anyOf": [schema, {"type": "null"}]}
        return schema | {"description": self.text}


def mistake(field: str, problem: str) -> dict[str, str]:
    return {"field": field, "problem": problem}


def refuse(mistakes: Sequence[dict[str, str]]) -> None:
    """Raises InvalidRequest if there are any."""
    if mistakes:
        told = "; ".join(f"{m['field']} {m['problem']}" for m in mistakes)
        told += "" if told.endswith("?") else "."
        raise InvalidRequest(f"The request has mistakes: {told}", errors=list(mistakes))


def read_fields(body: Mapping[str, Any], table: Iterable[Field]) -> dict[str, Any]:
    """The values of the fields that are there, by name. Raises InvalidRequest with all mistakes."""
    values, mistakes = look_over(body, table)
    refuse(mistakes)
    return values


def look_over(
    body: Mapping[str, Any], table: Iterable[Field]
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """What can be read, and all mistakes, for callers that look for further ones."""
    rows = {field.name: field for field in table}
    values: dict[str, Any] = {}
    mistakes = [mistake(name, _unknown(name, rows)) for name in body if name not in rows]
    for name, field in rows.items():
        value = body.get(name)
        if value is None and (name not in body or field.null == "absent") and not field.required:
            continue
        if value is None and (field.required or field.null == "refused"):
            mistakes.append(mistake(name, "is required" if field.required else "must not be null"))
            continue
        try:
            values[name] = None if value is None else field.read(value)
        except InvalidRequest as inner:  # the mistakes of an object in this field
            found = inner.facts["errors"]
            mistakes += [mistake(f"{name}.{m['field']}", m["problem"]) for m in found]
        except ValueError as exc:
            mistakes.append(mistake(name, str(exc)))
    return values, mistakes


def _unknown(name: str, rows: Mapping[str, Field]) -> str:
    close = get_close_matches(name, rows, n=1)
    return f"is not a field here; did you mean {close[0]}?" if close else "is not a field here"


# Readers, each with its schema

_DECIMAL: Final = r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?$"
USD_SCHEMA: Final[Schema] = {
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": USD_MAX},
        {"type": "string", "pattern": _DECIMAL},
    ],
    "examples": [500, "0.25"],
}


def positive_usd(value: Any) -> int:
    micros = read_usd(value)
    if micros == 0:
        raise ValueError("must be more than 0")
    return micros


def usd(name: str, text: str, *, positive: bool = False, **more: Any) -> Field:
    return Field(name, positive_usd if positive else read_usd, USD_SCHEMA, text, **more)


def whole(name: str, text: str, *, least: int = 0, most: int = COUNT_MAX, **more: Any) -> Field:
    def read(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return value

    schema = {"type": "integer", "minimum": least, "maximum": most}
    return Field(name, read, schema, text, **more)


def flag(name: str, text: str, **more: Any) -> Field:
    def read(value: Any) -> bool:
        if type(value) is not bool:
            raise ValueError("must be true or false")
        return value

    return Field(name, read, {"type": "boolean"}, text, **more)


def choice(name: str, text: str, options: Sequence[str | int], **more: Any) -> Field:
    def read(value: Any) -> str | int:
        for option in options:
            if type(value) is type(option) and value == option:
                return option
        raise ValueError(f"must be one of {', '.join(map(str, options))}")

    return Field(name, read, {"enum": list(options)}, text, **more)


def read_text(value: Any, chars_max: int = 200) -> str:
    """Printable, so that it can stand in logs, tables and headers as it is."""
    if type(value) is not str:
        raise ValueError("must be a string")
    if not 1 <= len(value) <= chars_max or not value.isprintable():
        raise ValueError(f"must be 1 to {chars_max} printable characters")
    return value


def text(name: str, told: str, *, chars_max: int = 200, **more: Any) -> Field:
    schema = {"type": "string", "minLength": 1, "maxLength": chars_max}
    return Field(name, lambda value: read_text(value, chars_max), schema, told, **more)


def matching(name: str, told: str, pattern: str, what: str, **more: Any) -> Field:
    compiled = re.compile(pattern, re.ASCII)

    def read(value: Any) -> str:
        if type(value) is not str or compiled.fullmatch(value) is None:
            raise ValueError(f"must be {what}")
        return value

    return Field(name, read, {"type": "string", "pattern": f"^{pattern}$"}, told, **more)


def names(
    name: str, told: str, pattern: str, what: str, *, fold: bool = False, **more: Any
) -> Field:
    """A list of names, read as a frozenset; fold: in lower case."""
    compiled = re.compile(pattern, re.ASCII)

    def read(value: Any) -> frozenset[str]:
        listed = read_list(value, items_max=500)
        found = [v.lower() if fold and type(v) is str else v for v in listed]
        for item in found:
            if type(item) is not str or compiled.fullmatch(item) is None:
                raise ValueError(f"must list {what}, not {item!r}")
        return frozenset(found)

    items = {"type": "string"} if fold else {"type": "string", "pattern": f"^{pattern}$"}
    schema = {"type": "array", "items": items, "minItems": 1, "maxItems": 500}
    return Field(name, read, schema, told, **more)


def read_list(value: Any, items_max: int) -> list[Any]:
    if type(value) is not list or not value:
        raise ValueError("must be a list, and not an empty one")
    if len(value) > items_max:
        raise ValueError(f"must list at most {items_max}")
    return value


def endpoints(name: str, told: str, **more: Any) -> Field:
    def read(value: Any) -> Allowlist:
        entries = read_list(value, ENTRIES_MAX)
        if any(type(entry) is not str for entry in entries):
            raise ValueError("must list strings such as 'POST /v1/payment_intents'")
        return Allowlist.parse(entries)

    schema = {
        "type": "array",
        "items": {"type": "string", "examples": ["POST /v1/payment_intents"]},
        "minItems": 1,
        "maxItems": ENTRIES_MAX,
    }
    return Field(name, read, schema, told, **more)


def duration(name: str, told: str, **more: Any) -> Field:
    """Seconds."""

    def read(value: Any) -> int:
        match = _DURATION.fullmatch(value) if type(value) is str else None
        if match is None:
            raise ValueError("must be a whole number and s, m, h or d, such as 2h")
        seconds = int(match[1]) * _SECONDS[match[2]]
        if seconds > YEARS_10_S:
            raise ValueError("must be at most ten years")
        return seconds

    schema = {"type": "string", "pattern": "^[1-9][0-9]*[smhd]$", "examples": ["2h"]}
    return Field(name, read, schema, told, **more)


def moment(name: str, told: str, **more: Any) -> Field:
    """Microseconds since 1970-01-01 UTC."""
    schema = {"type": "string", "format": "date-time"}
    return Field(name, read_moment, schema, told, **more)


def read_moment(value: Any) -> int:
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError
        return (at - _EPOCH) // timedelta(microseconds=1)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("must be a time such as 2026-11-23T12:00:00Z") from None


def zone(name: str, told: str, **more: Any) -> Field:
    return Field(name, _read_zone, {"type": "string", "examples": ["Europe/Paris"]}, told, **more)


def _read_zone(value: Any) -> str:
    problem = "must be a time zone's name such as UTC or Europe/Paris"
    if type(value) is not str or len(value) > 64 or _ZONE.fullmatch(value) is None:
        raise ValueError(problem)
    if value != "UTC":
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(problem) from None
    return value


def nested(name: str, told: str, table: Sequence[Field], build: Read, **more: Any) -> Field:
    """An object with a table of its own; build: makes the value of what was read."""

    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise ValueError("must be an object")
        return build(read_fields(value, table))

    return Field(name, read, object_schema(table), told, **more)


def object_schema(table: Iterable[Field]) -> dict[str, Any]:
    rows = list(table)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {field.name: field.described() for field in rows},
        "additionalProperties": False,
    }
    required = [field.name for field in rows if field.required]
    return schema | ({"required": required} if required else {})
