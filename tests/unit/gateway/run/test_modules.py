"""The vendors' modules, as they are installed and as the settings furnish them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.call.routes import RESERVED
from gateway.run import modules
from gateway.run.layers import ConfigMistakes
from gateway.settings import VendorSettings
from tests.unit.gateway.run.pretended import STRIPE, TWILIO
from vendors import VENDORS
from vendors.contract import PriceTableMistake, Vendor
from vendors.discover import VendorMistake

KNOWN = {vendor.name: cast("Vendor", vendor) for vendor in (STRIPE, TWILIO)}


@pytest.fixture
def nobody_knows_yet() -> Iterator[None]:
    modules.discovered.cache_clear()
    yield
    modules.discovered.cache_clear()


@pytest.mark.usefixtures("nobody_knows_yet")
def test_those_that_ship_are_there() -> None:
    assert VENDORS.items() <= modules.discovered().items()
    assert modules.discovered() is modules.discovered()


@pytest.mark.usefixtures("nobody_knows_yet")
def test_one_that_cannot_be_used_is_a_mistake_of_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def discover(**asked: Any) -> None:
        assert asked == {"reserved": RESERVED}
        raise VendorMistake("the vendor acme of acme-vendor 1.2 is no vendor")

    monkeypatch.setattr(modules, "discover", discover)
    with pytest.raises(ConfigMistakes, match=r"of acme-vendor 1\.2 is no vendor"):
        modules.discovered()


def settings(prices_file: str = "") -> dict[str, VendorSettings]:
    return {"twilio": VendorSettings("twilio", "https://x", prices_file=prices_file)}


def test_only_what_is_set_up_is_furnished_and_with_the_operators_prices(tmp_path: Path) -> None:
    assert modules.furnished(settings(), KNOWN) == {"twilio": KNOWN["twilio"]}
    (tmp_path / "prices.json").write_text("2026-11-01\n")
    furnished = modules.furnished(settings(str(tmp_path / "prices.json")), KNOWN)
    assert furnished["twilio"].prices_date == "2026-11-01"
    assert TWILIO.prices_date == "2026-05-25"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\xff", "is not UTF-8"),
        (b"yesterday", "date: must be a day"),
        (b"0" * (modules.PRICES_BYTES_MAX + 1), "is larger than 4194304 bytes"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "prices.json"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(PriceTableMistake) as caught:
        modules.furnished(settings(str(file)), KNOWN)
    assert str(caught.value) == f"{file}: {why}"


def test_a_vendor_without_prices_takes_no_table(tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_text("{}")
    with pytest.raises(PriceTableMistake, match="has no table of prices"):
        modules.with_prices(KNOWN["stripe"], str(tmp_path / "prices.json"))
