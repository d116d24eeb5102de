"""Who is known: the vendors that ship, and those that other packages bring.

A package brings one by an entry point of the group `keybrake.vendors`, which loads to an instance
that keeps `contract.Vendor`. What is installed is trusted as much as this package itself, but not
taken on faith: a name that is taken, a module that does not load, a member that is missing or of
another kind refuses the start, and the line says which package to blame. Who ships comes first,
then the others by name, so that what is known never depends on how a folder is listed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from vendors import VENDORS
from vendors.contract import Credential, Vendor

__all__ = ["GROUP", "VendorMistake", "discover"]

GROUP: Final = "keybrake.vendors"

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}", re.ASCII)
_MEMBERS: Final = tuple(name for name in vars(Vendor) if not name.startswith("_"))
_KINDS: Final[Mapping[str, tuple[str, Callable[[Any], bool]]]] = {
    "name": ("a text", lambda value: isinstance(value, str)),
    "base_url": ("a text", lambda value: isinstance(value, str)),
    "products": ("a mapping of texts", lambda value: isinstance(value, Mapping)),
    "bare_roots": ("a frozenset of texts in lower case", lambda value: _all(value, str)),
    "request_headers": ("a frozenset of bytes in lower case", lambda value: _all(value, bytes)),
    "answer_headers": ("a frozenset of bytes in lower case", lambda value: _all(value, bytes)),
    "account_headers": ("a tuple of bytes in lower case", lambda value: _all(value, bytes, tuple)),
    "idempotency_header": ("bytes or None", lambda value: isinstance(value, bytes | None)),
    "key_terms": ("a frozenset of texts in lower case", lambda value: _all(value, str)),
    "sdk_takes_402_for_a_decline": ("True or False", lambda value: isinstance(value, bool)),
    "sandbox_credential": ("a Credential", lambda value: isinstance(value, Credential)),
    "prices_date": ("a text", lambda value: isinstance(value, str)),
    "link_bytes_max": ("a whole number", lambda value: type(value) is int),
}
"""Members that are values: what they must be. All others are methods."""


class VendorMistake(Exception):
    """A vendor that another package brings cannot be used. One line, which names the package."""


def discover(
    points: Iterable[EntryPoint] | None = None, reserved: Collection[str] = ()
) -> Mapping[str, Vendor]:
    """All vendors by name. points: instead of those that are installed. reserved: names that no
    vendor may have. Raises VendorMistake."""
    found: dict[str, Vendor] = dict(VENDORS)
    origins = dict.fromkeys(found, "ships with keybrake")
    if points is None:
        points = entry_points(group=GROUP)
    for point in sorted(points, key=lambda point: (point.name, _package(point), point.value)):
        vendor = _loaded(point)
        name = vendor.name
        if name in reserved:
            raise VendorMistake(f"{_told(point)}: the name {name} is the gateway's own")
        if name in found:
            raise VendorMistake(f"{_told(point)}: the name {name} is taken ({origins[name]})")
        found[name], origins[name] = vendor, f"brought by {_package(point)}"
    return found


def _loaded(point: EntryPoint) -> Vendor:
    try:
        vendor: Vendor = point.load()
    except Exception as exc:  # whatever another package's import may raise
        why = " ".join(str(exc).split())
        raise VendorMistake(f"{_told(point)} does not load: {type(exc).__name__}: {why}") from exc
    if isinstance(vendor, type):
        raise VendorMistake(f"{_told(point)} is a class; it must be an instance of it")
    wrong = [told for name in _MEMBERS if (told := _wrong(vendor, name))]
    if wrong:
        raise VendorMistake(f"{_told(point)} is no vendor: {'; '.join(wrong)}")
    if _NAME.fullmatch(vendor.name) is None:
        raise VendorMistake(f"{_told(point)}: its name must be a small letter, then a-z 0-9 _")
    if vendor.name != point.name:
        raise VendorMistake(f"{_told(point)}: it calls itself {vendor.name}; they must be the same")
    return vendor


def _wrong(vendor: object, name: str) -> str:
    """What is wrong with a member; '' if nothing is."""
    try:
        value = getattr(vendor, name)
    except AttributeError:
        return f"{name} is missing"
    except Exception as exc:  # a property of theirs
        return f"{name} raises {type(exc).__name__}"
    kind = _KINDS.get(name)
    if kind is None:
        return "" if callable(value) else f"{name} must be a method"
    return "" if kind[1](value) else f"{name} must be {kind[0]}"


def _all(
    value: object, kind: type[str | bytes], many: type[frozenset[Any] | tuple[Any, ...]] = frozenset
) -> bool:
    """Many of this kind, in lower case: names of headers, of roots and of terms are. Never a list
    or a plain set: what each call is looked through with is remembered by it."""
    return isinstance(value, many) and all(
        isinstance(item, kind) and item == item.lower() for item in value
    )


def _told(point: EntryPoint) -> str:
    return f"the vendor {point.name} of {_package(point)} ({point.value})"


def _package(point: EntryPoint) -> str:
    """`acme-vendor 1.0`; where an entry point was made by hand, there is none."""
    return "no package" if point.dist is None else f"{point.dist.name} {point.dist.version}"
