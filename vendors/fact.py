"""A frozen dataclass that costs no more than a plain one.

To readers and to the type checker a fact never changes. At run time nothing stops it: a constructor
of Python's own frozen dataclasses goes through `object.__setattr__` for each field, four times the
work, and a call makes a dozen facts (3 % of its CPU). For what is made for each call; anything else
is an ordinary frozen dataclass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def fact(cls: type[_T]) -> type[_T]:
    """With slots, equality and a hash by value."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
