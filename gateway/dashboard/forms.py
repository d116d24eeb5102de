"""A browser's form, as it arrives: names and texts, bounded, read strictly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from gateway.errors import RequestMalformed

FORM_BYTES_MAX: Final = 131_072
FIELDS_MAX: Final = 500


class Form:
    """Frozen: fields in order, names may repeat. Also what stands behind a `?`."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        self._fields = tuple(fields)

    def one(self, name: str, default: str = "") -> str:
        """The first field of this name, without the blanks around it."""
        return next((text.strip() for known, text in self._fields if known == name), default)

    def every(self, name: str) -> list[str]:
        return [text.strip() for known, text in self._fields if known == name and text.strip()]

    def items(self) -> Sequence[tuple[str, str]]:
        return self._fields


def read_form(text: bytes | str) -> Form:
    """Raises RequestMalformed."""
    try:
        plain = text if isinstance(text, str) else text.decode("ascii")
        fields = parse_qsl(
            plain, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX
        )
    except ValueError:  # a decoding error is one, too
        raise RequestMalformed("This is no form that a browser sends.") from None
    return Form([(name, text) for name, text in fields if "\x00" not in text])
