"""The words that answers' schemas are written in: what a value is, lists, and records without a
property that nobody wrote down."""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
FLAG: Final[Schema] = {"type": "boolean"}
USD: Final[Schema] = {"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{2,6}$"}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
DAY: Final[Schema] = {"type": "string", "format": "date"}
TEXTS: Final[Schema] = {"type": "array", "items": TEXT}


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def record(properties: Schema, optional: Schema | None = None) -> Schema:
    """An object with these properties and no others; all but the optional ones are always there."""
    return {
        "type": "object",
        "properties": properties | (optional or {}),
        "required": list(properties),
        "additionalProperties": False,
    }


def listing(item: Schema, **more: Schema) -> Schema:
    """more: what it says beside its items."""
    data = {"type": "array", "items": item}
    whole = {"object": {"const": "list"}, "url": TEXT, "has_more": FLAG, "data": data}
    return record(whole | more)
