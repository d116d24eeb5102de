"""What the settings' tests share: a vendor that is known, and a way to write a file and load it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from gateway.run import config, log
from gateway.settings import Settings
from vendors.contract import Credential, Vendor

Load = Callable[..., Settings]


def _mistakes(credential: Credential) -> Mapping[str, str]:
    if credential.secret.startswith(("sk_", "rk_")):
        return {}
    return {"secret": "must begin with sk_ or rk_"}


@pytest.fixture
def known() -> Mapping[str, Vendor]:
    stripe = SimpleNamespace(
        name="stripe",
        base_url="https://api.stripe.com",
        products={"files": "https://files.stripe.com", "connect": "https://connect.stripe.com"},
        mistakes=_mistakes,
    )
    return {"stripe": cast("Vendor", stripe)}


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
    yield
    root.handlers, root.level, ours.level, logging.raiseExceptions = kept
