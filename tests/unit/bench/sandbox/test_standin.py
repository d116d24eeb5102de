"""Vendors are found by name, and only when asked for."""

from __future__ import annotations

import argparse

import pytest

from bench.sandbox.standin import NAMES, maker


@pytest.mark.parametrize("name", ["stripe", "twilio"])
def test_a_stand_in_is_built_from_its_options(name: str) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--secret", action="append", default=[])
    parser.add_argument("--forget-after", type=int, default=10)
    made = maker(name)
    made.add_options(parser)
    vendor = made.build(parser.parse_args([]), lambda kind, subject, amount: None)
    assert name in NAMES
    assert vendor.name == name
    assert "charged" in vendor.stats()
    assert vendor.accounts() == []
    assert vendor.scripted_error(500).startswith(b"{")
    vendor.reset()


def test_a_vendor_nobody_made() -> None:
    with pytest.raises(ModuleNotFoundError):
        maker("acme")
