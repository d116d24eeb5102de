"""The known vendors keep the contract."""

from __future__ import annotations

from vendors import VENDORS
from vendors.contract import Vendor


def test_every_vendor_goes_by_its_own_name() -> None:
    promised = {name for name in vars(Vendor) if not name.startswith("_")}
    for name, vendor in VENDORS.items():
        assert vendor.name == name
        assert promised <= set(dir(vendor))
