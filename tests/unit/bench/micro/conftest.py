"""A piece sets up logging as the gateway does; a test leaves it as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from gateway.run import log


@pytest.fixture(autouse=True)
def logging_put_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("_exact", "_exact_form", "_way"):
        monkeypatch.setattr(log, name, [] if name == "_exact" else None)
    root, ours = logging.getLogger(), logging.getLogger(log.NAME)
    handlers, level, our_level = root.handlers, root.level, ours.level
    raises = logging.raiseExceptions
    yield
    root.handlers, logging.raiseExceptions = handlers, raises
    root.setLevel(level)
    ours.setLevel(our_level)
