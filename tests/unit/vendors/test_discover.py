"""Vendors that other packages bring: found in one order, and refused with the package's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from typing import Any

import pytest

from vendors import VENDORS
from vendors.contract import Vendor
from vendors.discover import GROUP, VendorMistake, discover
from vendors.plain import Plain
from vendors.stripe import STRIPE


class Brought(Distribution):
    """An installed package, as its metadata tells."""

    def __init__(self, name: str) -> None:
        self._name = name

    def read_text(self, filename: str) -> str | None:
        return f"Name: {self._name}\nVersion: 1.2\n" if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        return Path(path)


class Point(EntryPoint):
    """An entry point that loads to what it is handed."""

    def load(self) -> Any:
        loads = vars(self)["loads"]
        if isinstance(loads, Exception):
            raise loads
        return loads


def point(loads: Any, name: str = "acme", package: str = "acme-vendor") -> EntryPoint:
    made = Point(name, f"{name}_vendor:IT", GROUP)
    vars(made).update(dist=Brought(package), loads=loads)
    return made


def acme(**changes: Any) -> Vendor:
    return replace(STRIPE, **{"name": "acme", **changes})


def mistake(*points: EntryPoint, **more: Any) -> str:
    with pytest.raises(VendorMistake) as caught:
        discover(points, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_ships_is_known_without_any_package() -> None:
    assert discover(()) == VENDORS
    assert list(discover())[: len(VENDORS)] == list(VENDORS)


def test_others_come_after_it_by_their_names_in_any_order_of_the_folder() -> None:
    points = [point(acme(name=name), name) for name in ("zeta", "beta", "acme")]
    for order in (points, points[::-1]):
        assert list(discover(order)) == [*VENDORS, "acme", "beta", "zeta"]


def test_a_name_that_is_taken_names_both_sides() -> None:
    told = mistake(point(STRIPE, "stripe"))
    assert told.startswith("the vendor stripe of acme-vendor 1.2 (stripe_vendor:IT): ")
    assert told.endswith("the name stripe is taken (ships with keybrake)")
    told = mistake(point(acme()), point(acme(), package="rival"))
    assert told.startswith("the vendor acme of rival 1.2")
    assert told.endswith("taken (brought by acme-vendor 1.2)")


def test_a_name_of_the_gateways_own() -> None:
    told = mistake(point(acme(name="vault"), "vault"), reserved={"vault"})
    assert told.endswith("the name vault is the gateway's own")


@pytest.mark.parametrize("name", ["Acme", "acme-pay", "1acme", "", "a" * 33])
def test_a_name_that_cannot_stand_in_a_path(name: str) -> None:
    assert "its name must be" in mistake(point(acme(name=name), name or "acme"))


def test_an_entry_point_and_its_vendor_have_one_name() -> None:
    assert "it calls itself acme" in mistake(point(acme(), "other"))


def test_one_that_does_not_load() -> None:
    told = mistake(point(ImportError("no module\nnamed acme")))
    assert told.endswith("does not load: ImportError: no module named acme")


def test_a_class_is_no_vendor() -> None:
    assert mistake(point(Plain)).endswith("is a class; it must be an instance of it")


def test_all_that_is_missing_is_told_at_once() -> None:
    told = mistake(point(Plain()))
    assert "is no vendor: name is missing; base_url is missing" in told
    assert "quote is missing" in told
    assert "cancellation" not in told, "Plain answers for it"


class Broken(Plain):
    @property
    def key_terms(self) -> frozenset[str]:
        raise ZeroDivisionError


def test_a_member_that_raises_is_told() -> None:
    assert "key_terms raises ZeroDivisionError" in mistake(point(Broken()))


WRONG: Mapping[str, Any] = {
    "name": 7,
    "base_url": None,
    "products": (),
    "bare_roots": "v1",
    "request_headers": frozenset({b"Accept"}),
    "answer_headers": frozenset({"accept"}),
    "account_headers": "stripe-account",
    "idempotency_header": "idempotency-key",
    "key_terms": ["currencies"],
    "sandbox_credential": "sk_test_1",
}


@pytest.mark.parametrize("member", WRONG)
def test_a_member_of_another_kind_is_told(member: str) -> None:
    assert f"is no vendor: {member} must be " in mistake(point(acme(**{member: WRONG[member]})))


@pytest.mark.parametrize("member", ["bare_roots", "request_headers", "answer_headers", "key_terms"])
def test_a_set_that_can_change_is_told(member: str) -> None:
    """Header lists are remembered by it: a plain set would be a TypeError in every call."""
    told = mistake(point(acme(**{member: set(getattr(STRIPE, member))})))
    assert f"is no vendor: {member} must be a frozenset of " in told


@pytest.mark.parametrize("names", [["stripe-account"], ("stripe-account",), ([b"stripe-account"],)])
def test_names_of_account_headers_are_bytes(names: Any) -> None:
    told = mistake(point(acme(account_headers=names)))
    assert "account_headers must be a tuple of bytes" in told


class Odd(Plain):
    prices_date = None  # type: ignore[assignment]
    link_bytes_max = True
    alias = "AC"  # type: ignore[assignment]


def test_values_and_methods_are_told_apart() -> None:
    told = mistake(point(Odd()))
    for wrong in ("prices_date must be a text", "link_bytes_max must be", "alias must be a method"):
        assert wrong in told


def test_one_without_a_package_is_told_so() -> None:
    bare = EntryPoint("acme", "no_such_module:IT", GROUP)
    assert "of no package (no_such_module:IT) does not load" in mistake(bare)
