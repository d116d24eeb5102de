"""A small house per test: see tests/calls.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.calls import Calls, calls_in


@pytest.fixture
async def calls(tmp_path: Path) -> AsyncIterator[Calls]:
    async with calls_in(tmp_path, shards=1) as house:
        yield house
