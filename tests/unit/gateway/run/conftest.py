"""What the settings' tests share: a vendor that is known, and a way to write a file and load it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from gateway.run import accounts, config, log
from gateway.settings import Settings
from tests.unit.gateway.run.pretended import ACME, RESEND, STRIPE, TWILIO
from vendors.contract import Vendor

Load = Callable[..., Settings]


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Vendor]:
    """The three that ship, and Acme, which has no stand-in."""
    monkeypatch.setattr(accounts, "has_stand_in", lambda vendor: vendor != "acme")
    everyone = (STRIPE, TWILIO, RESEND, ACME)
    return {vendor.name: cast("Vendor", vendor) for vendor in everyone}


@pytest.fixture
def load(tmp_path: Path, known: Mapping[str, Vendor]) -> Load:
    """load(text, **environment): the settings of a gateway.toml with this text."""

    def load_text(text: str, **environ: str) -> Settings:
        file = tmp_path / "gateway.toml"
        file.write_text(text)
        return config.load(file, environ, known)

    return load_text


@pytest.fixture
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What tests register as a secret is forgotten after them."""
    monkeypatch.setattr(log, "_exact", [])
    monkeypatch.setattr(log, "_exact_form", None)


@pytest.fixture
def logging_put_back() -> Iterator[None]:
    """What tests change of logging is put back."""
    root, ours = logging.getLogger(), logging.getLogger(log.NAME)
    kept = (root.handlers, root.level, ours.level, logging.raiseExceptions)
    way = log._way
    yield
    log._way = way
    root.handlers, root.level, ours.level, logging.raiseExceptions = kept
