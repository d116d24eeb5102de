"""The vendors' modules as this gateway uses them: discovered once, then furnished by the settings.

`discovered` is every vendor that is installed; `furnished` those that the settings name, with the
operator's own tables of prices in place. Whoever serves a call is handed the latter and looks
nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from gateway.call.routes import RESERVED
from gateway.run.layers import ConfigMistakes
from gateway.settings import VendorSettings
from vendors.contract import PriceTableMistake, Vendor
from vendors.discover import VendorMistake, discover

PRICES_BYTES_MAX = 4 * 1024 * 1024
"""Of a table of prices; the largest that ships has some 60 KB."""


@cache
def discovered() -> Mapping[str, Vendor]:
    """All vendors that are installed. Raises ConfigMistakes."""
    try:
        return discover(reserved=RESERVED)
    except VendorMistake as exc:
        raise ConfigMistakes([str(exc)]) from exc


def furnished(
    settings: Mapping[str, VendorSettings], known: Mapping[str, Vendor]
) -> dict[str, Vendor]:
    """The vendors that are set up, each with the table of prices that its settings name. Raises
    PriceTableMistake."""
    return {
        name: with_prices(known[name], vendor.prices_file) if vendor.prices_file else known[name]
        for name, vendor in settings.items()
    }


def with_prices(vendor: Vendor, file: str) -> Vendor:
    """The vendor with an operator's table of prices. Raises PriceTableMistake, with the file's
    name."""
    try:
        raw = Path(file).read_bytes()
        if len(raw) > PRICES_BYTES_MAX:
            raise PriceTableMistake(f"is larger than {PRICES_BYTES_MAX} bytes")
        return vendor.with_prices(raw.decode())
    except OSError as exc:
        raise PriceTableMistake(f"{file}: cannot be read: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise PriceTableMistake(f"{file}: is not UTF-8") from None
    except PriceTableMistake as exc:
        raise PriceTableMistake(f"{file}: {exc}") from None


def product_hosts(vendor: Vendor, base_url: str) -> dict[str, str]:
    """Where the vendor's other hosts are: its own ones, or below a base_url that is not its own."""
    if base_url == vendor.base_url:
        return dict(vendor.products)
    return {product: f"{base_url.rstrip('/')}/{product}" for product in vendor.products}
